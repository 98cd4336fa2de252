"""Log leaves: the public entry and the salted opening it commits to (docs/log.md).

The entry is public and says almost nothing; the opening says everything and travels only in the
evidence bundle. Both are written once and stored as bytes.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from cosignet.core.encoding import base64url, rfc3339
from cosignet.core.jsontext import JsonValue, write_json

ENTRY_BYTES_MAX = 8 * 1024
MONITOR_TAG_BYTES = 16
_MINUTE_MS = 60_000

DecisionKind: TypeAlias = Literal["approval", "rejection"]
CredentialKind: TypeAlias = Literal["credential", "credential_revoked"]


class SignedBy(NamedTuple):
    """One signature of a decision, as its opening names it."""

    context_hash: bytes
    credential_key_hash: bytes
    """SHA-256 of the credential key's SubjectPublicKeyInfo DER."""
    assertion_hash: bytes


def assertion_hash(
    *, client_data_json: bytes, authenticator_data: bytes, signature: bytes
) -> bytes:
    """Return SHA-256 over the three parts' own SHA-256 hashes, in this order."""
    parts = (client_data_json, authenticator_data, signature)
    return hashlib.sha256(b"".join([hashlib.sha256(part).digest() for part in parts])).digest()


def decision_opening(
    *,
    kind: DecisionKind,
    salt: bytes,
    evidence_id: str,
    payload_hash: bytes,
    decided_at: int,
    signatures: Sequence[SignedBy],
) -> str:
    """Return the canonical text that discloses an approval or a signed rejection.

    `decided_at` is unix milliseconds, `salt` 32 random bytes.
    """
    signed = ",".join(
        f'{{"contextHash":"{signature.context_hash.hex()}"'
        f',"credentialKeyHash":"{signature.credential_key_hash.hex()}"'
        f',"assertionHash":"{signature.assertion_hash.hex()}"}}'
        for signature in signatures
    )
    return (
        f'{{"v":1,"kind":"{kind}","salt":"{base64url(salt)}","evidence":{write_json(evidence_id)}'
        f',"payloadHash":"{payload_hash.hex()}","decidedAt":"{rfc3339(decided_at)}"'
        f',"signatures":[{signed}]}}'
    )


def credential_opening(
    *,
    salt: bytes,
    org: str,
    approver: str,
    approver_id: str,
    credential_id: bytes,
    credential_key_hash: bytes,
    enrolled_by: str,
    at: int,
    proof: bytes | None,
    kind: CredentialKind = "credential",
) -> str:
    """Return the canonical text that discloses a new credential, or that one has ended.

    `at` is unix milliseconds; `proof` the assertion hash of the practice approval, if there was
    one, and None of a credential that has ended.
    """
    return write_json(
        {
            "v": 1,
            "kind": kind,
            "salt": base64url(salt),
            "org": org,
            "approver": approver,
            "approverId": approver_id,
            "credentialId": base64url(credential_id),
            "credentialKeyHash": credential_key_hash.hex(),
            "enrolledBy": enrolled_by,
            "at": rfc3339(at),
            "proof": None if proof is None else proof.hex(),
        }
    )


def consumption_opening(
    *, salt: bytes, evidence_id: str, token_hash: bytes, key_id: str, at: int
) -> str:
    """Return the canonical text that discloses who used an approval up.

    `token_hash` is the SHA-256 of the run's token, `key_id` the API key's id, `at` unix
    milliseconds.
    """
    return _about("consumption", salt, evidence_id, at, tokenHash=token_hash.hex(), keyId=key_id)


def outcome_opening(*, salt: bytes, evidence_id: str, result: str, at: int) -> str:
    """Return the canonical text that discloses what became of an action (`at` in unix ms)."""
    return _about("outcome", salt, evidence_id, at, result=result)


def asset_manifest_opening(*, salt: bytes, release: str, files: Mapping[str, str], at: int) -> str:
    """Return the canonical text that discloses which files a release serves to browsers.

    `files` maps paths to their SHA-256 in hexadecimal; they are written in the order of the paths.
    """
    sorted_files = {path: files[path] for path in sorted(files)}
    return write_json(
        {
            "v": 1,
            "kind": "asset_manifest",
            "salt": base64url(salt),
            "release": release,
            "files": dict[str, JsonValue](sorted_files),
            "at": rfc3339(at),
        }
    )


def log_key_opening(*, salt: bytes, vkey: str, at: int) -> str:
    """Return the canonical text that discloses another key of the log (`at` in unix ms)."""
    return write_json(
        {"v": 1, "kind": "log_key", "salt": base64url(salt), "vkey": vkey, "at": rfc3339(at)}
    )


def _about(kind: str, salt: bytes, evidence_id: str, at: int, **members: str) -> str:
    start: dict[str, JsonValue] = {
        "v": 1,
        "kind": kind,
        "salt": base64url(salt),
        "evidence": evidence_id,
    }
    return write_json({**start, **members, "at": rfc3339(at)})


def entry(*, opening: str, at: int, monitor_key: bytes) -> bytes:
    """Return the leaf's public bytes: a minute, a commitment, and the organisation's own tag.

    With its monitor key an organisation finds its entries; nobody else links two of them.
    `at` is unix milliseconds.
    """
    commitment = hashlib.sha256(opening.encode()).digest()
    tag = hmac.digest(monitor_key, commitment, "sha256")[:MONITOR_TAG_BYTES]
    minute = at // _MINUTE_MS * (_MINUTE_MS // 1000)
    return f'{{"v":1,"t":{minute},"c":"{base64url(commitment)}","o":"{base64url(tag)}"}}'.encode()
