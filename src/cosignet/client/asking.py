"""A call of a tool, asked about: what its approver reads, and what the agent is told otherwise."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cosignet.client.cosignet import Asked, Cosignet
from cosignet.client.decision import Approval
from cosignet.client.errors import (
    Cancelled,
    CosignetError,
    EvidenceRefused,
    Expired,
    Rejected,
    RequestRefused,
    SetupIncomplete,
    Unavailable,
)
from cosignet.client.rules import Asking, Rules
from cosignet.client.teller import tell_by
from cosignet.core.confirmation import TTL_SECONDS_DEFAULT
from cosignet.core.errors import PayloadRefused

_NO_OTHER_ROAD = (
    "Do not reach the same end another way: no other tool, no command, no smaller steps."
)


class Forbidden(CosignetError):
    """A rule denies this call."""


_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (Forbidden, "FORBIDDEN: whoever wrote the rules wants this never to run."),
    (Rejected, "REJECTED: a human looked at exactly this call and said no. Do not ask again."),
    (Expired, "EXPIRED: nobody decided in time. Ask again only if the user still wants it."),
    (Cancelled, "WITHDRAWN: the request for approval was taken back before anybody decided."),
    (Unavailable, "UNAVAILABLE: whether it is approved cannot be known now; nobody said no."),
    (EvidenceRefused, "NOT BELIEVED: it is said to be approved, and that is not proven."),
    (PayloadRefused, "NOT ASKED: a human cannot be shown this call unmistakably. Correct it."),
    (RequestRefused, "NOT ASKED: the server refuses to ask this."),
    (SetupIncomplete, "NOT ASKED: the gate is not set up."),
    (KeyboardInterrupt, "INTERRUPTED: nobody waits for a decision any more."),
)


def words_for_agent(error: BaseException) -> str:
    """Say to a language model what a refusal means, and what it must not do now."""
    meaning = next((words for kind, words in _WORDS if isinstance(error, kind)), "FAILED.")
    said = str(error) or type(error).__name__
    detail = f"{error.field}: {said}" if isinstance(error, PayloadRefused) else said
    return f"Not run. {meaning} {_NO_OTHER_ROAD} Tell the user. ({detail})"


class Withdrawn(CosignetError):
    """Whoever called wants no more."""


@dataclass(frozen=True)
class Asker:
    """Who asks, by which rules."""

    client: Cosignet
    rules: Rules
    approver: str | None
    """Who decides where the rules do not say."""
    teller: str | None = None
    """A command that brings the link to somebody."""

    def approve(
        self,
        asking: Asking,
        tool: str,
        payload: Mapping[str, Any],
        *,
        on_asked: Callable[[Asked, str], object],
        stop: threading.Event | None = None,
    ) -> Approval:
        """Ask, wait, verify, and use the approval up; what was signed is in its `payload`.

        Raises:
            CosignetError: a subclass says why nothing may run.
            PayloadRefused: the payload is not JSON that everybody reads alike.
            Withdrawn: `stop` was set.
        """
        username = asking.approver or self.approver
        if username is None:
            raise SetupIncomplete("Nobody is asked. Write approver = … or set COSIGNET_USER.")
        decision = self.client.request_approval(
            username=username,
            action=self.rules.title(asking, tool),
            payload=payload,
            ttl_seconds=asking.ttl_seconds or TTL_SECONDS_DEFAULT,
            risk=asking.risk or "normal",
            on_created=lambda asked: self._show(asked, username, on_asked),
            stop=stop,
        )
        if stop is not None and stop.is_set():
            raise Withdrawn("The call was cancelled.")
        approval = decision.require_approved()
        self.client.consume(approval)
        return approval

    def _show(self, asked: Asked, username: str, on_asked: Callable[[Asked, str], object]) -> None:
        on_asked(asked, username)
        tell_by(self.teller, asked)
