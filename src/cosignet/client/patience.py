"""Asking again after a failure: how long, how often, and when somebody should know."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cosignet.client.api import Answer, Unheard
from cosignet.client.errors import RequestRefused, Unavailable

_log = logging.getLogger("cosignet")
_AGAIN = frozenset({408, 425, 429})
_IN_PROGRESS = "idempotency_in_progress"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, but for `alert_after`."""

    request: float = 10
    """One request at most, without the time that it is asked to wait."""
    wait: int = 25
    """A long poll; 0 to 25."""
    first_pause: float = 0.5
    """The longest pause after the first failure; doubled with each further one."""
    longest_pause: float = 20
    grace: float = 5
    """How much longer than the deadline we listen, so that its end is heard from the server; and
    how long the last attempt has at least."""
    after: float = 30
    """All attempts together to see it in the log, to consume it, or to report an outcome."""
    alert_after: int = 3
    """Failures in a row until `on_unavailable` is called."""


@dataclass
class Patience:
    """Asks one thing until it is answered or the deadline comes."""

    timing: Timing
    on_unavailable: Callable[[Unavailable], object]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], bool | None] = time.sleep
    """True: somebody wants no more."""
    random: Callable[[], float] = random.random
    failures: int = field(default=0, init=False)
    """In a row."""

    def until_answered(self, ask: Callable[[float], Answer], deadline: float) -> Answer:
        """Return the first answer that says something; `ask` is given the seconds it has.

        Raises:
            RequestRefused: the server refuses; trying again changes nothing.
            Unavailable: the deadline came first.
        """
        while True:
            answer: Answer | None = None
            try:
                left = max(self.timing.grace, deadline - self.monotonic())
                answer = ask(min(self.timing.request, left))
                reason = f"HTTP {answer.status}"
            except Unheard as unheard:
                reason = str(unheard)
            if answer is not None and not _is_unknown(answer):
                self.failures = 0
                return _accepted(answer)
            self._pause(reason, 0 if answer is None else answer.retry_after, deadline)

    def _pause(self, reason: str, asked: float, deadline: float) -> None:
        """Full jitter (any pause up to the bound), no shorter than the server asks for."""
        self.failures += 1
        failed = Unavailable(reason, failures=self.failures)
        _log.warning("unavailable (%d in a row): %s", self.failures, reason)
        if self.failures == self.timing.alert_after:
            self.on_unavailable(failed)
        bound = self.timing.first_pause * 2 ** min(self.failures - 1, 16)
        pause = max(asked, self.random() * min(self.timing.longest_pause, bound))
        if self.monotonic() + pause >= deadline or self.sleep(pause):
            raise failed


def _is_unknown(answer: Answer) -> bool:
    return (
        answer.status >= 500
        or answer.status in _AGAIN
        or 300 <= answer.status < 400
        or answer.body.get("code") == _IN_PROGRESS
    )


def _accepted(answer: Answer) -> Answer:
    if answer.status >= 400:
        raise RequestRefused(answer.status, dict(answer.body))
    return answer
