"""What ends a confirmation while it is open, or before: deadlines, other devices, a cancel."""

import pytest
from playwright.sync_api import expect
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import Person, Program


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


def test_a_decision_elsewhere_moves_nothing_that_is_being_read(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex", {f"step {number}": f"do {number}" for number in range(40)})
    visitor = visit(alex)
    visitor.open(asked["url"])
    read = visitor.page.get_by_text("do 20", exact=True)
    read.scroll_into_view_if_needed()
    place = read.bounding_box()
    assert alex.reject(asked["id"]).is_success
    visitor.sees_outcome("rejected")
    expect(visitor.page.locator("#outcome")).to_be_focused()
    expect(visitor.outcome("rejected")).to_be_in_viewport(ratio=1)
    assert read.bounding_box() == place


def test_a_decision_elsewhere_closes_the_prompt_that_is_open_here(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit()
    visitor.starts_signing(alex, asked["url"])
    assert alex.reject(asked["id"], "unexpected").is_success
    visitor.sees_outcome("rejected", "I did not expect this.")
    visitor.sees_prompt_closed()


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
