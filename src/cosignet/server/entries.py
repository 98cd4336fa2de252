"""Log leaves: written in the transaction of what they tell of, so none is ever missing or doubled.

They are pending until the sequencer numbers them. Whoever decides asks whether there is room
(`LogGate.require_room`) before its transaction begins: approving cannot be refused once it has
changed something. Ending a passkey never asks.
"""

import hashlib
from collections.abc import Mapping

from cosignet.core.confirmation import Confirmation, OutcomeResult
from cosignet.core.leaf import (
    DecisionKind,
    SignedBy,
    asset_manifest_opening,
    consumption_opening,
    credential_opening,
    decision_opening,
    entry,
    log_key_opening,
    outcome_opening,
)
from cosignet.server.ledger import MONITOR_KEY_PURPOSE, organisation_of
from cosignet.server.runtime import Runtime
from cosignet.server.store import approvers, leaves, organisations
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Transaction
from cosignet.server.store.organisations import Organisation

SALT_BYTES = 32
LOGS_OWN = "default"
"""The organisation under which the log tells about itself."""


async def record_decision(
    rt: Runtime,
    tx: Transaction,
    confirmation: Confirmation,
    *,
    kind: DecisionKind,
    evidence_id: str,
    signed_by: SignedBy,
    at: int,
) -> None:
    """Write the pending log leaf of a signed decision (`at` in unix ms)."""
    opening = decision_opening(
        kind=kind,
        salt=rt.random(SALT_BYTES),
        evidence_id=evidence_id,
        payload_hash=confirmation.payload_hash,
        decided_at=at,
        signatures=[signed_by],
    )
    await _record_about(rt, tx, confirmation, kind, opening, at)


async def record_credential(
    rt: Runtime,
    tx: Transaction,
    credential: StoredCredential,
    *,
    username: str,
    proof: bytes | None,
) -> None:
    """Write the pending log leaf of a credential; `proof` is its practice assertion's hash."""
    organisation = await organisation_of(tx, credential.organisation_id)
    opening = credential_opening(
        salt=rt.random(SALT_BYTES),
        org=organisation.slug,
        approver=username,
        approver_id=credential.webauthn.approver_id,
        credential_id=credential.webauthn.id,
        credential_key_hash=hashlib.sha256(credential.public_key_spki).digest(),
        enrolled_by=enrolled_by(credential),
        at=credential.created_at,
        proof=proof,
    )
    _record(rt, tx, organisation, credential.row_id, "credential", opening, credential.created_at)


async def record_revocation(
    rt: Runtime, tx: Transaction, credential: StoredCredential, *, at: int
) -> None:
    """Write the pending log leaf of a credential that has ended (`at` in unix ms)."""
    organisation = await organisation_of(tx, credential.organisation_id)
    approver = await approvers.get(tx, credential.webauthn.approver_id)
    opening = credential_opening(
        kind="credential_revoked",
        salt=rt.random(SALT_BYTES),
        org=organisation.slug,
        approver="" if approver is None else approver.username,
        approver_id=credential.webauthn.approver_id,
        credential_id=credential.webauthn.id,
        credential_key_hash=hashlib.sha256(credential.public_key_spki).digest(),
        enrolled_by=enrolled_by(credential),
        at=at,
        proof=None,
    )
    _record(rt, tx, organisation, credential.row_id, "credential_revoked", opening, at)


async def record_consumption(
    rt: Runtime,
    tx: Transaction,
    confirmation: Confirmation,
    *,
    token_hash: bytes,
    key_id: str,
    at: int,
) -> None:
    """Write the pending log leaf of an approval that was used up (`at` in unix ms)."""
    opening = consumption_opening(
        salt=rt.random(SALT_BYTES),
        evidence_id=confirmation.evidence_id or "",
        token_hash=token_hash,
        key_id=key_id,
        at=at,
    )
    await _record_about(rt, tx, confirmation, "consumption", opening, at)


async def record_outcome(
    rt: Runtime, tx: Transaction, confirmation: Confirmation, *, result: OutcomeResult, at: int
) -> None:
    """Write the pending log leaf of what became of an action (`at` in unix ms)."""
    opening = outcome_opening(
        salt=rt.random(SALT_BYTES),
        evidence_id=confirmation.evidence_id or "",
        result=result,
        at=at,
    )
    await _record_about(rt, tx, confirmation, "outcome", opening, at)


async def record_log_key(rt: Runtime, tx: Transaction, *, vkey: str, at: int) -> None:
    """Write the pending log leaf of another key of the log (`at` in unix ms)."""
    opening = log_key_opening(salt=rt.random(SALT_BYTES), vkey=vkey, at=at)
    await _record_own(rt, tx, vkey, "log_key", opening, at)


async def record_assets(
    rt: Runtime, tx: Transaction, *, release: str, files: Mapping[str, str], at: int
) -> None:
    """Write the pending log leaf of the files that a release serves (`at` in unix ms).

    `files` maps paths to their SHA-256 in hexadecimal.
    """
    opening = asset_manifest_opening(
        salt=rt.random(SALT_BYTES), release=release, files=files, at=at
    )
    await _record_own(rt, tx, assets_subject(release, files), "asset_manifest", opening, at)


def assets_subject(release: str, files: Mapping[str, str]) -> str:
    """Return under which name a release's files are logged: once for the same files."""
    lines = [release, *(f"{path} {files[path]}" for path in sorted(files))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def enrolled_by(credential: StoredCredential) -> str:
    """Say who enrolled a credential, as its leaf does: `operator`, or a kind, a colon and an id."""
    if credential.enroller_id is None:
        return credential.enroller
    return f"{credential.enroller}:{credential.enroller_id}"


async def _record_about(
    rt: Runtime, tx: Transaction, confirmation: Confirmation, kind: str, opening: str, at: int
) -> None:
    organisation = await organisation_of(rt.database.reader, confirmation.organisation_id)
    _record(rt, tx, organisation, confirmation.id, kind, opening, at)


async def _record_own(
    rt: Runtime, tx: Transaction, subject: str, kind: str, opening: str, at: int
) -> None:
    organisation = await organisations.by_slug(tx, LOGS_OWN)
    if organisation is not None:
        _record(rt, tx, organisation, subject, kind, opening, at)


def _record(
    rt: Runtime,
    tx: Transaction,
    organisation: Organisation,
    subject: str,
    kind: str,
    opening: str,
    at: int,
) -> None:
    if not organisation.logged:
        return
    monitor_key = rt.sealer.unseal(organisation.monitor_key_sealed, purpose=MONITOR_KEY_PURPOSE)
    leaf = leaves.NewLeaf(
        organisation_id=organisation.id,
        subject=subject,
        kind=kind,
        entry=entry(opening=opening, at=at, monitor_key=monitor_key),
        opening=opening,
        created_at=at,
    )
    leaves.append(tx, leaf)
