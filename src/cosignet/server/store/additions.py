"""Rows that are inserted together: one statement for many of them, as far as there is room."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain

from cosignet.server.store.db import Room, SqlValue

ROWS_MAX = 64
"""Rows of one statement; each engine takes some ten thousand values at least."""
ROOMS_MAX = 1_000
"""Of so many rooms it is remembered what fits."""


@dataclass(slots=True)
class Addition:
    """One row; whether it has been inserted."""

    values: tuple[SqlValue, ...]
    room: Room | None = None
    """None: there is always room."""
    made: bool = False


class Additions:
    """Rows still to be inserted, those of one table side by side."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[Addition]] = defaultdict(list)

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def add(self, insertion: str, addition: Addition) -> None:
        """Add a row; `insertion` is `INSERT INTO table (columns)`."""
        self._rows[insertion].append(addition)

    @property
    def rooms(self) -> list[Room]:
        """The rooms in which these rows have to fit, each once."""
        rooms = (row.room for rows in self._rows.values() for row in rows)
        return list(dict.fromkeys(room for room in rooms if room is not None))

    def statements(
        self, ask: Callable[[Room, int], int]
    ) -> Iterator[tuple[str, tuple[SqlValue, ...]]]:
        """Yield statements that insert everything there is room for, with their values.

        `ask` tells how many rows fit, once for those that are inserted into the same room: it is
        told how many these are.
        """
        for insertion, rows in self._rows.items():
            fitting = list(_fitting(rows, ask))
            for start in range(0, len(fitting), ROWS_MAX):
                some = fitting[start : start + ROWS_MAX]
                values = tuple(chain.from_iterable(row.values for row in some))
                yield _statement(insertion, len(some), len(some[0].values)), values
                for row in some:
                    row.made = True


class Rooms:
    """How many rows fit where, at least, so that only a room that could be full is asked for.

    That holds while nothing makes less room but the rows that are added here.
    """

    def __init__(self) -> None:
        self._left: dict[Room, int] = {}
        self._version: object = None

    def left(self, room: Room, wanted: int, ask: Callable[[Room], int]) -> int:
        """Return how many of the `wanted` rows fit, and take it that all of them come to be."""
        left = self._left.get(room, 0)
        if left < wanted:
            left = ask(room)
        if len(self._left) >= ROOMS_MAX:
            self._left.clear()
        self._left[room] = left - wanted
        return left

    def forget(self) -> None:
        """Ask for every room anew."""
        self._left.clear()

    def forget_unless(self, version: object) -> None:
        """Ask for every room anew, if this is another version of the database than before."""
        if self._version != version:
            self._version = version
            self._left.clear()


def _fitting(rows: list[Addition], ask: Callable[[Room, int], int]) -> Iterator[Addition]:
    by_room: defaultdict[Room | None, list[Addition]] = defaultdict(list)
    for row in rows:
        by_room[row.room].append(row)
    for room, some in by_room.items():
        yield from some if room is None else some[: max(0, ask(room, len(some)))]


def one_row(insertion: str, columns: int) -> str:
    """Return the statement that inserts one row."""
    return _statement(insertion, 1, columns)


@cache
def _statement(insertion: str, rows: int, columns: int) -> str:
    places = [f"${number}" for number in range(1, rows * columns + 1)]
    lines = (places[start : start + columns] for start in range(0, len(places), columns))
    return f"{insertion} VALUES " + ", ".join(f"({', '.join(line)})" for line in lines)
