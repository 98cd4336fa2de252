"""What is fuzzed: each reader of bytes from strangers, and what must be true of whatever it reads.

A target takes any bytes. A refusal is an answer; every other exception is a finding.
"""

import json
from collections.abc import Callable
from dataclasses import replace

import cbor2
from tests.authenticator import base64url
from tests.server.webauthn_attempts import (
    CHALLENGE,
    REGISTRATION_CHALLENGE,
    RP,
    Attempt,
    assertion,
    registration,
)

from cosignet.core.card import exact, is_odd, is_plain, render
from cosignet.core.challenge import parse_context
from cosignet.core.errors import Refusal
from cosignet.core.jsontext import parse_json
from cosignet.core.payload import canonical_payload, payload_from_text, payload_hash
from cosignet.server.webauthn import (
    parse_assertion,
    parse_attestation,
    verify_assertion,
    verify_attestation,
)
from cosignet.server.webauthn.authenticator_data import parse_authenticator_data
from cosignet.server.webauthn.cbor import read_cbor
from cosignet.server.webauthn.client_data import CREATE, GET, verify_client_data

Target = Callable[[bytes], None]


class Wrong(Exception):
    """Something was accepted, and what was read is not what it has to be."""


def payload(data: bytes) -> None:
    """Read a payload: its canonical text is its own canonical text, and means the same."""
    text = payload_from_text(data)
    _require(payload_from_text(text.encode()) == text, "the canonical text has another one")
    _require(json.loads(text) == json.loads(data), "the canonical text means something else")
    _require(len(payload_hash(text)) == 32, "the hash is not 32 bytes")


def card(data: bytes) -> None:
    """Show a payload: whatever is accepted can be shown."""
    text = canonical_payload(parse_json(data))
    render(text, CONTEXT)
    exact(text)
    if not is_plain(text, CONTEXT):
        is_odd(text, CONTEXT)


def context(data: bytes) -> None:
    """Read a context: what is taken is written again the very same."""
    text = data.decode("utf-8", "surrogateescape")
    _require(parse_context(text).text == text, "a context has two spellings")


def client_data(data: bytes) -> None:
    """Read clientDataJSON as a signature's and as a registration's."""
    for kind, challenge in ((GET, CHALLENGE), (CREATE, REGISTRATION_CHALLENGE)):
        try:
            verify_client_data(
                data, expected_type=kind, expected_challenge=challenge, expected_origin=RP.origin
            )
        except Refusal:
            continue
        said = json.loads(data)
        asked = [kind, base64url(challenge), RP.origin]
        _require([said[name] for name in ("type", "challenge", "origin")] == asked, "not asked")
        _require(not said.get("crossOrigin") and "topOrigin" not in said, "framed")


def attestation(data: bytes) -> None:
    """Register with any bytes as attestation object."""
    made = replace(parse_attestation(REGISTRATION.value), attestation_object=data)
    verified = verify_attestation(made, expected_challenge=REGISTRATION_CHALLENGE, relying_party=RP)
    said = cbor2.loads(data)
    _require(said["authData"][32] & 0x45 == 0x45, "nobody was there, or nobody was verified")
    _require(verified.public_key in said["authData"], "the key is not what was sent")


def authenticator_data(data: bytes) -> None:
    """Read authenticator data, and sign nothing with it."""
    parse_authenticator_data(data)
    made = parse_assertion(ASSERTION.value)._replace(authenticator_data=data)
    verify_assertion(
        made,
        expected_challenge=CHALLENGE,
        relying_party=RP,
        credential=ASSERTION.credential,
        expected_approver_id=None,
    )
    _require(data == parse_assertion(ASSERTION.value).authenticator_data, "a forged signature")


def cbor(data: bytes) -> None:
    """Read CBOR as another reader does."""
    value, end = read_cbor(data)
    _require(cbor2.loads(data[:end]) == value, "another reader reads something else")


def credential(data: bytes) -> None:
    """Read a passkey's whole answer, as it stands in a body."""
    value = parse_json(data)
    for parse in (parse_assertion, parse_attestation):
        try:
            parse(value)
        except Refusal:
            continue


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        payload,
        card,
        context,
        client_data,
        attestation,
        authenticator_data,
        cbor,
        credential,
    )
}


def run(target: Target, data: bytes) -> None:
    """Run a target; a refusal is an answer.

    Raises:
        Exception: anything else, which is a finding.
    """
    try:
        target(data)
    except Refusal:
        return


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise Wrong(complaint)


REGISTRATION: Attempt = registration()
ASSERTION: Attempt = assertion()
CONTEXT = (
    '{"v":1,"purpose":"approve","confirmation":"3f0c9a52-8d4e-4c57-b1a6-90e2d7f46a18",'
    '"org":"default","action":"Deploy","approver":"alex",'
    '"approverId":"c2a7d1e0-5b38-49f6-8e27-1d04b6f9a35c","requester":"bot",'
    '"requesterKeyId":"91be64d7-0f2a-4d83-a5c9-7e36f8120bd4","rpId":"localhost",'
    '"origin":"http://localhost:8000","createdAt":"2026-11-20T20:45:25.123Z",'
    '"expiresAt":"2026-11-20T20:48:25.123Z","quorum":1,"policy":null,"risk":"normal",'
    '"reveal":false,"salt":"8N3Mu6qZiHdmVUQzIhEA_-7dzLuqmYh3ZlVEMyIRAP8"}'
)
