"""The SQLite file: opened with what durability needs, and locked for one server process."""

import _sqlite3
import contextlib
import ctypes
import fcntl
import os
import re
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path

from cosignet.core.errors import SetupError
from cosignet.server.store.db import SqlValue

OPENING_SECONDS = 0.1
"""How long one attempt to open waits for other processes that open, recover or change the file."""
OVERWRITING_SECONDS = 5
_STATEMENTS_CACHED = 256
_CHECKPOINT_PAGES = 4_000
"""How much of the log is kept before it is copied into the database (16 MiB): a page that changes
again and again is copied once."""
_CLOCK = "clock_ms()"
_CONFIG_MEMSTATUS = 9
_SHARED = " FOR SHARE"
ANY_TABLE = "any table"
"""Stands for the table of a statement that is none of the usual ones."""
_CHANGES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)")
_CHANGES_NOTHING = re.compile(r"\s*(?:SELECT|SAVEPOINT|RELEASE)\b")
_STATEMENT_ERRORS = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_MISUSE,
    }
)


def stop_counting_memory() -> None:
    """Let SQLite not count the memory it takes, if this process's can be told so.

    It counts under a lock, each time that it takes some. Nothing may have been opened yet, as it
    has to be shut down for that (sqlite.org/c3ref/config.html, `SQLITE_CONFIG_MEMSTATUS`).
    """
    # No symbols to be found: it is a part of the interpreter, and goes on counting.
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(_sqlite3.__file__)
        configure = library.sqlite3_config
        library.sqlite3_shutdown()
        configure(_CONFIG_MEMSTATUS, 0)
        library.sqlite3_initialize()


def statement_is_wrong(error: sqlite3.Error) -> bool:
    """Whether the statement is at fault, and not the disk, the file or another process.

    After the former SQLite has undone that statement and nothing else; after the latter it may
    have undone everything (sqlite.org/lang_transaction.html, section 3).
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _STATEMENT_ERRORS


@cache
def _spelled(sql: str) -> tuple[str, bool, str]:
    """Spell a statement for SQLite; say if it wants the time after its values, and what it changes.

    Placeholders are bound by number, and `clock_ms()` is one more of them: a function of ours would
    be called back for every row. So the time stands still while a statement runs, too: what it
    checks and what it writes agree. Rows need no locks where there is one writer.
    """
    highest = max(map(int, re.findall(r"\$(\d+)", sql)), default=0)
    text = re.sub(r"\$(\d+)", r"?\1", sql).replace(_CLOCK, f"?{highest + 1}")
    return text.replace(_SHARED, ""), _CLOCK in sql, _changed(sql)


def _changed(sql: str) -> str:
    """Return the table that a statement changes; empty: none."""
    found = _CHANGES.match(sql)
    if found is not None:
        return found[1]
    return "" if _CHANGES_NOTHING.match(sql) else ANY_TABLE


class Connection:
    """A connection on which statements run inline."""

    def __init__(self, path: Path, *, clock: Callable[[], int], read_only: bool) -> None:
        """Open the file and recover what an earlier process left; blocks while others do that.

        Raises:
            SetupError: the file system cannot hold a write-ahead log.
            sqlite3.Error: it cannot be opened, or is no database.
        """
        self._clock = clock
        self.told = 0
        """What `clock_ms()` was, the last time that a statement wanted it."""
        self.changed: set[str] = set()
        """The tables that statements have changed since somebody emptied this."""
        self.raw = sqlite3.connect(
            path,
            timeout=OPENING_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS_CACHED,
        )
        try:
            self._set_up(read_only=read_only)
        except BaseException:
            self.raw.close()
            raise

    def _set_up(self, *, read_only: bool) -> None:
        self.raw.row_factory = sqlite3.Row
        if self.raw.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise SetupError("The database's file system has no shared memory; use a local disk.")
        # FULL syncs the write-ahead log at every commit; NORMAL loses acknowledged decisions.
        self.raw.execute("PRAGMA synchronous = FULL")
        self.raw.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        # Else each insertion of several rows makes, fills and removes a file: how to undo it alone.
        self.raw.execute("PRAGMA temp_store = MEMORY")
        self.raw.execute("PRAGMA foreign_keys = ON")
        self.raw.execute("PRAGMA trusted_schema = OFF")
        if read_only:
            self.raw.execute("PRAGMA query_only = ON")
        # From here on nothing may block the event loop.
        self.raw.execute("PRAGMA busy_timeout = 0")

    def run(self, sql: str, values: tuple[SqlValue, ...]) -> sqlite3.Cursor:
        """Run one statement."""
        text, tells_time, changed = _spelled(sql)
        if changed:
            self.changed.add(changed)
        if tells_time:
            self.told = self._clock()
            values = (*values, self.told)
        return self.raw.execute(text, values)

    @property
    def version(self) -> int:
        """What is another number after another connection, of any process, has committed.

        Its own commits do not count (sqlite.org/pragma.html#pragma_data_version).
        """
        return self.raw.execute("PRAGMA data_version").fetchone()[0]

    def overwrite_failed_commit(self) -> None:
        """Commit something of no meaning over what a failed commit left in the write-ahead log.

        A commit whose sync failed has written all its pages. Nobody sees them while the index in
        shared memory does not name them, but the recovery after a crash reads the log itself and
        would bring the commit back. The next commit overwrites it; so there is one at once.
        """
        number = self.raw.execute("PRAGMA user_version").fetchone()[0]
        self.raw.execute(f"PRAGMA busy_timeout = {OVERWRITING_SECONDS * 1000}")
        self.raw.execute(f"PRAGMA user_version = {(number + 1) % 2**31}")
        self.raw.execute("PRAGMA busy_timeout = 0")


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
