"""High risk: it looks different, and the code shown where it was asked has to be picked."""

import json
import re

import pytest
from playwright.sync_api import expect
from tests.e2e.browser import Visitor
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import JSON, Person, Program


@pytest.fixture
def asked(alex: Person, program: Program) -> JSON:
    return program.ask("alex", risk="high")


@pytest.fixture
def visitor(visit: Visit, alex: Person, asked: JSON) -> Visitor:
    found = visit(alex)
    found.open(asked["url"])
    expect(found.approve).to_be_enabled()
    return found


def wrong(visitor: Visitor, asked: JSON) -> str:
    return next(code for code in visitor.offered if code != asked["matchCode"])


def test_with_the_code_that_is_shown_where_it_was_asked_it_is_approved(
    visitor: Visitor, asked: JSON, program: Program
) -> None:
    expect(visitor.page.locator("#band")).to_contain_text("High risk")
    assert asked["matchCode"] in visitor.offered
    visitor.pick(asked["matchCode"])
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert json.loads(program.read(asked["id"])["context"])["risk"] == "high"
    expect(visitor.page.locator("#match, #band")).to_have_count(2)
    for place in ("#match", "#band"):
        expect(visitor.page.locator(place)).to_be_hidden()


def test_it_looks_different_in_word_shape_and_colour(
    visitor: Visitor, visit: Visit, program: Program
) -> None:
    calm = visit()
    calm.open(program.ask("alex")["url"])
    look = """(place) => {
      const { backgroundColor, borderColor, borderWidth } =
        getComputedStyle(document.querySelector(place));
      return [backgroundColor, borderColor, borderWidth];
    }"""
    for place in (".card", "#bar"):
        assert visitor.page.evaluate(look, place) != calm.page.evaluate(look, place)
    expect(calm.page.locator("#band")).to_be_hidden()
    expect(calm.page.locator("#match")).to_be_hidden()


def test_without_a_code_nobody_is_asked_to_sign(visitor: Visitor) -> None:
    visitor.approve.click()
    visitor.sees_note("Pick the match code")
    expect(visitor.codes.first).to_be_focused()
    expect(visitor.codes.first).to_be_in_viewport()
    assert visitor.passkey.signatures == 0


def test_a_wrong_code_costs_a_wait_and_nothing_else(
    live: Live, visitor: Visitor, asked: JSON, program: Program
) -> None:
    visitor.expects("status of 422")
    visitor.expects("status of 429")
    visitor.pick(wrong(visitor, asked))
    visitor.approve.click()
    visitor.sees_note("That is not the match code")
    expect(visitor.page.locator("#match :checked")).to_have_count(0)
    visitor.pick(asked["matchCode"])
    visitor.approve.click()
    visitor.sees_note("A wrong match code was picked a moment ago")
    assert visitor.passkey.signatures == 0
    assert program.read(asked["id"])["status"] == "pending"
    live.clock.advance(11)
    visitor.pick(asked["matchCode"])
    visitor.approve.click()
    visitor.sees_outcome("approved")


def test_rejecting_needs_no_code(visitor: Visitor, asked: JSON, program: Program) -> None:
    visitor.reject.click()
    visitor.sees_outcome("rejected")
    assert program.read(asked["id"])["status"] == "rejected"


def test_by_keyboard(visitor: Visitor, asked: JSON) -> None:
    at = visitor.offered.index(asked["matchCode"])
    visitor.codes.first.focus()
    visitor.page.keyboard.press("Space")
    for _ in range(at):
        visitor.page.keyboard.press("ArrowRight")
    expect(visitor.page.locator("#match :checked")).to_have_value(asked["matchCode"])
    visitor.approve.focus()
    visitor.page.keyboard.press("Enter")
    visitor.sees_outcome("approved")


def test_the_page_itself_never_holds_a_code(visitor: Visitor, asked: JSON) -> None:
    page = visitor.page.request.get(asked["url"]).text()
    assert not re.search(rf"(?<![\w.-]){asked['matchCode']}(?![\w.-])", page)


@pytest.mark.parametrize(
    "choices", [None, [], ["111", "222"], ["111", "111", "222"], ["111", "222", "<b>"]]
)
def test_without_three_codes_approving_is_off(
    visit: Visit, alex: Person, asked: JSON, choices: object
) -> None:
    visitor = visit(alex)
    data = alex.data(asked["id"]) | {"matchChoices": choices}
    visitor.page.route("**/data*", lambda route: route.fulfill(json=data))
    visitor.open(asked["url"], badge="mismatch")
    expect(visitor.page.locator("#approve")).to_be_disabled()


def test_the_signed_risk_decides_not_what_else_is_sent(
    visit: Visit, alex: Person, asked: JSON
) -> None:
    visitor = visit(alex)
    data = alex.data(asked["id"]) | {"risk": "normal"}
    visitor.page.route("**/data*", lambda route: route.fulfill(json=data))
    visitor.open(asked["url"])
    expect(visitor.page.locator("#band")).to_be_visible()
    visitor.approve.click()
    visitor.sees_note("Pick the match code")
