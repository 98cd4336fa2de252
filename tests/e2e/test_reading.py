"""A card longer than the screen is read to its end before it can be approved."""

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.browser import LOOK_MS, Visitor
from tests.e2e.conftest import Visit
from tests.people import JSON, Person, Program

PHONE = {"width": 390, "height": 844}
LONG: JSON = {f"step {number}": f"do {number}" for number in range(1, 41)}


@pytest.fixture
def asked(alex: Person, program: Program) -> JSON:
    return program.ask("alex", LONG)


@pytest.fixture
def visitor(visit: Visit, alex: Person, asked: JSON) -> Visitor:
    found = visit(alex)
    found.page.set_viewport_size(PHONE)
    found.open(asked["url"])
    expect(found.page.locator("#approve")).to_be_enabled()
    found.page.evaluate(WATCH)
    return found


def posted(page: Page) -> list[str]:
    found: list[str] = []
    page.on("request", lambda request: request.method == "POST" and found.append(request.url))
    return found


# Keeps track, frame by frame, of the values that can be seen above the bar: now, and so far.
WATCH = """() => {
  window.sofar = new Set();
  const look = () => {
    const edge = document.getElementById("bar").getBoundingClientRect().top;
    window.now = [...document.querySelectorAll(".card dd")].filter((value) => {
      const { top, bottom } = value.getBoundingClientRect();
      return top >= 0 && bottom <= edge;
    }).map(({ textContent }) => textContent);
    for (const value of window.now) window.sofar.add(value);
    requestAnimationFrame(look);
  };
  look();
}"""


def seen(visitor: Visitor, when: str = "now") -> set[str]:
    """Which values of the card can be seen."""
    return set(visitor.page.evaluate(f"[...window.{when}]"))


def settle(visitor: Visitor) -> None:
    """Wait until the page has come to rest."""
    places = [-1.0, -2.0]
    while places[-1] != places[-2]:
        visitor.page.wait_for_timeout(60)
        places.append(visitor.page.evaluate("scrollY"))


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_approve_walks_through_the_card_and_skips_nothing(
    visitor: Visitor, asked: JSON, program: Program, motion: str
) -> None:
    visitor.page.emulate_media(reduced_motion=motion)  # pyright: ignore[reportArgumentType]
    posts = posted(visitor.page)
    expect(visitor.approve).to_have_count(0)
    expect(visitor.page.locator("#unread")).to_contain_text("more screens")
    assert 0 < len(seen(visitor, "sofar")) < len(LONG)
    while visitor.read_on.is_visible():
        visitor.read_on.click()
        settle(visitor)
    assert set(LONG.values()) - seen(visitor, "sofar") == set()
    assert posts == []
    expect(visitor.page.locator("#unread")).to_be_hidden()
    visitor.page.wait_for_timeout(LOOK_MS)
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["status"] == "approved"


def test_a_jump_to_the_end_is_no_reading(visitor: Visitor) -> None:
    visitor.page.evaluate("() => scrollTo({ top: 1e6, behavior: 'instant' })")
    settle(visitor)
    expect(visitor.approve).to_have_count(0)
    visitor.read_on.click()
    settle(visitor)
    assert "do 40" not in seen(visitor), "back at the unread part"
    expect(visitor.read_on).to_be_visible()


def test_scrolling_to_the_end_is_reading(visitor: Visitor) -> None:
    visitor.page.mouse.move(200, 300)
    for _ in range(40):
        visitor.page.mouse.wheel(0, 200)
        visitor.page.wait_for_timeout(30)
    expect(visitor.approve).to_be_visible()


def test_by_keyboard_it_is_the_same_button(visitor: Visitor, asked: JSON, program: Program) -> None:
    visitor.page.locator("#approve").focus()
    for _ in range(20):
        if not visitor.read_on.is_visible():
            break
        visitor.page.keyboard.press("Enter")
        settle(visitor)
    expect(visitor.approve).to_be_focused()
    assert visitor.page.locator("#unread").get_attribute("role") == "status"
    visitor.page.wait_for_timeout(LOOK_MS)
    visitor.page.keyboard.press("Enter")
    visitor.sees_outcome("approved")


def test_the_tap_that_reaches_the_end_does_not_approve_when_it_is_doubled(
    visitor: Visitor, asked: JSON, program: Program
) -> None:
    posts = posted(visitor.page)
    visitor.page.emulate_media(reduced_motion="reduce")
    while visitor.read_on.is_visible():
        visitor.page.locator("#approve").dblclick(delay=30)
    visitor.page.wait_for_timeout(300)
    assert posts == []
    assert visitor.passkey.signatures == 0


def test_a_card_that_grew_too_long_while_it_was_open_is_read_too(
    visit: Visit, alex: Person, program: Program
) -> None:
    visitor = visit(alex)
    visitor.open(program.ask("alex")["url"])
    expect(visitor.approve).to_be_enabled()
    visitor.page.set_viewport_size({"width": 390, "height": 360})
    expect(visitor.read_on).to_be_visible()


def test_a_card_below_the_screen_is_brought_into_view(
    visit: Visit, alex: Person, program: Program
) -> None:
    visitor = visit(alex)
    visitor.page.set_viewport_size({"width": 320, "height": 568})
    visitor.open(program.ask("alex", {"a": 1}, action="All of it, " * 16)["url"])
    visitor.page.evaluate(WATCH)
    visitor.read_on.click()
    settle(visitor)
    assert seen(visitor) == {"1"}
    expect(visitor.approve).to_be_visible()


def test_where_the_script_for_it_is_missing_nothing_is_approved(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.expects("ERR_FAILED")
    visitor.page.route("**/reading.js", lambda route: route.abort())
    visitor.open(asked["url"])
    visitor.page.set_viewport_size({"width": 390, "height": 360})
    visitor.approve.click()
    visitor.sees_note("A part of this page could not be loaded.", "Nothing was signed.")
    assert program.read(asked["id"])["status"] == "pending"
    assert visitor.passkey.signatures == 0
