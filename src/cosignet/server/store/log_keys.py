"""The log's signing keys, oldest first; their seeds are sealed."""

from dataclasses import dataclass, field

from cosignet.server.store.db import Reader, Row, Transaction


@dataclass(frozen=True, slots=True)
class LogKey:
    """One key. `signs_until` is unix milliseconds; None: until it is replaced."""

    number: int
    public_key: bytes
    seed_sealed: bytes = field(repr=False)
    signs_until: int | None = None

    def signs_at(self, now: int) -> bool:
        """Whether it signs heads at a time (unix milliseconds)."""
        return self.signs_until is None or now < self.signs_until


async def list_(reader: Reader) -> list[LogKey]:
    """Return all keys there ever were, oldest first."""
    rows = await reader.fetch(
        "SELECT number, public_key, seed_sealed, signs_until FROM log_keys ORDER BY number"
    )
    return [_key(row) for row in rows]


async def insert(tx: Transaction, key: LogKey) -> bool:
    """Store a key; whether nobody else stored one under that number."""
    changed = await tx.execute(
        "INSERT INTO log_keys (number, public_key, seed_sealed, created_at)"
        " VALUES ($1, $2, $3, clock_ms()) ON CONFLICT DO NOTHING",
        key.number,
        key.public_key,
        key.seed_sealed,
    )
    return changed == 1


async def retire(tx: Transaction, *, below: int, until: int) -> None:
    """Let the keys before a number sign no longer than until a time (unix milliseconds)."""
    await tx.execute(
        "UPDATE log_keys SET signs_until = $2 WHERE number < $1 AND signs_until IS NULL",
        below,
        until,
    )


def _key(row: Row) -> LogKey:
    return LogKey(row["number"], row["public_key"], row["seed_sealed"], row["signs_until"])
