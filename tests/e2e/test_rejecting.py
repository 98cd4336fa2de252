"""Rejecting: with one tap, with a reason, with a signature, and without scripts."""

import json

from playwright.sync_api import expect
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import Person, Program


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
