"""Credentials: passkeys' public halves."""

from typing import NamedTuple

from cosignet.core.access import Enroller
from cosignet.server.store.db import Reader, Row, Transaction
from cosignet.server.webauthn import Credential

# The columns stand in the order of a StoredCredential's fields, and then of those of its part.
_SELECT = """
SELECT k.id, k.organisation_id, k.public_key_spki, k.backed_up, k.transports, k.aaguid, k.enroller,
       k.enroller_id, k.created_at, k.last_used_at, k.logged_at, k.flagged_at,
       k.credential_id, k.approver_id, a.user_handle, k.public_key, k.algorithm, k.sign_count,
       k.backup_eligible, k.revoked_at IS NOT NULL
FROM credentials k JOIN approvers a ON a.id = k.approver_id
"""
_FLAGS, _TRANSPORTS, _ENROLLER = (3, 18, 19), 4, 6
"""Where in a row some of the fields stand."""
_WEBAUTHN = 12
"""Where the part begins."""


class StoredCredential(NamedTuple):
    """A credential with what the store knows beside what WebAuthn needs."""

    row_id: str
    organisation_id: str
    public_key_spki: bytes
    backed_up: bool
    transports: tuple[str, ...]
    aaguid: str
    enroller: Enroller
    enroller_id: str | None
    created_at: int
    last_used_at: int | None
    logged_at: int | None
    flagged_at: int | None
    """When its sign counter went back: perhaps there is a copy."""
    webauthn: Credential


async def insert(tx: Transaction, credential: StoredCredential) -> bool:
    """Store a credential; whether its WebAuthn id is new."""
    changed = await tx.execute(
        "INSERT INTO credentials (id, organisation_id, approver_id, credential_id, public_key,"
        " public_key_spki, algorithm, sign_count, backup_eligible, backed_up, transports, aaguid,"
        " enroller, enroller_id, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        " ON CONFLICT (credential_id) DO NOTHING",
        credential.row_id,
        credential.organisation_id,
        credential.webauthn.approver_id,
        credential.webauthn.id,
        credential.webauthn.public_key,
        credential.public_key_spki,
        credential.webauthn.algorithm,
        credential.webauthn.sign_count,
        credential.webauthn.backup_eligible,
        credential.backed_up,
        " ".join(credential.transports),
        credential.aaguid,
        credential.enroller,
        credential.enroller_id,
        credential.created_at,
    )
    return changed == 1


async def by_credential_id(reader: Reader, credential_id: bytes) -> StoredCredential | None:
    """Return a credential by WebAuthn's id, revoked ones included."""
    return await reader.find(_stored, _SELECT + "WHERE k.credential_id = $1", credential_id)


async def of_approver(reader: Reader, approver_id: str) -> list[StoredCredential]:
    """Return an approver's credentials, oldest first."""
    rows = await reader.fetch(
        _SELECT + "WHERE k.approver_id = $1 ORDER BY k.created_at, k.id", approver_id
    )
    return [_stored(row) for row in rows]


async def unlogged(reader: Reader, created_before: int, limit: int) -> list[StoredCredential]:
    """Return credentials enrolled before a time (unix ms) whose leaf is still owed."""
    rows = await reader.fetch(
        _SELECT + "WHERE k.logged_at IS NULL AND k.created_at <= $1 ORDER BY k.created_at LIMIT $2",
        created_before,
        limit,
    )
    return [_stored(row) for row in rows]


async def record_use(tx: Transaction, row_id: str, *, sign_count: int, backed_up: bool) -> bool:
    """Note a verified assertion; whether the credential is live and its counter moved forward."""
    changed = await tx.execute(
        "UPDATE credentials SET sign_count = $2, backed_up = $3, last_used_at = clock_ms()"
        " WHERE id = $1 AND revoked_at IS NULL"
        " AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))",
        row_id,
        sign_count,
        backed_up,
    )
    return changed == 1


async def record_logged(tx: Transaction, row_id: str) -> bool:
    """Note that the credential's leaf has been written; whether it had none before."""
    changed = await tx.execute(
        "UPDATE credentials SET logged_at = clock_ms() WHERE id = $1 AND logged_at IS NULL", row_id
    )
    return changed == 1


async def flag(tx: Transaction, credential_id: bytes) -> None:
    """Note that a credential's counter went back; `credential_id` is WebAuthn's."""
    await tx.execute(
        "UPDATE credentials SET flagged_at = clock_ms()"
        " WHERE credential_id = $1 AND flagged_at IS NULL",
        credential_id,
    )


async def revoke_unless_activated(tx: Transaction, approver_id: str) -> dict[str, int]:
    """End the passkeys of an approver whom nobody has activated; return which, and when."""
    rows = await tx.fetch(
        "UPDATE credentials SET revoked_at = clock_ms() WHERE approver_id = $1"
        " AND revoked_at IS NULL AND EXISTS (SELECT 1 FROM approvers a"
        "  WHERE a.id = $1 AND a.activated_at IS NULL) RETURNING id, revoked_at",
        approver_id,
    )
    return {row["id"]: row["revoked_at"] for row in rows}


async def revoke(tx: Transaction, row_id: str) -> int | None:
    """End a credential; return when (unix ms), or None if it had ended."""
    row = await tx.fetch_one(
        "UPDATE credentials SET revoked_at = clock_ms() WHERE id = $1 AND revoked_at IS NULL"
        " RETURNING revoked_at",
        row_id,
    )
    return None if row is None else row["revoked_at"]


async def revoke_unless_last(tx: Transaction, row_id: str, approver_id: str) -> int | None:
    """End one of an approver's credentials; None if it was not live, or the only one."""
    row = await tx.fetch_one(
        "UPDATE credentials SET revoked_at = clock_ms()"
        " WHERE id = $1 AND approver_id = $2 AND revoked_at IS NULL"
        " AND EXISTS (SELECT 1 FROM credentials o WHERE o.approver_id = $2"
        "  AND o.id <> $1 AND o.revoked_at IS NULL) RETURNING revoked_at",
        row_id,
        approver_id,
    )
    return None if row is None else row["revoked_at"]


def _stored(row: Row) -> StoredCredential:
    # By place: a decision waits for this, and so many names would take half as long as the query.
    values = list(row)
    for place in _FLAGS:
        values[place] = bool(values[place])
    values[_TRANSPORTS] = tuple(values[_TRANSPORTS].split())
    values[_ENROLLER] = Enroller(values[_ENROLLER])
    values[_WEBAUTHN:] = [Credential(*values[_WEBAUTHN:])]
    return StoredCredential(*values)
