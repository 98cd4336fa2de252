"""Signatures over confirmations; read back with the confirmation they decided."""

from dataclasses import dataclass
from typing import NamedTuple

from cosignet.core.challenge import Purpose
from cosignet.core.confirmation import Confirmation
from cosignet.server.store.db import Reader, Transaction


class NewSignature(NamedTuple):
    """A verified signature, to be stored."""

    credential_row_id: str
    purpose: Purpose
    context_hash: bytes
    raw_assertion: str
    assertion_hash: bytes


def append(
    tx: Transaction, confirmation: Confirmation, signature: NewSignature, *, at: int
) -> None:
    """Store the signature of a decision, in the decision's own transaction."""
    tx.append(
        "INSERT INTO signatures (confirmation_id, organisation_id, approver_id, credential_id,"
        " purpose, context_hash, raw_assertion, assertion_hash, signed_at)",
        confirmation.id,
        confirmation.organisation_id,
        confirmation.approver_id,
        signature.credential_row_id,
        signature.purpose,
        signature.context_hash,
        signature.raw_assertion,
        signature.assertion_hash,
        at,
    )


@dataclass(frozen=True, slots=True)
class EvidenceOfSignature:
    """A signature as it was received, with the key that made it."""

    credential_row_id: str
    credential_id: bytes
    algorithm: int
    public_key_spki: bytes
    raw_assertion: str


async def of_decision(reader: Reader, confirmation_id: str) -> list[EvidenceOfSignature]:
    """Return the signatures that decided a confirmation, in the order they were given."""
    rows = await reader.fetch(
        "SELECT k.id, k.credential_id, k.algorithm, k.public_key_spki, s.raw_assertion"
        " FROM signatures s JOIN credentials k ON k.id = s.credential_id"
        " WHERE s.confirmation_id = $1 ORDER BY s.signed_at, s.approver_id",
        confirmation_id,
    )
    return [EvidenceOfSignature(*row) for row in rows]
