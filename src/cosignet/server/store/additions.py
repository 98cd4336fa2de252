"""Rows that are inserted together: one statement for many of them."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain

from cosignet.server.store.db import SqlValue

ROWS_MAX = 64
"""Rows of one statement; each engine takes some ten thousand values at least."""


class Additions:
    """Rows still to be inserted, those of one table side by side."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[tuple[SqlValue, ...]]] = defaultdict(list)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, insertion: str, values: tuple[SqlValue, ...]) -> None:
        """Add a row; `insertion` is `INSERT INTO table (columns)`."""
        self._rows[insertion].append(values)

    def statements(self) -> Iterator[tuple[str, tuple[SqlValue, ...]]]:
        """Yield statements that insert everything, with their values."""
        for insertion, rows in self._rows.items():
            for start in range(0, len(rows), ROWS_MAX):
                some = rows[start : start + ROWS_MAX]
                values = tuple(chain.from_iterable(some))
                yield _statement(insertion, len(some), len(some[0])), values


def one_row(insertion: str, columns: int) -> str:
    """Return the statement that inserts one row."""
    return _statement(insertion, 1, columns)


@cache
def _statement(insertion: str, rows: int, columns: int) -> str:
    places = [f"${number}" for number in range(1, rows * columns + 1)]
    lines = (places[start : start + columns] for start in range(0, len(places), columns))
    return f"{insertion} VALUES " + ", ".join(f"({', '.join(line)})" for line in lines)
