"""Sessions: who is signed in. Whether one lives is asked anew each time it is used."""

from cosignet.core.access import Approver, Session
from cosignet.server.store.approvers import COLUMNS, approver_of
from cosignet.server.store.db import Reader, Row, Transaction

_SELECT = f"""
SELECT {COLUMNS}, o.slug, s.token_hash, s.credential_id, s.expires_at
FROM sessions s
JOIN approvers a ON a.id = s.approver_id AND a.revoked_at IS NULL
JOIN credentials k ON k.id = s.credential_id AND k.revoked_at IS NULL
JOIN organisations o ON o.id = s.organisation_id
"""  # noqa: S608 - our own texts alone


async def insert(
    tx: Transaction, approver: Approver, *, token_hash: bytes, credential_id: str, expires_at: int
) -> None:
    """Store a session that one of the approver's credentials (its row) opened.

    `expires_at` is unix milliseconds.
    """
    await tx.execute(
        "INSERT INTO sessions (token_hash, organisation_id, approver_id, credential_id,"
        " created_at, expires_at) VALUES ($1, $2, $3, $4, clock_ms(), $5)",
        token_hash,
        approver.organisation_id,
        approver.id,
        credential_id,
        expires_at,
    )


async def by_token(reader: Reader, token_hash: bytes) -> Session | None:
    """Return a session in time whose approver and credential are not revoked."""
    row = await reader.fetch_one(
        _SELECT + "WHERE s.token_hash = $1 AND s.expires_at > clock_ms()", token_hash
    )
    return None if row is None else _session(row)


async def end(tx: Transaction, token_hash: bytes) -> bool:
    """End a session; whether there was one."""
    return await tx.execute("DELETE FROM sessions WHERE token_hash = $1", token_hash) == 1


def _session(row: Row) -> Session:
    return Session(
        id=row["token_hash"].hex(),
        approver=approver_of(row),
        organisation_slug=row["slug"],
        credential_id=row["credential_id"],
        expires_at=row["expires_at"],
    )
