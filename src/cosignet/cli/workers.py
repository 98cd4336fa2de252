"""Several server processes behind one port: started, started again when they end, and stopped."""

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from cosignet.cli.output import say
from cosignet.core.errors import Refusal

PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 10.0
"""How long a worker that has ended stays away: twice as long each time, up to this."""
HEALTHY_SECONDS = 30.0
"""Whoever ran that long starts again at once."""
GRACE_SECONDS = 15.0
"""How long workers have to stop; a little more than they themselves give their requests."""
_STOP = frozenset({signal.SIGTERM, signal.SIGINT})
_HEARD = _STOP | {signal.SIGCHLD}

Work = Callable[[int, int], None]
"""What a worker does until it is told to stop. It gets a descriptor that reads as ended as soon as
nobody supervises it any more, and the number of its place, which the next one there has, too."""


@dataclass
class _Place:
    """One of the workers: the process that runs, or when the next one is due."""

    due: float = 0.0
    pid: int | None = None
    since: float = 0.0
    pause: float = PAUSE_SECONDS


class Supervisor:
    """Keeps a number of workers running; they are children of this process."""

    def __init__(self, count: int, work: Work) -> None:
        self._places = [_Place() for _ in range(count)]
        self._work = work
        self._lifeline, self._ours = os.pipe()

    def run(self) -> None:
        """Keep them running until SIGTERM or SIGINT, then let them stop in order."""
        # Signals wait until they are asked for: none is lost, and nothing is interrupted by one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        try:
            while self._keep_running():
                pass
            self._stop()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _keep_running(self) -> bool:
        """Start who is due, and wait for what happens next; whether to go on."""
        for number, place in enumerate(self._places):
            if place.pid is None and place.due <= time.monotonic():
                self._start(place, number)
        due = [place.due for place in self._places if place.pid is None]
        happened = _wait(min(due, default=float("inf")) - time.monotonic())
        self._bury()
        return happened not in _STOP

    def _start(self, place: _Place, number: int) -> None:
        sys.stderr.flush()
        place.since = time.monotonic()
        place.pid = os.fork()
        if place.pid == 0:
            os.close(self._ours)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
            os._exit(self._outcome(number))

    def _outcome(self, number: int) -> int:
        """Work, in a process of its own, and return its exit status."""
        try:
            self._work(self._lifeline, number)
        except Refusal as refusal:
            say(str(refusal))
            return 1
        except BaseException:
            traceback.print_exc()
            return 1
        return 0

    def _bury(self) -> None:
        """Note which workers have ended, and when each is started again."""
        now = time.monotonic()
        for place in self._places:
            if place.pid is None or os.waitpid(place.pid, os.WNOHANG)[0] == 0:
                continue
            if now - place.since >= HEALTHY_SECONDS:
                place.pause = PAUSE_SECONDS
            place.due = now + place.pause
            place.pause = min(2 * place.pause, PAUSE_SECONDS_MAX)
            place.pid = None

    def _stop(self) -> None:
        """Tell all to stop, and end those that do not."""
        self._signal(signal.SIGTERM)
        until = time.monotonic() + GRACE_SECONDS
        while self._left() and time.monotonic() < until:
            _wait(until - time.monotonic())
            self._bury()
        self._signal(signal.SIGKILL)
        for pid in self._left():
            os.waitpid(pid, 0)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _left(self) -> list[int]:
        return [place.pid for place in self._places if place.pid is not None]


def _wait(seconds: float) -> int | None:
    """Return the next signal, or None if there is none in time."""
    happened = signal.sigtimedwait(_HEARD, min(max(seconds, 0.0), 3600.0))
    return None if happened is None else happened.si_signo
