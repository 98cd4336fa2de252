"""Unlocking: the named approver's passkey opens a private confirmation in one browser."""

from dataclasses import dataclass, field

from cosignet.core.confirmation import Confirmation
from cosignet.core.errors import CeremonyGone
from cosignet.core.jsontext import JsonValue
from cosignet.core.private_view import NotPrivate, NotTheApprover
from cosignet.server.ledger import (
    CEREMONY_MS,
    current,
    open_ceremony,
    require_may_decide,
    take_ceremony,
)
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SECRET_BYTES, digest, mint_code
from cosignet.server.store import credentials, private_views
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Transaction
from cosignet.server.store.private_views import PrivateView
from cosignet.server.webauthn import (
    VerifiedAssertion,
    parse_assertion,
    request_options,
    verify_assertion,
)
from cosignet.server.webauthn.errors import CredentialUnknown, SignCountBack


@dataclass(frozen=True, slots=True)
class Prompt:
    """An open prompt, and the secret of the browser it was opened in."""

    options: dict[str, object]
    browser: str = field(repr=False)


async def begin(rt: Runtime, confirmation_id: str) -> Prompt:
    """Open a prompt in one browser: 32 bytes, that never pass for an approval's 48.

    Raises:
        NotFound, NotPrivate, Unavailable.
    """
    confirmation = await _private(rt, confirmation_id)
    browser = mint_code(rt.random(SECRET_BYTES))
    challenge = await open_ceremony(
        rt, "unlock", _subject(confirmation, browser), confirmation.organisation_id, None
    )
    options = request_options(rt.relying_party, challenge=challenge, timeout_ms=CEREMONY_MS)
    return Prompt(options, browser)


async def complete(
    rt: Runtime, confirmation_id: str, browser: str | None, credential: JsonValue
) -> str:
    """Verify the answer to the prompt of this browser, and return the secret that opens the page.

    Whose passkey it is gets looked at last, when it is proven: a guessed credential id does not
    tell anybody whom a private confirmation is for.

    Raises:
        NotFound, NotPrivate, CeremonyGone, CeremonyMalformed, CeremonyRefused, NotTheApprover,
        ApproverNotActivated, ApproverRevoked, Unavailable.
    """
    confirmation = await _private(rt, confirmation_id)
    # The challenge is used up, durably, before a byte of the answer is looked at.
    ceremony = await take_ceremony(rt, "unlock", _subject(confirmation, browser or ""))
    parsed = parse_assertion(credential)
    stored = await credentials.by_credential_id(rt.database.reader, parsed.credential_id)
    if stored is None:
        raise CredentialUnknown
    try:
        verified = verify_assertion(
            parsed,
            expected_challenge=ceremony.challenge,
            relying_party=rt.relying_party,
            credential=stored.webauthn,
            expected_approver_id=None,
        )
    except SignCountBack:
        async with rt.database.transaction() as tx:
            await credentials.flag(tx, parsed.credential_id)
        raise
    if stored.webauthn.approver_id != confirmation.approver_id:
        raise NotTheApprover
    secret = mint_code(rt.random(SECRET_BYTES))
    async with rt.database.transaction() as tx:
        await require_may_decide(tx, confirmation)
        await _record(tx, confirmation, stored, verified, secret)
    return secret


def _subject(confirmation: Confirmation, browser: str) -> str:
    return f"{confirmation.id}:{digest(browser).hex()}"


async def _private(rt: Runtime, confirmation_id: str) -> Confirmation:
    confirmation = await current(rt, confirmation_id)
    if not confirmation.private:
        raise NotPrivate
    return confirmation


async def _record(
    tx: Transaction,
    confirmation: Confirmation,
    stored: StoredCredential,
    verified: VerifiedAssertion,
    secret: str,
) -> None:
    used = await credentials.record_use(
        tx, stored.row_id, sign_count=verified.sign_count, backed_up=verified.backed_up
    )
    if not used:
        # Revoked, or used with a higher counter, since it was verified.
        raise CeremonyGone
    view = PrivateView(
        token_hash=digest(secret),
        organisation_id=confirmation.organisation_id,
        confirmation_id=confirmation.id,
        approver_id=confirmation.approver_id,
        credential_row_id=stored.row_id,
    )
    await private_views.insert(tx, view)
