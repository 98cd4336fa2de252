"""Reading PostgreSQL, and one transaction of it."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Never, TypeAlias

from cosignet.core.errors import Unavailable
from cosignet.server.store.additions import Addition, Additions
from cosignet.server.store.db import Found, Lockable, Room, Row, SqlValue
from cosignet.server.store.postgres_pool import Pool
from cosignet.server.store.postgres_wire import (
    Wire,
    WireValue,
    is_outage,
    is_spent,
    spelled,
    unavailable,
)

CHANNEL = "cosignet"
"""What the nodes of one database listen to; a payload is a topic, a space and a key."""
_NOT_READ = "the database cannot be read"
_NOT_WRITTEN = "the database cannot be written"
_UNKNOWN = "nobody knows yet whether the change was made; read it again"
_LOCK: dict[Lockable, str] = {
    "organisations": "SELECT 1 FROM organisations WHERE id = $1 FOR NO KEY UPDATE",
    "api_keys": "SELECT 1 FROM api_keys WHERE id = $1 FOR NO KEY UPDATE",
    "approvers": "SELECT 1 FROM approvers WHERE id = $1 FOR NO KEY UPDATE",
    "invites": "SELECT 1 FROM invites WHERE id = $1 FOR NO KEY UPDATE",
    "confirmations": "SELECT 1 FROM confirmations WHERE id = $1 FOR NO KEY UPDATE",
    "webhooks": "SELECT 1 FROM webhooks WHERE id = $1 FOR NO KEY UPDATE",
}
"""NO KEY: rows that refer to a locked one can still be written."""
_Question: TypeAlias = tuple[str, tuple[SqlValue, ...]]
log = logging.getLogger("cosignet")


class PostgresReader:
    """Reads what is committed; each statement on whichever connection is free."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asked: dict[_Question, asyncio.Future[Any]] = {}
        """What is going to be asked as soon as a connection is free."""

    async def fetch(self, sql: str, *values: SqlValue) -> list[Row]:
        """Return all rows."""
        return await self._fetch(await self._pool.acquire(), sql, values)

    async def fetch_one(self, sql: str, *values: SqlValue) -> Row | None:
        """Return the first row, if any."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def find(self, make: Callable[[Row], Found], sql: str, *values: SqlValue) -> Found | None:
        """Return what `make` makes of the first row, if any.

        Those who come with the same question before it is put share the answer: it is as new as if
        each had asked.
        """
        question = (sql, values)
        found = self._asked.get(question)
        if found is None:
            found = self._asked[question] = asyncio.ensure_future(self._find(make, question))
            found.add_done_callback(_see)
        return await asyncio.shield(found)

    async def _find(self, make: Callable[[Row], Found], question: _Question) -> Found | None:
        try:
            wire = await self._pool.acquire()
        finally:
            del self._asked[question]
        rows = await self._fetch(wire, *question)
        return make(rows[0]) if rows else None

    async def _fetch(self, wire: Wire, sql: str, values: tuple[SqlValue, ...]) -> list[Row]:
        try:
            return await wire.fetch(spelled(sql), *values)
        except BaseException as error:
            _fail(wire, error, _NOT_READ)
        finally:
            self._pool.release(wire)


def _see(found: asyncio.Future[Any]) -> None:
    """Look at a failure that nobody is left to be told of."""
    if not found.cancelled():
        found.exception()


class PostgresTransaction:
    """One transaction on a connection of its own."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._additions = Additions()
        self.notifications: list[tuple[str, str]] = []

    async def begin(self) -> None:
        """Open it.

        Raises:
            Unavailable: the database is away.
        """
        await self._command("BEGIN", _NOT_WRITTEN)

    async def execute(self, sql: str, *values: SqlValue) -> int:
        """Run a statement and return how many rows it changed."""
        try:
            tag = await self._wire.execute(spelled(sql), *values)
        except BaseException as error:
            _fail(self._wire, error, _NOT_WRITTEN)
        last = tag.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def execute_each(self, sql: str, rows: Iterable[tuple[SqlValue, ...]]) -> None:
        """Run a statement for each row of values."""
        try:
            await self._wire.executemany(spelled(sql), rows)
        except BaseException as error:
            _fail(self._wire, error, _NOT_WRITTEN)

    async def fetch(self, sql: str, *values: SqlValue) -> list[Row]:
        """Return all rows, those of `RETURNING` included."""
        try:
            return await self._wire.fetch(spelled(sql), *values)
        except BaseException as error:
            _fail(self._wire, error, _NOT_WRITTEN)

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
        row = await self.fetch_one(sql + " RETURNING clock_ms() AS at", *values)
        return None if row is None else row["at"]

    def append(self, insertion: str, *values: SqlValue) -> None:
        """Insert a row when the transaction ends."""
        self._additions.add(insertion, Addition(values))

    async def lock(self, table: Lockable, id_: str) -> None:
        """Wait until no other transaction holds this row, and hold it until this one ends."""
        await self.fetch(_LOCK[table], id_)

    def notify(self, topic: str, key: str) -> None:
        """Wake the listeners of a topic on all nodes, once this transaction is durable."""
        self.notifications.append((topic, key))

    async def commit(self) -> None:
        """Insert what was appended, make all of it durable, and tell the other nodes.

        Raises:
            Unavailable: the connection was lost meanwhile, and only reading again tells whether it
                was committed; or the server has refused it.
        """
        for statement, values in self._additions.statements(_always):
            await self.execute(statement, *values)
        telling = "".join(
            f"SELECT pg_notify({_quoted(CHANNEL)}, {_quoted(f'{topic} {key}')});"
            for topic, key in self.notifications
        )
        # What is told reaches nobody before the commit (postgresql.org/docs, NOTIFY).
        tag = await self._command(telling + "COMMIT", _UNKNOWN)
        if tag != "COMMIT":
            raise Unavailable(_NOT_WRITTEN)

    async def roll_back(self) -> None:
        """Undo it; a connection on which that fails is dropped, which undoes it, too."""
        if self._wire.is_closed():
            return
        try:
            await self._wire.execute("ROLLBACK")
        except BaseException as error:
            self._wire.terminate()
            if not isinstance(error, Exception):
                raise

    async def _command(self, sql: str, refusal: str) -> str:
        try:
            return await self._wire.execute(sql)
        except BaseException as error:
            _fail(self._wire, error, refusal)


async def fetch_alone(wire: Wire, sql: str, values: tuple[WireValue, ...]) -> list[Row]:
    """Return the rows of a statement that is a transaction of its own.

    Raises:
        Unavailable: the database is away.
    """
    try:
        return await wire.fetch(spelled(sql), *values)
    except BaseException as error:
        _fail(wire, error, _NOT_READ)


async def insert_together(wire: Wire, additions: Additions, left: Mapping[Room, int]) -> None:
    """Insert rows of one table by a statement that is a transaction of its own, as many as fit.

    `left` tells how many fit into each room.

    Raises:
        Unavailable: none was inserted; or the connection was lost, and nobody knows.
    """
    for statement, values in additions.statements(lambda room, _: left[room]):
        try:
            await wire.execute(spelled(statement), *values)
        except BaseException as error:
            _fail(wire, error, _UNKNOWN)


def _fail(wire: Wire, error: BaseException, refusal: str) -> Never:
    """Raise what callers are told; drop a connection that nobody can rely on any more."""
    # Whoever stops waiting, because a client has gone, leaves an answer behind that nobody reads.
    if is_spent(error):
        wire.terminate()
    if is_outage(error):
        log.error("the database failed: %s: %s", type(error).__name__, error)
        raise unavailable(error, refusal) from error
    raise error


def _always(_: Room, wanted: int) -> int:
    return wanted


def _quoted(text: str) -> str:
    """Spell a text as SQL does (`standard_conforming_strings` is on)."""
    return "'" + text.replace("'", "''") + "'"
