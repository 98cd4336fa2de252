"""Deciding: a passkey's signature, or a rejection, becomes the confirmation's one decision."""

import hashlib
from typing import NamedTuple

from cosignet.core.challenge import Purpose, challenge, context_hash
from cosignet.core.confirmation import Confirmation, Decision, Rejection, RejectReason, Status
from cosignet.core.errors import FieldInvalid, Refusal, Unavailable
from cosignet.core.jsontext import JsonValue
from cosignet.core.leaf import SignedBy
from cosignet.core.match_code import MatchCodeMissing, MatchCodeWait, MatchCodeWrong
from cosignet.server.entries import record_credential, record_decision
from cosignet.server.ledger import (
    after_refusal,
    already_decided,
    owe_deliveries,
    pending,
    require_may_decide,
)
from cosignet.server.runtime import Runtime
from cosignet.server.secret import digest_for
from cosignet.server.store import confirmations, credentials, match_codes, signatures
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Transaction
from cosignet.server.store.signatures import NewSignature
from cosignet.server.verifying import Expected, VerifiedAnswer
from cosignet.server.webauthn import credential_id, request_options
from cosignet.server.webauthn.errors import CredentialUnknown, SignCountBack

PROMPT_MS_MAX = 300_000
"""A passkey prompt stays open no longer than this, and never beyond the deadline."""


class _Signed(NamedTuple):
    """A verified signature with what recording it needs."""

    credential: StoredCredential
    answer: VerifiedAnswer
    signature: NewSignature

    @property
    def by(self) -> SignedBy:
        return SignedBy(
            context_hash=self.signature.context_hash,
            credential_key_hash=hashlib.sha256(self.credential.public_key_spki).digest(),
            assertion_hash=self.signature.assertion_hash,
        )


async def options(
    rt: Runtime,
    confirmation_id: str,
    purpose: Purpose,
    *,
    view: str | None = None,
    match_code: str | None = None,
) -> dict[str, object]:
    """Return what the approver's browser is asked to sign; asking again gives the same.

    `view` is the secret of an unlocked browser, `match_code` what was picked at high risk.

    Raises:
        NotFound, Locked, AlreadyDecided, ApproverRevoked, ApproverNotActivated,
        MatchCodeMissing, MatchCodeWrong, MatchCodeWait, FieldInvalid, Unavailable.
    """
    confirmation = await _signable(rt, confirmation_id, purpose, view, match_code)
    left = confirmation.expires_at - rt.clock()
    return request_options(
        rt.relying_party,
        challenge=_challenge(confirmation, purpose),
        timeout_ms=max(1, min(PROMPT_MS_MAX, left)),
    )


async def approve(
    rt: Runtime,
    confirmation_id: str,
    credential: JsonValue,
    *,
    view: str | None = None,
    match_code: str | None = None,
) -> Decision:
    """Approve by a passkey's signature over the confirmation's own challenge.

    A refused attempt leaves everything as it was, but for the wait after a wrong match code, so
    nobody who has the link can burn it.

    Raises:
        CeremonyMalformed, CeremonyRefused, and all that `options` raises.
    """
    confirmation = await _signable(rt, confirmation_id, "approve", view, match_code)
    evidence_id = rt.new_id()
    try:
        signed = await _verify(rt, confirmation, "approve", credential)
        async with rt.database.transaction(refuses_first=True) as tx:
            at = await confirmations.approve(
                tx,
                confirmation.id,
                evidence_id=evidence_id,
                credential_row_id=signed.credential.row_id,
                sign_count=signed.answer.sign_count,
                match_code=match_code,
            )
            if at is not None:
                await _record(rt, tx, confirmation, signed, evidence_id=evidence_id, at=at)
                await owe_deliveries(rt, tx, confirmation, Status.APPROVED, at=at)
        # Durable here: decision, signature, leaf and deliveries together, or none of them.
        if at is None:
            raise await _lost(rt, confirmation, "approve", credential)
    except SignCountBack as back:
        raise await _count_back(rt, confirmation, credential, back) from None
    return Decision(
        confirmation, Status.APPROVED, at, evidence_id, signed.signature.context_hash, None
    )


async def reject(
    rt: Runtime,
    confirmation_id: str,
    *,
    credential: JsonValue,
    reason: RejectReason | None,
    browser: str | None = None,
    view: str | None = None,
) -> Decision:
    """Reject; signed by a passkey if there is one, else as a tap on the page.

    The door has checked that an unsigned one comes from the page. Saying no needs no match code.
    `browser` is the secret of the page's cookie: who has it may say why afterwards.

    Raises:
        NotFound, Locked, AlreadyDecided, ApproverRevoked, ApproverNotActivated,
        CeremonyMalformed, CeremonyRefused, Unavailable.
    """
    confirmation = await pending(rt, confirmation_id, view)
    signed = evidence_id = None
    try:
        if credential is not None:
            await require_may_decide(rt.database.reader, confirmation)
            signed = await _verify(rt, confirmation, "reject", credential)
            evidence_id = rt.new_id()
        async with rt.database.transaction() as tx:
            at = await confirmations.reject(
                tx,
                confirmation.id,
                signed=signed is not None,
                reason=reason,
                evidence_id=evidence_id,
                browser_hash=None if browser is None else digest_for(confirmation.id, browser),
            )
            if at is not None:
                if signed is not None and evidence_id is not None:
                    await _record(rt, tx, confirmation, signed, evidence_id=evidence_id, at=at)
                await owe_deliveries(rt, tx, confirmation, Status.REJECTED, at=at)
    except SignCountBack as back:
        raise await _count_back(rt, confirmation, credential, back) from None
    if at is None:
        raise await _lost(rt, confirmation, "reject", None)
    rejection = Rejection(signed=signed is not None, reason=reason)
    signed_context = None if signed is None else signed.signature.context_hash
    return Decision(confirmation, Status.REJECTED, at, evidence_id, signed_context, rejection)


def _context(confirmation: Confirmation, purpose: Purpose) -> str:
    return confirmation.context if purpose == "approve" else confirmation.reject_context


def _challenge(confirmation: Confirmation, purpose: Purpose) -> bytes:
    return challenge(
        purpose=purpose,
        context_text=_context(confirmation, purpose),
        payload_hash=confirmation.payload_hash,
    )


async def _signable(
    rt: Runtime, confirmation_id: str, purpose: Purpose, view: str | None, match_code: str | None
) -> Confirmation:
    """Return a confirmation that its approver may sign now, the match code picked if need be."""
    confirmation = await pending(rt, confirmation_id, view)
    await require_may_decide(rt.database.reader, confirmation)
    await _check_pick(rt, confirmation, purpose, match_code)
    return confirmation


async def _check_pick(
    rt: Runtime, confirmation: Confirmation, purpose: Purpose, match_code: str | None
) -> None:
    # A wrong pick is durably counted before it is told, so that a crash lets nobody pick faster.
    if purpose == "reject" or confirmation.match is None:
        if match_code is None:
            return
        raise FieldInvalid("no match code is asked for here", field="matchCode")
    if match_code is None:
        raise MatchCodeMissing(field="matchCode")
    async with rt.database.transaction() as tx:
        is_right = await match_codes.pick(tx, confirmation.id, match_code)
        wait_ms = await match_codes.wait_ms(tx, confirmation.id)
    if is_right:
        return
    seconds = max(1, -(-wait_ms // 1000))
    if is_right is False:
        raise MatchCodeWrong(field="matchCode", retryAfterSeconds=seconds)
    found = await after_refusal(rt, confirmation.id)
    raise already_decided(found) if found.decided else MatchCodeWait(retryAfterSeconds=seconds)


async def _verify(
    rt: Runtime, confirmation: Confirmation, purpose: Purpose, value: JsonValue
) -> _Signed:
    rt.log.require_room()
    stored = await credentials.by_credential_id(rt.database.reader, credential_id(value))
    if stored is None:
        raise CredentialUnknown
    expected = Expected(
        challenge=_challenge(confirmation, purpose),
        credential=stored.webauthn,
        approver_id=confirmation.approver_id,
    )
    verified = await rt.verifier.verify(value, expected)
    signature = NewSignature(
        credential_row_id=stored.row_id,
        purpose=purpose,
        context_hash=context_hash(_context(confirmation, purpose)),
        raw_assertion=verified.raw_assertion,
        assertion_hash=verified.assertion_hash,
    )
    return _Signed(stored, verified, signature)


async def _count_back(
    rt: Runtime, confirmation: Confirmation, value: JsonValue, refusal: SignCountBack
) -> Refusal:
    """Remember a passkey whose counter went back, it may be a copy, and return what to say.

    `AlreadyDecided`: it is no copy; the same answer, posted twice, has met its own count.
    """
    async with rt.database.transaction() as tx:
        found = await confirmations.get(tx, confirmation.id)
        if found is not None and found.decided:
            return already_decided(found)
        await credentials.flag(tx, credential_id(value))
    return refusal


async def _record(
    rt: Runtime,
    tx: Transaction,
    confirmation: Confirmation,
    signed: _Signed,
    *,
    evidence_id: str,
    at: int,
) -> None:
    """Write the signature, the counter and the leaves of a decision that has just been won."""
    moved = await credentials.record_use(
        tx,
        signed.credential.row_id,
        sign_count=signed.answer.sign_count,
        backed_up=signed.answer.backed_up,
    )
    if not moved:
        # Revoked, or used with a higher counter, since it was verified: the decision is undone.
        raise SignCountBack
    signatures.append(tx, confirmation, signed.signature, at=at)
    kind = "approval" if signed.signature.purpose == "approve" else "rejection"
    await record_decision(
        rt, tx, confirmation, kind=kind, evidence_id=evidence_id, signed_by=signed.by, at=at
    )
    is_logged = signed.credential.logged_at is not None
    if not is_logged and await credentials.record_logged(tx, signed.credential.row_id):
        # No practice approval went before: the credential enters the log with its first decision.
        await record_credential(
            rt, tx, signed.credential, username=confirmation.approver, proof=None
        )


async def _lost(
    rt: Runtime, confirmation: Confirmation, purpose: Purpose, credential: JsonValue
) -> Refusal:
    """Return, or raise, why a decision was not recorded."""
    found = await after_refusal(rt, confirmation.id)
    if found.decided:
        return already_decided(found)
    # Still pending: the approver or the passkey changed between the check and the decision.
    await require_may_decide(rt.database.reader, found)
    if credential is not None:
        await _verify(rt, found, purpose, credential)
    return Unavailable("something changed meanwhile; nothing was decided")
