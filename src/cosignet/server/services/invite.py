"""Inviting: a code that lets somebody register a passkey."""

from dataclasses import dataclass, field

from cosignet.core.access import ApiKey, Change, Enroller, Invite, Role, Session
from cosignet.core.access_errors import RoleMissing
from cosignet.core.errors import ApproverRevoked, NotFound, ReinviteForbidden
from cosignet.core.idempotency import Keeping
from cosignet.core.jsontext import JsonValue
from cosignet.server.ceremony import confirm_change, record_use
from cosignet.server.ledger import keep_answer, organisation_of
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SECRET_BYTES, digest, mint_code
from cosignet.server.store import approvers, invites
from cosignet.server.store.organisations import Organisation

CODE_PURPOSE = "invite-code"
TTL_MS = 7 * 86_400_000
TTL_MS_MAX = 366 * 86_400_000
OWNER_LINK_TTL_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class CodedInvite:
    """An invite with its code."""

    invite: Invite
    code: str = field(repr=False)

    def register_url(self, public_url: str) -> str:
        """Return the link that leads its holder through registration."""
        return f"{public_url}/register?invite={self.code}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What an invite grants."""

    note: str | None = None
    max_uses: int = 1
    pinned_username: str | None = None
    expires_at: int | None = None
    """Unix milliseconds; None: seven days from now."""


async def by_key(
    rt: Runtime, key: ApiKey, terms: Terms, keeping: Keeping[CodedInvite] | None = None
) -> CodedInvite:
    """Invite an approver in the name of an API key.

    What such an invite is worth is the operator's choice (COSIGNET_API_INVITES): a key that can
    invite could otherwise make itself an approver.

    Raises:
        ReinviteForbidden: it is pinned to a name that exists.
        IdempotencyInProgress: the same request has invited already.
    """
    if terms.pinned_username is not None:
        taken = await approvers.by_username(
            rt.database.reader, key.organisation_id, terms.pinned_username
        )
        if taken is not None:
            raise ReinviteForbidden(field="pinnedUsername")
    organisation = await organisation_of(rt.database.reader, key.organisation_id)
    return await _invite(
        rt,
        organisation,
        terms,
        enroller=Enroller.API_KEY,
        enroller_id=key.id,
        trusted=rt.trust_api_invites,
        keeping=keeping,
    )


async def by_operator(rt: Runtime, organisation: Organisation, terms: Terms) -> CodedInvite:
    """Invite an approver from the command line; may be pinned to a name that exists.

    Raises:
        ApproverRevoked: that name was revoked, for ever.
    """
    if terms.pinned_username is not None:
        existing = await approvers.by_username(
            rt.database.reader, organisation.id, terms.pinned_username
        )
        if existing is not None and existing.revoked_at is not None:
            raise ApproverRevoked
    return await _invite(
        rt, organisation, terms, enroller=Enroller.OPERATOR, enroller_id=None, trusted=True
    )


async def by_member(
    rt: Runtime, session: Session, colleague_id: str, credential: JsonValue
) -> CodedInvite:
    """Invite a colleague again, who then adds a passkey, as an owner confirms with theirs.

    Raises:
        RoleMissing: whoever confirms it is no owner, or not any more.
        NotFound: the organisation has no such approver.
        ApproverRevoked: that name was revoked, for ever.
        CeremonyGone, CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    member = session.approver
    known = await confirm_change(rt, session, Change("reinvite", colleague_id), credential)
    organisation = await organisation_of(rt.database.reader, member.organisation_id)
    colleague = await approvers.get(rt.database.reader, colleague_id)
    if colleague is None or colleague.organisation_id != organisation.id:
        raise NotFound
    if colleague.revoked_at is not None:
        raise ApproverRevoked
    invite, code = _new_invite(
        rt,
        organisation,
        Terms(pinned_username=colleague.username),
        enroller=Enroller.MEMBER,
        enroller_id=member.id,
        trusted=True,
    )
    sealed = rt.seal(code.encode(), purpose=CODE_PURPOSE)
    async with rt.database.transaction() as tx:
        await tx.lock("approvers", member.id)
        await record_use(tx, known)
        now = await approvers.get(tx, member.id)
        if now is None or now.role is not Role.OWNER or not now.may_decide:
            raise RoleMissing
        await invites.insert(tx, invite, code_hash=digest(code), code_sealed=sealed)
    return CodedInvite(invite, code)


async def for_owner(rt: Runtime, organisation: Organisation) -> CodedInvite | None:
    """Return a fresh link for the first owner, ending older ones; None once somebody owns."""
    invite, code = _new_invite(
        rt,
        organisation,
        Terms(expires_at=rt.clock() + OWNER_LINK_TTL_MS),
        enroller=Enroller.OPERATOR,
        enroller_id=None,
        trusted=True,
        role=Role.OWNER,
    )
    async with rt.database.transaction() as tx:
        # Of nodes that start together one has the last word, and whoever registers is before or
        # after it.
        await tx.lock("organisations", organisation.id)
        if await approvers.owner_exists(tx, organisation.id):
            return None
        await invites.revoke_owner_links(tx, organisation.id)
        await invites.insert(tx, invite, code_hash=digest(code), code_sealed=None)
    return CodedInvite(invite, code)


async def list_by_keys(rt: Runtime, organisation_id: str) -> list[CodedInvite]:
    """Return the invites that API keys made, with their codes.

    An operator's are worth more: whoever could read their codes could become an approver.
    """
    return await _list(rt, organisation_id, frozenset({Enroller.API_KEY}))


async def list_all(rt: Runtime, organisation_id: str) -> list[CodedInvite]:
    """Return all invites with their codes, for the operator."""
    return await _list(rt, organisation_id, frozenset(Enroller))


async def _list(
    rt: Runtime, organisation_id: str, enrollers: frozenset[Enroller]
) -> list[CodedInvite]:
    return [
        CodedInvite(
            listed.invite, rt.sealer.unseal(listed.code_sealed, purpose=CODE_PURPOSE).decode()
        )
        for listed in await invites.listed(rt.database.reader, organisation_id, enrollers=enrollers)
    ]


async def revoke(rt: Runtime, organisation_id: str, code: str) -> Invite:
    """End an invite at once; doing it again changes nothing.

    Raises:
        NotFound: the organisation has no such code.
    """
    async with rt.database.transaction() as tx:
        await invites.revoke(tx, organisation_id, digest(code))
        found = await invites.by_code(tx, digest(code))
    if found is None or found.organisation_id != organisation_id:
        raise NotFound
    return found


async def _invite(
    rt: Runtime,
    organisation: Organisation,
    terms: Terms,
    *,
    enroller: Enroller,
    enroller_id: str | None,
    trusted: bool,
    keeping: Keeping[CodedInvite] | None = None,
) -> CodedInvite:
    invite, code = _new_invite(
        rt, organisation, terms, enroller=enroller, enroller_id=enroller_id, trusted=trusted
    )
    coded = CodedInvite(invite, code)
    sealed = rt.seal(code.encode(), purpose=CODE_PURPOSE)
    async with rt.database.transaction() as tx:
        await keep_answer(tx, keeping, coded)
        await invites.insert(tx, invite, code_hash=digest(code), code_sealed=sealed)
    return coded


def _new_invite(
    rt: Runtime,
    organisation: Organisation,
    terms: Terms,
    *,
    enroller: Enroller,
    enroller_id: str | None,
    trusted: bool,
    role: Role = Role.APPROVER,
) -> tuple[Invite, str]:
    now = rt.clock()
    invite = Invite(
        id=rt.new_id(),
        organisation_id=organisation.id,
        organisation_slug=organisation.slug,
        role=role,
        note=terms.note,
        pinned_username=terms.pinned_username,
        # A name is one person's.
        max_uses=1 if terms.pinned_username is not None else terms.max_uses,
        uses=0,
        enroller=enroller,
        enroller_id=enroller_id,
        trusted=trusted,
        created_at=now,
        expires_at=now + TTL_MS if terms.expires_at is None else terms.expires_at,
        revoked_at=None,
    )
    return invite, mint_code(rt.random(SECRET_BYTES))
