"""What several services do with passkeys: know one by its answer, enrol one, confirm a change.

A change to who may decide needs more than a session: a fresh assertion over a challenge that was
opened for this session, this change and this subject, and is used up before it is looked at.
"""

from dataclasses import dataclass, field

from cosignet.core.access import Approver, Change, Enroller, Session
from cosignet.core.errors import CeremonyGone
from cosignet.core.jsontext import JsonValue
from cosignet.server.ledger import CEREMONY_MS, open_ceremony, take_ceremony
from cosignet.server.runtime import Runtime
from cosignet.server.store import credentials
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Transaction
from cosignet.server.webauthn import (
    Credential,
    VerifiedAssertion,
    VerifiedCredential,
    parse_assertion,
    request_options,
    verify_assertion,
)
from cosignet.server.webauthn.errors import CredentialUnknown, SignCountBack


@dataclass(frozen=True, slots=True)
class Known:
    """A registered passkey that has just signed a challenge of ours."""

    credential: StoredCredential = field(repr=False)
    assertion: VerifiedAssertion = field(repr=False)


async def verify_known(
    rt: Runtime, value: JsonValue, *, expected_challenge: bytes, expected_approver_id: str | None
) -> Known:
    """Verify an assertion by whichever registered passkey made it.

    A counter that went back flags the passkey: perhaps there is a copy.

    Raises:
        CeremonyMalformed, CeremonyRefused: a subclass names the check.
    """
    parsed = parse_assertion(value)
    stored = await credentials.by_credential_id(rt.database.reader, parsed.credential_id)
    if stored is None:
        raise CredentialUnknown
    try:
        verified = verify_assertion(
            parsed,
            expected_challenge=expected_challenge,
            relying_party=rt.relying_party,
            credential=stored.webauthn,
            expected_approver_id=expected_approver_id,
        )
    except SignCountBack:
        async with rt.database.transaction() as tx:
            await credentials.flag(tx, parsed.credential_id)
        raise
    return Known(stored, verified)


async def record_use(tx: Transaction, known: Known) -> None:
    """Note that a passkey was used, in the transaction of what it was used for.

    Raises:
        CeremonyGone: it was revoked, or used with a higher counter, since it was verified.
    """
    used = await credentials.record_use(
        tx,
        known.credential.row_id,
        sign_count=known.assertion.sign_count,
        backed_up=known.assertion.backed_up,
    )
    if not used:
        raise CeremonyGone


async def begin_change(rt: Runtime, session: Session, change: Change) -> dict[str, object]:
    """Return what the session's approver signs to confirm a change, this one alone."""
    challenge = await open_ceremony(
        rt, "confirm-change", _subject(session, change), session.approver.organisation_id, None
    )
    return request_options(rt.relying_party, challenge=challenge, timeout_ms=CEREMONY_MS)


async def confirm_change(
    rt: Runtime, session: Session, change: Change, credential: JsonValue
) -> Known:
    """Verify the session's approver's fresh assertion for a change, which is still to be made.

    Raises:
        CeremonyGone, CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    ceremony = await take_ceremony(rt, "confirm-change", _subject(session, change))
    return await verify_known(
        rt,
        credential,
        expected_challenge=ceremony.challenge,
        expected_approver_id=session.approver.id,
    )


def _subject(session: Session, change: Change) -> str:
    return f"{session.id}:{change.kind}:{change.target}"


def new_credential(
    rt: Runtime,
    approver: Approver,
    verified: VerifiedCredential,
    *,
    enroller: Enroller,
    enroller_id: str | None,
) -> StoredCredential:
    """Return what is to be stored of a passkey that has just been created for an approver."""
    return StoredCredential(
        row_id=rt.new_id(),
        organisation_id=approver.organisation_id,
        public_key_spki=verified.public_key_spki,
        backed_up=verified.backed_up,
        transports=verified.transports,
        aaguid=verified.aaguid,
        enroller=enroller,
        enroller_id=enroller_id,
        created_at=rt.clock(),
        last_used_at=None,
        logged_at=None,
        flagged_at=None,
        webauthn=Credential(
            id=verified.id,
            approver_id=approver.id,
            user_handle=approver.user_handle,
            public_key=verified.public_key,
            algorithm=verified.algorithm,
            sign_count=verified.sign_count,
            backup_eligible=verified.backup_eligible,
            revoked=False,
        ),
    )
