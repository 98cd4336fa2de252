"""Confirmations, with the two contexts that their approver can sign.

Every change of status is one conditional UPDATE whose row count is the answer; the database's
clock decides. None of them is reachable but through TRANSITIONS in `core/confirmation.py`.
"""

from collections.abc import Sequence
from typing import Any

from cosignet.core.confirmation import (
    Confirmation,
    Outcome,
    OutcomeResult,
    Rejection,
    RejectReason,
    Signature,
    Status,
    Wanted,
)
from cosignet.core.match_code import MatchCode
from cosignet.server.store.db import Database, Reader, Room, Row, SqlValue, Transaction

TOPIC = "confirmation"
"""Notified with a confirmation's id when it leaves `pending`."""

# The columns stand in the order of a Confirmation's fields, and then of those of its parts.
_SELECT = """
SELECT c.id, c.organisation_id, c.api_key_id, c.requester, c.approver_id, a.username, c.action,
       c.payload, c.payload_hash, c.context, c.reject_context, c.risk, c.private,
       c.status, c.created_at, c.expires_at, c.match_code, c.decided_at, c.cancelled_at,
       c.evidence_id, c.consumed_at, c.consumed_by, c.match_choices, c.rejection_signed,
       c.rejection_reason, c.outcome, c.outcome_note, c.outcome_at,
       k.credential_id, k.algorithm, k.public_key_spki, s.context_hash, s.raw_assertion,
       s.assertion_hash, s.signed_at
FROM confirmations c
JOIN approvers a ON a.id = c.approver_id
LEFT JOIN signatures s ON s.confirmation_id = c.id AND s.purpose = 'approve'
    AND c.status = 'approved'
LEFT JOIN credentials k ON k.id = s.credential_id
"""
_BY_ID = _SELECT + "WHERE c.id = $1"
_BY_EVIDENCE = _SELECT + "WHERE c.evidence_id = $1"
_DECIDED_AMONG = "SELECT id FROM confirmations WHERE status <> 'pending' AND id IN "
_INSERTION = (
    "INSERT INTO confirmations (id, organisation_id, api_key_id, approver_id, requester,"
    " action, payload, payload_hash, context, reject_context, risk, private, match_code,"
    " match_choices, status, created_at, expires_at)"
)
_STATUSES = {status.value: status for status in Status}
_EVER, _NEVER = 2**62, -(2**62)
"""After and before all times."""
_APPROVER_ID, _PRIVATE, _STATUS, _MATCH = 4, 12, 13, 16
"""Where in a row four of the fields stand."""
_CHOICES, _REJECTION, _OUTCOME, _SIGNATURE = 22, 23, 25, 28
"""Where the parts begin."""


async def insert(database: Database, confirmation: Confirmation, room: Room) -> bool:
    """Store a new pending confirmation; whether there was room for it."""
    return await database.append(_INSERTION, *_new_row(confirmation), room=room)


def append(tx: Transaction, confirmation: Confirmation) -> None:
    """Store a new pending confirmation together with something else."""
    tx.append(_INSERTION, *_new_row(confirmation))


def _new_row(c: Confirmation) -> tuple[SqlValue, ...]:
    return (
        c.id,
        c.organisation_id,
        c.api_key_id,
        c.approver_id,
        c.requester,
        c.action,
        c.payload,
        c.payload_hash,
        c.context,
        c.reject_context,
        c.risk,
        c.private,
        None if c.match is None else c.match.code,
        None if c.match is None else " ".join(c.match.choices),
        c.status,
        c.created_at,
        c.expires_at,
    )


async def get(reader: Reader, confirmation_id: str) -> Confirmation | None:
    """Return a confirmation by id, whatever its organisation; doors compare that."""
    return await reader.find(_confirmation, _BY_ID, confirmation_id)


async def page(
    reader: Reader,
    organisation_id: str,
    wanted: Wanted,
    *,
    before: tuple[int, str] | None,
    limit: int,
) -> list[Confirmation]:
    """Return an organisation's confirmations, newest first, older than `before` (time, id)."""
    until = _EVER if wanted.until is None else wanted.until
    # No id comes before the empty text: with it, what was created at that time is left out.
    at, last = min(before or (_EVER, ""), (until, ""))
    rows = await reader.fetch(
        _SELECT + "WHERE c.organisation_id = $1 AND (c.created_at, c.id) < ($2, $3)"
        " AND (c.status = $4 OR $4 = '') AND (a.username = $5 OR $5 = '')"
        " AND (c.requester = $6 OR $6 = '') AND c.created_at >= $7"
        " ORDER BY c.created_at DESC, c.id DESC LIMIT $8",
        organisation_id,
        at,
        last,
        wanted.status or "",
        wanted.approver or "",
        wanted.requester or "",
        _NEVER if wanted.since is None else wanted.since,
        limit,
    )
    return [_confirmation(row) for row in rows]


async def approve(
    tx: Transaction,
    confirmation_id: str,
    *,
    evidence_id: str,
    credential_row_id: str,
    sign_count: int,
    match_code: str | None = None,
) -> int | None:
    """Decide `approved`; return when (unix ms), or None if it was no longer pending in time.

    Only while the approver may decide and the passkey that signed is live, with no such count used
    before; above normal risk only with the right match code.
    """
    return await _decide(
        tx,
        confirmation_id,
        "UPDATE confirmations SET status = 'approved', decided_at = clock_ms(), evidence_id = $2"
        " WHERE id = $1 AND status = 'pending' AND expires_at > clock_ms()"
        " AND EXISTS (SELECT 1 FROM approvers a WHERE a.id = confirmations.approver_id"
        "  AND a.activated_at IS NOT NULL AND a.revoked_at IS NULL AND a.role <> 'auditor'"
        "  FOR SHARE)"
        " AND EXISTS (SELECT 1 FROM credentials k WHERE k.id = $4 AND k.revoked_at IS NULL"
        "  AND (k.sign_count < $5 OR (k.sign_count = 0 AND $5 = 0)))"
        " AND (risk = 'normal' OR match_code = $3)",
        evidence_id,
        match_code or "",
        credential_row_id,
        sign_count,
    )


async def reject(
    tx: Transaction,
    confirmation_id: str,
    *,
    signed: bool,
    reason: RejectReason | None,
    evidence_id: str | None,
    browser_hash: bytes | None = None,
) -> int | None:
    """Decide `rejected`; return when (unix ms), or None if it was no longer pending in time.

    With `browser_hash` comes who may give a reason later: see `reject_reasons`.
    """
    return await _decide(
        tx,
        confirmation_id,
        "UPDATE confirmations SET status = 'rejected', decided_at = clock_ms(),"
        " rejection_signed = $2, rejection_reason = $3, evidence_id = $4, rejected_in = $5"
        " WHERE id = $1 AND status = 'pending' AND expires_at > clock_ms()",
        signed,
        reason,
        evidence_id,
        browser_hash,
    )


async def expire(tx: Transaction, confirmation_id: str) -> int | None:
    """Perform an expiry that is due; return when (unix ms), or None if there was none to do."""
    return await _decide(
        tx,
        confirmation_id,
        "UPDATE confirmations SET status = 'expired', decided_at = clock_ms()"
        " WHERE id = $1 AND status = 'pending' AND expires_at <= clock_ms()",
    )


async def cancel(tx: Transaction, confirmation_id: str) -> int | None:
    """End a pending confirmation as `expired` and cancelled; return when, or None if too late."""
    return await _decide(
        tx,
        confirmation_id,
        "UPDATE confirmations SET status = 'expired', decided_at = clock_ms(),"
        " cancelled_at = clock_ms()"
        " WHERE id = $1 AND status = 'pending' AND expires_at > clock_ms()",
    )


async def due(reader: Reader, limit: int) -> list[str]:
    """Return ids of pending confirmations whose time is over."""
    rows = await reader.fetch(
        "SELECT id FROM confirmations WHERE decided_at IS NULL AND expires_at <= clock_ms()"
        " ORDER BY expires_at LIMIT $1",
        limit,
    )
    return [row["id"] for row in rows]


async def by_evidence(reader: Reader, evidence_id: str) -> Confirmation | None:
    """Return the confirmation whose evidence has an id."""
    return await reader.find(_confirmation, _BY_EVIDENCE, evidence_id)


async def decided_among(reader: Reader, ids: Sequence[str]) -> list[str]:
    """Return those of some confirmations that are no longer pending."""
    places = ", ".join(f"${number}" for number in range(1, len(ids) + 1))
    rows = await reader.fetch("".join((_DECIDED_AMONG, "(", places, ")")), *ids)
    return [row["id"] for row in rows]


async def _decide(tx: Transaction, confirmation_id: str, sql: str, *values: SqlValue) -> int | None:
    at = await tx.changed_at(sql, confirmation_id, *values)
    if at is not None:
        tx.notify(TOPIC, confirmation_id)
    return at


def _confirmation(row: Row) -> Confirmation:
    # By place: looking up thirty names would take as long as the query.
    values = list(row)
    status = values[_STATUS] = _STATUSES[values[_STATUS]]
    values[_PRIVATE] = bool(values[_PRIVATE])
    values[_MATCH] = _match(values[_MATCH], values[_CHOICES])
    values[_CHOICES:] = (
        _rejection(status, *values[_REJECTION:_OUTCOME]),
        _outcome(*values[_OUTCOME:_SIGNATURE]),
        _signature(values[_APPROVER_ID], *values[_SIGNATURE:]),
    )
    return Confirmation(*values)


def _match(code: str | None, choices: str) -> MatchCode | None:
    return None if code is None else MatchCode(code, tuple(choices.split()))


def _rejection(
    status: Status, signed: bool | None, reason: RejectReason | None
) -> Rejection | None:
    return Rejection(bool(signed), reason) if status is Status.REJECTED else None


def _outcome(result: OutcomeResult | None, note: str | None, at: int) -> Outcome | None:
    return None if result is None else Outcome(result, note, at)


def _signature(approver_id: str, credential_id: bytes | None, *rest: Any) -> Signature | None:
    return None if credential_id is None else Signature(approver_id, credential_id, *rest)
