"""A process that verifies answers, and the loop's side of it.

Each answer is one message, and so is what was found; they come back in the order they were sent,
each with the challenge it is about. Whatever else happens (it dies, is stopped, says something
else) ends it, and whoever waits is told nothing, which proves nothing.
"""

import asyncio
import contextlib
import gc
import logging
import os
import pickle
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from typing import Any, TypeAlias

from cosignet.core.errors import Refusal
from cosignet.core.jsontext import JsonValue
from cosignet.server.verifying.answer import Expected, VerifiedAnswer, verify_answer
from cosignet.server.webauthn import Credential, RelyingParty

MESSAGE_BYTES_MAX = 16 * 1024
"""An answer has one or two thousand; a longer one, with what is found, might not fit in one."""
UNANSWERED_MAX = 64
"""So many answers are at its side at a time: 5 ms of its work."""
PATIENCE_SECONDS = 1.0
"""It has stopped if it says nothing for so long, though answers wait."""
QUIET_SECONDS = 5.0
"""It ends by itself, and gives 39 MB back, when nobody has asked for so long."""
_ROOM = 4 * MESSAGE_BYTES_MAX
_READY = b"ready"
_PICKLED = pickle.HIGHEST_PROTOCOL
log = logging.getLogger("cosignet")
# It finds the modules where this process finds them, wherever both were started.
_PROGRAM = """
import sys
sys.path[:] = sys.argv[4:]
from cosignet.server.verifying.beside import verify_until_quiet
verify_until_quiet(int(sys.argv[1]), *sys.argv[2:4])
"""

Found: TypeAlias = VerifiedAnswer | Refusal


class VerifyingProcess:
    """The loop's side of the process; it asks, and gives up at the first sign of trouble."""

    def __init__(self, ours: socket.socket) -> None:
        """Begin to listen to it; `ours` is one of a pair of sequenced sockets that do not block."""
        self.is_ready = False
        """Whether it has come so far that it can be asked."""
        self.has_ended = False
        self._socket = ours
        self._process: Process | None = None
        self._asked: deque[tuple[bytes, asyncio.Future[Found | None]]] = deque()
        self._found = 0
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._loop.add_reader(ours.fileno(), self._read)

    @classmethod
    async def start(cls, relying_party: RelyingParty) -> "VerifyingProcess":
        """Start one; it says when it is ready.

        Raises:
            OSError: it cannot be started here.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        started = cls(ours)
        descriptor = theirs.fileno()
        with theirs:
            try:
                started._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-c", _PROGRAM, str(descriptor)),
                    *(relying_party.id, relying_party.origin, *sys.path),
                    stdin=DEVNULL,
                    stdout=DEVNULL,
                    pass_fds=[descriptor],
                    env={},  # ours may hold keys
                )
            except BaseException:
                started.end()
                raise
        return started

    async def verify(self, value: JsonValue, expected: Expected) -> Found | None:
        """Return what it finds; None: it cannot say."""
        message = _question(value, expected)
        if len(message) > MESSAGE_BYTES_MAX or len(self._asked) >= UNANSWERED_MAX:
            return None
        try:
            self._socket.send(message)
        except OSError:  # it has no room now, or has just ended
            return None
        found: asyncio.Future[Found | None] = self._loop.create_future()
        self._asked.append((expected.challenge, found))
        if self._alarm is None:
            self._watch()
        return await found

    def end(self) -> None:
        """Ask nothing more, and tell those who wait that nothing was found."""
        if self.has_ended:
            return
        self.has_ended = True
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._asked:
            log.warning("the process that verifies signatures failed; the server does it itself")
        for _, found in self._asked:
            _tell(found, None)
        self._asked.clear()

    def _read(self) -> None:
        try:
            self._take(self._socket.recv(_ROOM))
            while self._asked:
                self._take(self._socket.recv(_ROOM))
        except BlockingIOError:
            return
        except Exception:  # whatever it was: what comes from there counts for nothing any more
            self.end()

    def _take(self, message: bytes) -> None:
        if not self.is_ready and message == _READY:
            self.is_ready = True
            return
        challenge, found = _finding(message)
        expected, waiting = self._asked.popleft()
        if challenge != expected:
            _tell(waiting, None)
            raise ValueError("an answer to another question")
        self._found += 1
        _tell(waiting, found)

    def _watch(self, found_before: int = -1) -> None:
        """See once a while that it goes on, as long as something is asked."""
        self._alarm = None
        if not self._asked:
            return
        if self._found == found_before:
            self.end()
            return
        self._alarm = self._loop.call_later(PATIENCE_SECONDS, self._watch, self._found)


def verify_until_quiet(descriptor: int, rp_id: str, origin: str) -> None:
    """Verify what is asked, until nobody is there or nobody asks."""
    # Ctrl-C is meant for the server, which then ends this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # uvloop hands down whatever the server itself was given.
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
    gc.freeze()
    relying_party = RelyingParty(rp_id, origin)
    with socket.socket(fileno=descriptor) as theirs, contextlib.suppress(OSError):
        theirs.settimeout(QUIET_SECONDS)
        theirs.send(_READY)
        while message := theirs.recv(_ROOM):
            theirs.send(_answered(message, relying_party))


def _question(value: JsonValue, expected: Expected) -> bytes:
    # Plain tuples: naming the class of each takes longer than all that is in them.
    challenge, credential, approver_id = expected
    return pickle.dumps((value, challenge, tuple(credential), approver_id), _PICKLED)


def _answered(message: bytes, relying_party: RelyingParty) -> bytes:
    value, challenge, credential, approver_id = pickle.loads(message)  # noqa: S301 - our parent's
    expected = Expected(challenge, Credential(*credential), approver_id)
    found: tuple[Any, ...] | Refusal
    try:
        found = tuple(verify_answer(value, expected, relying_party))
    except Refusal as refusal:
        found = refusal
    return pickle.dumps((challenge, found), _PICKLED)


def _finding(message: bytes) -> tuple[bytes, Found]:
    challenge, found = pickle.loads(message)  # noqa: S301 - our child's
    return challenge, found if isinstance(found, Refusal) else VerifiedAnswer(*found)


def _tell(waiting: "asyncio.Future[Found | None]", found: Found | None) -> None:
    if not waiting.done():  # who asked may have left
        waiting.set_result(found)
