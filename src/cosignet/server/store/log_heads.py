"""Signed heads of the log: one for a size, never changed."""

from dataclasses import dataclass

from cosignet.server.store.db import Reader, Row, Transaction

_SELECT = "SELECT size, root, note, signed_at FROM log_heads "


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head. `signed_at` is unix milliseconds, and not signed itself."""

    size: int
    root: bytes
    note: str
    signed_at: int


async def latest(reader: Reader) -> Head | None:
    """Return the newest head, if there is one."""
    return await reader.find(_head, _SELECT + "ORDER BY size DESC LIMIT 1")


async def at(reader: Reader, size: int) -> Head | None:
    """Return the head of a size, if one was signed."""
    return await reader.find(_head, _SELECT + "WHERE size = $1", size)


async def before(reader: Reader, size: int, limit: int) -> list[Head]:
    """Return heads below a size, newest first."""
    rows = await reader.fetch(_SELECT + "WHERE size < $1 ORDER BY size DESC LIMIT $2", size, limit)
    return [_head(row) for row in rows]


async def after(reader: Reader, size: int, limit: int) -> list[Head]:
    """Return heads above a size, oldest first."""
    rows = await reader.fetch(_SELECT + "WHERE size > $1 ORDER BY size LIMIT $2", size, limit)
    return [_head(row) for row in rows]


async def insert(tx: Transaction, head: Head) -> None:
    """Store a head. A second one of a size lets no transaction succeed."""
    await tx.execute(
        "INSERT INTO log_heads (size, root, note, signed_at) VALUES ($1, $2, $3, $4)",
        head.size,
        head.root,
        head.note,
        head.signed_at,
    )


def _head(row: Row) -> Head:
    return Head(row["size"], row["root"], row["note"], row["signed_at"])
