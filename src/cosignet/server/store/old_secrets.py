"""Replacing an API key's secret; what was replaced goes on until its time, by the database's clock.

A key that was rotated has its newest secret in `api_keys`, where every call looks first.
"""

from cosignet.core.access import ApiKey
from cosignet.server.store.db import Reader, Transaction


async def replace(tx: Transaction, key: ApiKey, *, key_hash: bytes) -> bool:
    """Give a locked key another secret; whether it is not revoked.

    The old one ends at the key's `old_secret_ends_at`, and older ones no later than that.
    """
    await tx.execute(
        "UPDATE old_secrets SET ends_at = $2 WHERE api_key_id = $1 AND ends_at > $2",
        key.id,
        key.old_secret_ends_at,
    )
    await tx.execute(
        "INSERT INTO old_secrets (key_hash, organisation_id, api_key_id, ends_at)"
        " SELECT key_hash, organisation_id, id, $2 FROM api_keys WHERE id = $1",
        key.id,
        key.old_secret_ends_at,
    )
    changed = await tx.execute(
        "UPDATE api_keys SET key_hash = $2, prefix = $3, rotated_at = $4, old_secret_ends_at = $5"
        " WHERE id = $1 AND revoked_at IS NULL",
        key.id,
        key_hash,
        key.prefix,
        key.rotated_at,
        key.old_secret_ends_at,
    )
    return changed == 1


async def owner(reader: Reader, key_hash: bytes) -> tuple[str, str] | None:
    """Return whose secret this was, if it has not ended: organisation and API key, by id."""
    row = await reader.fetch_one(
        "SELECT organisation_id, api_key_id FROM old_secrets"
        " WHERE key_hash = $1 AND ends_at > clock_ms()",
        key_hash,
    )
    return None if row is None else (row["organisation_id"], row["api_key_id"])
