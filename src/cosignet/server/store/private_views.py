"""Browsers in which a named approver has unlocked a private confirmation."""

from dataclasses import dataclass, field

from cosignet.core.private_view import PRIVATE_VIEW_MS
from cosignet.server.store.db import Reader, Transaction


@dataclass(frozen=True, slots=True)
class PrivateView:
    """One browser that sees one private confirmation."""

    token_hash: bytes = field(repr=False)
    organisation_id: str
    confirmation_id: str
    approver_id: str
    credential_row_id: str


async def insert(tx: Transaction, view: PrivateView) -> None:
    """Begin a view."""
    await tx.execute(
        "INSERT INTO private_views (token_hash, organisation_id, confirmation_id, approver_id,"
        " credential_id, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, clock_ms(), clock_ms() + $6)",
        view.token_hash,
        view.organisation_id,
        view.confirmation_id,
        view.approver_id,
        view.credential_row_id,
        PRIVATE_VIEW_MS,
    )


async def is_open(reader: Reader, confirmation_id: str, token_hash: bytes) -> bool:
    """Whether this browser may see this confirmation.

    It may while the view lasts, its approver is the one who was asked and may decide, and the
    passkey that unlocked it is not revoked.
    """
    row = await reader.fetch_one(
        "SELECT 1 AS found FROM private_views v"
        " JOIN confirmations c ON c.id = v.confirmation_id AND c.approver_id = v.approver_id"
        " JOIN approvers a ON a.id = v.approver_id"
        "  AND a.activated_at IS NOT NULL AND a.revoked_at IS NULL AND a.role <> 'auditor'"
        " JOIN credentials k ON k.id = v.credential_id AND k.revoked_at IS NULL"
        " WHERE v.token_hash = $1 AND v.confirmation_id = $2"
        " AND v.created_at <= clock_ms() AND v.expires_at > clock_ms()",
        token_hash,
        confirmation_id,
    )
    return row is not None
