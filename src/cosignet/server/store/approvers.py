"""Approvers: the people who decide."""

from cosignet.core.access import Approver, Role
from cosignet.server.store.db import Reader, Row, Transaction


async def insert(tx: Transaction, approver: Approver) -> bool:
    """Store an approver; whether the username was free."""
    changed = await tx.execute(
        "INSERT INTO approvers (id, organisation_id, username, role, user_handle, created_at,"
        " activated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (organisation_id, username) DO NOTHING",
        approver.id,
        approver.organisation_id,
        approver.username,
        approver.role,
        approver.user_handle,
        approver.created_at,
        approver.activated_at,
    )
    return changed == 1


async def get(reader: Reader, approver_id: str) -> Approver | None:
    """Return an approver by id."""
    return await reader.find(_approver, "SELECT * FROM approvers WHERE id = $1", approver_id)


async def by_username(reader: Reader, organisation_id: str, username: str) -> Approver | None:
    """Return an organisation's approver by username, revoked ones included."""
    return await reader.find(
        _approver,
        "SELECT * FROM approvers WHERE organisation_id = $1 AND username = $2",
        organisation_id,
        username,
    )


async def all_of(reader: Reader, organisation_id: str) -> list[Approver]:
    """Return an organisation's approvers by name."""
    rows = await reader.fetch(
        "SELECT * FROM approvers WHERE organisation_id = $1 ORDER BY username", organisation_id
    )
    return [_approver(row) for row in rows]


async def owner_exists(reader: Reader, organisation_id: str) -> bool:
    """Whether somebody owns the organisation."""
    row = await reader.fetch_one(
        "SELECT 1 AS found FROM approvers WHERE organisation_id = $1 AND role = 'owner'"
        " AND revoked_at IS NULL LIMIT 1",
        organisation_id,
    )
    return row is not None


async def activate(tx: Transaction, approver_id: str) -> bool:
    """Let an approver decide; whether that changed anything."""
    changed = await tx.execute(
        "UPDATE approvers SET activated_at = clock_ms()"
        " WHERE id = $1 AND activated_at IS NULL AND revoked_at IS NULL",
        approver_id,
    )
    return changed == 1


async def revoke(tx: Transaction, approver_id: str) -> bool:
    """Take an approver's say away for ever; whether that changed anything."""
    changed = await tx.execute(
        "UPDATE approvers SET revoked_at = clock_ms() WHERE id = $1 AND revoked_at IS NULL",
        approver_id,
    )
    return changed == 1


def _approver(row: Row) -> Approver:
    return Approver(
        id=row["id"],
        organisation_id=row["organisation_id"],
        username=row["username"],
        role=Role(row["role"]),
        user_handle=row["user_handle"],
        created_at=row["created_at"],
        activated_at=row["activated_at"],
        revoked_at=row["revoked_at"],
    )
