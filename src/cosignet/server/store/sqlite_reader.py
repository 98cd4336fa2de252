"""Reading SQLite: what is committed, and nothing read again while nothing was committed."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from cosignet.core.errors import Unavailable
from cosignet.server.store.db import Found, Row, SqlValue
from cosignet.server.store.sqlite_file import Connection, statement_is_wrong

FOUND_MAX = 512
"""How many values a reader keeps until the next commit."""


class SqliteReader:
    """Reads what is committed; each statement sees the newest durable state."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[tuple[str, tuple[SqlValue, ...]], Any] = {}
        """What was found in `_version` of the file."""
        self._version = 0
        self._version_is_checked = False

    async def fetch(self, sql: str, *values: SqlValue) -> list[Row]:
        """Return all rows."""
        try:
            return self._connection.run(sql, values).fetchall()
        except sqlite3.Error as error:
            if statement_is_wrong(error):
                raise
            raise Unavailable("the database cannot be read") from error

    async def fetch_one(self, sql: str, *values: SqlValue) -> Row | None:
        """Return the first row, if any."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def find(self, make: Callable[[Row], Found], sql: str, *values: SqlValue) -> Found | None:
        """Return what `make` makes of the first row; the same as before if nothing was committed.

        SQLite tells whether anybody, another process included, has committed since
        (sqlite.org/pragma.html#pragma_data_version). It is asked once in each turn of the event
        loop: what was acknowledged to anybody before a call arrived, that call sees.
        """
        if not self._version_is_checked:
            await self._check_version()
        asked = (sql, values)
        if asked not in self._found:
            row = await self.fetch_one(sql, *values)
            self._found[asked] = None if row is None else make(row)
        return self._found[asked]

    async def _check_version(self) -> None:
        # A commit right after this makes what is read then newer than its version, never older.
        [(version,)] = await self.fetch("PRAGMA data_version")
        if version != self._version or len(self._found) >= FOUND_MAX:
            self._found.clear()
            self._version = version
        self._version_is_checked = True
        asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._version_is_checked = False
