"""Unlocking: the named approver's passkey opens a private confirmation in one browser."""

from dataclasses import dataclass, field

from cosignet.core.confirmation import Confirmation
from cosignet.core.jsontext import JsonValue
from cosignet.core.private_view import NotPrivate, NotTheApprover
from cosignet.server.ceremony import Known, record_use, verify_known
from cosignet.server.ledger import (
    CEREMONY_MS,
    current,
    open_ceremony,
    require_may_decide,
    take_ceremony,
)
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SECRET_BYTES, digest, mint_code
from cosignet.server.store import private_views
from cosignet.server.store.private_views import PrivateView
from cosignet.server.webauthn import request_options


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
    known = await verify_known(
        rt, credential, expected_challenge=ceremony.challenge, expected_approver_id=None
    )
    if known.credential.webauthn.approver_id != confirmation.approver_id:
        raise NotTheApprover
    secret = mint_code(rt.random(SECRET_BYTES))
    async with rt.database.transaction() as tx:
        await require_may_decide(tx, confirmation)
        await record_use(tx, known)
        await private_views.insert(tx, _view(confirmation, known, secret))
    return secret


def _subject(confirmation: Confirmation, browser: str) -> str:
    return f"{confirmation.id}:{digest(browser).hex()}"


async def _private(rt: Runtime, confirmation_id: str) -> Confirmation:
    confirmation = await current(rt, confirmation_id)
    if not confirmation.private:
        raise NotPrivate
    return confirmation


def _view(confirmation: Confirmation, known: Known, secret: str) -> PrivateView:
    return PrivateView(
        token_hash=digest(secret),
        organisation_id=confirmation.organisation_id,
        confirmation_id=confirmation.id,
        approver_id=confirmation.approver_id,
        credential_row_id=known.credential.row_id,
    )
