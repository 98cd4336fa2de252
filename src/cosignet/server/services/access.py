"""Who may: API keys and approvers' standing."""

from dataclasses import replace

from cosignet.core.access import (
    ACTIVATING_ROLES,
    DEFAULT_SCOPES,
    ApiKey,
    Approver,
    Change,
    MintedKey,
    Role,
    Scope,
    Session,
)
from cosignet.core.access_errors import LastOwner, NothingToChange, RoleMissing
from cosignet.core.errors import (
    ApproverNotActivated,
    ApproverRevoked,
    NotFound,
    Unauthenticated,
)
from cosignet.core.idempotency import Keeping
from cosignet.core.jsontext import JsonValue
from cosignet.server.ceremony import confirm_change, record_use
from cosignet.server.entries import record_revocation
from cosignet.server.ledger import keep_answer, organisation_of
from cosignet.server.runtime import Runtime
from cosignet.server.secret import (
    PREFIX_CHARACTERS,
    SECRET_BYTES,
    digest,
    mint_api_key,
)
from cosignet.server.store import api_keys, approvers, credentials, old_secrets, organisations
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Transaction
from cosignet.server.store.organisations import Organisation

DEFAULT_ORGANISATION = "default"
FIRST_KEY_NAME = "first key"
FIRST_KEY_REPLACEABLE_MS = 86_400_000
"""How long an owner who did not keep the first key gets another one in its place."""


async def authenticate(rt: Runtime, secret: str) -> ApiKey:
    """Return the API key of a secret.

    Raises:
        Unauthenticated: no live key has it.
    """
    key_hash = digest(secret)
    key = await api_keys.by_hash(rt.database.reader, key_hash)
    key = key or await _of_old_secret(rt, key_hash)
    if key is None:
        raise Unauthenticated
    return key


async def _of_old_secret(rt: Runtime, key_hash: bytes) -> ApiKey | None:
    """Return a live key of which this was the secret, while that still counts."""
    owner = await old_secrets.owner(rt.database.reader, key_hash)
    key = None if owner is None else await api_keys.get(rt.database.reader, *owner)
    return None if key is None or key.revoked_at is not None else key


async def default_organisation(rt: Runtime) -> Organisation:
    """Return the organisation a fresh installation has."""
    found = await organisations.by_slug(rt.database.reader, DEFAULT_ORGANISATION)
    if found is None:
        raise NotFound
    return found


async def create_api_key(
    rt: Runtime,
    *,
    organisation_id: str,
    name: str,
    scopes: frozenset[Scope],
    keeping: Keeping[MintedKey] | None = None,
) -> MintedKey:
    """Mint a key for a program.

    Raises:
        IdempotencyInProgress: the same request has made one already.
    """
    organisation = await organisation_of(rt.database.reader, organisation_id)
    minted, key_hash = _mint(rt, organisation, name, scopes)
    async with rt.database.transaction() as tx:
        await keep_answer(tx, keeping, minted)
        await api_keys.insert(tx, minted.key, key_hash=key_hash)
    return minted


def _mint(
    rt: Runtime, organisation: Organisation, name: str, scopes: frozenset[Scope]
) -> tuple[MintedKey, bytes]:
    """Return a key that is still to be stored, and its hash."""
    secret = mint_api_key(rt.random(SECRET_BYTES))
    key = ApiKey(
        id=rt.new_id(),
        organisation_id=organisation.id,
        organisation_slug=organisation.slug,
        name=name,
        prefix=secret[:PREFIX_CHARACTERS],
        scopes=scopes,
        created_at=rt.clock(),
        revoked_at=None,
    )
    return MintedKey(key, secret), digest(secret)


async def mint_first_key(rt: Runtime, approver: Approver) -> MintedKey | None:
    """Mint the first key of an organisation for its owner; None for anybody else, or later."""
    if approver.role is not Role.OWNER:
        return None
    minted, key_hash = await _first_key(rt, approver.organisation_id)
    async with rt.database.transaction() as tx:
        if not await organisations.claim_first_key(tx, approver.organisation_id, minted.key.id):
            return None
        await api_keys.insert(tx, minted.key, key_hash=key_hash)
    return minted


async def first_key_is_due(rt: Runtime, approver: Approver) -> bool:
    """Whether `confirm_first_key` would give this approver a key."""
    if approver.role is not Role.OWNER:
        return False
    reader, organisation_id = rt.database.reader, approver.organisation_id
    return (
        not await api_keys.any_of(reader, organisation_id)
        or await api_keys.unused_first(reader, organisation_id, _replaceable_since(rt)) is not None
    )


async def confirm_first_key(rt: Runtime, session: Session, credential: JsonValue) -> MintedKey:
    """Give an owner who confirms it with a passkey the first key, if they did not get or keep it.

    One that was minted ends with this, if it is not older than a day and has asked for nothing;
    so there is never a second first key, and none that nobody knows.

    Raises:
        RoleMissing: whoever confirms it is no owner.
        NothingToChange: there are keys already.
        CeremonyGone, CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    member = session.approver
    known = await confirm_change(rt, session, Change("first_key"), credential)
    if member.role is not Role.OWNER or not member.may_decide:
        raise RoleMissing
    organisation_id = member.organisation_id
    minted, key_hash = await _first_key(rt, organisation_id)
    async with rt.database.transaction() as tx:
        # Before the passkey's row, as everybody who needs both.
        await tx.lock("organisations", organisation_id)
        await record_use(tx, known)
        if not await organisations.claim_first_key(tx, organisation_id, minted.key.id):
            old = await api_keys.unused_first(tx, organisation_id, _replaceable_since(rt))
            if old is None or not await organisations.replace_first_key(
                tx, organisation_id, minted.key.id, instead_of=old
            ):
                raise NothingToChange
            await api_keys.revoke(tx, organisation_id, old)
        await api_keys.insert(tx, minted.key, key_hash=key_hash)
    return minted


async def _first_key(rt: Runtime, organisation_id: str) -> tuple[MintedKey, bytes]:
    organisation = await organisation_of(rt.database.reader, organisation_id)
    return _mint(rt, organisation, FIRST_KEY_NAME, frozenset(DEFAULT_SCOPES))


def _replaceable_since(rt: Runtime) -> int:
    return rt.clock() - FIRST_KEY_REPLACEABLE_MS


async def list_api_keys(rt: Runtime, organisation_id: str) -> list[ApiKey]:
    """Return an organisation's keys, revoked ones included."""
    return await api_keys.all_of(rt.database.reader, organisation_id)


async def revoke_api_key(rt: Runtime, organisation_id: str, key_id: str) -> ApiKey:
    """End a key at once; doing it again changes nothing.

    Raises:
        NotFound: the organisation has no such key.
    """
    async with rt.database.transaction() as tx:
        await api_keys.revoke(tx, organisation_id, key_id)
        found = await api_keys.get(tx, organisation_id, key_id)
    if found is None:
        raise NotFound
    return found


async def list_approvers(rt: Runtime, organisation_id: str) -> list[Approver]:
    """Return an organisation's approvers by name."""
    return await approvers.all_of(rt.database.reader, organisation_id)


async def activate_approver(rt: Runtime, organisation_id: str, username: str) -> Approver:
    """Let an approver decide from now on.

    Raises:
        NotFound: the organisation has no such approver.
        ApproverRevoked: that name was revoked, for ever.
    """
    found = await _approver(rt, organisation_id, username)
    if found.revoked_at is not None:
        raise ApproverRevoked
    async with rt.database.transaction() as tx:
        await approvers.activate(tx, found.id)
    return await _approver(rt, organisation_id, username)


async def set_role(rt: Runtime, organisation_id: str, username: str, role: Role) -> Approver:
    """Give somebody a role, in the operator's name; the one they have already changes nothing.

    Raises:
        NotFound: the organisation has no such approver.
        ApproverRevoked: that name was revoked, for ever.
        ApproverNotActivated: nobody becomes owner or admin before somebody looked who they are.
        LastOwner: the organisation would be without an owner.
    """
    async with rt.database.transaction() as tx:
        # Two owners who stop being one at the same time would each see the other stay.
        await tx.lock("organisations", organisation_id)
        found = await approvers.by_username(tx, organisation_id, username)
        if found is None:
            raise NotFound
        if await approvers.set_role(tx, found.id, role):
            return replace(found, role=role)
    if found.revoked_at is not None:
        raise ApproverRevoked
    if found.activated_at is None and role in ACTIVATING_ROLES:
        raise ApproverNotActivated("They are not activated. Activate them first.")
    raise LastOwner


async def revoke_approver(rt: Runtime, organisation_id: str, username: str) -> Approver:
    """Take an approver's say away, at once and for ever, and with it all of their passkeys.

    Raises:
        NotFound: the organisation has no such approver.
    """
    found = await _approver(rt, organisation_id, username)
    async with rt.database.transaction() as tx:
        await approvers.revoke(tx, found.id)
        for passkey in await credentials.of_approver(tx, found.id):
            await _end(rt, tx, passkey)
    return await _approver(rt, organisation_id, username)


async def list_passkeys(rt: Runtime, organisation_id: str, username: str) -> list[StoredCredential]:
    """Return an approver's passkeys, oldest first, revoked ones included.

    Raises:
        NotFound: the organisation has no such approver.
    """
    found = await _approver(rt, organisation_id, username)
    return await credentials.of_approver(rt.database.reader, found.id)


async def revoke_passkey(rt: Runtime, organisation_id: str, credential_id: bytes) -> None:
    """End one passkey, at once and for ever; its approver's others go on.

    Raises:
        NotFound: the organisation has no such passkey.
    """
    async with rt.database.transaction() as tx:
        found = await credentials.by_credential_id(tx, credential_id)
        if found is None or found.organisation_id != organisation_id:
            raise NotFound
        await _end(rt, tx, found)


async def _end(rt: Runtime, tx: Transaction, passkey: StoredCredential) -> None:
    at = await credentials.revoke(tx, passkey.row_id)
    if at is not None:
        await record_revocation(rt, tx, passkey, at=at)


async def _approver(rt: Runtime, organisation_id: str, username: str) -> Approver:
    found = await approvers.by_username(rt.database.reader, organisation_id, username)
    if found is None:
        raise NotFound
    return found
