"""Reading SQLite: what is committed, and nothing read again while its tables stay as they are."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Set
from contextlib import suppress
from functools import cache
from typing import Any

import apsw

from cosignet.core.errors import Unavailable
from cosignet.server.store.db import Found, Row, SqlValue
from cosignet.server.store.sqlite_driver import statement_is_wrong
from cosignet.server.store.sqlite_file import ANY_TABLE, Connection

FOUND_MAX = 512
"""How many values a reader keeps of one statement."""
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")


class Others:
    """Tells whether another process may have committed. None can while our thread does."""

    def __init__(self, reading: Connection, writing: Callable[[], Connection | None]) -> None:
        self._reading = reading
        self._writing = writing
        """Returns the writing connection, if there is one."""
        self._is_excluded = False
        self._read_version = 0
        self._seen: tuple[Connection, int] | None = None
        """The writing connection, and what has been committed beside it."""
        self._is_behind = False
        """Whether one has committed, and nobody was told yet."""

    def exclude(self) -> None:
        """Learn that the thread is about to commit on the writing connection: it holds the lock."""
        self._is_behind = self.have_committed()
        with suppress(apsw.Error):
            self._read_version = self._reading.version
        self._is_excluded = True

    def admit(self) -> None:
        """Learn from the thread that it has come to its end."""
        self._is_excluded = False

    @property
    def may_be_us(self) -> bool:
        """Whether something is committed, most likely by our thread, which has yet to tell."""
        try:
            return self._is_excluded and self._reading.version != self._read_version
        except apsw.Error:
            return False

    def have_committed(self) -> bool:
        """Return whether one may have committed since this was asked last."""
        was_behind, self._is_behind = self._is_behind, False
        try:
            is_ahead = self._is_changed() if self._is_excluded else self._is_beside()
        except apsw.Error:
            return True
        return was_behind or is_ahead

    def _is_changed(self) -> bool:
        # By our own commit, of which we do not know yet, and perhaps by another one after it.
        before, self._read_version = self._read_version, self._reading.version
        return before != self._read_version

    def _is_beside(self) -> bool:
        writing = self._writing()
        before, self._seen = self._seen, writing and (writing, writing.version)
        return before != self._seen or writing is None


class SqliteReader:
    """Reads what is committed; each statement sees the newest durable state."""

    def __init__(self, connection: Connection, others: Others) -> None:
        """Read on a connection, and remember what is found until it or others have committed."""
        self._connection = connection
        self._others = others
        self._has_looked = False
        self._found: defaultdict[str, dict[tuple[SqlValue, ...], Any]] = defaultdict(dict)
        """What was found, by statement and values."""

    async def fetch(self, sql: str, *values: SqlValue) -> list[Row]:
        """Return all rows."""
        try:
            return self._connection.run(sql, values)
        except apsw.Error as error:
            if statement_is_wrong(error):
                raise
            raise Unavailable("the database cannot be read") from error

    async def fetch_one(self, sql: str, *values: SqlValue) -> Row | None:
        """Return the first row, if any."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def find(self, make: Callable[[Row], Found], sql: str, *values: SqlValue) -> Found | None:
        """Return what `make` makes of the first row; the same as before if its tables are the same.

        What this process commits is forgotten before anybody hears of it. Whether others have
        committed is asked once in each turn of the event loop: what was acknowledged to anybody
        before a call arrived, that call sees.
        """
        if not self._has_looked and self._others.may_be_us:
            # In the next turn the thread has told, and what was found need not be forgotten for it.
            await asyncio.sleep(0)
        if not self._has_looked:
            self._look()
        found = self._found[sql]
        if values not in found:
            # A commit right after looking makes what is read now newer than that, never older.
            row = await self.fetch_one(sql, *values)
            if len(found) >= FOUND_MAX:
                found.clear()
            found[values] = None if row is None else make(row)
        return found[values]

    def forget(self, tables: Set[str] = frozenset({ANY_TABLE})) -> None:
        """Forget what was found in some tables."""
        for sql, found in self._found.items():
            if ANY_TABLE in tables or not tables.isdisjoint(_tables_read(sql)):
                found.clear()

    def _look(self) -> None:
        if self._others.have_committed():
            self.forget()
        self._has_looked = True
        asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._has_looked = False


@cache
def _tables_read(sql: str) -> frozenset[str]:
    return frozenset(_READ.findall(sql))
