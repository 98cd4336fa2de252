"""Confirmations and their contexts.

Every change of status is one conditional UPDATE whose row count is the answer; the database's
clock decides. None of them is reachable but through TRANSITIONS in `core/confirmation.py`.
"""

from typing import cast

from cosignet.core.confirmation import (
    Confirmation,
    Outcome,
    OutcomeResult,
    Rejection,
    RejectReason,
    Risk,
    Signature,
    Status,
)
from cosignet.server.store.db import Reader, Row, Transaction

TOPIC = "confirmation"
"""Notified with a confirmation's id when it leaves `pending`."""

_SELECT = """
SELECT c.*, o.slug AS organisation_slug, a.username AS approver,
       ya.context AS context, no.context AS reject_context,
       s.context_hash, s.raw_assertion, s.assertion_hash, s.signed_at,
       k.credential_id AS signed_with, k.algorithm, k.public_key_spki
FROM confirmations c
JOIN organisations o ON o.id = c.organisation_id
JOIN approvers a ON a.id = c.approver_id
JOIN contexts ya ON ya.confirmation_id = c.id AND ya.approver_id = c.approver_id
    AND ya.purpose = 'approve'
JOIN contexts no ON no.confirmation_id = c.id AND no.approver_id = c.approver_id
    AND no.purpose = 'reject'
LEFT JOIN signatures s ON s.confirmation_id = c.id AND s.purpose = 'approve'
    AND c.status = 'approved'
LEFT JOIN credentials k ON k.id = s.credential_id
"""


async def insert(tx: Transaction, confirmation: Confirmation) -> None:
    """Store a new pending confirmation with both of its contexts."""
    c = confirmation
    await tx.execute(
        "INSERT INTO confirmations (id, organisation_id, api_key_id, approver_id, requester,"
        " action, payload, payload_hash, risk, status, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10, $11)",
        c.id,
        c.organisation_id,
        c.api_key_id,
        c.approver_id,
        c.requester,
        c.action,
        c.payload,
        c.payload_hash,
        c.risk,
        c.created_at,
        c.expires_at,
    )
    await tx.execute(
        "INSERT INTO contexts (confirmation_id, organisation_id, approver_id, purpose, context)"
        " VALUES ($1, $2, $3, 'approve', $4), ($1, $2, $3, 'reject', $5)",
        c.id,
        c.organisation_id,
        c.approver_id,
        c.context,
        c.reject_context,
    )


async def get(reader: Reader, confirmation_id: str) -> Confirmation | None:
    """Return a confirmation by id, whatever its organisation; doors compare that."""
    row = await reader.fetch_one(_SELECT + "WHERE c.id = $1", confirmation_id)
    return None if row is None else _confirmation(row)


async def page(
    reader: Reader,
    organisation_id: str,
    *,
    status: Status | None,
    approver: str | None,
    before: tuple[int, str] | None,
    limit: int,
) -> list[Confirmation]:
    """Return an organisation's confirmations, newest first, older than `before` (time, id)."""
    at, last = before or (2**62, "")
    rows = await reader.fetch(
        _SELECT + "WHERE c.organisation_id = $1 AND (c.created_at, c.id) < ($2, $3)"
        " AND (c.status = $4 OR $4 = '') AND (a.username = $5 OR $5 = '')"
        " ORDER BY c.created_at DESC, c.id DESC LIMIT $6",
        organisation_id,
        at,
        last,
        status or "",
        approver or "",
        limit,
    )
    return [_confirmation(row) for row in rows]


async def approve(tx: Transaction, confirmation_id: str, *, evidence_id: str) -> int | None:
    """Decide `approved`; return when (unix ms), or None if it was no longer pending in time."""
    return await _decide(
        tx,
        confirmation_id,
        "UPDATE confirmations SET status = 'approved', decided_at = clock_ms(), evidence_id = $2"
        " WHERE id = $1 AND status = 'pending' AND expires_at > clock_ms()"
        " AND EXISTS (SELECT 1 FROM approvers a WHERE a.id = confirmations.approver_id"
        "  AND a.activated_at IS NOT NULL AND a.revoked_at IS NULL)"
        " RETURNING decided_at",
        evidence_id,
    )


async def reject(
    tx: Transaction,
    confirmation_id: str,
    *,
    signed: bool,
    reason: RejectReason | None,
    evidence_id: str | None,
) -> int | None:
    """Decide `rejected`; return when (unix ms), or None if it was no longer pending in time."""
    return await _decide(
        tx,
        confirmation_id,
        "UPDATE confirmations SET status = 'rejected', decided_at = clock_ms(),"
        " rejection_signed = $2, rejection_reason = $3, evidence_id = $4"
        " WHERE id = $1 AND status = 'pending' AND expires_at > clock_ms() RETURNING decided_at",
        signed,
        reason,
        evidence_id,
    )


async def expire(tx: Transaction, confirmation_id: str) -> int | None:
    """Perform an expiry that is due; return when (unix ms), or None if there was none to do."""
    return await _decide(
        tx,
        confirmation_id,
        "UPDATE confirmations SET status = 'expired', decided_at = clock_ms()"
        " WHERE id = $1 AND status = 'pending' AND expires_at <= clock_ms() RETURNING decided_at",
    )


async def cancel(tx: Transaction, confirmation_id: str) -> int | None:
    """End a pending confirmation as `expired` and cancelled; return when, or None if too late."""
    return await _decide(
        tx,
        confirmation_id,
        "UPDATE confirmations SET status = 'expired', decided_at = clock_ms(),"
        " cancelled_at = clock_ms()"
        " WHERE id = $1 AND status = 'pending' AND expires_at > clock_ms() RETURNING decided_at",
    )


async def due(reader: Reader, limit: int) -> list[str]:
    """Return ids of pending confirmations whose time is over."""
    rows = await reader.fetch(
        "SELECT id FROM confirmations WHERE status = 'pending' AND expires_at <= clock_ms()"
        " ORDER BY expires_at LIMIT $1",
        limit,
    )
    return [row["id"] for row in rows]


async def consume(
    tx: Transaction, confirmation_id: str, *, api_key_id: str, token_hash: bytes
) -> bool:
    """Use an approval up; whether this call was the first."""
    changed = await tx.execute(
        "UPDATE confirmations SET consumed_at = clock_ms(), consumed_by = $2,"
        " consume_token_hash = $3"
        " WHERE id = $1 AND status = 'approved' AND consumed_at IS NULL",
        confirmation_id,
        api_key_id,
        token_hash,
    )
    return changed == 1


async def consumed_with(reader: Reader, confirmation_id: str, token_hash: bytes) -> bool:
    """Whether it was this token that consumed the approval."""
    row = await reader.fetch_one(
        "SELECT 1 AS found FROM confirmations WHERE id = $1 AND consume_token_hash = $2",
        confirmation_id,
        token_hash,
    )
    return row is not None


async def record_outcome(
    tx: Transaction, confirmation_id: str, *, result: OutcomeResult, note: str | None
) -> bool:
    """Record what became of a consumed approval; whether this call was the first."""
    changed = await tx.execute(
        "UPDATE confirmations SET outcome = $2, outcome_note = $3, outcome_at = clock_ms()"
        " WHERE id = $1 AND consumed_at IS NOT NULL AND outcome IS NULL",
        confirmation_id,
        result,
        note,
    )
    return changed == 1


async def _decide(
    tx: Transaction, confirmation_id: str, sql: str, *values: str | bool | None
) -> int | None:
    row = await tx.fetch_one(sql, confirmation_id, *values)
    if row is None:
        return None
    tx.notify(TOPIC, confirmation_id)
    return row["decided_at"]


def _confirmation(row: Row) -> Confirmation:
    return Confirmation(
        id=row["id"],
        organisation_id=row["organisation_id"],
        organisation_slug=row["organisation_slug"],
        api_key_id=row["api_key_id"],
        requester=row["requester"],
        approver_id=row["approver_id"],
        approver=row["approver"],
        action=row["action"],
        payload=row["payload"],
        payload_hash=row["payload_hash"],
        context=row["context"],
        reject_context=row["reject_context"],
        risk=cast(Risk, row["risk"]),
        status=Status(row["status"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        decided_at=row["decided_at"],
        cancelled_at=row["cancelled_at"],
        rejection=_rejection(row),
        evidence_id=row["evidence_id"],
        signature=_signature(row),
        consumed_at=row["consumed_at"],
        consumed_by=row["consumed_by"],
        outcome=_outcome(row),
    )


def _rejection(row: Row) -> Rejection | None:
    if row["status"] != Status.REJECTED:
        return None
    return Rejection(
        signed=bool(row["rejection_signed"]),
        reason=cast("RejectReason | None", row["rejection_reason"]),
    )


def _signature(row: Row) -> Signature | None:
    if row["raw_assertion"] is None:
        return None
    return Signature(
        approver_id=row["approver_id"],
        credential_id=row["signed_with"],
        algorithm=row["algorithm"],
        public_key_spki=row["public_key_spki"],
        context_hash=row["context_hash"],
        raw_assertion=row["raw_assertion"],
        assertion_hash=row["assertion_hash"],
        signed_at=row["signed_at"],
    )


def _outcome(row: Row) -> Outcome | None:
    if row["outcome"] is None:
        return None
    return Outcome(
        result=cast(OutcomeResult, row["outcome"]),
        note=row["outcome_note"],
        at=row["outcome_at"],
    )
