"""What a database is to the rest: readers, durable transactions, wake-ups. Both engines give this.

SQL uses `$1` placeholders and the subset both engines share; `clock_ms()` is the database's own
clock in unix milliseconds, read once when the statement runs. `FOR SHARE` at the end of a SELECT
keeps others from changing the rows it found until the transaction ends; SQLite, which has one
writer, leaves it out.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

SqlValue: TypeAlias = "str | int | bytes | bool | None"
Found = TypeVar("Found")
Listener: TypeAlias = Callable[[str | None], None]
"""Is told the key of what changed, after the change is durable; None: some may have been missed."""
Lockable: TypeAlias = Literal[
    "organisations", "api_keys", "approvers", "invites", "confirmations", "webhooks"
]
"""Tables whose rows are locked by their id."""


class Observer(Protocol):
    """Is told how commits went."""

    def now(self) -> float:
        """Return seconds that only differences mean something of."""
        ...

    def committed(self, writers: int, seconds: float) -> None:
        """Learn of a commit that so many shared."""
        ...

    def commit_failed(self) -> None:
        """Learn of a commit that failed."""
        ...


class Unobserved:
    """An observer that does not look."""

    def now(self) -> float:
        """Return nothing of meaning."""
        return 0.0

    def committed(self, writers: int, seconds: float) -> None:
        """Forget it."""

    def commit_failed(self) -> None:
        """Forget it."""


class Room(NamedTuple):
    """How many rows may still be inserted: a SELECT of one number, and its values."""

    sql: str
    values: tuple[str | int, ...]


class Row(Protocol):
    """One row, by column name or in the order of its columns."""

    def __getitem__(self, column: str, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


class Reader(Protocol):
    """Reads what is committed."""

    async def fetch(self, sql: str, *values: SqlValue) -> list[Row]:
        """Return all rows."""
        ...

    async def fetch_one(self, sql: str, *values: SqlValue) -> Row | None:
        """Return the first row, if any."""
        ...

    async def find(self, make: Callable[[Row], Found], sql: str, *values: SqlValue) -> Found | None:
        """Return what `make` makes of the first row, if any; the statement tells no time.

        As long as nobody has changed the tables it reads, an engine may return the same value
        again.
        """
        ...


class Transaction(Reader, Protocol):
    """Changes things. What it did is durable, and only then visible, when its block has ended."""

    async def execute(self, sql: str, *values: SqlValue) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    async def execute_each(self, sql: str, rows: Iterable[tuple[SqlValue, ...]]) -> None:
        """Run a statement for each of several rows of values."""
        ...

    async def changed_at(self, sql: str, *values: SqlValue) -> int | None:
        """Run an UPDATE of one row at most; return what its `clock_ms()` was, or None: no such row.

        Unix milliseconds, the same in the whole statement.
        """
        ...

    def append(self, insertion: str, *values: SqlValue) -> None:
        """Insert a row, at the end of the transaction if an engine likes; it is not read before.

        `insertion` and `values` are what a database's `append` takes.
        """
        ...

    async def lock(self, table: Lockable, id_: str) -> None:
        """Let nobody else change a row, or lock it, until this transaction ends.

        What a transaction reads after this of that row, and of all that is only changed under the
        same lock, stays true until it ends. SQLite has one writer, and nothing to do here.
        """
        ...

    def notify(self, topic: str, key: str) -> None:
        """Wake the listeners of a topic, once this transaction is durable."""
        ...


Step: TypeAlias = Callable[[Transaction], Coroutine[Any, Any, bool]]
"""Changes something, waits for nothing but its transaction; says whether to go on with another."""


class Claim(Protocol):
    """A duty that no other node does as long as this is held."""

    @property
    def lost(self) -> bool:
        """Whether it is known that somebody else may do it by now."""
        ...

    async def release(self) -> None:
        """Let somebody else do it."""
        ...


class Unrivalled:
    """The claim of the one server process that there is."""

    lost = False

    async def release(self) -> None:
        """Do nothing: nobody waits for it."""


class Database(Protocol):
    """One node's door to the store."""

    observer: Observer

    @property
    def connections(self) -> Mapping[str, tuple[int, int]]:
        """By what they are for, how many connections are in use and how many there may be."""
        ...

    @property
    def poll_seconds(self) -> float:
        """How often to look for what somebody waits for, in case that a notification was lost."""
        ...

    @property
    def reader(self) -> Reader:
        """Reads what is committed, on a connection of its own."""
        ...

    def transaction(
        self, *, refuses_first: bool = False
    ) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction; leaving the block returns when it is durable.

        One that `refuses_first`, if at all, costs less: once it has changed something it raises
        nothing, so that there is nothing to prepare for undoing.

        Raises:
            Unavailable: it could not begin, or could not be made durable. Nothing of it is visible;
                on SQLite nothing ever will be. On PostgreSQL, if the connection was lost while it
                was being committed, only the next read tells.
        """
        ...

    async def repeat(self, step: Step) -> None:
        """Take a step in a transaction of its own, and others, perhaps, while it says to go on.

        Returns when all of them are durable. On SQLite they run in the thread that commits: the
        event loop goes on, and nobody else writes meanwhile.

        Raises:
            Unavailable: as `transaction` does. What a step raises is raised here, too. Nothing of
                the step that failed is visible; the ones before it are durable.
        """
        ...

    async def append(self, insertion: str, *values: SqlValue, room: Room | None = None) -> bool:
        """Insert one row, durably; rows that come at the same time are inserted together.

        `insertion` is `INSERT INTO table (columns)`, `values` are those of the columns. Where there
        is no `room` for it, nothing is inserted and the answer is False. Each room is asked for
        once for the rows that are inserted together, right before them: what other transactions
        and nodes insert at that moment, and rows with another room, do not count yet.

        Raises:
            Unavailable: it could not be made durable; the row will never be visible.
        """
        ...

    def listen(self, topic: str, listener: Listener) -> None:
        """Call a listener for every notification of a topic, from any node."""
        ...

    async def claim(self, duty: int) -> Claim | None:
        """Try to be the one node that does a duty; None: another one is.

        A claim elects. It does not fence: a node that has lost one may not know it yet.

        Raises:
            Unavailable: nobody can tell.
        """
        ...

    async def close(self) -> None:
        """Let running transactions end, then close."""
        ...
