"""Where fuzzing begins: the vectors, and answers of the software passkey, honest and tampered."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.authenticator import EDDSA, ES256, RS256, unbase64url
from tests.server.webauthn_attempts import assertion, registration
from tools.fuzz.targets import CONTEXT

VECTORS = Path(__file__).parent.parent.parent / "vectors"


def _inputs(kind: str) -> Iterator[dict[str, Any]]:
    for path in sorted((VECTORS / kind).glob("*.json")):
        yield json.loads(path.read_text("utf-8"))["inputs"]


def _payloads() -> Iterator[bytes]:
    for inputs in _inputs("payload"):
        if "text" in inputs:
            yield inputs["text"].encode("utf-8", "surrogatepass")
        elif "textBase64" in inputs:
            yield base64.b64decode(inputs["textBase64"])


def _contexts() -> Iterator[bytes]:
    yield CONTEXT.encode()
    for inputs in _inputs("context"):
        if "text" in inputs:
            yield inputs["text"].encode("utf-8", "surrogatepass")


def _answers() -> Iterator[dict[str, Any]]:
    for algorithm in (ES256, EDDSA, RS256):
        yield registration(algorithm).value
        yield assertion(algorithm).value
    yield registration(extensions={"credProps": True}).value
    yield assertion(client_data={"crossOrigin": True, "topOrigin": "https://a.example"}).value


def _parts(member: str) -> Iterator[bytes]:
    for answer in _answers():
        if member in answer["response"]:
            yield unbase64url(answer["response"][member])


def _client_data() -> Iterator[bytes]:
    yield from _parts("clientDataJSON")
    for inputs in _inputs("assertion"):
        yield bytes.fromhex(inputs["clientDataJSON"])


@cache
def seeds(target: str) -> list[bytes]:
    """Return the inputs that a target's fuzzing begins with; signatures differ in every process."""
    found = {
        "payload": _payloads,
        "card": _payloads,
        "context": _contexts,
        "client_data": _client_data,
        "attestation": lambda: _parts("attestationObject"),
        "authenticator_data": lambda: _parts("authenticatorData"),
        "cbor": lambda: _parts("attestationObject"),
        "credential": lambda: (json.dumps(answer).encode() for answer in _answers()),
    }[target]
    return sorted(set(found()))
