"""Rejecting: with one tap, with a reason, with a signature, and without scripts."""

import json

from playwright.sync_api import Route, expect
from tests.e2e.browser import Visitor
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


def test_one_says_why_after_one_tap_and_nothing_moves(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    expect(visitor.why).to_be_hidden()
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    expect(visitor.why.get_by_role("button")).to_have_count(3)
    assert program.read(asked["id"])["rejection"] == {"signed": False, "reason": None}
    before = places(visitor)
    visitor.say_why("I did not expect this")
    noted = visitor.page.get_by_role("group", name="Noted. I did not expect this.")
    expect(noted).to_be_visible()
    expect(noted.get_by_role("button", pressed=True)).to_have_text("I did not expect this")
    expect(noted.get_by_role("button", disabled=True)).to_have_count(3)
    expect(noted.locator("legend")).to_be_focused()
    assert places(visitor) == before
    assert program.read(asked["id"])["rejection"] == {"signed": False, "reason": "unexpected"}
    visitor.page.reload()
    visitor.sees_outcome("rejected", "I did not expect this.")
    expect(visitor.page.locator("#why")).to_have_count(0)


def places(visitor: Visitor) -> object:
    """Where everything that is to be seen stands."""
    return visitor.page.evaluate(
        "[...document.querySelectorAll('main *')].filter((one) => one.checkVisibility())"
        ".map((one) => JSON.stringify(one.getBoundingClientRect()))"
    )


def test_one_may_say_why_after_a_reload_but_not_in_another_browser(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor, other = visit(alex), visit()
    other.open(asked["url"])
    visitor.open(asked["url"])
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    other.sees_outcome("rejected", "on another page or device")
    expect(other.page.locator("#why")).to_be_hidden()
    other.page.reload()
    other.sees_outcome("rejected")
    expect(other.page.locator("#why")).to_have_count(0)
    visitor.page.reload()
    visitor.say_why("Not now")
    visitor.sees_outcome("rejected", "Not now.")
    assert program.read(asked["id"])["rejection"] == {"signed": False, "reason": "not_now"}


def test_a_second_page_of_the_same_browser_is_not_moved_by_the_question(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.open(asked["url"])
    second = visitor.context.new_page()
    second.goto(asked["url"])
    expect(second.locator("#badge")).to_have_text("Display verified", use_inner_text=True)
    visitor.reject.click()
    expect(second.locator("#outcome [data-for=rejected]")).to_be_visible()
    expect(second.locator("#why")).to_be_hidden()


def test_who_taps_too_late_is_not_asked_why(visit: Visit, alex: Person, program: Program) -> None:
    asked = program.ask("alex")
    visitor = visit()
    visitor.allows("status of 409")

    def be_slow(route: Route) -> None:
        assert alex.reject(asked["id"]).is_success
        visitor.sees_outcome("rejected")  # while its own is still on its way
        route.continue_()

    visitor.page.route("**/reject", be_slow)
    visitor.open(asked["url"])
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    expect(visitor.page.locator("#why")).to_be_hidden()


def test_a_reason_that_does_not_arrive_can_be_given_again(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.expects("ERR_FAILED")
    visitor.open(asked["url"])
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    visitor.page.route("**/reason", lambda route: route.abort())
    visitor.say_why("Not now")
    trouble = visitor.why.page.locator("#why .note")
    expect(trouble).to_contain_text("The server cannot be reached.")
    expect(trouble).to_contain_text("It stays rejected.")
    visitor.page.unroute("**/reason")
    visitor.say_why("The details are wrong")
    expect(visitor.page.get_by_role("group", name="Noted. The details are wrong.")).to_be_visible()
    expect(trouble).to_be_hidden()
    assert program.read(asked["id"])["rejection"]["reason"] == "wrong_details"


def test_a_reason_that_was_given_on_another_page_is_shown_instead(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.expects("status of 409")
    visitor.open(asked["url"])
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    second = visitor.context.new_page()
    second.goto(asked["url"])
    second.get_by_role("button", name="Not now").click()
    expect(second.locator("#outcome [data-for=rejected]")).to_contain_text("Not now.")
    visitor.say_why("The details are wrong")
    visitor.sees_outcome("rejected", "Not now.")
    expect(visitor.page.locator("#why")).to_have_count(0)


def test_without_the_script_that_asks_why_the_form_asks(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.expects("ERR_FAILED")
    visitor.page.route("**/why.js", lambda route: route.abort())
    visitor.open(asked["url"])
    visitor.reject.click()
    visitor.say_why("Not now")
    visitor.sees_outcome("rejected", "Not now.")
    expect(visitor.page).to_have_url(asked["url"])


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
    visitor.unfold_signed()
    visitor.reject_signed.click()
    visitor.sees_outcome("rejected-signed", "A passkey signed the rejection")
    visitor.say_why("The details are wrong")
    expect(visitor.page.get_by_role("group", name="Noted.")).to_be_visible()
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
    visitor.unfold_signed()
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
    visitor.reject.click()
    visitor.page.wait_for_url(asked["url"])
    visitor.sees_outcome("rejected", "Nothing was signed.")
    assert program.read(asked["id"])["rejection"] == {"signed": False, "reason": None}
    visitor.say_why("Not now")
    visitor.sees_outcome("rejected", "Not now.")
    expect(visitor.page).to_have_url(asked["url"])
    expect(visitor.page.locator("#why")).to_have_count(0)
    assert program.read(asked["id"])["rejection"] == {"signed": False, "reason": "not_now"}


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
