"""What this installation is bound to; written once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cosignet.core.errors import Unavailable
from cosignet.server.store.db import Reader, Row, Transaction

SELECT = (
    "SELECT public_url, rp_id, origin, log_origin, encryption_key_id FROM installation WHERE id = 1"
)


@dataclass(frozen=True, slots=True)
class Installation:
    """The identity that passkeys and the log are tied to."""

    public_url: str
    rp_id: str
    origin: str
    log_origin: str
    encryption_key_id: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database, or a backup of one, belongs to, and how far it was migrated."""

    installation: Installation | None
    applied: dict[str, str]
    """Migrations by name, with their hashes."""


Accept: TypeAlias = Callable[[Contents], None]
"""Raises SetupError if a backup must not be restored here."""


async def get(reader: Reader) -> Installation | None:
    """Return what was recorded at first start, if there was one."""
    row = await reader.fetch_one(SELECT)
    return None if row is None else installation_of(row)


async def contents(reader: Reader) -> Contents:
    """Return what the database belongs to, and how far it was migrated."""
    rows = await reader.fetch("SELECT name, sha256 FROM schema_migrations")
    return Contents(await get(reader), {row["name"]: row["sha256"] for row in rows})


def installation_of(row: Row) -> Installation:
    """Read the row that `SELECT` returns."""
    return Installation(
        public_url=row["public_url"],
        rp_id=row["rp_id"],
        origin=row["origin"],
        log_origin=row["log_origin"],
        encryption_key_id=row["encryption_key_id"],
    )


async def record(tx: Transaction, installation: Installation) -> None:
    """Write the identity down; a first writer wins."""
    await tx.execute(
        "INSERT INTO installation (id, public_url, rp_id, origin, log_origin, encryption_key_id,"
        " created_at) VALUES (1, $1, $2, $3, $4, $5, clock_ms()) ON CONFLICT (id) DO NOTHING",
        installation.public_url,
        installation.rp_id,
        installation.origin,
        installation.log_origin,
        installation.encryption_key_id,
    )


async def rebind(tx: Transaction, installation: Installation) -> bool:
    """Change the URL as long as nothing depends on it; whether that was so."""
    # Waits for registrations that have begun; the next statement sees what they made.
    await probe(tx)
    changed = await tx.execute(
        "UPDATE installation SET public_url = $1, rp_id = $2, origin = $3, log_origin = $4"
        " WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM leaves)"
        " AND NOT EXISTS (SELECT 1 FROM credentials)",
        installation.public_url,
        installation.rp_id,
        installation.origin,
        installation.log_origin,
    )
    return changed == 1


async def is_bound_to(tx: Transaction, public_url: str) -> bool:
    """Whether the store belongs to a public URL, which stays so until the transaction ends."""
    row = await tx.fetch_one(
        "SELECT 1 AS found FROM installation WHERE id = 1 AND public_url = $1 FOR SHARE", public_url
    )
    return row is not None


async def now(reader: Reader) -> int:
    """Return the database's clock (unix milliseconds)."""
    row = await reader.fetch_one("SELECT clock_ms() AS now")
    if row is None:
        raise Unavailable("the database tells no time")
    return row["now"]


async def probe(tx: Transaction) -> None:
    """Write something that changes nothing, to prove that writing works."""
    await tx.execute("UPDATE installation SET id = 1 WHERE id = 1")
