"""Who may: API keys and approvers' standing."""

from dataclasses import dataclass, field

from cosignet.core.access import (
    DEFAULT_SCOPES,
    ApiKey,
    Approver,
    Role,
    Scope,
)
from cosignet.core.errors import ApproverRevoked, NotFound, Unauthenticated
from cosignet.server.ledger import organisation_of
from cosignet.server.runtime import Runtime
from cosignet.server.secret import (
    PREFIX_CHARACTERS,
    SECRET_BYTES,
    digest,
    mint_api_key,
)
from cosignet.server.store import api_keys, approvers, credentials, organisations
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.organisations import Organisation

DEFAULT_ORGANISATION = "default"
FIRST_KEY_NAME = "first key"


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new API key with its secret, which is shown now and never again."""

    key: ApiKey
    secret: str = field(repr=False)


async def authenticate(rt: Runtime, secret: str) -> ApiKey:
    """Return the API key of a secret.

    Raises:
        Unauthenticated: no live key has it.
    """
    key = await api_keys.by_hash(rt.database.reader, digest(secret))
    if key is None:
        raise Unauthenticated
    return key


async def default_organisation(rt: Runtime) -> Organisation:
    """Return the organisation a fresh installation has."""
    found = await organisations.by_slug(rt.database.reader, DEFAULT_ORGANISATION)
    if found is None:
        raise NotFound
    return found


async def create_api_key(
    rt: Runtime, *, organisation_id: str, name: str, scopes: frozenset[Scope]
) -> MintedKey:
    """Mint a key for a program."""
    organisation = await organisation_of(rt.database.reader, organisation_id)
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
    async with rt.database.transaction() as tx:
        await api_keys.insert(tx, key, key_hash=digest(secret))
    return MintedKey(key, secret)


async def mint_first_key(rt: Runtime, approver: Approver) -> MintedKey | None:
    """Mint the first key of an organisation for its owner; None for anybody else, or later."""
    if approver.role is not Role.OWNER:
        return None
    if await api_keys.any_of(rt.database.reader, approver.organisation_id):
        return None
    return await create_api_key(
        rt,
        organisation_id=approver.organisation_id,
        name=FIRST_KEY_NAME,
        scopes=frozenset(DEFAULT_SCOPES),
    )


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


async def revoke_approver(rt: Runtime, organisation_id: str, username: str) -> Approver:
    """Take an approver's say away, at once and for ever.

    Raises:
        NotFound: the organisation has no such approver.
    """
    found = await _approver(rt, organisation_id, username)
    async with rt.database.transaction() as tx:
        await approvers.revoke(tx, found.id)
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
        await credentials.revoke(tx, found.row_id)


async def _approver(rt: Runtime, organisation_id: str, username: str) -> Approver:
    found = await approvers.by_username(rt.database.reader, organisation_id, username)
    if found is None:
        raise NotFound
    return found
