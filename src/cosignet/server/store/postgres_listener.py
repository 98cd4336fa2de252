"""Hearing what other nodes did, on one connection, which is opened again when it is lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cosignet.server.store.postgres_wire import Wire

HEARTBEAT_SECONDS = 5.0
"""How often the connection is asked whether it is still there; nobody else would notice."""
ANSWER_SECONDS = 5.0
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""How long to wait before each further attempt; the last one counts from then on."""
log = logging.getLogger("cosignet")


class PostgresListener:
    """Passes on every payload of a channel, and says when some may have been missed."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Wire]],
        channel: str,
        *,
        hear: Callable[[str], None],
        missed: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._hear = hear
        self._missed = missed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen from now on, in the background; starting twice changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_listening())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _keep_listening(self) -> None:
        failures = 0
        while True:
            try:
                wire = await self._open()
            except Exception as error:
                log.warning("cannot listen to the other nodes: %s", error)
            else:
                failures = 0
                await self._listen(wire)
                log.warning("the connection to the other nodes was lost; opening another one")
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1

    async def _open(self) -> Wire:
        opening = asyncio.ensure_future(self._connect())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Half a connection cannot be dropped; a whole one can.
            await asyncio.wait({opening})
            if opening.exception() is None:
                opening.result().terminate()
            raise

    async def _listen(self, wire: Wire) -> None:
        """Pass on what is heard until the connection is lost."""
        lost = asyncio.Event()
        wire.add_termination_listener(lambda *_: lost.set())
        try:
            await wire.add_listener(self._channel, lambda *heard: self._hear(heard[3]))
            # What was said while nobody listened is not repeated.
            self._missed()
            while not await _within(lost.wait(), HEARTBEAT_SECONDS):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await wire.fetch("SELECT 1")
        except Exception as error:
            log.warning("listening to the other nodes failed: %s", error)
        finally:
            wire.terminate()


async def _within(event: Awaitable[object], seconds: float) -> bool:
    """Whether something happened in time."""
    try:
        async with asyncio.timeout(seconds):
            await event
    except TimeoutError:
        return False
    return True
