"""SQLite itself, as the driver `apsw` brings it; what we use of it is written down here.

Its SQLite comes with it, the same one everywhere, newer than those that systems have: before 3.51.3
two connections that write, or empty the write-ahead log, at the same moment could damage the file
(sqlite.org/wal.html#walresetbug).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, cast

import apsw

from cosignet.server.store.db import SqlValue

VERSION_MIN = (3, 51, 3)
"""Whoever compiles the driver may give it an older one."""
READ, WRITE = apsw.SQLITE_OPEN_READONLY, apsw.SQLITE_OPEN_READWRITE
_STATEMENTS_CACHED = 256
_STATEMENT_ERRORS = frozenset(
    {
        apsw.SQLITE_ERROR,
        apsw.SQLITE_CONSTRAINT,
        apsw.SQLITE_MISMATCH,
        apsw.SQLITE_TOOBIG,
        apsw.SQLITE_RANGE,
        apsw.SQLITE_MISUSE,
    }
)


def version() -> tuple[int, ...]:
    """Return which SQLite this is."""
    return tuple(map(int, apsw.sqlite_lib_version().split(".")))


class Cursor(Protocol):
    """Runs one statement at a time; the rest of its rows by iterating."""

    def execute(self, statement: str, values: tuple[SqlValue, ...] = ..., /) -> "Cursor":
        """Run a statement up to its first row."""
        ...

    def get_description(self) -> tuple[tuple[str, str], ...]:
        """Return the columns, name and declared type, while there are rows."""
        ...

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        ...

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...


class Raw(Protocol):
    """A connection."""

    def execute(self, statement: str, values: tuple[SqlValue, ...] = ..., /) -> Cursor:
        """Run a statement, on a new cursor, up to its first row."""
        ...

    def cursor(self) -> Cursor:
        """Return a cursor to run statements with, one after the other."""
        ...

    def pragma(self, name: str, value: str | int = ..., /) -> Any:
        """Set a pragma, or ask for it; return what it says."""
        ...

    def config(self, option: int, value: int, /) -> int:
        """Set one of the options `SQLITE_DBCONFIG_…`."""
        ...

    def set_busy_timeout(self, milliseconds: int, /) -> None:
        """Wait so long where another connection holds what is wanted."""
        ...

    def changes(self) -> int:
        """Return how many rows the last statement changed that changes any."""
        ...

    def total_changes(self) -> int:
        """Return how many rows all statements have changed."""
        ...

    def backup(self, name: str, source: "Raw", its_name: str, /) -> "Backup":
        """Begin to copy a database of another connection over one of this."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Backup(AbstractContextManager["Backup", bool | None], Protocol):
    """A copy under way, which ends with its block."""

    def step(self) -> bool:
        """Copy all of it; whether that is done."""
        ...


def opened(path: Path, flags: int = WRITE | apsw.SQLITE_OPEN_CREATE) -> Raw:
    """Open a file, by default make it if need be.

    Raises:
        apsw.Error: it cannot be opened.
    """
    raw = cast(Raw, apsw.Connection(str(path), flags, statementcachesize=_STATEMENTS_CACHED))
    # A statement is planned once, whatever values it gets later (sqlite.org, "QPSG").
    raw.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return raw


def stop_counting_memory() -> None:
    """Let SQLite not count the memory it takes.

    It counts under a lock, each time that it takes some. Nothing may be open, as it has to be shut
    down for that (sqlite.org/c3ref/config.html, `SQLITE_CONFIG_MEMSTATUS`).
    """
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
    apsw.initialize()


def statement_is_wrong(error: apsw.Error) -> bool:
    """Whether the statement is at fault, and not the disk, the file or another process.

    After the former SQLite has undone that statement and nothing else; after the latter it may
    have undone everything (sqlite.org/lang_transaction.html, section 3).
    """
    code: int | None = getattr(error, "result", None)
    return code is None or code in _STATEMENT_ERRORS
