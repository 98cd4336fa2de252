"""PostgreSQL: a server of its own, behind any number of nodes.

Each transaction has a connection of its own and commits on its own; the server groups their syncs.
Rows that are appended at the same time are one statement.
READ COMMITTED: the condition inside an UPDATE decides, looked at again after waiting for a row that
another transaction held. What depends on other rows than the one it changes locks them first
(`Transaction.lock`, `FOR SHARE`), in this order: installation, organisation, API key, approvers by
id, invite, confirmation, credential, webhook, delivery. Whoever needs two takes them in that order,
so nobody waits in a circle.

A connection that is lost while a commit runs leaves everybody in doubt: the caller gets
`Unavailable`, and whoever reads next reads the truth.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from functools import partial

from cosignet.core.errors import SetupError
from cosignet.server.store.db import Listener, Observer, Room, SqlValue, Step, Unobserved
from cosignet.server.store.postgres_append import Appender
from cosignet.server.store.postgres_listener import PostgresListener
from cosignet.server.store.postgres_pool import Pool
from cosignet.server.store.postgres_transaction import (
    CHANNEL,
    PostgresReader,
    PostgresTransaction,
)
from cosignet.server.store.postgres_wire import KEEPALIVE, Wire, connect, is_outage, unavailable

READERS = 6
WRITERS = 8
"""Connections of one node, and one more that listens. Writing ones may need a reading one before
they end, never the other way round: so nobody waits in a circle."""
CLAIMS = 1
POLL_SECONDS = 10.0
MIGRATION_LOCK = 0x636F7369676E  # "cosign"
MIGRATION_SECONDS = 600
_MIGRATION_PAUSE_SECONDS = 0.05


class _Block:
    """The block of a transaction; the event loop would keep track of a generator each time."""

    def __init__(self, database: "PostgresDatabase") -> None:
        self._database = database

    async def __aenter__(self) -> PostgresTransaction:
        self._wire = await self._database.writers.acquire()
        self._transaction = PostgresTransaction(self._wire)
        try:
            await self._transaction.begin()
        except BaseException:
            self._database.writers.release(self._wire)
            raise
        return self._transaction

    async def __aexit__(self, _: object, refusal: BaseException | None, traceback: object) -> None:
        try:
            if refusal is None:
                await self._database.observed(self._transaction.commit())
            else:
                await self._transaction.roll_back()
        finally:
            self._database.writers.release(self._wire)
        if refusal is None:
            self._database.tell(self._transaction.notifications)


class _Held:
    """An advisory lock; it ends with its connection, whatever happens to the process."""

    def __init__(self, pool: Pool, wire: Wire, duty: int) -> None:
        self._pool = pool
        self._wire = wire
        self._duty = duty

    @property
    def lost(self) -> bool:
        """Whether the connection is known to be lost."""
        return self._wire.is_closed()

    async def release(self) -> None:
        """Give the lock back."""
        try:
            await self._wire.fetch("SELECT pg_advisory_unlock($1)", self._duty)
        except BaseException as error:
            self._wire.terminate()
            if not isinstance(error, Exception):
                raise
        finally:
            self._pool.release(self._wire)


class PostgresDatabase:
    """One node's connections to a PostgreSQL server."""

    poll_seconds = POLL_SECONDS

    def __init__(self, url: str, *, patient: bool = False) -> None:
        """Know the database of a URL; connections are opened when they are needed."""
        self.observer: Observer = Unobserved()
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self.writers = Pool(partial(connect, url, "writes", patient=patient), WRITERS)
        self._appender = Appender(self.writers, self.observed)
        self._readers = Pool(partial(connect, url, "reads"), READERS)
        self._claims = Pool(partial(connect, url, "elects"), CLAIMS)
        self._listener = PostgresListener(
            partial(connect, url, "listens"), CHANNEL, hear=self._hear, missed=self._missed
        )
        self.reader = PostgresReader(self._readers)

    def transaction(self, *, refuses_first: bool = False) -> _Block:
        """Begin a transaction, as `Database` says; here all of them can be undone."""
        return _Block(self)

    async def repeat(self, step: Step) -> None:
        """Take a step in a transaction of its own; who takes many does not hold the others up."""
        async with self.transaction() as transaction:
            await step(transaction)

    async def append(self, insertion: str, *values: SqlValue, room: Room | None = None) -> bool:
        """Insert a row, as `Database` says."""
        return await self._appender.append(insertion, values, room)

    async def observed(self, commit: Coroutine[None, None, None], writers: int = 1) -> None:
        """Commit what so many share, and let the observer know how that went."""
        began = self.observer.now()
        try:
            await commit
        except Exception:
            self.observer.commit_failed()
            raise
        self.observer.committed(writers, self.observer.now() - began)

    @property
    def connections(self) -> dict[str, tuple[int, int]]:
        """How many connections of each pool are in use, and how many there may be."""
        pools = {"writes": self.writers, "reads": self._readers}
        return {name: (pool.used, pool.size) for name, pool in pools.items()}

    def listen(self, topic: str, listener: Listener) -> None:
        """Call a listener for every notification of a topic, from any node."""
        self._listeners[topic].append(listener)
        self._listener.start()

    def tell(self, notifications: list[tuple[str, str]]) -> None:
        """Wake this node's own listeners at once; they do not depend on a second connection."""
        for topic, key in notifications:
            for listener in self._listeners[topic]:
                listener(key)

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Be the only node that changes the schema, as long as the block runs.

        Raises:
            SetupError: another one does not come to an end.
            Unavailable: the database is away.
        """
        wire = await self.writers.acquire()
        try:
            for _ in range(int(MIGRATION_SECONDS / _MIGRATION_PAUSE_SECONDS)):
                rows = await wire.fetch("SELECT pg_try_advisory_lock($1) AS held", MIGRATION_LOCK)
                if rows[0]["held"]:
                    break
                await asyncio.sleep(_MIGRATION_PAUSE_SECONDS)
            else:
                raise SetupError("Another node has been migrating this database for too long.")
            yield
        finally:
            wire.terminate()  # which gives the lock back, whatever happened
            self.writers.release(wire)

    async def claim(self, duty: int) -> "_Held | None":
        """Claim a duty, as `Database` says, by an advisory lock on a connection of its own."""
        wire = await self._claims.acquire()
        try:
            await wire.execute(KEEPALIVE)
            [row] = await wire.fetch("SELECT pg_try_advisory_lock($1) AS held", duty)
        except BaseException as error:
            wire.terminate()
            self._claims.release(wire)
            if is_outage(error):
                raise unavailable(error, "the database cannot be asked") from error
            raise
        if row["held"]:
            return _Held(self._claims, wire, duty)
        self._claims.release(wire)
        return None

    async def close(self) -> None:
        """Let running transactions end, then close."""
        await self._listener.close()
        await self._appender.close()
        await self.writers.close()
        await self._readers.close()
        await self._claims.close()

    def _hear(self, payload: str) -> None:
        topic, _, key = payload.partition(" ")
        self.tell([(topic, key)])

    def _missed(self) -> None:
        for listeners in self._listeners.values():
            for listener in listeners:
                listener(None)
