"""Open passkey prompts. Reading one deletes it, so a challenge works once."""

from dataclasses import dataclass, field

from cosignet.core.challenge import CeremonyPurpose
from cosignet.server.store.db import Transaction


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A prompt that was opened and not answered yet."""

    purpose: CeremonyPurpose
    subject: str
    organisation_id: str
    challenge: bytes = field(repr=False)
    user_handle: bytes | None
    expires_at: int


async def open_(tx: Transaction, ceremony: Ceremony) -> None:
    """Store a prompt; an older one for the same purpose and subject is gone with it."""
    await tx.execute(
        "INSERT INTO ceremonies (purpose, subject, organisation_id, challenge, user_handle,"
        " expires_at) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (purpose, subject) DO UPDATE SET organisation_id = excluded.organisation_id,"
        " challenge = excluded.challenge, user_handle = excluded.user_handle,"
        " expires_at = excluded.expires_at",
        ceremony.purpose,
        ceremony.subject,
        ceremony.organisation_id,
        ceremony.challenge,
        ceremony.user_handle,
        ceremony.expires_at,
    )


async def take(tx: Transaction, purpose: CeremonyPurpose, subject: str) -> Ceremony | None:
    """Return an open prompt and close it, in one statement."""
    row = await tx.fetch_one(
        "DELETE FROM ceremonies WHERE purpose = $1 AND subject = $2 AND expires_at > clock_ms()"
        " RETURNING subject, organisation_id, challenge, user_handle, expires_at",
        purpose,
        subject,
    )
    if row is None:
        return None
    return Ceremony(
        purpose=purpose,
        subject=row["subject"],
        organisation_id=row["organisation_id"],
        challenge=row["challenge"],
        user_handle=row["user_handle"],
        expires_at=row["expires_at"],
    )
