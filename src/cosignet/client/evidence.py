"""Whether an answer that says "approved" proves it: without the server's word for anything.

What remains to be known is whose the key is: `client/pins.py`.
"""

import hashlib
from dataclasses import dataclass

from cosignet.client.errors import EvidenceRefused
from cosignet.client.members import (
    Members,
    bytes_in,
    must,
    object_in,
    text_in,
    unix_seconds,
)
from cosignet.client.signatures import SignatureRefused, parse_key, verify_signature
from cosignet.core.challenge import Context, challenge, parse_context
from cosignet.core.encoding import base64url
from cosignet.core.errors import Refusal
from cosignet.core.jsontext import parse_json, write_json
from cosignet.core.leaf import assertion_hash
from cosignet.core.payload import payload_hash

CLOCK_SECONDS_MAX = 300
"""How far the server's clock may be from ours. What was asked longer ago is somebody else's."""
USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP = 0x01, 0x04, 0x08, 0x10
ATTESTED_DATA, EXTENSION_DATA = 0x40, 0x80
_RESERVED = 0x02 | 0x20
_HEADER_BYTES = 37
_RISKS = ("normal", "high", "critical")


@dataclass(frozen=True, slots=True)
class Expected:
    """What was asked, as it was when it was asked."""

    confirmation: str
    payload_text: str
    """Canonical."""
    action: str
    approver: str
    """A username, lower case."""
    origin: str
    """Where the approver's page is: scheme, host, and port unless it is the usual one."""
    rp_id: str
    risk: str = "normal"
    """At least."""
    ttl_seconds: int | None = None
    asked_at: float | None = None
    """Unix seconds by our own clock; None: an old decision is looked at, whenever it was asked."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The passkey that signed; `key` is its DER SubjectPublicKeyInfo."""

    id: str
    algorithm: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """An approval whose signature was verified over exactly what was expected."""

    context: Context
    payload_text: str
    credential: Credential
    assertion_hash: bytes
    """What the log names the signature by (`core/leaf.py`)."""


def verify_evidence(answer: Members, expected: Expected) -> Evidence:
    """Verify an approved confirmation as GET answers it.

    1. The answer is about the confirmation that was asked, and says approved.
    2. The payload is the one that was asked: its text to the byte, and what stands beside it.
    3. The context is canonical, and says what was asked, of whom, where, and when.
    4. The browser signed in with exactly that challenge on exactly that origin, not in a frame.
    5. The passkey belongs to that site, and the person was there and was verified.
    6. The signature is that of the key that the answer names.

    Raises:
        EvidenceRefused: `code` names the check.
    """
    # 1.
    must(answer.get("status") == "approved", "status", "it is not approved")
    must(answer.get("id") == expected.confirmation, "confirmation", "it is another's")
    # 2.
    hashed = _verify_payload(answer, expected.payload_text)
    # 3.
    context = _verify_context(text_in(answer, "context"), expected)
    # 4.
    assertion = object_in(answer, "rawAssertion")
    response = object_in(assertion, "response")
    client_data = bytes_in(response, "clientDataJSON")
    asked = challenge(purpose="approve", context_text=context.text, payload_hash=hashed)
    _verify_client_data(client_data, asked, expected.origin)
    # 5.
    data = bytes_in(response, "authenticatorData")
    _verify_authenticator_data(data, expected.rp_id)
    # 6.
    credential = _credential(answer, assertion)
    signature = bytes_in(response, "signature")
    _verify_signature(credential, signature, data + hashlib.sha256(client_data).digest())
    signed = assertion_hash(
        client_data_json=client_data, authenticator_data=data, signature=signature
    )
    return Evidence(context, expected.payload_text, credential, signed)


def _verify_payload(answer: Members, text: str) -> bytes:
    hashed = payload_hash(text)
    must(answer.get("payloadText") == text, "payload", "its payload is not the one asked for")
    must(answer.get("payloadHash") == hashed.hex(), "payload_hash", "its payload hash is another")
    try:
        beside = write_json(answer.get("payload"))
    except Refusal:
        beside = None
    must(beside == text, "payload", "the payload beside the signed text is another")
    return hashed


def _verify_context(text: str, expected: Expected) -> Context:
    try:
        context = parse_context(text)
    except Refusal as refusal:
        raise EvidenceRefused("context", str(refusal)) from None
    must(context.purpose == "approve", "purpose", "what was signed is no approval")
    for code, said, asked in (
        ("confirmation", context.confirmation, expected.confirmation),
        ("action", context.action, expected.action),
        ("approver", context.approver, expected.approver),
        ("origin", context.origin, expected.origin),
        ("rp_id", context.rp_id, expected.rp_id),
        ("quorum", context.quorum, 1),
        ("reveal", context.reveal, False),
    ):
        must(said == asked, code, f"it names {said!r}, and {asked!r} was asked")
    risks = _RISKS.index(context.risk) if context.risk in _RISKS else -1
    must(risks >= _RISKS.index(expected.risk), "risk", "it was shown as of less risk")
    _verify_times(context, expected)
    return context


def _verify_times(context: Context, expected: Expected) -> None:
    created, ends = unix_seconds(context.created_at), unix_seconds(context.expires_at)
    if expected.ttl_seconds is not None:
        must(ends - created == expected.ttl_seconds, "deadline", "it has another deadline")
    if expected.asked_at is not None:
        must(
            abs(created - expected.asked_at) <= CLOCK_SECONDS_MAX,
            "clock",
            f"it was asked at {context.created_at}, which is not now. It is an old one, or a clock"
            " is wrong: set yours and the server's",
        )


def _verify_client_data(data: bytes, asked: bytes, origin: str) -> None:
    try:
        members = parse_json(data)
    except Refusal as refusal:
        raise EvidenceRefused("client_data", str(refusal)) from None
    if not isinstance(members, dict):
        raise EvidenceRefused("client_data", "the client data is no object")
    must(members.get("type") == "webauthn.get", "client_data_type", "another ceremony was signed")
    must(members.get("challenge") == base64url(asked), "challenge", "something else was signed")
    must(members.get("origin") == origin, "client_origin", "it was signed on another site")
    framed = members.get("crossOrigin", False) is not False or "topOrigin" in members
    must(not framed, "framed", "it was signed within another site's page")


def _verify_authenticator_data(data: bytes, rp_id: str) -> None:
    must(len(data) >= _HEADER_BYTES, "authenticator_data", "the authenticator data is cut off")
    site = hashlib.sha256(rp_id.encode()).digest()
    must(data[:32] == site, "rp_id_hash", "it is the passkey of another site")
    flags = data[32]
    must(flags & USER_PRESENT, "user_present", "nobody touched the passkey")
    must(flags & USER_VERIFIED, "user_verified", "the person was not verified")
    must(not flags & (_RESERVED | ATTESTED_DATA), "flags", "flags are set that mean nothing here")
    eligible = flags & BACKUP_ELIGIBLE or not flags & BACKED_UP
    must(eligible, "flags", "it is backed up, and says that it cannot be")
    # What extensions say is signed, and not used.
    extended = bool(flags & EXTENSION_DATA) == (len(data) > _HEADER_BYTES)
    must(extended, "authenticator_data", "the authenticator data is longer or shorter than it says")


def _credential(answer: Members, assertion: Members) -> Credential:
    named = object_in(answer, "credential")
    id_ = base64url(bytes_in(named, "id"))
    must(
        {text_in(assertion, "id"), text_in(assertion, "rawId"), text_in(answer, "credentialId")}
        == {id_},
        "credential",
        "it names several passkeys",
    )
    algorithm = named.get("algorithm")
    if isinstance(algorithm, bool) or not isinstance(algorithm, int):
        raise EvidenceRefused("malformed", "algorithm is no number")
    return Credential(id_, algorithm, bytes_in(named, "publicKeySpki"))


def _verify_signature(credential: Credential, signature: bytes, signed: bytes) -> None:
    try:
        key = parse_key(credential.algorithm, credential.key)
        verify_signature(key, signature=signature, data=signed)
    except SignatureRefused as refused:
        raise EvidenceRefused("signature", str(refused)) from None
