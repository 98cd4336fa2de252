"""The evidence bundle: one JSON file with which a stranger checks one leaf, offline, for ever.

What a verifier trusts (the log's key, the origin, the approver's key) it is given by argument and
never takes from here: a key that travels beside the signature it verifies proves nothing.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from cosignet.core.checkpoint import Checkpoint, TlogProof, format_tlog_proof
from cosignet.core.encoding import base64url
from cosignet.core.merkle import leaf_hash

BUNDLE_VERSION = 1


class Verdict(StrEnum):
    """How one step ended."""

    OK = "OK"
    FAIL = "FAIL"
    NOT_PROVEN = "NOT PROVEN"


class Step(NamedTuple):
    """One step of verifying a bundle."""

    name: str
    says: str
    """What is known when it is OK."""
    needed: bool
    """Whether a verifier that cannot prove it ends with another status than 0."""


STEPS = (
    Step("payload", "The payload is in its one canonical form.", needed=False),
    Step("hash", "Its SHA-256 is the payload hash.", needed=False),
    Step("context", "Each context is in its one form, and was signed.", needed=False),
    Step("challenge", "The 48 signed bytes are of this context and payload.", needed=True),
    Step("client data", "A browser asked for it on the origin you expect.", needed=True),
    Step("flags", "The passkey is of that site; a person was verified.", needed=True),
    Step("signature", "The passkey's key signed exactly this.", needed=True),
    Step("credential", "That key is the one you trust.", needed=True),
    Step("opening", "The opening names this payload, context, key and signature.", needed=True),
    Step("leaf", "The log's entry commits to this opening.", needed=True),
    Step("inclusion", "The entry is in the tree of the signed head.", needed=True),
    Step("checkpoint", "The log key that you trust signed that head.", needed=True),
    Step("witnesses", "Others have seen this head, and no other of this size.", needed=False),
    Step("anchor", "The head existed when a Bitcoin block was made.", needed=False),
)
"""In this order, numbered from 1. A step without what it needs (no payload in a public bundle, no
pinned key) is NOT PROVEN; one whose material is there and wrong is FAIL. Signatures are checked one
by one in steps 3 to 9, which of a leaf that nobody signs (any kind but a decision) are NOT PROVEN,
the opening excepted, and not needed; such a bundle that has signatures or a payload hash all the
same leaves the opening NOT PROVEN. Which step fails; others that use the same material may, too,
and what cannot be read at all fails all of them:

| Wrong, surplus or missing | Step |
|---|---|
| `payload` | payload, or hash where it is canonical |
| `payloadHash` | opening; also challenge, and hash where there is a payload |
| `contexts`, `policy` | context |
| `challenge` in the client data | challenge |
| `type`, `origin`, `crossOrigin`, `topOrigin` there; `signatures[].origin` | client data |
| authenticator data: RP ID hash, UP, UV, reserved bits, length; `signatures[].rpId` | flags |
| `signature`, `publicKeySpki`, `algorithm`; what else is in the signed bytes | signature |
| `id`, `rawId`, `credential.id`; `enrolment`, `revocation` | credential |
| `evidenceId`, `kind`, `version` | opening |
| `opening` | leaf; also opening, where it is one of what that compares, or has other members |
| `entry.leaf`, `entry.leafHash` | leaf |
| `entry.index`, `inclusion`, `state` | inclusion |
| `checkpoint`, `tlogProof`, `log`, `consistency` | checkpoint |
| `witnesses`, `anchors` | none: nothing in them is looked at, and both steps say so |
| `userHandle`, `type` and what else nobody signed of `rawAssertion` | none |
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A leaf with its opening, and the proof that it is in the bundle's head."""

    index: int
    entry: bytes
    opening: str
    hashes: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class EvidenceSignature:
    """One signature of a decision, and whose key it was."""

    rp_id: str
    origin: str
    raw_assertion: object
    """AuthenticationResponseJSON, as whoever writes the bundle embeds JSON that was received."""
    credential_id: bytes
    algorithm: int
    """COSE number."""
    public_key_spki: bytes
    enrolment: Placed | None
    revocation: Placed | None


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a public bundle only has after a reveal, and an organisation's own export always."""

    payload: str
    contexts: Sequence[str]
    policy: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything about one leaf that is included."""

    evidence_id: str
    kind: str
    payload_hash: bytes | None
    """None: a leaf that is about no decision."""
    leaf: Placed
    signatures: Sequence[EvidenceSignature]
    checkpoint: Checkpoint
    note: str
    """The checkpoint as it was signed."""
    vkeys: Sequence[str]
    """The log's verifier keys, oldest to newest."""
    disclosed: Disclosed | None = None


def write_bundle(evidence: Evidence) -> dict[str, object]:
    """Return the bundle: log bytes in base64, WebAuthn's in base64url, hashes in JSON as hex."""
    e = evidence
    return {
        "version": BUNDLE_VERSION,
        "evidenceId": e.evidence_id,
        "kind": e.kind,
        "state": "included",
        "log": {"origin": e.checkpoint.origin, "vkey": e.vkeys[-1], "vkeys": list(e.vkeys)},
        "entry": _entry(e.leaf),
        "opening": e.leaf.opening,
        "payloadHash": None if e.payload_hash is None else e.payload_hash.hex(),
        **_disclosed(e.disclosed),
        "signatures": [_signature(one, e.checkpoint.size) for one in e.signatures],
        "inclusion": _inclusion(e.leaf, e.checkpoint.size),
        "checkpoint": e.note,
        "tlogProof": format_tlog_proof(TlogProof(e.leaf.index, e.leaf.hashes, e.note)),
        "consistency": [],
        "witnesses": [],
        "anchors": [],
    }


def write_pending(evidence_id: str, kind: str) -> dict[str, object]:
    """Return what stands for a bundle until the leaf is included."""
    return {"version": BUNDLE_VERSION, "evidenceId": evidence_id, "kind": kind, "state": "pending"}


def base64_text(data: bytes) -> str:
    """Write log bytes: base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def _entry(leaf: Placed) -> dict[str, object]:
    return {
        "index": leaf.index,
        "leaf": base64_text(leaf.entry),
        "leafHash": base64_text(leaf_hash(leaf.entry)),
    }


def _inclusion(leaf: Placed, size: int) -> dict[str, object]:
    return {"treeSize": size, "hashes": [base64_text(one) for one in leaf.hashes]}


def _placed(leaf: Placed | None, size: int) -> dict[str, object] | None:
    if leaf is None:
        return None
    return {"entry": _entry(leaf), "opening": leaf.opening, "inclusion": _inclusion(leaf, size)}


def _signature(one: EvidenceSignature, size: int) -> dict[str, object]:
    return {
        "rpId": one.rp_id,
        "origin": one.origin,
        "rawAssertion": one.raw_assertion,
        "credential": {
            "id": base64url(one.credential_id),
            "algorithm": one.algorithm,
            "publicKeySpki": base64url(one.public_key_spki),
        },
        "enrolment": _placed(one.enrolment, size),
        "revocation": _placed(one.revocation, size),
    }


def _disclosed(disclosed: Disclosed | None) -> dict[str, object]:
    if disclosed is None:
        return {}
    return {
        "payload": disclosed.payload,
        "contexts": list(disclosed.contexts),
        "policy": disclosed.policy,
    }
