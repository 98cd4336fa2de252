"""Invites, found by the hash of their code."""

from dataclasses import dataclass, field

from cosignet.core.access import Enroller, Invite, Role
from cosignet.server.store.db import Reader, Row, Transaction

_SELECT = """
SELECT i.id, i.organisation_id, i.code_sealed, i.role, i.note, i.pinned_username, i.max_uses,
       i.uses, i.enroller, i.enroller_id, i.trusted, i.created_at, i.expires_at,
       COALESCE(i.revoked_at, k.revoked_at, m.revoked_at) AS revoked_at,
       o.slug AS organisation_slug
FROM invites i
JOIN organisations o ON o.id = i.organisation_id
LEFT JOIN api_keys k ON k.id = i.enroller_id -- an invite ends with the key that made it
LEFT JOIN approvers m ON m.id = i.enroller_id -- or with the member
"""


@dataclass(frozen=True, slots=True)
class ListedInvite:
    """An invite with its sealed code, for whoever may list them."""

    invite: Invite
    code_sealed: bytes = field(repr=False)


async def insert(
    tx: Transaction, invite: Invite, *, code_hash: bytes, code_sealed: bytes | None
) -> None:
    """Store an invite; without a sealed code it is never listed."""
    await tx.execute(
        "INSERT INTO invites (id, organisation_id, code_hash, code_sealed, role, note,"
        " pinned_username, max_uses, uses, enroller, enroller_id, trusted, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $12, $13)",
        invite.id,
        invite.organisation_id,
        code_hash,
        code_sealed,
        invite.role,
        invite.note,
        invite.pinned_username,
        invite.max_uses,
        invite.enroller,
        invite.enroller_id,
        invite.trusted,
        invite.created_at,
        invite.expires_at,
    )


async def by_code(reader: Reader, code_hash: bytes) -> Invite | None:
    """Return the invite of a code, whatever its state."""
    row = await reader.fetch_one(_SELECT + "WHERE i.code_hash = $1", code_hash)
    return None if row is None else _invite(row)


async def listed(
    reader: Reader, organisation_id: str, *, enrollers: frozenset[Enroller]
) -> list[ListedInvite]:
    """Return the invites that these made for an organisation, newest first."""
    rows = await reader.fetch(
        _SELECT + "WHERE i.organisation_id = $1 AND i.code_sealed IS NOT NULL"
        " ORDER BY i.created_at DESC, i.id",
        organisation_id,
    )
    found = [ListedInvite(invite=_invite(row), code_sealed=row["code_sealed"]) for row in rows]
    return [listed for listed in found if listed.invite.enroller in enrollers]


async def use(tx: Transaction, invite_id: str) -> bool:
    """Take one use of an invite; whether there was one left, in time."""
    changed = await tx.execute(
        "UPDATE invites SET uses = uses + 1 WHERE id = $1 AND uses < max_uses"
        " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_ms())"
        " AND NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.id = invites.enroller_id"
        "  AND k.revoked_at IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM approvers m WHERE m.id = invites.enroller_id"
        "  AND m.revoked_at IS NOT NULL)",
        invite_id,
    )
    return changed == 1


async def revoke(tx: Transaction, organisation_id: str, code_hash: bytes) -> bool:
    """End an invite; whether the organisation has such a code that was not ended before."""
    changed = await tx.execute(
        "UPDATE invites SET revoked_at = clock_ms()"
        " WHERE organisation_id = $1 AND code_hash = $2 AND revoked_at IS NULL",
        organisation_id,
        code_hash,
    )
    return changed == 1


async def revoke_owner_links(tx: Transaction, organisation_id: str) -> None:
    """End every unused first-owner link, before a new one is made."""
    await tx.execute(
        "UPDATE invites SET revoked_at = clock_ms()"
        " WHERE organisation_id = $1 AND code_sealed IS NULL AND revoked_at IS NULL AND uses = 0",
        organisation_id,
    )


def _invite(row: Row) -> Invite:
    return Invite(
        id=row["id"],
        organisation_id=row["organisation_id"],
        organisation_slug=row["organisation_slug"],
        role=Role(row["role"]),
        note=row["note"],
        pinned_username=row["pinned_username"],
        max_uses=row["max_uses"],
        uses=row["uses"],
        enroller=Enroller(row["enroller"]),
        enroller_id=row["enroller_id"],
        trusted=bool(row["trusted"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
