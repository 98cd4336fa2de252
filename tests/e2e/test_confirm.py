"""Deciding at the page: approve, reject, and everything that can come before or between."""

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from playwright.sync_api import expect
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import Person, Program

from cosignet.core.access import Scope

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
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["payload"] == payload


def test_one_tap_rejects_and_signs_nothing(visit: Visit, alex: Person, program: Program) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    visitor.reject.click()
    visitor.sees_outcome("rejected", "Nothing was signed.")
    decision = program.read(asked["id"])
    assert decision["status"] == "rejected"
    assert decision["rejection"] == {"signed": False, "reason": None}
    assert decision["rawAssertion"] is None
    assert visitor.passkey.signatures == 0


def test_one_tap_can_say_why(visit: Visit, alex: Person, program: Program) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    visitor.open_reasons()
    visitor.choose("I did not expect this")
    visitor.reject.click()
    visitor.sees_outcome("rejected", "I did not expect this.")
    assert program.read(asked["id"])["rejection"] == {"signed": False, "reason": "unexpected"}


def test_rejecting_needs_no_passkey_at_all(visit: Visit, alex: Person, program: Program) -> None:
    asked = program.ask("alex")
    visitor = visit()
    visitor.open(asked["url"])
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    assert program.read(asked["id"])["status"] == "rejected"


def test_a_signed_rejection_is_no_approval(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    asked, other = program.ask("alex"), program.ask("alex")
    visitor = visit(alex)
    sent: list[str] = []
    visitor.page.on("request", lambda request: sent.append(request.post_data or ""))
    visitor.open(asked["url"])
    visitor.open_reasons()
    visitor.choose("The details are wrong")
    visitor.reject_signed.click()
    visitor.sees_outcome("rejected-signed", "A passkey signed the rejection", "details are wrong")
    decision = program.read(asked["id"])
    assert decision["status"] == "rejected"
    assert decision["rejection"] == {"signed": True, "reason": "wrong_details"}
    assert decision["rawAssertion"] is None
    credential = json.loads(next(body for body in sent if "rawId" in body))["credential"]
    late = alex.post_approval(asked["id"], credential)
    assert (late.status_code, late.json()["code"]) == (409, "already_decided")
    elsewhere = alex.post_approval(other["id"], credential)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "challenge_not_ours")


def test_what_signs_a_rejection_does_not_approve_even_while_pending(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.expects("status of 403")
    visitor.page.route("**/reject", lambda route: route.fulfill(status=403, json={}))
    visitor.open(asked["url"])
    visitor.open_reasons()
    with visitor.page.expect_request("**/reject") as caught:
        visitor.reject_signed.click()
    visitor.sees_note("The server answered 403.")
    credential = caught.value.post_data_json["credential"]
    refused = alex.post_approval(asked["id"], credential)
    assert (refused.status_code, refused.json()["code"]) == (403, "challenge_not_ours")
    assert program.read(asked["id"])["status"] == "pending"


def test_without_javascript_one_can_read_and_reject_in_two_steps(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(scripts=False)
    visitor.open(asked["url"], badge=None)
    expect(visitor.page.locator("noscript .title")).to_be_visible()
    expect(visitor.page.locator("#signed")).to_contain_text("abc123")
    expect(visitor.approve).to_be_disabled()
    expect(visitor.page.locator("#badge")).to_be_hidden()
    visitor.reject.click()
    visitor.page.wait_for_url("**/reject*")
    assert program.read(asked["id"])["status"] == "pending"
    visitor.choose("Not now")
    visitor.reject.click()
    visitor.page.wait_for_url(asked["url"])
    visitor.sees_outcome("rejected", "Not now.")
    assert program.read(asked["id"])["rejection"] == {"signed": False, "reason": "not_now"}


def test_without_javascript_a_reason_chosen_first_is_kept(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(scripts=False)
    visitor.open(asked["url"], badge=None)
    visitor.open_reasons()
    visitor.choose("The details are wrong")
    visitor.reject.click()
    visitor.page.wait_for_url("**/reject*")
    expect(visitor.page.get_by_label("The details are wrong")).to_be_checked()
    visitor.reject.click()
    visitor.sees_outcome("rejected", "The details are wrong.")


def test_it_expires_while_it_is_open(visit: Visit, alex: Person, program: Program) -> None:
    asked = program.ask("alex", ttlSeconds=3)
    visitor = visit(alex)
    visitor.open(asked["url"])
    expect(visitor.page.locator("#left")).to_have_text("2 s left")
    visitor.sees_outcome("expired", "Nothing was approved", "Nothing was signed.")
    expect(visitor.approve).to_be_hidden()
    expect(visitor.page).to_have_title("Expired. Nothing was approved. · Cosignet")
    decision = program.read(asked["id"])
    assert (decision["status"], decision["cancelledAt"]) == ("expired", None)


def test_it_expires_while_the_passkey_prompt_is_open(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex", ttlSeconds=3)
    visitor = visit()
    visitor.starts_signing(alex, asked["url"])
    visitor.sees_outcome("expired", "Nothing was signed.")
    visitor.sees_prompt_closed("AbortError", "NotAllowedError")  # the prompt has the same deadline
    assert visitor.passkey.signatures == 0


def test_an_approval_after_the_deadline_is_refused_and_the_page_tells(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex", ttlSeconds=60)
    visitor = visit(alex)
    visitor.expects("status of 409")
    visitor.open(asked["url"])
    live.clock.advance(61)  # the page does not know
    visitor.approve.click()
    visitor.sees_outcome("expired")
    assert program.read(asked["id"])["status"] == "expired"


@pytest.mark.parametrize("how", ["approved", "rejected"])
def test_a_decision_on_another_device_appears_here(
    visit: Visit, alex: Person, program: Program, how: str
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    decided = alex.approve(asked["id"]) if how == "approved" else alex.reject(asked["id"])
    assert decided.is_success
    visitor.sees_outcome(how)
    expect(visitor.approve).to_be_hidden()


def test_a_decision_elsewhere_closes_the_prompt_that_is_open_here(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit()
    visitor.starts_signing(alex, asked["url"])
    assert alex.reject(asked["id"], "unexpected").is_success
    visitor.sees_outcome("rejected", "I did not expect this.")
    visitor.sees_prompt_closed()


def test_one_can_reject_while_the_passkey_prompt_is_open(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit()
    visitor.starts_signing(alex, asked["url"])
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    visitor.sees_prompt_closed()
    assert program.read(asked["id"])["rejection"]["signed"] is False


def test_a_cancel_by_the_requester_appears_here(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    assert program.post(f"/api/confirmations/{asked['id']}/cancel").is_success
    visitor.sees_outcome("cancelled", "took it back", "Nothing was signed.")
    expect(visitor.approve).to_be_hidden()


def decide(how: str, live: Live, alex: Person, program: Program, id_: str) -> None:
    """Bring a confirmation into a state from outside."""
    if how == "approved":
        assert alex.approve(id_).is_success
    elif how == "rejected":
        assert alex.reject(id_, "not_now").is_success
    elif how == "rejected-signed":
        assert alex.reject_signed(id_, "unexpected").is_success
    elif how == "cancelled":
        assert program.post(f"/api/confirmations/{id_}/cancel").is_success
    else:
        live.clock.advance(181)


@pytest.mark.parametrize("how", ["approved", "rejected", "rejected-signed", "cancelled", "expired"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_link_opened_after_the_decision_shows_it(
    live: Live, visit: Visit, alex: Person, program: Program, how: str, scripts: bool
) -> None:
    asked = program.ask("alex")
    decide(how, live, alex, program, asked["id"])
    visitor = visit(scripts=scripts)
    visitor.open(asked["url"], badge=None)
    visitor.sees_outcome(how)
    expect(visitor.page.locator("#signed")).to_contain_text("abc123")
    expect(visitor.page.get_by_role("button")).to_have_count(0)


def test_another_persons_passkey_is_refused_and_burns_nothing(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(live.person("robin"))
    visitor.expects("status of 403")
    visitor.open(asked["url"])
    visitor.approve.click()
    visitor.sees_note("belongs to somebody other than the person who was asked")
    visitor.sees_badge("verified")
    assert program.read(asked["id"])["status"] == "pending"
    visitor.passkey.forget()
    visitor.passkey.hold(alex)
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["credentialId"] == alex.credential_id


def test_a_passkey_nobody_registered_is_refused_in_plain_words(
    visit: Visit, alex: Person, program: Program, live: Live
) -> None:
    asked = program.ask("alex")
    stranger = Person(live.url)
    stranger.passkey.user_handle = b"stranger"
    visitor = visit(stranger)
    visitor.expects("status of 403")
    visitor.open(asked["url"])
    visitor.approve.click()
    visitor.sees_note("This passkey is not registered here", "Choose the passkey you registered")
    assert program.read(asked["id"])["status"] == "pending"


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        ({"isBogusSignature": True}, "The signature does not have the form"),
        ({"isBadUV": True}, "The passkey did not check that it is you"),
        ({"isBadUP": True}, "The passkey did not notice you"),
    ],
    ids=["signature", "not-verified", "not-present"],
)
def test_a_passkey_that_answers_wrongly_is_refused_and_a_retry_works(
    visit: Visit, alex: Person, program: Program, bits: dict[str, bool], words: str
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.expects("status of 4")
    visitor.open(asked["url"])
    visitor.passkey.override(**bits)
    visitor.approve.click()
    visitor.sees_note(words)
    assert program.read(asked["id"])["status"] == "pending"
    visitor.passkey.override(**dict.fromkeys(bits, False))
    visitor.approve.click()
    visitor.sees_outcome("approved")


def test_a_prompt_given_up_is_told_and_can_be_tried_again(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    visitor.passkey.verify_person(False)
    visitor.approve.click()
    visitor.sees_note("prompt was closed, or it timed out", "Nothing was signed")
    assert program.read(asked["id"])["status"] == "pending"
    visitor.passkey.verify_person(True)
    visitor.approve.click()
    visitor.sees_outcome("approved")


class TestNotActivated:
    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"COSIGNET_API_INVITES": "activate"}

    def test_an_approver_who_is_not_activated_learns_whom_to_ask(
        self, live: Live, visit: Visit, program: Program
    ) -> None:
        invited = live.program(Scope.ADMIN).post("/api/invites", {"note": "robin"}).json()
        robin = Person(live.url)
        assert robin.register(invited["code"], "robin")["activated"] is False
        asked = program.ask("robin")
        visitor = visit(robin)
        visitor.expects("status of 403")
        visitor.open(asked["url"])
        visitor.approve.click()
        visitor.sees_note("registered but not activated", "Ask an owner")
        assert program.read(asked["id"])["status"] == "pending"
        assert visitor.passkey.signatures == 0


@contextmanager
def away(live: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop the server; start it again, on the same data and port, afterwards."""
    port = live.port
    live.__exit__()
    try:
        yield
    finally:
        monkeypatch.setattr("tests.live.free_port", lambda: port)
        live.__enter__()


def test_the_server_going_away_is_told_and_it_comes_back(
    live: Live, visit: Visit, alex: Person, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = program.ask("alex", ttlSeconds=3600)
    visitor = visit(alex)
    visitor.expects("ERR_CONNECTION_REFUSED")
    visitor.open(asked["url"])
    with away(live, monkeypatch):
        visitor.sees_badge("away")
        visitor.approve.click()
        visitor.sees_note("The server cannot be reached", "Check your connection")
        visitor.sees_badge("away")
    visitor.sees_badge("verified")
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["status"] == "approved"


def test_a_browser_without_passkeys_can_still_reject(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.open(asked["url"])
    visitor.sees_outcome("unsupported", "This browser cannot use passkeys")
    expect(visitor.approve).to_be_disabled()
    visitor.reject.click()
    visitor.sees_outcome("rejected")


def test_a_page_taken_back_from_the_browsers_cache_is_asked_for_again(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    visitor.page.goto(live.url)
    assert alex.approve(asked["id"]).is_success
    visitor.page.go_back()
    visitor.sees_outcome("approved")
