"""Whether the log has an approval, under a head that a key you pinned has signed (docs/log.md).

The rules are core's. What the server says beside the proof is not looked at, its own key least.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from cosignet.client.api import Answer, Door
from cosignet.client.errors import EvidenceRefused, RequestRefused, SetupIncomplete, Unavailable
from cosignet.client.evidence import Evidence
from cosignet.client.members import Members, must, object_in, text_in, unix_seconds
from cosignet.client.patience import Patience
from cosignet.client.signatures import EDDSA, EDDSA_HEAD, parse_key, verify_signature
from cosignet.core.challenge import context_hash
from cosignet.core.checkpoint import LOG_PATH, parse_checkpoint, parse_tlog_proof
from cosignet.core.encoding import base64url, base64url_decode
from cosignet.core.errors import Refusal
from cosignet.core.jsontext import parse_json
from cosignet.core.leaf import SignedBy, decision_opening
from cosignet.core.merkle import leaf_hash, verify_inclusion
from cosignet.core.note import VerifierKey, parse_note, verify_note
from cosignet.core.note import parse_key as parse_vkey
from cosignet.core.payload import payload_hash

SALT_BYTES = 32
_NOT_FOUND = 404


def parse_log_keys(texts: Iterable[str]) -> Sequence[VerifierKey]:
    """Read verifier keys as `cosignet log key` prints them.

    Raises:
        SetupIncomplete: one of them is none.
    """
    try:
        return [parse_vkey(text) for text in texts]
    except Refusal as refusal:
        raise SetupIncomplete(f"The log's key cannot be used: {refusal}") from None


def read_proof(door: Door, patience: Patience, answer: Members, deadline: float) -> Members:
    """Return the evidence of an approval, as soon as the log has signed a head over it.

    Raises:
        EvidenceRefused: the log has no such entry.
        Unavailable: it cannot be asked, or has signed nothing by the deadline.
    """
    id_ = answer.get("evidenceId")
    if not isinstance(id_, str):
        raise EvidenceRefused("not_logged", "it names no evidence, and so is in no log")

    def get(seconds: float) -> Answer:
        return door.ask("GET", f"{LOG_PATH}/entries/{quote(id_)}/verification", seconds=seconds)

    try:
        while (said := patience.until_answered(get, deadline).body).get("state") == "pending":
            late = patience.monotonic() + patience.timing.first_pause >= deadline
            if late or patience.sleep(patience.timing.first_pause):
                raise Unavailable("it is approved, and the log has not signed that yet")
    except RequestRefused as refused:
        if refused.status != _NOT_FOUND:
            raise
        raise EvidenceRefused("not_logged", "the log has no entry of it") from None
    return said


def verify_logged(
    bundle: Members,
    answer: Members,
    evidence: Evidence,
    keys: Sequence[VerifierKey],
) -> None:
    """Verify that the log has this very decision.

    1. The opening is the one that this decision has: only its salt is the server's to choose.
    2. The entry commits to that opening.
    3. One of the keys has signed the head, of its own log.
    4. The entry is in the tree of that head.

    Raises:
        EvidenceRefused: `code` names the check.
    """
    # 1.
    opening = text_in(bundle, "opening")
    if opening != _opening(opening, answer, evidence):
        raise EvidenceRefused("log_opening", "the log's entry is of another decision")
    # 2.
    try:
        entry = base64.b64decode(text_in(object_in(bundle, "entry"), "leaf"), validate=True)
    except ValueError:
        raise EvidenceRefused("malformed", "the log's entry is no base64") from None
    _verify_commitment(entry, opening)
    try:
        # 3.
        proof = parse_tlog_proof(text_in(bundle, "tlogProof"))
        note = parse_note(proof.note)
        head = parse_checkpoint(note.text)
        verify_note(note, [key for key in keys if key.name == head.origin], _check_signature)
        # 4.
        verify_inclusion(
            leaf_hash(entry),
            index=proof.index,
            size=head.size,
            proof=proof.hashes,
            expected_root=head.root,
        )
    except Refusal as refusal:
        raise EvidenceRefused("log_proof", str(refusal)) from None


def _opening(text: str, answer: Members, evidence: Evidence) -> str | None:
    """Return the opening of a decision, with the salt of the one that is shown."""
    salt = _salt(text)
    if salt is None:
        return None
    signed = SignedBy(
        context_hash=context_hash(evidence.context.text),
        credential_key_hash=hashlib.sha256(evidence.credential.key).digest(),
        assertion_hash=evidence.assertion_hash,
    )
    return decision_opening(
        kind="approval",
        salt=salt,
        evidence_id=text_in(answer, "evidenceId"),
        payload_hash=payload_hash(evidence.payload_text),
        decided_at=round(1000 * unix_seconds(text_in(answer, "decidedAt"))),
        signatures=[signed],
    )


def _salt(opening: str) -> bytes | None:
    try:
        said = parse_json(opening.encode())
        salt = base64url_decode(text_in(said, "salt")) if isinstance(said, dict) else b""
    except (Refusal, ValueError):
        return None
    return salt if len(salt) == SALT_BYTES else None


def _verify_commitment(entry: bytes, opening: str) -> None:
    try:
        said = parse_json(entry)
    except Refusal:
        said = None
    committed = said.get("c") if isinstance(said, dict) else None
    fits = committed == base64url(hashlib.sha256(opening.encode()).digest())
    must(fits, "log_entry", "the log's entry commits to something else")


def _check_signature(public_key: bytes, signature: bytes, message: bytes) -> None:
    key = parse_key(EDDSA, EDDSA_HEAD + public_key)
    verify_signature(key, signature=signature, data=message)
