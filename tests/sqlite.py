"""A SQLite file, opened beside a server as anybody could.

By the same SQLite as the server's, which may be in this very process: two of them in one process do
not see each other's locks (sqlite.org/howtocorrupt.html, section 2.2.1).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

PATIENCE_SECONDS = 60


class Row(tuple[Any, ...]):
    """A row, by the number or the name of a column."""

    names: tuple[str, ...]

    def __getitem__(self, column: Any) -> Any:
        return super().__getitem__(self.names.index(column) if isinstance(column, str) else column)

    def keys(self) -> tuple[str, ...]:
        return self.names


class Rows:
    """A connection; each statement is its own transaction, unless one says BEGIN."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(PATIENCE_SECONDS * 1000)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> "Found":
        cursor = self._connection.execute(sql, values)
        try:
            names = tuple(name for name, _ in cursor.get_description())
        except apsw.ExecutionCompleteError:
            names = ()
        kind = type("NamedRow", (Row,), {"names": names})
        return Found([kind(row) for row in cursor], self._connection.changes())

    def commit(self) -> None:
        pass

    def close(self) -> None:
        self._connection.close()


class Found:
    """The rows a statement returned, and how many it changed."""

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._left = rows
        self.rowcount = rowcount

    def fetchone(self) -> Any:
        return self._left.pop(0) if self._left else None

    def fetchall(self) -> list[Any]:
        left, self._left = self._left, []
        return left

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


Tracer = Callable[[apsw.Cursor, str, Any], bool]


@contextmanager
def opening_with(hook: Callable[[apsw.Connection], None]) -> Iterator[None]:
    """Let something be done with every connection that is opened in the block."""
    apsw.connection_hooks.append(hook)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(hook)


def note(connection: Any, noted: Callable[[str], object]) -> None:
    """Tell of every statement that a connection runs from now on."""

    def trace(_: apsw.Cursor, sql: str, __: Any) -> bool:
        noted(sql)
        return True

    connection.set_exec_trace(trace)
