"""Rows that come at the same time are one statement on PostgreSQL, and one commit."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TypeAlias

from cosignet.core.errors import Unavailable
from cosignet.server.store.additions import ROWS_MAX
from cosignet.server.store.db import SqlValue
from cosignet.server.store.postgres_pool import Pool
from cosignet.server.store.postgres_transaction import insert_together

Observed: TypeAlias = Callable[[Coroutine[None, None, None], int], Awaitable[None]]
"""Commits what so many share, and lets an observer know."""


@dataclass(frozen=True, slots=True)
class _Row:
    values: tuple[SqlValue, ...]
    inserted: asyncio.Future[None]

    def settle(self, failure: Exception | None) -> None:
        """Tell whoever waits, unless they have gone."""
        if self.inserted.done():
            return
        if failure is None:
            self.inserted.set_result(None)
        else:
            self.inserted.set_exception(failure)


class Appender:
    """Inserts what has come while the rows before it were being inserted."""

    def __init__(self, pool: Pool, observed: Observed) -> None:
        self._pool = pool
        self._observed = observed
        self._waiting: dict[str, list[_Row]] = {}
        """By insertion."""
        self._task: asyncio.Task[None] | None = None

    async def append(self, insertion: str, values: tuple[SqlValue, ...]) -> None:
        """Insert a row, as `Database` says. Who leaves earlier takes no neighbour along."""
        row = _Row(values, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(insertion, []).append(row)
        if self._task is None:
            self._task = asyncio.create_task(self._insert_all())
        await row.inserted

    async def close(self) -> None:
        """Let what has come be inserted."""
        if self._task is not None:
            await self._task

    async def _insert_all(self) -> None:
        try:
            while self._waiting:
                insertion, rows = next(iter(self._waiting.items()))
                del self._waiting[insertion]
                for start in range(0, len(rows), ROWS_MAX):
                    await self._insert(insertion, rows[start : start + ROWS_MAX])
        finally:
            self._task = None

    async def _insert(self, insertion: str, rows: list[_Row]) -> None:
        failure = await self._failure(insertion, rows)
        if failure is None or isinstance(failure, Unavailable) or len(rows) == 1:
            for row in rows:
                row.settle(failure)
            return
        # The table refuses one of them, so none is there: its neighbours are not to blame.
        for row in rows:
            row.settle(await self._failure(insertion, [row]))

    async def _failure(self, insertion: str, rows: list[_Row]) -> Exception | None:
        """Insert rows; return what those who wait for them are told if they are not there."""
        try:
            wire = await self._pool.acquire()
            try:
                inserting = insert_together(wire, insertion, [row.values for row in rows])
                await self._observed(inserting, len(rows))
            finally:
                self._pool.release(wire)
        except Exception as error:  # whatever it was: who waits must be told
            return error
        return None
