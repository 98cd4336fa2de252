"""Forgetting rows that nobody needs any more, some at a time."""

from dataclasses import dataclass

from cosignet.core.retention import PROMPTS_OPEN_MAX, Kept
from cosignet.server.store.db import Reader, Transaction


@dataclass(frozen=True, slots=True)
class Statements:
    """How rows of one kind are looked for and forgotten. Names are ours, values are bound."""

    look: str
    forget: str


def statements_of(kept: Kept) -> Statements:
    """Spell them.

    Their age is looked at outside, too: PostgreSQL asks that again of a row which a request has
    meanwhile made its own.
    """
    old = f"{kept.since} <= clock_ms() - $1"
    chosen = f"SELECT {kept.key} FROM {kept.table} WHERE {old} ORDER BY {kept.since} LIMIT $2"  # noqa: S608
    return Statements(
        look=f"SELECT 1 AS found FROM {kept.table} WHERE {old} LIMIT 1",  # noqa: S608
        forget=f"DELETE FROM {kept.table} WHERE {old} AND ({kept.key}) IN ({chosen})",  # noqa: S608
    )


async def any_old(reader: Reader, kept: Kept) -> bool:
    """Whether there is something to forget."""
    return await reader.fetch_one(statements_of(kept).look, kept.kept_ms) is not None


async def forget(tx: Transaction, kept: Kept, limit: int) -> int:
    """Forget some that are too old; return how many."""
    return await tx.execute(statements_of(kept).forget, kept.kept_ms, limit)


async def newest_prompt_too_many(reader: Reader, most: int = PROMPTS_OPEN_MAX) -> int | None:
    """Return when the newest of those prompts ends that are more than there may be, if any are."""
    row = await reader.fetch_one(
        "SELECT expires_at FROM ceremonies ORDER BY expires_at DESC LIMIT 1 OFFSET $1", most
    )
    return None if row is None else row["expires_at"]


async def end_prompts(tx: Transaction, until: int, limit: int) -> int:
    """End some prompts that would have ended up to a time (unix milliseconds); return how many."""
    return await tx.execute(
        "DELETE FROM ceremonies WHERE expires_at <= $1 AND (purpose, subject) IN (SELECT purpose,"
        " subject FROM ceremonies WHERE expires_at <= $1 LIMIT $2)",
        until,
        limit,
    )
