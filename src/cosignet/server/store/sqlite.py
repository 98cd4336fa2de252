"""SQLite: one shared, synced commit for concurrent transactions; readers see only what is synced.

Every transaction is a savepoint inside a shared `BEGIN IMMEDIATE`. Whoever waits for the turn
while a commit runs is in the next one, so a single fsync serves all of them. Answers, wake-ups
and refusals come after that fsync: even a transaction that changed nothing has read the shared
state, and must not tell of something a failed sync would take back.

Steps that are repeated are no part of that: each is a transaction of its own, and all of it happens
in the thread that commits, once what others have begun is committed.

After a failed commit everybody in it is told `Unavailable`, but first the connection is replaced
and what the commit left in the write-ahead log is overwritten: not even a crash brings it back.
(If the disk refuses that, too, the next transaction tries again; a crash before that can bring back
what was refused.)
"""

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

from cosignet.core.errors import Unavailable
from cosignet.server.store.additions import Addition, Rooms
from cosignet.server.store.db import (
    Listener,
    Observer,
    Room,
    SqlValue,
    Step,
    Unobserved,
    Unrivalled,
)
from cosignet.server.store.sqlite_driver import Raw
from cosignet.server.store.sqlite_file import Connection
from cosignet.server.store.sqlite_reader import Others, SqliteReader
from cosignet.server.store.sqlite_rows import WaitingRows
from cosignet.server.store.sqlite_transaction import Group, SqliteTransaction
from cosignet.server.store.sqlite_work import Work
from cosignet.server.store.sqlite_writer import Write, Writer

log = logging.getLogger("cosignet")


class _Block:
    """The block of a transaction; the event loop would keep track of a generator each time."""

    def __init__(self, database: "SqliteDatabase", *, refuses_first: bool) -> None:
        self._database = database
        self._refuses_first = refuses_first

    async def __aenter__(self) -> SqliteTransaction:
        self._transaction = await self._database.begin(refuses_first=self._refuses_first)
        return self._transaction

    async def __aexit__(self, _: object, refusal: BaseException | None, traceback: object) -> None:
        await self._database.end(self._transaction, refusal)


class SqliteDatabase:
    """An embedded database file, used by one server process."""

    poll_seconds = math.inf
    """Nobody else decides here, and no notification is lost."""

    def __init__(self, path: Path, *, clock: Callable[[], int]) -> None:
        """Open the file; `clock` gives unix milliseconds.

        Raises:
            SetupError, apsw.Error: it cannot be opened.
        """
        self.observer: Observer = Unobserved()
        self.connections: dict[str, tuple[int, int]] = {}
        self._turn = asyncio.Lock()
        self._open = asyncio.Event()
        """Cleared while a commit runs. Whoever waits for its end goes on together then, all in one
        turn of the event loop; the lock would let them go on one by one."""
        self._open.set()
        self._group: Group | None = None
        self._commits: set[asyncio.Task[None]] = set()
        self._rows = WaitingRows()
        self._rooms = Rooms()
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._writer = Writer(path, clock=clock)
        self._read_connection = Connection(path, clock=clock, read_only=True)
        self._others = Others(self._read_connection, lambda: self._writer.connection)
        self.reader = SqliteReader(self._read_connection, self._others)

    def listen(self, topic: str, listener: Listener) -> None:
        """Call a listener for every notification of a topic, after its commit."""
        self._listeners[topic].append(listener)

    def transaction(self, *, refuses_first: bool = False) -> "_Block":
        """Begin a transaction, as `Database` says; leaving the block waits for the shared sync."""
        return _Block(self, refuses_first=refuses_first)

    async def append(self, insertion: str, *values: SqlValue, room: Room | None = None) -> bool:
        """Insert a row, as `Database` says; those that come together are one statement."""
        addition = Addition(values, room)
        durable = self._rows.add(insertion, addition)
        self._collect()
        await durable
        return addition.made

    async def repeat(self, step: Step) -> None:
        """Take steps in the thread that commits, as `Database` says."""
        work = Work(step)
        self._schedule(self._do(work))
        await work.durable()
        if work.refusal is not None:
            raise work.refusal

    async def claim(self, duty: int) -> Unrivalled:
        """Claim a duty, as `Database` says; here nobody else serves."""
        return Unrivalled()

    async def begin(self, *, refuses_first: bool) -> SqliteTransaction:
        """Wait for the turn, take it, and begin a savepoint in the shared transaction."""
        await self._open.wait()
        await self._turn.acquire()
        try:
            group = self._collect()
            if group.broken:
                raise Unavailable("the database cannot be written")
            connection = await self._begun(group)
            transaction = SqliteTransaction(group, connection, refuses_first=refuses_first)
            transaction.enter()
        except BaseException:
            self._turn.release()
            raise
        return transaction

    async def end(self, transaction: SqliteTransaction, refusal: BaseException | None) -> None:
        """Give the turn back, and return when what the transaction saw or did is durable."""
        try:
            failure = transaction.leave(refusal)
        finally:
            self._turn.release()
        if refusal is not None and not isinstance(refusal, Exception):
            return
        await transaction.group.durable()
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Let running commits end, then close both connections."""
        async with self._turn:
            pass
        while self._commits:
            await asyncio.gather(*self._commits)
        self._read_connection.raw.close()
        self._writer.close()

    def _collect(self) -> Group:
        """Return the open group, or open one and schedule its commit behind those who wait."""
        if self._group is None:
            self._group = Group()
            self._schedule(self._commit(self._group))
        return self._group

    def _schedule(self, commit: Coroutine[None, None, None]) -> None:
        """Let it come to its end, whoever stops waiting for it."""
        task = asyncio.create_task(commit)
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)

    async def _begun(self, group: Group) -> Connection:
        if group.connection is None:
            group.connection, version = await self._writer.begin()
            self._rooms.forget_unless((group.connection, version))
        return group.connection

    async def _commit(self, group: Group) -> None:
        if not self._open.is_set():
            await self._open.wait()
            # Those who waited for the same go first; the lock is first come, first served.
            await asyncio.sleep(0)
        async with self._turn:
            if group is not self._group:
                return  # some work has let it end, to have the file to itself
            await self._end_open(group)
        # The next group goes first: its commit then runs while this one's answers are written.
        await asyncio.sleep(0)
        self._tell(group)

    async def _do(self, work: Work) -> None:
        """Let some work have the file to itself."""
        async with self._turn:
            if (group := self._group) is not None:
                await self._end_open(group)
                self._tell(group)
            await self._end(work, partial(work.run, commit=self.sync))
            self._rooms.forget()
        self._tell(work)

    async def _end_open(self, group: Group) -> None:
        """End the open group; the turn is ours."""
        self._group = None
        self._rows.move_to(group)
        if self._rows:
            self._collect()
        await self._end(group, partial(self._insert, group))
        self._rows.learn(group)

    async def _end(self, group: Group, write: Write) -> None:
        """Let a group be written and synced while nobody else begins; the turn is ours."""
        self._open.clear()
        began = self.observer.now()
        try:
            group.failure = await self._sync(group, write)
            if group.failure is not None and group.connection is not None:
                # Nobody is told before what failed is out of the way for good.
                await self._writer.replace(group.connection)
        finally:
            self._open.set()
        group.seconds = self.observer.now() - began
        if group.failure is None:
            self.observer.committed(group.writers, group.seconds)
        else:
            self.observer.commit_failed()

    def _tell(self, group: Group) -> None:
        group.settle()
        # Durable here, or refused. A crash now loses wake-ups, which a reader makes up for.
        for topic, key in group.notifications if group.failure is None else ():
            for listener in self._listeners[topic]:
                listener(key)

    async def _sync(self, group: Group, write: Write) -> Unavailable | None:
        """Write and commit off the event loop; return what everybody is told if that fails."""
        failure = Unavailable("the change could not be made durable")
        if group.broken:
            return failure
        if group.is_empty:
            return None  # whoever opened it could not begin
        try:
            connection = await self._begun(group)
            self._others.exclude()
            await self._writer.off_the_loop(partial(self._beside, write), connection)
        except Exception as error:  # whatever it was: who waits must be told
            log.error("a commit failed; nothing of it is visible: %s", error)
            failure.__cause__ = error
            return failure
        self.reader.forget(connection.changed)
        connection.changed.clear()
        return None

    def _beside(self, write: Write, connection: Connection) -> None:
        try:
            write(connection)
        finally:
            self._others.admit()

    def _insert(self, group: Group, connection: Connection) -> None:
        def ask(room: Room) -> int:
            [[left]] = connection.run(room.sql, room.values)
            return left

        if connection.changed:
            self._rooms.forget()  # a rejection, perhaps
        fits = partial(self._rooms.left, ask=ask)
        for statement, values in group.additions.statements(fits):
            connection.run(statement, values)
        self.sync(connection.raw)

    @staticmethod
    def sync(connection: Raw) -> None:
        """Commit and sync, off the event loop.

        Raises:
            apsw.Error: it failed, or SQLite had already undone all of it.
        """
        connection.execute("COMMIT")
