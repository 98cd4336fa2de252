"""Deciding at the page: the whole way from the question to the evidence."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from playwright.sync_api import expect
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import Person, Program

USER_PRESENT_AND_VERIFIED = 0b101


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def check_evidence(decision: dict[str, Any], origin: str) -> None:
    """Verify a decision from what the program got, without the server's own code."""
    response = {k: unbase64url(v) for k, v in decision["rawAssertion"]["response"].items() if v}
    client_data = json.loads(response["clientDataJSON"])
    nonce = sha256(b"cosignet/context/v1\n", decision["context"].encode())[:16]
    payload_hash = sha256(decision["payloadText"].encode())
    assert unbase64url(client_data["challenge"]) == nonce + payload_hash
    assert decision["payloadHash"] == payload_hash.hex()
    assert json.loads(decision["payloadText"]) == decision["payload"]
    assert json.loads(decision["context"])["action"] == decision["action"]
    assert (client_data["type"], client_data["origin"]) == ("webauthn.get", origin)
    data = response["authenticatorData"]
    assert data[:32] == sha256(b"localhost")
    assert data[32] & USER_PRESENT_AND_VERIFIED == USER_PRESENT_AND_VERIFIED
    key = load_der_public_key(unbase64url(decision["credential"]["publicKeySpki"]))
    assert isinstance(key, EllipticCurvePublicKey)
    key.verify(response["signature"], data + sha256(response["clientDataJSON"]), ECDSA(SHA256()))


def test_a_program_that_waits_gets_the_approval_with_evidence(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(program.read, asked["id"], wait=25)
        visitor = visit(alex)
        visitor.open(asked["url"])
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Deploy to production")
        assert not waiting.done()
        visitor.approve.click()
        visitor.sees_outcome("approved", "Signed with a passkey")
        decision = waiting.result(10)
    assert decision["status"] == "approved"
    assert decision["credentialId"] == alex.credential_id
    assert decision["signedAt"] is not None
    check_evidence(decision, live.url)
    expect(visitor.page).to_have_title("Approved · Cosignet")
    expect(visitor.outcome("approved")).to_contain_text(decision["evidenceId"])
    expect(visitor.page.locator("#bar, #decide").filter(visible=True)).to_have_count(0)
    expect(visitor.page.locator("#outcome")).to_be_focused()
    assert visitor.passkey.signatures == 1


def test_the_card_shows_every_value_of_the_payload(
    visit: Visit, alex: Person, program: Program
) -> None:
    payload = {
        "10": "ten",
        "2": "two",
        "amount": 1234567.05,
        "text": "42",
        "spaces": " a  b ",
        "direction": "a\u202eb",
        "lines": "one\ntwo\u2028three",
        "__proto__": {"deep": [True, None, {"emoji": "👩‍🚀", "empty": {}}]},
        "Name": 1,
        "name": 2,
        "markup": "<img src=x onerror=alert(1)><script>alert(1)</script>",
    }
    asked = program.ask("alex", payload, action="Pay <b>now</b> 👩‍🚀\u200b!")
    visitor = visit(alex)
    visitor.open(asked["url"])
    card = visitor.page.locator("#signed .card")
    assert card.locator("> dl > div > dt").all_inner_texts()[:3] == ["2", "10", "amount"]
    for words in ("1234567.05", "U+202E", "U+2028", "new line", "yes (true)", "nothing (null)"):
        expect(card).to_contain_text(words)
    expect(card).to_contain_text("<script>alert(1)</script>")
    expect(card).to_contain_text("differs from another name only in case")
    visitor.pick(asked["matchCode"])  # such a payload is not of normal risk
    visitor.read_to_end()
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["payload"] == payload
