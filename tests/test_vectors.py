"""Every case of `vectors/` against the Python code; Node runs the same ones in tests/js.

The expected values are Node's: generating them again has to reproduce the files to the byte.
"""

import base64
import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import NODE

from cosignet.core import webhook
from cosignet.core.challenge import (
    CEREMONY_CHALLENGE_BYTES,
    CHALLENGE_BYTES,
    ceremony_challenge,
    challenge,
    context_hash,
    parse_context,
)
from cosignet.core.encoding import base64url, base64url_decode
from cosignet.core.errors import PayloadRefused, Refusal
from cosignet.core.leaf import (
    SignedBy,
    assertion_hash,
    asset_manifest_opening,
    consumption_opening,
    credential_opening,
    decision_opening,
    entry,
    log_key_opening,
    outcome_opening,
)
from cosignet.core.payload import payload_from_text, payload_hash

Case = dict[str, Any]
VECTORS = Path(__file__).parent.parent / "vectors"
GENERATORS = ["payload", "context", "challenge", "leaf", "log", "signature", "webhook"]
# Kind → how many cases there are at least, so that a lost folder does not pass for a green one.
KINDS = {
    "payload": 300,
    "context": 110,
    "challenge": 50,
    "opening": 40,
    "entry": 15,
    "assertion": 10,
    "inclusion": 250,
    "consistency": 250,
    "tiles": 12,
    "tile-name": 35,
    "vkey": 20,
    "note": 40,
    "tlog-proof": 12,
    "signature": 95,
    "webhook": 11,
    "received": 23,
}
NODE_SECONDS = 60


def read(kind: str) -> dict[str, Case]:
    """Return a kind's cases by name."""
    return {path.stem: json.loads(path.read_text()) for path in (VECTORS / kind).glob("*.json")}


CASES = {kind: read(kind) for kind in KINDS}


def each(kind: str) -> pytest.MarkDecorator:
    """Run a test once for each case of a kind."""
    named = sorted(CASES[kind].items())
    return pytest.mark.parametrize(
        "case", [case for _, case in named], ids=[name for name, _ in named]
    )


def input_bytes(inputs: Case) -> bytes:
    """Return a payload case's text; vectors/README.md says in which three ways it is written."""
    if "textBase64" in inputs:
        return base64.b64decode(inputs["textBase64"], validate=True)
    if "textParts" in inputs:
        return "".join(piece * times for piece, times in inputs["textParts"]).encode()
    return inputs["text"].encode()


def in_bytes(inputs: Case, *names: str) -> Iterator[bytes]:
    """Return hexadecimal inputs as bytes."""
    return (bytes.fromhex(inputs[name]) for name in names)


def refusal_of(read_input: Callable[[], object]) -> Refusal:
    """Return the refusal of something that has to be refused."""
    with pytest.raises(Refusal) as refused:
        read_input()
    return refused.value


@each("payload")
def test_a_payload_has_these_bytes_or_this_refusal(case: Case) -> None:
    data = input_bytes(case["inputs"])
    if "wantErr" in case:
        assert refusal_of(lambda: payload_from_text(data)).code == case["wantErr"]
        return
    text = payload_from_text(data)
    want = case["want"]
    assert text == want.get("canonical", text)
    assert len(text.encode()) == want["bytes"]
    assert payload_hash(text).hex() == want["sha256"]


@each("payload")
def test_a_canonical_payload_is_its_own_canonical_form(case: Case) -> None:
    if "want" in case:
        text = payload_from_text(input_bytes(case["inputs"]))
        assert payload_from_text(text.encode()) == text


def test_every_refusal_of_a_payload_has_cases() -> None:
    codes = Counter(case.get("wantErr") for case in CASES["payload"].values())
    for refusal in PayloadRefused.__subclasses__():
        assert codes[refusal.code] >= 3, refusal.code
    assert codes["body_not_json"] >= 40
    assert codes[None] >= 80


@each("context")
def test_a_context_is_in_its_one_form_or_refused(case: Case) -> None:
    text = case["inputs"]["text"]
    if "wantErr" in case:
        assert refusal_of(lambda: parse_context(text)).code == case["wantErr"]
        return
    assert parse_context(text).text == text
    assert context_hash(text).hex() == case["want"]["contextHash"]
    assert context_hash(text)[:16].hex() == case["want"]["nonce"]


def made_challenge(inputs: Case) -> bytes:
    """Return the challenge that our code makes of a case's inputs."""
    if "ceremony" in inputs:
        return ceremony_challenge(inputs["ceremony"], base64url_decode(inputs["random"]))
    return challenge(
        purpose=inputs["purpose"],
        context_text=inputs["contextText"],
        payload_hash=payload_hash(inputs["payloadText"]),
    )


@each("challenge")
def test_a_challenge_has_these_bytes(case: Case) -> None:
    made = made_challenge(case["inputs"])
    assert base64url(made) == case["want"]["challenge"]
    is_ceremony = "ceremony" in case["inputs"]
    assert len(made) == (CEREMONY_CHALLENGE_BYTES if is_ceremony else CHALLENGE_BYTES)
    if not is_ceremony:
        assert parse_context(case["inputs"]["contextText"]).purpose == case["inputs"]["purpose"]
        assert payload_hash(case["inputs"]["payloadText"]).hex() == case["want"]["payloadHash"]


OTHER_OPENINGS: dict[str, Callable[[Case], str]] = {
    "consumption": lambda inputs: consumption_opening(
        salt=bytes.fromhex(inputs["salt"]),
        evidence_id=inputs["evidence"],
        token_hash=bytes.fromhex(inputs["tokenHash"]),
        key_id=inputs["keyId"],
        at=inputs["at"],
    ),
    "outcome": lambda inputs: outcome_opening(
        salt=bytes.fromhex(inputs["salt"]),
        evidence_id=inputs["evidence"],
        result=inputs["result"],
        at=inputs["at"],
    ),
    "asset_manifest": lambda inputs: asset_manifest_opening(
        salt=bytes.fromhex(inputs["salt"]),
        release=inputs["release"],
        files=inputs["files"],
        at=inputs["at"],
    ),
    "log_key": lambda inputs: log_key_opening(
        salt=bytes.fromhex(inputs["salt"]), vkey=inputs["vkey"], at=inputs["at"]
    ),
}


def made_opening(inputs: Case) -> str:
    """Return the opening that our code makes of a case's inputs."""
    if inputs["kind"] in OTHER_OPENINGS:
        return OTHER_OPENINGS[inputs["kind"]](inputs)
    if inputs["kind"] in ("credential", "credential_revoked"):
        salt, credential_id, key_hash = in_bytes(
            inputs, "salt", "credentialId", "credentialKeyHash"
        )
        return credential_opening(
            salt=salt,
            org=inputs["org"],
            approver=inputs["approver"],
            approver_id=inputs["approverId"],
            credential_id=credential_id,
            credential_key_hash=key_hash,
            enrolled_by=inputs["enrolledBy"],
            at=inputs["at"],
            proof=None if inputs["proof"] is None else bytes.fromhex(inputs["proof"]),
            kind=inputs["kind"],
        )
    salt, hashed = in_bytes(inputs, "salt", "payloadHash")
    return decision_opening(
        kind=inputs["kind"],
        salt=salt,
        evidence_id=inputs["evidence"],
        payload_hash=hashed,
        decided_at=inputs["decidedAt"],
        signatures=[signed_by(signature) for signature in inputs["signatures"]],
    )


def signed_by(signature: Case) -> SignedBy:
    """Return one signature of a decision case."""
    return SignedBy(*in_bytes(signature, "contextHash", "credentialKeyHash", "assertionHash"))


@each("opening")
def test_an_opening_has_these_bytes(case: Case) -> None:
    text = made_opening(case["inputs"])
    assert text == case["want"]["text"]
    assert hashlib.sha256(text.encode()).hexdigest() == case["want"]["sha256"]


@each("entry")
def test_an_entry_has_these_bytes(case: Case) -> None:
    inputs = case["inputs"]
    made = entry(
        opening=inputs["opening"],
        at=inputs["at"],
        monitor_key=bytes.fromhex(inputs["monitorKey"]),
    )
    assert made.decode() == case["want"]["text"]
    assert hashlib.sha256(made).hexdigest() == case["want"]["sha256"]


@each("assertion")
def test_an_assertion_has_this_hash(case: Case) -> None:
    client_data, authenticator_data, signature = in_bytes(
        case["inputs"], "clientDataJSON", "authenticatorData", "signature"
    )
    made = assertion_hash(
        client_data_json=client_data, authenticator_data=authenticator_data, signature=signature
    )
    assert made.hex() == case["want"]["sha256"]


@each("webhook")
def test_an_attempt_carries_these_headers(case: Case) -> None:
    inputs = case["inputs"]
    headers = webhook.sign(
        delivery_id=inputs["deliveryId"],
        event=inputs["event"],
        at=inputs["at"],
        body=inputs["body"].encode(),
        secrets=inputs["secrets"],
    )
    assert headers == case["want"]["headers"]


@each("received")
def test_a_receiver_takes_only_this_for_genuine(case: Case) -> None:
    inputs = case["inputs"]

    def verify() -> webhook.Received:
        return webhook.verify(
            inputs["headers"],
            inputs["body"].encode(),
            secret=inputs["secret"],
            now_ms=inputs["now"],
        )

    if "wantErr" in case:
        with pytest.raises(webhook.NotGenuine):
            verify()
    else:
        received = verify()
        assert {"id": received.id, "event": received.event} == case["want"]


def test_no_two_challenges_share_their_first_or_their_last_bytes_unless_the_inputs_do() -> None:
    contexts: dict[str, str] = {}
    payloads: dict[tuple[str, str], str] = {}
    for case in CASES["challenge"].values():
        if "ceremony" not in case["inputs"]:
            made, inputs = made_challenge(case["inputs"]).hex(), case["inputs"]
            contexts[inputs["contextText"]] = made[:32]
            payloads[inputs["purpose"], inputs["payloadText"]] = made[32:]
    assert len(set(contexts.values())) == len(contexts) > 30
    assert len(set(payloads.values())) == len(payloads) > 8


@pytest.mark.parametrize("kind", ["challenge", "opening", "assertion", "webhook"])
def test_every_tampered_input_gives_other_bytes(kind: str) -> None:
    wanted = [json.dumps(case["want"], sort_keys=True) for case in CASES[kind].values()]
    assert [want for want, n in Counter(wanted).items() if n > 1] == []


def test_entries_tell_minutes_openings_and_organisations_apart_and_nothing_else() -> None:
    said: dict[tuple[int, str, str], str] = {}
    for case in CASES["entry"].values():
        inputs = case["inputs"]
        seen = (inputs["at"] // 60_000, inputs["opening"], inputs["monitorKey"])
        assert said.setdefault(seen, case["want"]["text"]) == case["want"]["text"]
    assert len(set(said.values())) == len(said)


@pytest.mark.parametrize("kind", KINDS)
def test_every_case_says_what_it_is_and_where_its_answer_comes_from(kind: str) -> None:
    assert len(CASES[kind]) >= KINDS[kind]
    for name, case in CASES[kind].items():
        assert case.keys() - {"want", "wantErr"} == {"desc", "inputs", "source"}, name
        assert len(case.keys() & {"want", "wantErr"}) == 1, name
        assert case["desc"], name
        assert case["inputs"], name


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.json")
    }


def test_node_writes_the_very_same_files_again(tmp_path: Path) -> None:
    for generator in GENERATORS:
        script = VECTORS / "generate" / f"{generator}.mjs"
        subprocess.run([NODE, script, tmp_path], check=True, timeout=NODE_SECONDS)
    kept = {
        name: data for name, data in files_below(VECTORS).items() if name.split("/")[0] in KINDS
    }
    written = files_below(tmp_path)
    assert kept.keys() == written.keys()
    assert [name for name in kept if kept[name] != written[name]] == []
