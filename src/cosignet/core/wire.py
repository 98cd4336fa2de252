"""How a confirmation is told to programs: one place for each field's name and spelling."""

from typing import Any

from cosignet.core.checkpoint import LOG_PATH
from cosignet.core.confirmation import Confirmation, Rejection, Signature, Status
from cosignet.core.encoding import base64url, rfc3339


def time_or_null(unix_milliseconds: int | None) -> str | None:
    """Write a time, or nothing."""
    return None if unix_milliseconds is None else rfc3339(unix_milliseconds)


def summary(confirmation: Confirmation, public_url: str) -> dict[str, Any]:
    """Return what a list shows of a confirmation."""
    c = confirmation
    return {
        "id": c.id,
        "url": f"{public_url}/confirm/{c.id}",
        "status": c.status,
        "action": c.action,
        "approver": c.approver,
        "requester": c.requester,
        "payloadHash": c.payload_hash.hex(),
        "risk": c.risk,
        "createdAt": rfc3339(c.created_at),
        "expiresAt": rfc3339(c.expires_at),
        "decidedAt": time_or_null(c.decided_at),
        "cancelledAt": time_or_null(c.cancelled_at),
        "signedAt": None if c.signature is None else rfc3339(c.signature.signed_at),
        "rejection": rejection(c.rejection),
        "evidenceId": c.evidence_id,
        "evidenceUrl": _evidence_url(c, public_url),
        "verifyUrl": _verify_url(c, public_url),
        "consumedAt": time_or_null(c.consumed_at),
        "outcome": outcome(c),
    }


def decision(confirmation: Confirmation, public_url: str) -> dict[str, Any]:
    """Return all that is read of a confirmation but its payload, match code and raw assertion."""
    signature = confirmation.signature
    return summary(confirmation, public_url) | {
        "context": confirmation.context,
        "private": confirmation.private,
        "reveal": False,
        "credentialId": None if signature is None else base64url(signature.credential_id),
        "credential": None if signature is None else _credential(signature),
    }


def rejection(found: Rejection | None) -> dict[str, Any] | None:
    """Return how it was rejected, if it was."""
    return None if found is None else {"signed": found.signed, "reason": found.reason}


def outcome(confirmation: Confirmation) -> dict[str, Any] | None:
    """Return what became of the action, if somebody said."""
    if confirmation.outcome is None:
        return None
    found = confirmation.outcome
    return {"result": found.result, "note": found.note, "at": rfc3339(found.at)}


def _evidence_url(confirmation: Confirmation, public_url: str) -> str | None:
    if confirmation.evidence_id is None:
        return None
    return f"{public_url}{LOG_PATH}/entries/{confirmation.evidence_id}/verification"


def _verify_url(confirmation: Confirmation, public_url: str) -> str | None:
    if confirmation.evidence_id is None:
        return None
    kind = "rejection" if confirmation.status is Status.REJECTED else "approval"
    return f"{public_url}/verify?kind={kind}&id={confirmation.evidence_id}"


def _credential(signature: Signature) -> dict[str, Any]:
    return {
        "id": base64url(signature.credential_id),
        "algorithm": signature.algorithm,
        "publicKeySpki": base64url(signature.public_key_spki),
    }
