"""Reasons that are given once a confirmation is rejected."""

from cosignet.core.confirmation import RejectReason
from cosignet.core.reject_reason import REJECT_REASON_MS
from cosignet.server.store.db import Reader, Transaction


async def give(
    tx: Transaction, confirmation_id: str, reason: RejectReason, *, browser_hash: bytes
) -> bool:
    """Give a rejection the reason it lacks, in time; whether this call did.

    `browser_hash` is what the rejection was recorded with.
    """
    changed = await tx.execute(
        "UPDATE confirmations SET rejection_reason = $2"
        " WHERE id = $1 AND status = 'rejected' AND rejection_reason IS NULL"
        " AND rejected_in = $3 AND decided_at > clock_ms() - $4",
        confirmation_id,
        reason,
        browser_hash,
        REJECT_REASON_MS,
    )
    return changed == 1


async def is_wanted(reader: Reader, confirmation_id: str, browser_hash: bytes) -> bool:
    """Whether `give` would record a reason now."""
    row = await reader.fetch_one(
        "SELECT 1 AS found FROM confirmations"
        " WHERE id = $1 AND status = 'rejected' AND rejection_reason IS NULL"
        " AND rejected_in = $2 AND decided_at > clock_ms() - $3",
        confirmation_id,
        browser_hash,
        REJECT_REASON_MS,
    )
    return row is not None


async def was_in(reader: Reader, confirmation_id: str, browser_hash: bytes) -> bool:
    """Whether it was this browser that rejected."""
    row = await reader.fetch_one(
        "SELECT 1 AS found FROM confirmations WHERE id = $1 AND rejected_in = $2",
        confirmation_id,
        browser_hash,
    )
    return row is not None
