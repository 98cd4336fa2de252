"""Who verifies: the event loop, or the process beside it while there is a crowd."""

import asyncio
import logging
from collections.abc import Callable

from cosignet.core.errors import Refusal
from cosignet.core.jsontext import JsonValue
from cosignet.server.verifying.answer import Expected, VerifiedAnswer, verify_answer
from cosignet.server.verifying.beside import VerifyingProcess
from cosignet.server.webauthn import RelyingParty

CROWD_PER_SECOND = 100
"""More answers than that within a second are verified beside the loop: a hundredth of its time."""
PAUSE_SECONDS = 10.0
"""A process is started no more often than this."""
log = logging.getLogger("cosignet")


class Verifier:
    """Verifies answers of passkeys; a process helps when many come, if there is a processor."""

    def __init__(
        self, relying_party: RelyingParty, *, monotonic: Callable[[], float], processors: int
    ) -> None:
        """`processors` are those that this node has for itself; with one there is no help."""
        self._relying_party = relying_party
        self._monotonic = monotonic
        self._processors = processors
        self._process: VerifyingProcess | None = None
        self._starting: asyncio.Task[None] | None = None
        self._start_after = 0.0
        self._second = 0
        self._answers = 0
        """How many have come in that second."""

    async def verify(self, value: JsonValue, expected: Expected) -> VerifiedAnswer:
        """Verify an answer, as `verify_answer` does.

        Raises:
            CeremonyMalformed, CeremonyRefused: a subclass names the check.
        """
        process = self._beside()
        found = None if process is None else await process.verify(value, expected)
        if found is None:
            return verify_answer(value, expected, self._relying_party)
        if isinstance(found, Refusal):
            raise found
        return found

    async def close(self) -> None:
        """End the process, if there is one."""
        self._processors = 1
        if self._starting is not None:
            await self._starting
        if self._process is not None:
            self._process.end()

    def _beside(self) -> VerifyingProcess | None:
        """Return the process if it can be asked now; start one if there is a crowd."""
        if self._processors < 2:
            return None
        process = self._process
        if process is not None and not process.has_ended:
            return process if process.is_ready else None
        now = self._monotonic()
        if self._is_crowd(now) and now >= self._start_after:
            self._start_after = now + PAUSE_SECONDS
            self._starting = asyncio.create_task(self._start())
        return None

    def _is_crowd(self, now: float) -> bool:
        if self._second != int(now):
            self._second, self._answers = int(now), 0
        self._answers += 1
        return self._answers > CROWD_PER_SECOND

    async def _start(self) -> None:
        try:
            self._process = await VerifyingProcess.start(self._relying_party)
        except Exception as error:  # whatever it was: a server does not need it
            log.warning("signatures are verified without help: %s", error)
