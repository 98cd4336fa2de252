"""A bounded number of connections, opened when they are needed."""

import asyncio
from collections.abc import Awaitable, Callable

from cosignet.core.errors import Unavailable
from cosignet.server.store.postgres_wire import Wire, disconnect, is_outage, unavailable

ACQUIRE_SECONDS = 5
"""How long a request waits for a connection that others use."""
CLOSE_SECONDS = 5


class Pool:
    """Connections that are lent one by one; who comes first is served first."""

    def __init__(self, connect: Callable[[], Awaitable[Wire]], size: int) -> None:
        self._connect = connect
        self.size = size
        self.used = 0
        """How many are lent."""
        self._free = asyncio.Semaphore(size)
        self._idle: list[Wire] = []

    async def acquire(self) -> Wire:
        """Borrow a connection; give it back with `release`.

        Raises:
            Unavailable: none became free in time, or none can be opened.
        """
        if self._free.locked():
            try:
                async with asyncio.timeout(ACQUIRE_SECONDS):
                    await self._free.acquire()
            except TimeoutError:
                raise Unavailable("every connection to the database is busy") from None
        else:
            await self._free.acquire()
        self.used += 1
        # The last one used is the one that is surely alive.
        while self._idle:
            wire = self._idle.pop()
            if not wire.is_closed():
                return wire
        return await self._open()

    async def _open(self) -> Wire:
        opening = asyncio.ensure_future(self._connect())
        try:
            # Whoever gives up now leaves a connection behind that is half open: it is completed.
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._keep)
            raise
        except BaseException as error:
            self._give_back()
            if is_outage(error):
                raise unavailable(error, "the database cannot be reached") from error
            raise

    def _keep(self, opened: asyncio.Future[Wire]) -> None:
        """Keep a connection that nobody waits for any more."""
        if opened.cancelled() or opened.exception() is not None:
            self._give_back()
        else:
            self.release(opened.result())

    def release(self, wire: Wire) -> None:
        """Give a connection back; one in which anything is left open is dropped."""
        if wire.is_closed():
            # Lost, and so may those be that nobody uses: each would cost somebody an answer.
            while self._idle:
                self._idle.pop().terminate()
        elif wire.is_in_transaction():
            wire.terminate()
        else:
            self._idle.append(wire)
        self._give_back()

    def _give_back(self) -> None:
        self.used -= 1
        self._free.release()

    async def close(self) -> None:
        """Let those who have a connection end, then close all."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                for _ in range(self.size):
                    await self._free.acquire()
        except TimeoutError:
            pass  # what still runs has connections of its own, which end with the process
        for wire in self._idle:
            await disconnect(wire)
        self._idle.clear()
