"""Approvers: the people who decide."""

from dataclasses import dataclass

from cosignet.core.access import Approver, Role
from cosignet.server.store.db import Reader, Row, Transaction

COLUMNS = (
    "a.id, a.organisation_id, a.username, a.role, a.user_handle, a.created_at, a.activated_at,"
    " a.revoked_at"
)
"""What `approver_of` reads, of a table called `a`."""
_SELECT = f"SELECT {COLUMNS} FROM approvers a "  # noqa: S608 - our own texts alone


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
    return await reader.find(approver_of, _SELECT + "WHERE a.id = $1", approver_id)


async def by_username(reader: Reader, organisation_id: str, username: str) -> Approver | None:
    """Return an organisation's approver by username, revoked ones included."""
    return await reader.find(
        approver_of,
        _SELECT + "WHERE a.organisation_id = $1 AND a.username = $2",
        organisation_id,
        username,
    )


async def all_of(reader: Reader, organisation_id: str) -> list[Approver]:
    """Return an organisation's approvers by name."""
    rows = await reader.fetch(
        _SELECT + "WHERE a.organisation_id = $1 ORDER BY a.username",
        organisation_id,
    )
    return [approver_of(row) for row in rows]


async def owner_exists(reader: Reader, organisation_id: str) -> bool:
    """Whether somebody owns the organisation."""
    row = await reader.fetch_one(
        "SELECT 1 AS found FROM approvers WHERE organisation_id = $1 AND role = 'owner'"
        " AND revoked_at IS NULL LIMIT 1",
        organisation_id,
    )
    return row is not None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An approver whom nobody has activated."""

    approver: Approver
    invited_by: str | None
    """The name of the API key that invited them."""


async def waiting(reader: Reader, organisation_id: str) -> list[Waiting]:
    """Return an organisation's approvers who wait for activation, oldest first."""
    rows = await reader.fetch(
        f"SELECT {COLUMNS},"  # noqa: S608 - likewise
        " (SELECT k.name FROM credentials c"
        "  JOIN api_keys k ON k.id = c.enroller_id"
        "  WHERE c.approver_id = a.id ORDER BY c.created_at LIMIT 1) AS invited_by"
        " FROM approvers a WHERE a.organisation_id = $1 AND a.activated_at IS NULL"
        " AND a.revoked_at IS NULL ORDER BY a.created_at, a.id",
        organisation_id,
    )
    return [Waiting(approver_of(row), row["invited_by"]) for row in rows]


async def activate_by(tx: Transaction, member: Approver, approver_id: str) -> bool:
    """Let an approver decide, in the name of a colleague; whether that changed anything.

    The colleague has to be an active owner or admin of the same organisation at this moment.
    """
    changed = await tx.execute(
        "UPDATE approvers SET activated_at = clock_ms()"
        " WHERE id = $1 AND activated_at IS NULL AND revoked_at IS NULL"
        " AND EXISTS (SELECT 1 FROM approvers m WHERE m.id = $2"
        "  AND m.organisation_id = approvers.organisation_id AND m.role IN ('owner', 'admin')"
        "  AND m.activated_at IS NOT NULL AND m.revoked_at IS NULL)",
        approver_id,
        member.id,
    )
    return changed == 1


async def activate(tx: Transaction, approver_id: str) -> bool:
    """Let an approver decide; whether that changed anything."""
    changed = await tx.execute(
        "UPDATE approvers SET activated_at = clock_ms()"
        " WHERE id = $1 AND activated_at IS NULL AND revoked_at IS NULL",
        approver_id,
    )
    return changed == 1


async def set_role(tx: Transaction, approver_id: str, role: Role) -> bool:
    """Give an approver a role; whether they may have it.

    Not if they are revoked; to be an owner or admin they have to be activated; and who is the
    only active owner stays it, so that there always is one.
    """
    changed = await tx.execute(
        "UPDATE approvers SET role = $2 WHERE id = $1 AND revoked_at IS NULL"
        " AND (activated_at IS NOT NULL OR $2 NOT IN ('owner', 'admin'))"
        " AND ($2 = 'owner' OR role <> 'owner' OR EXISTS (SELECT 1 FROM approvers o"
        "  WHERE o.organisation_id = approvers.organisation_id AND o.id <> approvers.id"
        "  AND o.role = 'owner' AND o.activated_at IS NOT NULL AND o.revoked_at IS NULL))",
        approver_id,
        role,
    )
    return changed == 1


async def revoke(tx: Transaction, approver_id: str) -> bool:
    """Take an approver's say away for ever; whether that changed anything."""
    changed = await tx.execute(
        "UPDATE approvers SET revoked_at = clock_ms() WHERE id = $1 AND revoked_at IS NULL",
        approver_id,
    )
    return changed == 1


def approver_of(row: Row) -> Approver:
    """Return the approver that a row with `COLUMNS` tells of."""
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
