"""Signing in with a passkey, and out again. Who is signed in has decided nothing by it."""

from dataclasses import dataclass, field

from cosignet.core.access import DEMO_ORGANISATION, Approver, Session
from cosignet.core.access_errors import DemoCannotSignIn, SignInNeeded
from cosignet.core.errors import ApproverRevoked, CeremonyGone
from cosignet.core.jsontext import JsonValue
from cosignet.server.ceremony import record_use, verify_known
from cosignet.server.ledger import CEREMONY_MS, open_ceremony, organisation_of, take_ceremony
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SECRET_BYTES, digest, mint_code
from cosignet.server.store import approvers, organisations, sessions
from cosignet.server.store.db import Transaction
from cosignet.server.webauthn import request_options

PROMPT_MS = CEREMONY_MS
"""How long a sign-in prompt stays open."""
SESSION_MS = 7 * 86_400_000
"""How long somebody stays signed in; using the session does not prolong it."""
DEFAULT_ORGANISATION = "default"


@dataclass(frozen=True, slots=True)
class Prompt:
    """An open sign-in prompt: what the passkey signs, and what ties it to one browser."""

    options: dict[str, object]
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; the token goes into the browser's cookie and is kept as a hash."""

    approver: Approver
    token: str = field(repr=False)


async def begin(rt: Runtime) -> Prompt:
    """Open a sign-in prompt for whichever passkey answers."""
    token = mint_code(rt.random(SECRET_BYTES))
    # Nobody knows yet who will sign; the row belongs to the organisation every store has.
    organisation = await organisations.by_slug(rt.database.reader, DEFAULT_ORGANISATION)
    if organisation is None:
        raise CeremonyGone
    challenge = await open_ceremony(rt, "login", _subject(token), organisation.id, None)
    options = request_options(rt.relying_party, challenge=challenge, timeout_ms=CEREMONY_MS)
    return Prompt(options, token)


async def sign_in(
    rt: Runtime, *, prompt: str | None, credential: JsonValue, replaces: str | None
) -> SignedIn:
    """Open a session for whoever's passkey answered this browser's prompt.

    `prompt` and `replaces` are the browser's tokens: of the prompt, and of the session it has,
    which ends.

    Raises:
        CeremonyGone, CeremonyMalformed, CeremonyRefused, ApproverRevoked, DemoCannotSignIn,
        Unavailable.
    """
    if prompt is None:
        raise CeremonyGone
    # The challenge is used up, durably, before a byte of the answer is looked at.
    ceremony = await take_ceremony(rt, "login", _subject(prompt))
    known = await verify_known(
        rt, credential, expected_challenge=ceremony.challenge, expected_approver_id=None
    )
    approver = await _approver(rt, known.credential.webauthn.approver_id)
    async with rt.database.transaction() as tx:
        await record_use(tx, known)
        return await _open(rt, tx, approver, known.credential.row_id, replaces)


async def after_practice(
    rt: Runtime, approver: Approver, credential_id: str, *, replaces: str | None
) -> SignedIn | None:
    """Open a session for somebody whose practice approval has just been verified and recorded.

    A practice is as fresh an assertion of user verification as a sign-in. `credential_id` is the
    credential's row, `replaces` as in `sign_in`. None: this approver signs in nowhere.

    Raises:
        Unavailable.
    """
    try:
        found = await _approver(rt, approver.id)
    except (ApproverRevoked, DemoCannotSignIn):
        return None
    async with rt.database.transaction() as tx:
        return await _open(rt, tx, found, credential_id, replaces)


async def get(rt: Runtime, token: str | None) -> Session:
    """Return the session of a browser's token.

    Raises:
        SignInNeeded: there is none, it is too old, or its approver or passkey was revoked.
    """
    found = None if token is None else await sessions.by_token(rt.database.reader, digest(token))
    if found is None:
        raise SignInNeeded
    return found


async def sign_out(rt: Runtime, token: str | None) -> None:
    """End a browser's session, if it has one."""
    if token is not None:
        async with rt.database.transaction() as tx:
            await sessions.end(tx, digest(token))


def _subject(token: str) -> str:
    return digest(token).hex()


async def _approver(rt: Runtime, approver_id: str) -> Approver:
    found = await approvers.get(rt.database.reader, approver_id)
    if found is None or found.revoked_at is not None:
        raise ApproverRevoked
    organisation = await organisation_of(rt.database.reader, found.organisation_id)
    if organisation.slug == DEMO_ORGANISATION:
        raise DemoCannotSignIn
    return found


async def _open(
    rt: Runtime, tx: Transaction, approver: Approver, credential_id: str, replaces: str | None
) -> SignedIn:
    """Store a session under a token nobody had, and end the browser's old one with it."""
    token = mint_code(rt.random(SECRET_BYTES))
    if replaces is not None:
        await sessions.end(tx, digest(replaces))
    await sessions.insert(
        tx,
        approver,
        token_hash=digest(token),
        credential_id=credential_id,
        expires_at=rt.clock() + SESSION_MS,
    )
    return SignedIn(approver, token)
