"""The SQLite file: opened with what durability needs, and locked for one server process."""

import fcntl
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import apsw

from cosignet.core.errors import SetupError
from cosignet.server.store.db import Row, SqlValue
from cosignet.server.store.sqlite_driver import opened

OPENING_SECONDS = 0.1
"""How long one attempt to open waits for other processes that open, recover or change the file."""
OVERWRITING_SECONDS = 5
_CHECKPOINT_PAGES = 4_000
"""How much of the log is kept before it is copied into the database (16 MiB): a page that changes
again and again is copied once."""
_CLOCK = "clock_ms()"
_RETURNS = "RETURNING"
_SHARED = " FOR SHARE"
ANY_TABLE = "any table"
"""Stands for the table of a statement that is none of the usual ones."""
_CHANGES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)")
_CHANGES_NOTHING = re.compile(r"\s*(?:SELECT|SAVEPOINT|RELEASE)\b")


class _Spelled(NamedTuple):
    """A statement in SQLite's spelling, and what is known of it."""

    text: str
    tells_time: bool
    """Whether it wants the time after its values."""
    changed: str
    """The table that it changes; empty: none."""
    returns_rows: bool


@cache
def _spelled(sql: str) -> _Spelled:
    """Spell a statement for SQLite.

    Placeholders are bound by number, and `clock_ms()` is one more of them: a function of ours would
    be called back for every row. So the time stands still while a statement runs, too: what it
    checks and what it writes agree. Rows need no locks where there is one writer.
    """
    highest = max(map(int, re.findall(r"\$(\d+)", sql)), default=0)
    text = re.sub(r"\$(\d+)", r"?\1", sql).replace(_CLOCK, f"?{highest + 1}")
    changed = _changed(sql)
    return _Spelled(
        text.replace(_SHARED, ""),
        tells_time=_CLOCK in sql,
        changed=changed,
        returns_rows=changed in ("", ANY_TABLE) or _RETURNS in sql,
    )


def _changed(sql: str) -> str:
    """Return the table that a statement changes; empty: none."""
    found = _CHANGES.match(sql)
    if found is not None:
        return found[1]
    return "" if _CHANGES_NOTHING.match(sql) else ANY_TABLE


class _Row(tuple[Any, ...]):
    """A row as `Row` says; a class of its own for each list of columns."""

    __slots__ = ()
    places: ClassVar[dict[str, int]]

    def __getitem__(self, column: str) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().__getitem__(self.places[column])


@cache
def _row_with(columns: tuple[str, ...]) -> type[_Row]:
    places = {name: place for place, name in enumerate(columns)}
    return type("_Row", (_Row,), {"__slots__": (), "places": places})


class Connection:
    """A connection on which statements run inline."""

    def __init__(self, path: Path, *, clock: Callable[[], int], read_only: bool) -> None:
        """Open the file and recover what an earlier process left; blocks while others do that.

        Raises:
            SetupError: the file system cannot hold a write-ahead log.
            apsw.Error: it cannot be opened, or is no database.
        """
        self._clock = clock
        self.told = 0
        """What `clock_ms()` was, the last time that a statement wanted it."""
        self.changed: set[str] = set()
        """The tables that statements have changed since somebody emptied this."""
        self.raw = opened(path)
        self._cursor = self.raw.cursor()
        self._rows: dict[str, type[_Row]] = {}
        """What the rows of a statement are; each names its columns, so that they stay the same."""
        try:
            self._set_up(read_only=read_only)
        except BaseException:
            self.raw.close()
            raise

    def _set_up(self, *, read_only: bool) -> None:
        self.raw.set_busy_timeout(int(OPENING_SECONDS * 1000))
        if self.raw.pragma("journal_mode", "WAL") != "wal":
            raise SetupError("The database's file system has no shared memory; use a local disk.")
        # FULL syncs the write-ahead log at every commit; NORMAL loses acknowledged decisions.
        self.raw.pragma("synchronous", "FULL")
        self.raw.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
        # Else each insertion of several rows makes, fills and removes a file: how to undo it alone.
        self.raw.pragma("temp_store", "MEMORY")
        self.raw.pragma("foreign_keys", "ON")
        self.raw.pragma("trusted_schema", "OFF")
        if read_only:
            self.raw.pragma("query_only", "ON")
        # From here on nothing may block the event loop.
        self.raw.set_busy_timeout(0)

    def run(self, sql: str, values: tuple[SqlValue, ...] = ()) -> list[Row]:
        """Run one statement to its end, and return its rows."""
        text, tells_time, changed, returns_rows = _spelled(sql)
        if changed:
            self.changed.add(changed)
        if tells_time:
            self.told = self._clock()
            values = (*values, self.told)
        cursor = self._cursor.execute(text, values)
        if not returns_rows:
            return []
        row = self._rows.get(text)
        if row is None:
            try:
                row = _row_with(tuple(name for name, _ in cursor.get_description()))
            except apsw.ExecutionCompleteError:  # there are no rows
                return []
            self._rows[text] = row
        return [row(values) for values in cursor]

    @property
    def changes(self) -> int:
        """How many rows the last statement changed that changes any."""
        return self.raw.changes()

    @property
    def version(self) -> int:
        """What is another number after another connection, of any process, has committed.

        Its own commits do not count (sqlite.org/pragma.html#pragma_data_version).
        """
        [[version]] = self._cursor.execute("PRAGMA data_version")
        return version

    def overwrite_failed_commit(self) -> None:
        """Commit something of no meaning over what a failed commit left in the write-ahead log.

        A commit whose sync failed has written all its pages. Nobody sees them while the index in
        shared memory does not name them, but the recovery after a crash reads the log itself and
        would bring the commit back. The next commit overwrites it; so there is one at once.
        """
        number: int = self.raw.pragma("user_version")
        self.raw.set_busy_timeout(OVERWRITING_SECONDS * 1000)
        self.raw.pragma("user_version", (number + 1) % 2**31)
        self.raw.set_busy_timeout(0)


def hold_exclusively(path: Path) -> int:
    """Take the file for this server process and return the lock's descriptor; keep it open.

    Raises:
        SetupError: another server runs on the same file.
    """
    # SQLite follows links, too: one database under two names is one database.
    real = path.resolve()
    descriptor = os.open(real.with_name(real.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SetupError(
            f"Another server is running on {path}. Stop it first, or use PostgreSQL for several."
        ) from None
    return descriptor
