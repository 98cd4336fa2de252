"""API keys, found by hash."""

from functools import lru_cache

from cosignet.core.access import ApiKey, Scope
from cosignet.server.store.db import Reader, Row, Transaction

_SELECT = """
SELECT k.id, k.organisation_id, o.slug, k.name, k.prefix, k.scopes, k.created_at, k.revoked_at,
       k.rotated_at, k.old_secret_ends_at
FROM api_keys k JOIN organisations o ON o.id = k.organisation_id
"""


async def insert(tx: Transaction, key: ApiKey, *, key_hash: bytes) -> None:
    """Store a key by its SHA-256."""
    await tx.execute(
        "INSERT INTO api_keys (id, organisation_id, name, prefix, key_hash, scopes, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        key.id,
        key.organisation_id,
        key.name,
        key.prefix,
        key_hash,
        " ".join(sorted(key.scopes)),
        key.created_at,
    )


async def by_hash(reader: Reader, key_hash: bytes) -> ApiKey | None:
    """Return a key that is not revoked."""
    return await reader.find(
        _api_key, _SELECT + "WHERE k.key_hash = $1 AND k.revoked_at IS NULL", key_hash
    )


async def all_of(reader: Reader, organisation_id: str) -> list[ApiKey]:
    """Return an organisation's keys, newest first."""
    rows = await reader.fetch(
        _SELECT + "WHERE k.organisation_id = $1 ORDER BY k.created_at DESC, k.id", organisation_id
    )
    return [_api_key(row) for row in rows]


async def revoke(tx: Transaction, organisation_id: str, key_id: str) -> bool:
    """End a key; whether the organisation has such a key that was not ended before."""
    changed = await tx.execute(
        "UPDATE api_keys SET revoked_at = clock_ms()"
        " WHERE organisation_id = $1 AND id = $2 AND revoked_at IS NULL",
        organisation_id,
        key_id,
    )
    return changed == 1


async def get(reader: Reader, organisation_id: str, key_id: str) -> ApiKey | None:
    """Return a key by id, revoked ones included."""
    row = await reader.fetch_one(
        _SELECT + "WHERE k.organisation_id = $1 AND k.id = $2", organisation_id, key_id
    )
    return None if row is None else _api_key(row)


async def any_of(reader: Reader, organisation_id: str) -> bool:
    """Whether an organisation ever had a key."""
    row = await reader.fetch_one(
        "SELECT 1 AS found FROM api_keys WHERE organisation_id = $1 LIMIT 1", organisation_id
    )
    return row is not None


async def unused_first(reader: Reader, organisation_id: str, created_after: int) -> str | None:
    """Return the id of an organisation's first key, if it lives, is that young, and asked nothing.

    `created_after` is unix milliseconds. It comes first: then little has been asked yet.
    """
    row = await reader.fetch_one(
        "SELECT k.id FROM organisations o JOIN api_keys k ON k.id = o.first_key_id"
        " WHERE o.id = $1 AND k.created_at > $2 AND k.revoked_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM confirmations c WHERE c.api_key_id = k.id)",
        organisation_id,
        created_after,
    )
    return None if row is None else row["id"]


def _api_key(row: Row) -> ApiKey:
    # The columns stand in the order of the fields.
    id_, organisation_id, slug, name, prefix, scopes, *times = row
    return ApiKey(id_, organisation_id, slug, name, prefix, _scopes(scopes), *times)


@lru_cache
def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(map(Scope, text.split()))
