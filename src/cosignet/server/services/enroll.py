"""Enrolling: an invite becomes an approver with a passkey."""

from dataclasses import dataclass

from cosignet.core.access import Approver, Enroller, Invite, Role, parse_username
from cosignet.core.access_errors import InviteNameRevoked, InviteNameTaken, OwnerExists
from cosignet.core.errors import (
    CeremonyGone,
    CredentialTaken,
    InviteExpired,
    InvitePinned,
    InviteRevoked,
    InviteUnusable,
    InviteUsed,
    Unavailable,
    UsernameTaken,
)
from cosignet.core.jsontext import JsonValue
from cosignet.server.ceremony import new_credential
from cosignet.server.entries import record_revocation
from cosignet.server.ledger import open_ceremony, take_ceremony
from cosignet.server.runtime import Runtime
from cosignet.server.secret import digest
from cosignet.server.store import approvers, credentials, installation, invites
from cosignet.server.store.db import Reader, Transaction
from cosignet.server.webauthn import creation_options, parse_attestation, verify_attestation

USER_HANDLE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who was enrolled, with which credential."""

    approver: Approver
    credential_id: bytes


async def check_invite(rt: Runtime, code: str) -> Invite:
    """Return the invite of a code, if it can still be used.

    Raises:
        InviteUnusable: unknown; a subclass says if it was revoked, used up, has expired, is for
            the first owner where somebody owns already, or for a name that cannot register.
    """
    invite = await invites.by_code(rt.database.reader, digest(code))
    if invite is None:
        raise InviteUnusable
    if invite.revoked_at is not None:
        raise InviteRevoked
    if await _is_owned(rt.database.reader, invite):
        raise OwnerExists
    if invite.uses >= invite.max_uses:
        raise InviteUsed
    if invite.expires_at is not None and invite.expires_at <= rt.clock():
        raise InviteExpired
    return invite


async def check_name(rt: Runtime, invite: Invite) -> Approver | None:
    """Return the approver to whom a pinned invite gives another passkey, if that is what it is.

    Raises:
        InviteNameTaken: the name is somebody's by now, and this invite is no re-invite.
        InviteNameRevoked: it was revoked.
    """
    if invite.pinned_username is None:
        return None
    reader = rt.database.reader
    found = await approvers.by_username(reader, invite.organisation_id, invite.pinned_username)
    if found is not None and found.revoked_at is not None:
        raise InviteNameRevoked
    if found is not None and invite.enroller is Enroller.API_KEY:
        raise InviteNameTaken
    return found


def check_pin(invite: Invite, username: str) -> None:
    """Check that an invite is for this name, or for any.

    Raises:
        InvitePinned: it is for another one.
    """
    if invite.pinned_username not in (None, username.lower()):
        raise InvitePinned(field="username")


def activates(rt: Runtime, invite: Invite) -> bool:
    """Whether who registers with an invite may decide at once.

    What an API key's invite is worth is asked when it is used, not when it was made.
    """
    return invite.trusted and (invite.enroller is not Enroller.API_KEY or rt.trust_api_invites)


async def begin(rt: Runtime, code: str, username: str) -> dict[str, object]:
    """Return what the browser needs to make a passkey for this name.

    Raises:
        InviteUnusable, FieldInvalid, UsernameTaken, TooManyRequests.
    """
    invite = await check_invite(rt, code)
    rt.take(f"invite {invite.id}", rt.limits.prompts_per_invite)
    name = _username(invite, username)
    existing = await _existing(rt, invite, name)
    taken = (
        [] if existing is None else await credentials.of_approver(rt.database.reader, existing.id)
    )
    handle = rt.random(USER_HANDLE_BYTES) if existing is None else existing.user_handle
    challenge = await open_ceremony(
        rt, "register", f"{invite.id}:{name}", invite.organisation_id, handle
    )
    return creation_options(
        rt.relying_party,
        challenge=challenge,
        user_handle=handle,
        username=name,
        exclude=[one.webauthn.id for one in taken if not one.webauthn.revoked],
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
    ceremony = await take_ceremony(rt, "register", f"{invite.id}:{name}")
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
    made = new_credential(
        rt, approver, verified, enroller=invite.enroller, enroller_id=invite.enroller_id
    )
    async with rt.database.transaction() as tx:
        if not await installation.is_bound_to(tx, rt.public_url):
            # Rebound while this node was running: the passkey would be of the old name for good.
            raise Unavailable("the store belongs to another public URL by now")
        await _lock(tx, invite, existing)
        await _use_invite(tx, invite)
        if existing is None and not await approvers.insert(tx, approver):
            raise UsernameTaken(field="username")
        if existing is not None and activates(rt, invite):
            # Whoever took the name before without being activated was nobody the operator knows.
            ended = await credentials.revoke_unless_activated(tx, approver.id)
            for one in await credentials.of_approver(tx, approver.id) if ended else ():
                if one.row_id in ended:
                    await record_revocation(rt, tx, one, at=ended[one.row_id])
        if not await credentials.insert(tx, made):
            raise CredentialTaken
        if activates(rt, invite):
            await approvers.activate(tx, approver.id)
        enrolled = await approvers.get(tx, approver.id) or approver
    return Enrolled(enrolled, verified.id)


def _username(invite: Invite, username: str) -> str:
    name = parse_username(username, field="username")
    check_pin(invite, name)
    return name


async def _existing(rt: Runtime, invite: Invite, name: str) -> Approver | None:
    """Return the approver this invite adds a passkey to, if it was made for that."""
    if invite.pinned_username is not None:
        return await check_name(rt, invite)
    if await approvers.by_username(rt.database.reader, invite.organisation_id, name) is not None:
        raise UsernameTaken(field="username")
    return None


async def _lock(tx: Transaction, invite: Invite, existing: Approver | None) -> None:
    """Hold still what an invite's worth depends on, in the order everybody keeps."""
    if invite.role is Role.OWNER:
        await tx.lock("organisations", invite.organisation_id)
    people: set[str] = set() if existing is None else {existing.id}
    if invite.enroller_id is not None and invite.enroller is Enroller.MEMBER:
        people.add(invite.enroller_id)
    elif invite.enroller_id is not None:
        await tx.lock("api_keys", invite.enroller_id)
    for approver_id in sorted(people):
        await tx.lock("approvers", approver_id)


async def _use_invite(tx: Transaction, invite: Invite) -> None:
    if await _is_owned(tx, invite):
        raise OwnerExists
    if not await invites.use(tx, invite.id):
        raise InviteUsed


async def _is_owned(reader: Reader, invite: Invite) -> bool:
    """Whether an invite is for the first owner where somebody owns already."""
    return invite.role is Role.OWNER and await approvers.owner_exists(
        reader, invite.organisation_id
    )


def _new_approver(rt: Runtime, invite: Invite, name: str, user_handle: bytes) -> Approver:
    now = rt.clock()
    return Approver(
        id=rt.new_id(),
        organisation_id=invite.organisation_id,
        username=name,
        role=invite.role,
        user_handle=user_handle,
        created_at=now,
        activated_at=now if activates(rt, invite) else None,
        revoked_at=None,
    )
