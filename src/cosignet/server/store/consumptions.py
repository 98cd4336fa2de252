"""What became of an approval: its single use, and the outcome. Columns of `confirmations`."""

from cosignet.core.confirmation import OutcomeResult
from cosignet.server.store.db import Reader, Transaction


async def record(
    tx: Transaction, confirmation_id: str, *, api_key_id: str, token_hash: bytes
) -> int | None:
    """Use an approval up; return when (unix ms), or None if another call was first."""
    row = await tx.fetch_one(
        "UPDATE confirmations SET consumed_at = clock_ms(), consumed_by = $2,"
        " consume_token_hash = $3"
        " WHERE id = $1 AND status = 'approved' AND consumed_at IS NULL RETURNING consumed_at",
        confirmation_id,
        api_key_id,
        token_hash,
    )
    return None if row is None else row["consumed_at"]


async def made_with(reader: Reader, confirmation_id: str, token_hash: bytes) -> bool:
    """Whether it was this token that consumed the approval."""
    row = await reader.fetch_one(
        "SELECT 1 AS found FROM confirmations WHERE id = $1 AND consume_token_hash = $2",
        confirmation_id,
        token_hash,
    )
    return row is not None


async def record_outcome(
    tx: Transaction, confirmation_id: str, *, result: OutcomeResult, note: str | None
) -> int | None:
    """Record what became of a consumed approval; return when (unix ms), None if not the first."""
    row = await tx.fetch_one(
        "UPDATE confirmations SET outcome = $2, outcome_note = $3, outcome_at = clock_ms()"
        " WHERE id = $1 AND consumed_at IS NOT NULL AND outcome IS NULL RETURNING outcome_at",
        confirmation_id,
        result,
        note,
    )
    return None if row is None else row["outcome_at"]
