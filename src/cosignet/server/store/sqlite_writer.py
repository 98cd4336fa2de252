"""SQLite's one connection that writes, the thread that commits on it, and what replaces it."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import apsw

from cosignet.core.errors import SetupError, Unavailable
from cosignet.server.store.sqlite_file import Connection

BUSY_ATTEMPTS = 1_000
BUSY_PAUSE_SECONDS = 0.005
"""How long a transaction waits for another process (the command line) to end its own: 5 s."""
Write: TypeAlias = Callable[[Connection], None]
"""Writes in a transaction that has begun, and commits it."""
log = logging.getLogger("cosignet")


class Writer:
    """Writes for whoever has the turn."""

    def __init__(self, path: Path, *, clock: Callable[[], int]) -> None:
        """Open the file; `clock` gives unix milliseconds.

        Raises:
            SetupError, apsw.Error: it cannot be opened.
        """
        self._path = path
        self._clock = clock
        self._busy = False
        self.connection: Connection | None = self.open()
        """None: the last one failed, and another one could not be opened yet."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")

    async def begin(self) -> tuple[Connection, int]:
        """Begin a transaction; return on what, and the connection's `version` in it.

        Raises:
            Unavailable: nothing can be written now; the next one tries again.
        """
        connection = self.connection or await self._open_another()
        # Only the first waits for a process that does not end; those behind it are told at once.
        for attempt in range(1 if self._busy else BUSY_ATTEMPTS):
            if attempt:
                await asyncio.sleep(BUSY_PAUSE_SECONDS)
            try:
                connection.raw.execute("BEGIN IMMEDIATE")
                version = connection.version
            except apsw.Error as error:
                if not isinstance(error, apsw.BusyError):
                    self._discard(connection)
                    raise Unavailable("the database cannot be written") from error
            else:
                self._busy = False
                return connection, version
        self._busy = True
        raise Unavailable("another process keeps the database busy")

    async def off_the_loop(self, write: Write, connection: Connection) -> None:
        """Write in the thread that commits."""
        await asyncio.get_running_loop().run_in_executor(self._thread, write, connection)

    async def replace(self, failed: Connection) -> None:
        """Open another connection: after a failed sync nobody knows what one believes of the file.

        Whatever the failed commit left behind is out of the way afterwards, if the disk allows.
        """
        self._discard(failed)
        try:
            await self._open_another()
        except Unavailable as refusal:
            log.error("the database cannot be opened again yet: %s", refusal.__cause__)

    def close(self) -> None:
        """Let the thread end, and close the connection."""
        self._thread.shutdown()
        if self.connection is not None:
            self.connection.raw.close()

    def open(self) -> Connection:
        """Open a connection."""
        return Connection(self._path, clock=self._clock, read_only=False)

    async def _open_another(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            opened = await loop.run_in_executor(self._thread, self._open_over_failure)
        except (apsw.Error, SetupError, RuntimeError, MemoryError) as error:
            raise Unavailable("the database cannot be opened") from error
        self.connection = opened
        return opened

    def _discard(self, connection: Connection) -> None:
        self.connection = None
        connection.raw.close()

    def _open_over_failure(self) -> Connection:
        connection = self.open()
        try:
            connection.overwrite_failed_commit()
        except BaseException:
            connection.raw.close()
            raise
        return connection
