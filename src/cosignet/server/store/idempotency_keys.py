"""Answers that are kept for requests with an Idempotency-Key. The database's clock ends them."""

from cosignet.core.errors import Unavailable
from cosignet.core.idempotency import IDEMPOTENCY_MS, IdempotencyInProgress, Kept, Once
from cosignet.server.store.db import Reader, Transaction
from cosignet.server.store.postgres_wire import waited_in_vain


async def claim(tx: Transaction, once: Once, kept: Kept) -> bool:
    """Record an answer; whether no request with this key was answered before.

    A twin whose transaction has not ended is waited for. One that is too old makes room.

    Raises:
        IdempotencyInProgress: the twin takes too long.
    """
    try:
        changed = await tx.execute(
            "INSERT INTO idempotency_keys (api_key_id, key_hash, organisation_id, request_hash,"
            " status, answer, location, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, clock_ms())"
            " ON CONFLICT (api_key_id, key_hash) DO UPDATE SET"
            "  request_hash = excluded.request_hash, status = excluded.status,"
            "  answer = excluded.answer, location = excluded.location,"
            "  created_at = excluded.created_at"
            " WHERE idempotency_keys.created_at <= excluded.created_at - $8",
            once.api_key_id,
            once.key_hash,
            once.organisation_id,
            once.request_hash,
            kept.status,
            kept.body,
            kept.location,
            IDEMPOTENCY_MS,
        )
    except Unavailable as refusal:
        if waited_in_vain(refusal):
            raise IdempotencyInProgress from refusal
        raise
    return changed == 1


async def get(reader: Reader, once: Once) -> tuple[bytes, Kept] | None:
    """Return what was kept for a key, with the hash of the request that was answered so."""
    row = await reader.fetch_one(
        "SELECT request_hash, status, answer, location FROM idempotency_keys"
        " WHERE api_key_id = $1 AND key_hash = $2 AND created_at > clock_ms() - $3",
        once.api_key_id,
        once.key_hash,
        IDEMPOTENCY_MS,
    )
    if row is None:
        return None
    return row["request_hash"], Kept(row["status"], row["answer"], row["location"])
