"""The 48 bytes an approver's passkey signs: `nonce(16) ‖ SHA-256(payload)(32)`.

The nonce is not just random: it is the first half of a salted hash over the context, so one
signature also binds the title, the approver, the requester, the deadline and the policy.
It commits to them with 128 bits (about 2^64 work for a server that wants two contexts with one
nonce); the payload is bound with all 256.
"""

import hashlib
import re
from functools import lru_cache
from json.encoder import encode_basestring as _json
from typing import Literal, NamedTuple, TypeAlias, cast

from cosignet.core.errors import ContextMalformed, Refusal
from cosignet.core.jsontext import JsonValue, parse_json

Purpose: TypeAlias = Literal["approve", "reject"]
CeremonyPurpose: TypeAlias = Literal["register", "practice", "login", "unlock", "confirm-change"]

NONCE_BYTES = 16
CHALLENGE_BYTES = 48
CEREMONY_CHALLENGE_BYTES = 32

_CONTEXT_DOMAIN = b"cosignet/context/v1\n"
_REJECT_DOMAIN = b"cosignet/reject/v1\n"
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class Context(NamedTuple):
    """What is signed besides the payload. Times are RFC 3339, hashes hex, the salt base64url.

    A tuple: two are made for every confirmation, and none is made faster.
    """

    purpose: Purpose
    confirmation: str
    org: str
    action: str
    approver: str
    approver_id: str
    requester: str
    requester_key_id: str
    rp_id: str
    origin: str
    created_at: str
    expires_at: str
    quorum: int
    policy: str | None
    risk: str
    reveal: bool
    salt: str

    @property
    def text(self) -> str:
        """The one canonical text of this context; key order is part of the format."""
        return _framed(self.purpose, self._terms, self.salt)

    def texts(self, reject_salt: str) -> tuple[str, str]:
        """Return the text of this context, and that of rejecting the same with another salt."""
        terms = self._terms
        return _framed("approve", terms, self.salt), _framed("reject", terms, reject_salt)

    @property
    def _terms(self) -> str:
        """What both purposes have in common."""
        policy = "null" if self.policy is None else _json(self.policy)
        parties = _parties(
            self.approver,
            self.approver_id,
            self.requester,
            self.requester_key_id,
            self.rp_id,
            self.origin,
        )
        return (
            f'"confirmation":{_json(self.confirmation)}'
            f',"org":{_json(self.org)},"action":{_json(self.action)},{parties}'
            f',"createdAt":{_json(self.created_at)},"expiresAt":{_json(self.expires_at)}'
            f',"quorum":{self.quorum},"policy":{policy},"risk":{_json(self.risk)}'
            f',"reveal":{"true" if self.reveal else "false"}'
        )


# The same few ask the same few, again and again.
@lru_cache(maxsize=1024)
def _parties(
    approver: str,
    approver_id: str,
    requester: str,
    requester_key_id: str,
    rp_id: str,
    origin: str,
) -> str:
    return (
        f'"approver":{_json(approver)},"approverId":{_json(approver_id)}'
        f',"requester":{_json(requester)},"requesterKeyId":{_json(requester_key_id)}'
        f',"rpId":{_json(rp_id)},"origin":{_json(origin)}'
    )


def _framed(purpose: Purpose, terms: str, salt: str) -> str:
    return f'{{"v":1,"purpose":"{purpose}",{terms},"salt":{_json(salt)}}}'


def parse_context(text: str) -> Context:
    """Read a context that somebody else wrote.

    Raises:
        ContextMalformed: writing it again does not reproduce the text to the byte, a key is
            missing, surplus or out of order, or a value is of the wrong kind.
    """
    try:
        value = parse_json(text.encode())
    except (Refusal, UnicodeEncodeError) as error:
        raise ContextMalformed(str(error)) from None
    if not isinstance(value, dict) or value.get("purpose") not in ("approve", "reject"):
        raise ContextMalformed
    context = Context(
        purpose=cast(Purpose, value["purpose"]),
        confirmation=_text(value, "confirmation"),
        org=_text(value, "org"),
        action=_text(value, "action"),
        approver=_text(value, "approver"),
        approver_id=_text(value, "approverId"),
        requester=_text(value, "requester"),
        requester_key_id=_text(value, "requesterKeyId"),
        rp_id=_text(value, "rpId"),
        origin=_text(value, "origin"),
        created_at=_text(value, "createdAt"),
        expires_at=_text(value, "expiresAt"),
        quorum=_quorum(value),
        policy=_policy(value),
        risk=_text(value, "risk"),
        reveal=_flag(value, "reveal"),
        salt=_text(value, "salt"),
    )
    if context.text != text:
        raise ContextMalformed
    return context


# Asked for twice in a row: for the challenge, and for what is kept of a signature.
@lru_cache(maxsize=64)
def context_hash(text: str) -> bytes:
    """Return the 32 bytes that stand for a context text, taken verbatim."""
    return hashlib.sha256(_CONTEXT_DOMAIN + text.encode()).digest()


def challenge(*, purpose: Purpose, context_text: str, payload_hash: bytes) -> bytes:
    """Return the 48-byte WebAuthn challenge of one approver's approval or signed rejection.

    The two can never pass for one another: a rejection signs a tagged hash of the payload's hash.
    """
    nonce = context_hash(context_text)[:NONCE_BYTES]
    return nonce + (payload_hash if purpose == "approve" else _rejected(payload_hash))


def ceremony_challenge(purpose: CeremonyPurpose, random: bytes) -> bytes:
    """Return the challenge of any other ceremony: 32 bytes, so it never passes for an approval."""
    return hashlib.sha256(f"cosignet/{purpose}/v1\n".encode() + random).digest()


def _rejected(payload_hash: bytes) -> bytes:
    return hashlib.sha256(_REJECT_DOMAIN + payload_hash).digest()


def _text(value: dict[str, JsonValue], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise ContextMalformed(f"{key} is not a text")
    return found


def _flag(value: dict[str, JsonValue], key: str) -> bool:
    found = value.get(key)
    if not isinstance(found, bool):
        raise ContextMalformed(f"{key} is neither true nor false")
    return found


def _policy(value: dict[str, JsonValue]) -> str | None:
    if value.get("policy") is None:
        return None
    policy = _text(value, "policy")
    if not _SHA256_HEX.fullmatch(policy):
        raise ContextMalformed("policy is neither null nor a SHA-256 in lowercase hex")
    return policy


def _quorum(value: dict[str, JsonValue]) -> int:
    found = value.get("quorum")
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise ContextMalformed("quorum is not a positive whole number")
    return found
