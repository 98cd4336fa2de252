"""Leaves of the transparency log: written with what they tell of, numbered by the sequencer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from cosignet.core.leaf import ENTRY_BYTES_MAX
from cosignet.server.store.db import Reader, Row, Transaction


@dataclass(frozen=True, slots=True)
class NewLeaf:
    """A leaf about to be recorded with what it tells of. `created_at` is unix milliseconds."""

    organisation_id: str
    subject: str
    kind: str
    entry: bytes
    opening: str = field(repr=False)
    created_at: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf as it is stored; `index` is None until it has a number."""

    subject: str
    kind: str
    entry: bytes
    opening: str = field(repr=False)
    index: int | None


class Pending(NamedTuple):
    """A leaf that has no number yet; the order of these is the one in which they are numbered."""

    created_at: int
    subject: str
    kind: str
    entry: bytes


def append(tx: Transaction, leaf: NewLeaf) -> None:
    """Record a leaf. A subject has one of each kind: a second one lets no transaction succeed.

    Raises:
        ValueError: its entry is larger than any log takes; nothing may be decided with it.
    """
    if len(leaf.entry) > ENTRY_BYTES_MAX:
        raise ValueError(f"a log entry of {len(leaf.entry)} bytes")
    tx.append(
        "INSERT INTO leaves (organisation_id, subject, kind, entry, opening, created_at)",
        leaf.organisation_id,
        leaf.subject,
        leaf.kind,
        leaf.entry,
        leaf.opening,
        leaf.created_at,
    )


async def get(reader: Reader, subject: str, kind: str) -> Leaf | None:
    """Return a subject's leaf of a kind."""
    return await reader.find(
        _leaf,
        "SELECT subject, kind, entry, opening, leaf_index FROM leaves"
        " WHERE subject = $1 AND kind = $2",
        subject,
        kind,
    )


async def any_at_all(reader: Reader) -> bool:
    """Whether there is a leaf."""
    return await reader.fetch_one("SELECT 1 AS found FROM leaves LIMIT 1") is not None


async def pending(reader: Reader, most: int) -> int:
    """Return how many leaves have no number yet; not more than `most` are counted."""
    row = await reader.fetch_one(
        "SELECT count(*) AS found FROM"
        " (SELECT 1 FROM leaves WHERE leaf_index IS NULL LIMIT $1) AS taken",
        most,
    )
    return 0 if row is None else row["found"]


async def oldest(reader: Reader, most: int) -> list[Pending]:
    """Return the oldest leaves that have no number yet, in the order in which they get theirs."""
    rows = await reader.fetch(
        "SELECT created_at, subject, kind, entry FROM leaves WHERE leaf_index IS NULL"
        " ORDER BY created_at LIMIT $1",
        most,
    )
    return sorted(Pending(*row) for row in rows)


async def number(tx: Transaction, found: Iterable[Pending], *, start: int) -> None:
    """Give pending leaves the numbers from `start` on."""
    await tx.execute_each(
        "UPDATE leaves SET leaf_index = $1 WHERE subject = $2 AND kind = $3 AND leaf_index IS NULL",
        [(number, leaf.subject, leaf.kind) for number, leaf in enumerate(found, start)],
    )


async def entries(reader: Reader, start: int, end: int) -> list[bytes]:
    """Return the entries with numbers `start` to `end` (exclusive), as far as there are any."""
    rows = await reader.fetch(
        "SELECT entry FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index",
        start,
        end,
    )
    return [entry for (entry,) in rows]


def _leaf(row: Row) -> Leaf:
    return Leaf(row["subject"], row["kind"], row["entry"], row["opening"], row["leaf_index"])
