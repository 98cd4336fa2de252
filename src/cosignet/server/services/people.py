"""An account: who somebody is, their passkeys, and whom they may let decide."""

from dataclasses import dataclass

from cosignet.core.access import ACTIVATING_ROLES, Approver, Change, Enroller, Role, Session
from cosignet.core.access_errors import LastPasskey, NothingToChange, RoleMissing
from cosignet.core.errors import (
    ApproverNotActivated,
    ApproverRevoked,
    CredentialTaken,
    NotFound,
)
from cosignet.core.jsontext import JsonValue
from cosignet.server.ceremony import begin_change, confirm_change, new_credential, record_use
from cosignet.server.entries import record_revocation
from cosignet.server.ledger import open_ceremony, take_ceremony
from cosignet.server.runtime import Runtime
from cosignet.server.store import approvers, credentials
from cosignet.server.store.approvers import Waiting
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.webauthn import creation_options, parse_attestation, verify_attestation


@dataclass(frozen=True, slots=True)
class Account:
    """What somebody sees of themself, and of those they answer for."""

    passkeys: list[StoredCredential]
    """Those that live, oldest first."""
    waiting: list[Waiting]
    """Whom they may activate."""
    colleagues: list[Approver]
    """Whom they may invite again."""


async def account(rt: Runtime, session: Session) -> Account:
    """Return what the account page shows."""
    member, reader = session.approver, rt.database.reader
    passkeys = await credentials.of_approver(reader, member.id)
    waiting = (
        await approvers.waiting(reader, member.organisation_id)
        if member.activated_at is not None and member.role in ACTIVATING_ROLES
        else []
    )
    everybody = (
        await approvers.all_of(reader, member.organisation_id) if member.role is Role.OWNER else []
    )
    colleagues = [
        one
        for one in everybody
        if one.id != member.id and one.activated_at is not None and one.revoked_at is None
    ]
    return Account([one for one in passkeys if not one.webauthn.revoked], waiting, colleagues)


async def begin(rt: Runtime, session: Session, change: Change) -> dict[str, object]:
    """Return what the session's approver signs to confirm a change, this one alone."""
    return await begin_change(rt, session, change)


async def activate(
    rt: Runtime, session: Session, approver_id: str, credential: JsonValue
) -> Approver:
    """Let an approver of the same organisation decide from now on, as a colleague confirms.

    Raises:
        RoleMissing: whoever confirms it is no owner or admin.
        NotFound: the organisation has no such approver.
        ApproverRevoked: that name was revoked, for ever.
        NothingToChange: somebody else was faster.
        CeremonyGone, CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    member = session.approver
    known = await confirm_change(rt, session, Change("activate", approver_id), credential)
    if member.role not in ACTIVATING_ROLES:
        raise RoleMissing
    async with rt.database.transaction() as tx:
        await tx.lock("approvers", member.id)
        await record_use(tx, known)
        changed = await approvers.activate_by(tx, member, approver_id)
        found = await approvers.get(tx, approver_id)
        if found is None or found.organisation_id != member.organisation_id:
            raise NotFound
        if found.revoked_at is not None:
            raise ApproverRevoked
        if not changed:
            raise NothingToChange
    return found


async def revoke_passkey(rt: Runtime, session: Session, row_id: str, credential: JsonValue) -> None:
    """End one of one's own passkeys, at once and for ever; every session it opened ends with it.

    Raises:
        NotFound: one has no such passkey, or it has ended.
        LastPasskey: it is the only one.
        CeremonyGone, CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    approver_id = session.approver.id
    known = await confirm_change(rt, session, Change("revoke_passkey", row_id), credential)
    async with rt.database.transaction() as tx:
        # Two passkeys that end each other at once would each see the other alive.
        await tx.lock("approvers", approver_id)
        await record_use(tx, known)
        at = await credentials.revoke_unless_last(tx, row_id, approver_id)
        known_ones = await credentials.of_approver(tx, approver_id)
        if at is None:
            live = [one.row_id for one in known_ones if not one.webauthn.revoked]
            raise LastPasskey if live == [row_id] else NotFound
        for one in known_ones:
            if one.row_id == row_id:
                await record_revocation(rt, tx, one, at=at)


async def begin_passkey(rt: Runtime, session: Session, credential: JsonValue) -> dict[str, object]:
    """Return what the browser needs to make another passkey for the same person.

    Raises:
        ApproverNotActivated: whoever activates somebody activates the passkey they came with.
        CeremonyGone, CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    member = session.approver
    used = await confirm_change(rt, session, Change("add_passkey"), credential)
    if member.activated_at is None:
        raise ApproverNotActivated
    async with rt.database.transaction() as tx:
        await record_use(tx, used)
    known = await credentials.of_approver(rt.database.reader, member.id)
    challenge = await open_ceremony(
        rt,
        "register",
        _subject(session),
        member.organisation_id,
        member.user_handle,
    )
    return creation_options(
        rt.relying_party,
        challenge=challenge,
        user_handle=member.user_handle,
        username=member.username,
        exclude=[one.webauthn.id for one in known if not one.webauthn.revoked],
    )


async def complete_passkey(rt: Runtime, session: Session, credential: JsonValue) -> bytes:
    """Enrol the passkey that was begun in this session; return its WebAuthn id.

    Its log leaf says that the approver enrolled it: `member:` and their own id.

    Raises:
        CeremonyGone, CeremonyMalformed, CeremonyRefused, CredentialTaken, ApproverRevoked,
        Unavailable.
    """
    # The challenge is used up, durably, before a byte of the answer is looked at.
    ceremony = await take_ceremony(rt, "register", _subject(session))
    verified = verify_attestation(
        parse_attestation(credential),
        expected_challenge=ceremony.challenge,
        relying_party=rt.relying_party,
    )
    made = new_credential(
        rt,
        session.approver,
        verified,
        enroller=Enroller.MEMBER,
        enroller_id=session.approver.id,
    )
    async with rt.database.transaction() as tx:
        await tx.lock("approvers", session.approver.id)
        now = await approvers.get(tx, session.approver.id)
        if now is None or now.revoked_at is not None:
            raise ApproverRevoked
        if not await credentials.insert(tx, made):
            raise CredentialTaken
    return verified.id


def _subject(session: Session) -> str:
    return f"session:{session.id}"
