"""Rows that come at the same time are one statement on PostgreSQL, and one commit."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from cosignet.core.errors import Unavailable
from cosignet.server.store.additions import ROWS_MAX, Addition, Additions
from cosignet.server.store.db import Room, SqlValue
from cosignet.server.store.postgres_pool import Pool
from cosignet.server.store.postgres_transaction import fetch_alone, insert_together
from cosignet.server.store.postgres_wire import Wire

_TYPES: dict[type[str | int], str] = {str: "text", int: "bigint"}
Observed: TypeAlias = Callable[[Coroutine[None, None, None], int], Awaitable[None]]
"""Commits what so many share, and lets an observer know."""


@dataclass(frozen=True, slots=True)
class _Row:
    addition: Addition
    answered: asyncio.Future[bool]

    def settle(self, failure: Exception | None) -> None:
        """Tell whoever waits whether it was inserted, unless they have gone."""
        if self.answered.done():
            return
        if failure is None:
            self.answered.set_result(self.addition.made)
        else:
            self.answered.set_exception(failure)


class Appender:
    """Inserts what has come while the rows before it were being inserted."""

    def __init__(self, pool: Pool, observed: Observed) -> None:
        self._pool = pool
        self._observed = observed
        self._waiting: dict[str, list[_Row]] = {}
        """By insertion."""
        self._task: asyncio.Task[None] | None = None

    async def append(self, insertion: str, values: tuple[SqlValue, ...], room: Room | None) -> bool:
        """Insert a row, as `Database` says. Who leaves earlier takes no neighbour along."""
        row = _Row(Addition(values, room), asyncio.get_running_loop().create_future())
        self._waiting.setdefault(insertion, []).append(row)
        if self._task is None:
            self._task = asyncio.create_task(self._insert_all())
        return await row.answered

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
        together = Additions()
        for row in rows:
            together.add(insertion, row.addition)
        try:
            wire = await self._pool.acquire()
            try:
                left = await _ask(wire, together.rooms)
                inserting = insert_together(wire, together, left)
                await self._observed(inserting, len(rows))
            finally:
                self._pool.release(wire)
        except Exception as error:  # whatever it was: who waits must be told
            return error
        return None


async def _ask(wire: Wire, rooms: Sequence[Room]) -> dict[Room, int]:
    """Ask for the room that there is, in one statement for all that are asked for alike."""
    alike: defaultdict[str, list[Room]] = defaultdict(list)
    for room in rooms:
        alike[room.sql].append(room)
    left: dict[Room, int] = {}
    for sql, some in alike.items():
        types = tuple(_TYPES[type(value)] for value in some[0].values)
        columns = tuple(
            list(column) for column in zip(*(room.values for room in some), strict=True)
        )
        rows = await fetch_alone(wire, _question(sql, types), columns)
        left |= zip(some, (number for (number,) in rows), strict=True)
    return left


@cache
def _question(sql: str, types: tuple[str, ...]) -> str:
    """Return the statement that asks for any number of rooms, whose values come column by column.

    One text, whatever that number is: planning takes several times as long as looking, and a server
    plans each text several times before it keeps a plan.
    """
    question = re.sub(r"\$(\d+)", r"asked.v\1", sql)
    arrays = ", ".join(f"${place}::{type_}[]" for place, type_ in enumerate(types, 1))
    names = ", ".join(f"v{place}" for place in range(1, len(types) + 1))
    asked = f"unnest({arrays}) WITH ORDINALITY AS asked({names}, place)"
    return f"SELECT ({question}) FROM {asked} ORDER BY place"  # noqa: S608 - of our own texts alone
