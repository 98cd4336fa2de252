"""Enrolling: an invite becomes an approver with a passkey, who then tries it once."""

from dataclasses import dataclass

from cosignet.core.access import DEMO_PREFIX, Approver, Enroller, Invite, Role, parse_username
from cosignet.core.challenge import CeremonyPurpose, ceremony_challenge
from cosignet.core.encoding import base64url_decode
from cosignet.core.errors import (
    CeremonyGone,
    CredentialTaken,
    FieldInvalid,
    InviteExpired,
    InvitePinned,
    InviteRevoked,
    InviteUnusable,
    InviteUsed,
    UsernameTaken,
)
from cosignet.core.jsontext import JsonValue
from cosignet.core.leaf import assertion_hash
from cosignet.server.ledger import record_credential
from cosignet.server.runtime import Runtime
from cosignet.server.secret import digest
from cosignet.server.store import approvers, ceremonies, credentials, invites
from cosignet.server.store.ceremonies import Ceremony
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Transaction
from cosignet.server.webauthn import (
    Credential,
    VerifiedCredential,
    creation_options,
    parse_assertion,
    parse_attestation,
    request_options,
    verify_assertion,
    verify_attestation,
)

CEREMONY_MS = 300_000
"""How long a passkey prompt of registration or practice stays open."""
PROOF_WINDOW_MS = 15 * 60_000
"""How long a credential's leaf waits for the practice approval."""
USER_HANDLE_BYTES = 32
SWEEP_BATCH = 100


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who was enrolled, with which credential."""

    approver: Approver
    credential_id: bytes


async def check_invite(rt: Runtime, code: str) -> Invite:
    """Return the invite of a code, if it can still be used.

    Raises:
        InviteUnusable: unknown; a subclass says if it was revoked, used up, or has expired.
    """
    invite = await invites.by_code(rt.database.reader, digest(code))
    if invite is None:
        raise InviteUnusable
    if invite.revoked_at is not None:
        raise InviteRevoked
    if invite.uses >= invite.max_uses:
        raise InviteUsed
    if invite.expires_at is not None and invite.expires_at <= rt.clock():
        raise InviteExpired
    owned = invite.role is Role.OWNER and await approvers.owner_exists(
        rt.database.reader, invite.organisation_id
    )
    if owned:
        raise InviteUsed
    return invite


async def begin(rt: Runtime, code: str, username: str) -> dict[str, object]:
    """Return what the browser needs to make a passkey for this name.

    Raises:
        InviteUnusable, FieldInvalid, UsernameTaken.
    """
    invite = await check_invite(rt, code)
    name = _username(invite, username)
    existing = await _existing(rt, invite, name)
    taken = (
        [] if existing is None else await credentials.of_approver(rt.database.reader, existing.id)
    )
    handle = rt.random(USER_HANDLE_BYTES) if existing is None else existing.user_handle
    challenge = await _open(rt, "register", f"{invite.id}:{name}", invite.organisation_id, handle)
    return creation_options(
        rt.relying_party,
        challenge=challenge,
        user_handle=handle,
        username=name,
        exclude=[credential.webauthn.id for credential in taken],
    )


async def complete(rt: Runtime, code: str, username: str, credential: JsonValue) -> Enrolled:
    """Verify the new passkey and enrol it; uses the invite once.

    Raises:
        InviteUnusable, FieldInvalid, UsernameTaken, CredentialTaken, CeremonyGone,
        CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    invite = await check_invite(rt, code)
    name = _username(invite, username)
    # The challenge is used up, durably, before a byte of the answer is looked at.
    ceremony = await _take(rt, "register", f"{invite.id}:{name}")
    verified = verify_attestation(
        parse_attestation(credential),
        expected_challenge=ceremony.challenge,
        relying_party=rt.relying_party,
    )
    existing = await _existing(rt, invite, name)
    approver = existing or _new_approver(rt, invite, name, ceremony.user_handle or b"")
    if approver.user_handle != ceremony.user_handle:
        # Somebody registered the name meanwhile; this passkey carries another person's handle.
        raise CeremonyGone
    async with rt.database.transaction() as tx:
        await _use_invite(tx, invite)
        if existing is None and not await approvers.insert(tx, approver):
            raise UsernameTaken(field="username")
        if not await credentials.insert(tx, _new_credential(rt, invite, approver, verified)):
            raise CredentialTaken
        if invite.trusted:
            await approvers.activate(tx, approver.id)
        enrolled = await approvers.get(tx, approver.id) or approver
    return Enrolled(enrolled, verified.id)


async def begin_practice(rt: Runtime, credential_id: str) -> dict[str, object]:
    """Return what a new passkey signs to show that it works.

    Raises:
        CeremonyGone: the credential is unknown, revoked, or has practised already.
    """
    stored = await _practising(rt, credential_id)
    challenge = await _open(rt, "practice", stored.row_id, stored.organisation_id, None)
    return request_options(rt.relying_party, challenge=challenge, timeout_ms=CEREMONY_MS)


async def complete_practice(rt: Runtime, credential_id: str, credential: JsonValue) -> Enrolled:
    """Verify the practice approval and write the credential's log leaf with it as proof.

    Raises:
        CeremonyGone, CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    stored = await _practising(rt, credential_id)
    ceremony = await _take(rt, "practice", stored.row_id)
    parsed = parse_assertion(credential)
    verified = verify_assertion(
        parsed,
        expected_challenge=ceremony.challenge,
        relying_party=rt.relying_party,
        credential=stored.webauthn,
        expected_approver_id=stored.webauthn.approver_id,
    )
    proof = assertion_hash(
        client_data_json=verified.client_data_json,
        authenticator_data=verified.authenticator_data,
        signature=verified.signature,
    )
    async with rt.database.transaction() as tx:
        used = await credentials.record_use(
            tx, stored.row_id, sign_count=verified.sign_count, backed_up=verified.backed_up
        )
        if not used:
            raise CeremonyGone
        approver = await _log(rt, tx, stored, proof)
    return Enrolled(approver, stored.webauthn.id)


async def log_unproven(rt: Runtime) -> int:
    """Write the leaves of credentials that did not practise in time; return how many."""
    late = await credentials.unlogged(rt.database.reader, rt.clock() - PROOF_WINDOW_MS, SWEEP_BATCH)
    for stored in late:
        try:
            async with rt.database.transaction() as tx:
                await _log(rt, tx, stored, None)
        except CeremonyGone:
            continue  # practised, or decided something, a moment ago
    return len(late)


async def _log(
    rt: Runtime, tx: Transaction, stored: StoredCredential, proof: bytes | None
) -> Approver:
    approver = await approvers.get(tx, stored.webauthn.approver_id)
    if approver is None or not await credentials.record_logged(tx, stored.row_id):
        raise CeremonyGone
    await record_credential(rt, tx, stored, username=approver.username, proof=proof)
    return approver


def _username(invite: Invite, username: str) -> str:
    name = parse_username(username, field="username")
    if name.startswith(DEMO_PREFIX):
        raise FieldInvalid("Names that begin with “demo-” are the demo's.", field="username")
    if invite.pinned_username not in (None, name):
        raise InvitePinned(field="username")
    return name


async def _existing(rt: Runtime, invite: Invite, name: str) -> Approver | None:
    """Return the approver this invite adds a passkey to, if it was made for that."""
    found = await approvers.by_username(rt.database.reader, invite.organisation_id, name)
    if found is None:
        return None
    reinvited = invite.pinned_username == name and invite.enroller is not Enroller.API_KEY
    if not reinvited or found.revoked_at is not None:
        raise UsernameTaken(field="username")
    return found


async def _use_invite(tx: Transaction, invite: Invite) -> None:
    owned = invite.role is Role.OWNER and await approvers.owner_exists(tx, invite.organisation_id)
    if owned or not await invites.use(tx, invite.id):
        raise InviteUsed


async def _open(
    rt: Runtime,
    purpose: CeremonyPurpose,
    subject: str,
    organisation_id: str,
    user_handle: bytes | None,
) -> bytes:
    challenge = ceremony_challenge(purpose, rt.random(32))
    ceremony = Ceremony(
        purpose, subject, organisation_id, challenge, user_handle, rt.clock() + CEREMONY_MS
    )
    async with rt.database.transaction() as tx:
        await ceremonies.open_(tx, ceremony)
    return challenge


async def _take(rt: Runtime, purpose: CeremonyPurpose, subject: str) -> Ceremony:
    async with rt.database.transaction() as tx:
        ceremony = await ceremonies.take(tx, purpose, subject)
    if ceremony is None:
        raise CeremonyGone
    return ceremony


async def _practising(rt: Runtime, credential_id: str) -> StoredCredential:
    try:
        raw = base64url_decode(credential_id)
    except ValueError:
        raise FieldInvalid("not base64url", field="credentialId") from None
    stored = await credentials.by_credential_id(rt.database.reader, raw)
    if stored is None or stored.webauthn.revoked or stored.logged_at is not None:
        raise CeremonyGone
    return stored


def _new_approver(rt: Runtime, invite: Invite, name: str, user_handle: bytes) -> Approver:
    now = rt.clock()
    return Approver(
        id=rt.new_id(),
        organisation_id=invite.organisation_id,
        username=name,
        role=invite.role,
        user_handle=user_handle,
        created_at=now,
        activated_at=now if invite.trusted else None,
        revoked_at=None,
    )


def _new_credential(
    rt: Runtime, invite: Invite, approver: Approver, verified: VerifiedCredential
) -> StoredCredential:
    return StoredCredential(
        row_id=rt.new_id(),
        organisation_id=approver.organisation_id,
        public_key_spki=verified.public_key_spki,
        backed_up=verified.backed_up,
        transports=verified.transports,
        aaguid=verified.aaguid,
        enroller=invite.enroller,
        enroller_id=invite.enroller_id,
        created_at=rt.clock(),
        logged_at=None,
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
