"""Practising: a new passkey is tried once, and that is the proof in its log leaf."""

from dataclasses import dataclass

from cosignet.core.access import Approver
from cosignet.core.encoding import base64url_decode
from cosignet.core.errors import CeremonyGone, FieldInvalid
from cosignet.core.jsontext import JsonValue
from cosignet.server.entries import record_credential
from cosignet.server.ledger import (
    CEREMONY_MS,
    open_ceremony,
    take_ceremony,
)
from cosignet.server.runtime import Runtime
from cosignet.server.store import approvers, credentials
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Transaction
from cosignet.server.verifying import Expected, verify_answer
from cosignet.server.webauthn import request_options

PROOF_WINDOW_MS = 15 * 60_000
"""How long a credential's leaf waits for the practice approval."""
SWEEP_BATCH = 100


@dataclass(frozen=True, slots=True)
class Practised:
    """Who practised, with which credential."""

    approver: Approver
    credential_id: bytes
    row_id: str


async def begin(rt: Runtime, credential_id: str) -> dict[str, object]:
    """Return what a new passkey signs to show that it works.

    Raises:
        CeremonyGone: the credential is unknown, revoked, or has practised already.
    """
    stored = await _practising(rt, credential_id)
    challenge = await open_ceremony(rt, "practice", stored.row_id, stored.organisation_id, None)
    return request_options(rt.relying_party, challenge=challenge, timeout_ms=CEREMONY_MS)


async def complete(rt: Runtime, credential_id: str, credential: JsonValue) -> Practised:
    """Verify the practice approval and write the credential's log leaf with it as proof.

    Raises:
        CeremonyGone, CeremonyMalformed, CeremonyRefused, Unavailable (LogFull, DiskLow).
    """
    rt.log.require_room()
    stored = await _practising(rt, credential_id)
    ceremony = await take_ceremony(rt, "practice", stored.row_id)
    expected = Expected(ceremony.challenge, stored.webauthn, stored.webauthn.approver_id)
    answer = verify_answer(credential, expected, rt.relying_party)
    async with rt.database.transaction() as tx:
        used = await credentials.record_use(
            tx, stored.row_id, sign_count=answer.sign_count, backed_up=answer.backed_up
        )
        if not used:
            raise CeremonyGone
        approver = await _log(rt, tx, stored, answer.assertion_hash)
    return Practised(approver, stored.webauthn.id, stored.row_id)


async def log_unproven(rt: Runtime) -> int:
    """Write the leaves of credentials that did not practise in time; return how many.

    Raises:
        Unavailable (LogFull, DiskLow).
    """
    rt.log.require_room()
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


async def _practising(rt: Runtime, credential_id: str) -> StoredCredential:
    try:
        raw = base64url_decode(credential_id)
    except ValueError:
        raise FieldInvalid("not base64url", field="credentialId") from None
    stored = await credentials.by_credential_id(rt.database.reader, raw)
    if stored is None or stored.webauthn.revoked or stored.logged_at is not None:
        raise CeremonyGone
    return stored
