"""SQLite: one shared, synced commit for concurrent transactions; readers see only what is synced.

Every transaction is a savepoint inside a shared `BEGIN IMMEDIATE`. Whoever waits for the turn
while a commit runs is in the next one, so a single fsync serves all of them. Answers, wake-ups
and refusals come after that fsync: even a transaction that changed nothing has read the shared
state, and must not tell of something a failed sync would take back.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from cosignet.core.errors import SetupError, Unavailable
from cosignet.server.store.db import Listener, Row, SqlValue

BUSY_ATTEMPTS = 1_000
BUSY_PAUSE_SECONDS = 0.005
"""How long a transaction waits for another process (the command line) to end its own: 5 s."""
_STATEMENTS_CACHED = 256
_NAMES = tuple(str(number) for number in range(1, 33))


class _Group:
    """The transactions that share one commit."""

    def __init__(self) -> None:
        self.durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.notifications: list[tuple[str, str]] = []
        self.broken = False
        # Somebody may leave before the commit fails; that is no unretrieved error.
        self.durable.add_done_callback(lambda future: future.exception())


class _Connection:
    """A connection on which statements run inline; `$1` is bound by name."""

    def __init__(self, path: Path, *, clock: Callable[[], int], read_only: bool) -> None:
        self._clock = clock
        self._now = 0
        self.raw = sqlite3.connect(
            path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS_CACHED,
        )
        self.raw.row_factory = sqlite3.Row
        # Frozen while a statement runs, so that what it checks and what it writes agree.
        self.raw.create_function("clock_ms", 0, lambda: self._now)
        self.raw.execute("PRAGMA foreign_keys = ON")
        self.raw.execute("PRAGMA trusted_schema = OFF")
        # FULL syncs the write-ahead log at every commit; NORMAL loses acknowledged decisions.
        self.raw.execute("PRAGMA synchronous = FULL")
        if read_only:
            self.raw.execute("PRAGMA query_only = ON")

    def run(self, sql: str, values: tuple[SqlValue, ...]) -> sqlite3.Cursor:
        self._now = self._clock()
        return self.raw.execute(sql, dict(zip(_NAMES, values, strict=False)))


class SqliteReader:
    """Reads what is committed; each statement sees the newest durable state."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: SqlValue) -> list[Row]:
        """Return all rows."""
        try:
            return self._connection.run(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            raise Unavailable("the database cannot be read") from error

    async def fetch_one(self, sql: str, *values: SqlValue) -> Row | None:
        """Return the first row, if any."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None


class SqliteTransaction:
    """One savepoint of the shared transaction."""

    def __init__(self, connection: _Connection, group: _Group) -> None:
        self._connection = connection
        self._group = group
        self.notifications: list[tuple[str, str]] = []

    async def execute(self, sql: str, *values: SqlValue) -> int:
        """Run a statement and return how many rows it changed."""
        return self._run(sql, values).rowcount

    async def fetch(self, sql: str, *values: SqlValue) -> list[Row]:
        """Return all rows, those of `RETURNING` included."""
        return self._run(sql, values).fetchall()

    async def fetch_one(self, sql: str, *values: SqlValue) -> Row | None:
        """Return the first row, if any."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    def notify(self, topic: str, key: str) -> None:
        """Wake the listeners of a topic, once this transaction is durable."""
        self.notifications.append((topic, key))

    def _run(self, sql: str, values: tuple[SqlValue, ...]) -> sqlite3.Cursor:
        try:
            return self._connection.run(sql, values)
        except sqlite3.OperationalError as error:
            # Disk full, input/output error, read-only: SQLite may have rolled back everybody.
            self._group.broken = True
            raise Unavailable("the database cannot be written") from error


class SqliteDatabase:
    """An embedded database file, used by one server process."""

    def __init__(self, path: Path, *, clock: Callable[[], int]) -> None:
        """Open the file; `clock` gives unix milliseconds."""
        self._path = path
        self._clock = clock
        self._turn = asyncio.Lock()
        self._group: _Group | None = None
        self._commits: set[asyncio.Task[None]] = set()
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._writer: _Connection | None = self._open_writer()
        self._read_connection = _Connection(path, clock=clock, read_only=True)
        self.reader = SqliteReader(self._read_connection)

    def _open_writer(self) -> _Connection:
        connection = _Connection(self._path, clock=self._clock, read_only=False)
        connection.raw.execute("PRAGMA journal_mode = WAL")
        return connection

    def listen(self, topic: str, listener: Listener) -> None:
        """Call a listener for every notification of a topic, after its commit."""
        self._listeners[topic].append(listener)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[SqliteTransaction]:
        """Begin a transaction; leaving the block returns when the shared commit is synced.

        Raises:
            Unavailable: it could not begin or the commit failed; nothing of it is visible.
        """
        async with self._turn:
            connection, group = await self._join()
            transaction = SqliteTransaction(connection, group)
            connection.raw.execute("SAVEPOINT one")
            refusal: Exception | None = None
            try:
                yield transaction
                connection.raw.execute("RELEASE one")
                group.notifications.extend(transaction.notifications)
            except Exception as error:
                refusal = error
                self._undo(connection, group)
            except BaseException:
                self._undo(connection, group)
                raise
        # Shielded: a client that hangs up must not cancel what others wait for.
        await asyncio.shield(group.durable)
        if refusal is not None:
            raise refusal

    async def close(self) -> None:
        """Let running commits end, then close both connections."""
        async with self._turn:
            pass
        await asyncio.gather(*self._commits)
        self._syncing.shutdown()
        self._read_connection.raw.close()
        if self._writer is not None:
            self._writer.raw.close()

    async def _join(self) -> tuple[_Connection, _Group]:
        """Return the open group, or open one and schedule its commit behind those who wait."""
        if self._writer is None:
            self._writer = self._reopen()
        if self._group is not None and self._group.broken:
            raise Unavailable("the database cannot be written")
        if self._group is None:
            await self._begin(self._writer)
            self._group = _Group()
            commit = asyncio.create_task(self._commit(self._writer, self._group))
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)
        return self._writer, self._group

    async def _begin(self, connection: _Connection) -> None:
        for _ in range(BUSY_ATTEMPTS):
            try:
                connection.raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise Unavailable("the database cannot be written") from error
            await asyncio.sleep(BUSY_PAUSE_SECONDS)
        raise Unavailable("another process keeps the database busy")

    def _undo(self, connection: _Connection, group: _Group) -> None:
        try:
            connection.raw.execute("ROLLBACK TO one")
            connection.raw.execute("RELEASE one")
        except sqlite3.OperationalError:
            group.broken = True

    async def _commit(self, connection: _Connection, group: _Group) -> None:
        # The lock is first come, first served: whoever waits for it now is in this commit.
        async with self._turn:
            self._group = None
            try:
                if group.broken:
                    raise sqlite3.OperationalError("a statement failed")
                await asyncio.get_running_loop().run_in_executor(
                    self._syncing, self.sync, connection.raw
                )
            except sqlite3.Error as error:
                self._discard(connection)
                group.durable.set_exception(_unavailable(error))
                return
            # Durable here. A crash from now on loses wake-ups, which a reader makes up for.
            group.durable.set_result(None)
        for topic, key in group.notifications:
            for listener in self._listeners[topic]:
                listener(key)

    @staticmethod
    def sync(connection: sqlite3.Connection) -> None:
        """Commit and sync, off the event loop."""
        connection.execute("COMMIT")

    def _discard(self, connection: _Connection) -> None:
        # After a failed sync nobody knows what the connection believes; a new one reads the file.
        self._writer = None
        connection.raw.close()

    def _reopen(self) -> _Connection:
        try:
            connection = self._open_writer()
            # Overwrites what the failed commit left in the write-ahead log.
            connection.raw.execute("UPDATE installation SET id = id")
        except sqlite3.Error as error:
            raise Unavailable("the database cannot be opened") from error
        return connection


def _unavailable(error: sqlite3.Error) -> Unavailable:
    refusal = Unavailable("the change could not be made durable")
    refusal.__cause__ = error
    return refusal


def hold_exclusively(path: Path) -> int:
    """Take the file for this server process and return the lock's descriptor; keep it open.

    Raises:
        SetupError: another server runs on the same file.
    """
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SetupError(
            f"Another server is running on {path}. Stop it first, or use PostgreSQL for several."
        ) from None
    return descriptor
