"""Rows that are inserted together: one statement for many of them, as far as there is room."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from cosignet.server.store.db import Room, SqlValue

ROWS_MAX = 64
"""Rows of one statement; each engine takes some ten thousand values at least."""


@dataclass(slots=True)
class Addition:
    """One row; whether a statement for it has been given out."""

    values: tuple[SqlValue, ...]
    made: bool = False


class Additions:
    """Rows still to be inserted, those of one table side by side."""

    def __init__(self) -> None:
        self._rows: defaultdict[tuple[str, Room | None], list[Addition]] = defaultdict(list)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(
        self, insertion: str, values: tuple[SqlValue, ...], room: Room | None = None
    ) -> Addition:
        """Add a row; `insertion` is `INSERT INTO table (columns)`."""
        addition = Addition(values)
        self._rows[insertion, room].append(addition)
        return addition

    def statements(
        self, ask: Callable[[Room], int] | None = None
    ) -> Iterator[tuple[str, tuple[SqlValue, ...]]]:
        """Yield statements that insert everything there is room for, with their values.

        `ask` is asked for the room of some rows when those before them have been inserted.
        """
        for (insertion, room), rows in self._rows.items():
            fitting = rows if room is None or ask is None else rows[: max(0, ask(room))]
            for start in range(0, len(fitting), ROWS_MAX):
                some = fitting[start : start + ROWS_MAX]
                values = tuple(value for row in some for value in row.values)
                yield _statement(insertion, len(some), len(some[0].values)), values
                for row in some:
                    row.made = True


def one_row(insertion: str, columns: int) -> str:
    """Return the statement that inserts one row."""
    return _statement(insertion, 1, columns)


@cache
def one_row_within(insertion: str, columns: int, room: str) -> str:
    """Return the statement that inserts one row if there is room; its values follow the row's."""
    places = ", ".join(f"${number}" for number in range(1, columns + 1))
    shifted = re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + columns}", room)
    return f"{insertion} SELECT {places} WHERE ({shifted}) > 0"


@cache
def _statement(insertion: str, rows: int, columns: int) -> str:
    places = [f"${number}" for number in range(1, rows * columns + 1)]
    lines = (places[start : start + columns] for start in range(0, len(places), columns))
    return f"{insertion} VALUES " + ", ".join(f"({', '.join(line)})" for line in lines)
