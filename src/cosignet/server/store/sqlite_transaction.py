"""One transaction of SQLite's shared one: a savepoint; and the group that shares a commit."""

import asyncio
import logging
from collections.abc import Callable, Iterable

import apsw

from cosignet.core.errors import Unavailable
from cosignet.server.store.additions import Addition, Additions, one_row
from cosignet.server.store.db import Found, Lockable, Row, SqlValue
from cosignet.server.store.sqlite_driver import statement_is_wrong
from cosignet.server.store.sqlite_file import Connection

log = logging.getLogger("cosignet")


class Group:
    """The transactions that share one commit."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        """On which it has begun, if it has."""
        self.additions = Additions()
        self.notifications: list[tuple[str, str]] = []
        self.broken = False
        self.failure: Unavailable | None = None
        """What everybody in it is told, if its commit has failed."""
        self.seconds = 0.0
        """How long writing and committing took."""
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return self.connection is None and not self.additions

    @property
    def writers(self) -> int:
        """How many wait for it."""
        return len(self._waiting)

    def insert(self, insertion: str, addition: Addition, durable: "asyncio.Future[None]") -> None:
        """Insert a row with the commit, and tell who waits for it."""
        self.additions.add(insertion, addition)
        self._waiting.append(durable)

    async def durable(self) -> None:
        """Return when the commit is synced. Who leaves earlier takes no neighbour along.

        Raises:
            Unavailable: it failed.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def settle(self) -> None:
        """Tell everybody how the commit ended."""
        for waiter in self._waiting:
            if waiter.done():
                continue
            if self.failure is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(self.failure)


class SqliteTransaction:
    """One savepoint of the shared transaction; none, where nothing will have to be undone."""

    def __init__(self, group: Group, connection: Connection, *, refuses_first: bool) -> None:
        self._connection = connection
        self.group = group
        self._is_undoable = not refuses_first
        self._changes_before = connection.raw.total_changes()
        self._notifications: list[tuple[str, str]] = []

    async def execute(self, sql: str, *values: SqlValue) -> int:
        """Run a statement and return how many rows it changed."""
        self.run(sql, values)
        return self._connection.changes

    async def execute_each(self, sql: str, rows: Iterable[tuple[SqlValue, ...]]) -> None:
        """Run a statement for each row of values."""
        for values in rows:
            self.run(sql, values)

    async def fetch(self, sql: str, *values: SqlValue) -> list[Row]:
        """Return all rows, those of `RETURNING` included."""
        return self.run(sql, values)

    async def fetch_one(self, sql: str, *values: SqlValue) -> Row | None:
        """Return the first row, if any."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def find(self, make: Callable[[Row], Found], sql: str, *values: SqlValue) -> Found | None:
        """Return what `make` makes of the first row, if any."""
        row = await self.fetch_one(sql, *values)
        return None if row is None else make(row)

    async def changed_at(self, sql: str, *values: SqlValue) -> int | None:
        """Run an UPDATE of one row at most; return what its `clock_ms()` was, if there was one."""
        # We have told the time: `RETURNING` would take a third as long as all the rest of it.
        self.run(sql, values)
        return self._connection.told if self._connection.changes else None

    def append(self, insertion: str, *values: SqlValue) -> None:
        """Insert a row; at once, which here costs least."""
        self.run(one_row(insertion, len(values)), values)

    async def lock(self, table: Lockable, id_: str) -> None:
        """Do nothing: nobody else writes while this transaction runs."""

    def notify(self, topic: str, key: str) -> None:
        """Wake the listeners of a topic, once this transaction is durable."""
        self._notifications.append((topic, key))

    def run(self, sql: str, values: tuple[SqlValue, ...] = ()) -> list[Row]:
        """Run a statement to its end and return the rows it returned.

        A wrong one fails alone; a failing disk fails the whole group.
        """
        try:
            return self._connection.run(sql, values)
        except apsw.Error as error:
            if statement_is_wrong(error):
                raise
            self.group.broken = True
            log.error("the database failed: %s", error)
            raise Unavailable("the database cannot be written") from error

    def enter(self) -> None:
        """Begin the savepoint."""
        if self._is_undoable:
            self.run("SAVEPOINT one")

    def leave(self, refusal: BaseException | None) -> Exception | None:
        """Keep what was done in this savepoint, or undo it; return what went wrong with keeping."""
        if refusal is not None:
            self._undo()
            return None
        try:
            if self._is_undoable:
                self.run("RELEASE one")
        except Exception as failure:
            self._undo()
            return failure
        self.group.notifications.extend(self._notifications)
        return None

    def _undo(self) -> None:
        """Roll back to where this savepoint began; if that fails, nobody's commit may happen."""
        if not self._is_undoable:
            self.group.broken |= self._connection.raw.total_changes() != self._changes_before
            return
        try:
            self._connection.raw.execute("ROLLBACK TO one")
            self._connection.raw.execute("RELEASE one")
        except (apsw.Error, MemoryError):
            self.group.broken = True
