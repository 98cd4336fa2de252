"""What this installation is bound to; written once."""

from dataclasses import dataclass

from cosignet.core.errors import Unavailable
from cosignet.server.store.db import Reader, Transaction


@dataclass(frozen=True, slots=True)
class Installation:
    """The identity that passkeys and the log are tied to."""

    public_url: str
    rp_id: str
    origin: str
    log_origin: str
    encryption_key_id: str


async def get(reader: Reader) -> Installation | None:
    """Return what was recorded at first start, if there was one."""
    row = await reader.fetch_one("SELECT * FROM installation WHERE id = 1")
    if row is None:
        return None
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


async def now(reader: Reader) -> int:
    """Return the database's clock (unix milliseconds)."""
    row = await reader.fetch_one("SELECT clock_ms() AS now")
    if row is None:
        raise Unavailable("the database tells no time")
    return row["now"]


async def probe(tx: Transaction) -> None:
    """Write something that changes nothing, to prove that writing works."""
    await tx.execute("UPDATE installation SET id = 1 WHERE id = 1")
