"""Without a mouse, with larger text, other colours, a screen reader, on paper: every state."""

import base64
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.e2e.browser import Visitor
from tests.e2e.conftest import Visit
from tests.e2e.gallery import EVERY_STATE
from tests.e2e.outline import OUTLINES, alone, outline
from tests.e2e.states import SETTINGS, Stage
from tests.live import Live
from tests.people import Person, Program

NARROW = {"width": 320, "height": 568}
ORDINARY = {"width": 390, "height": 844}
OUTLINE_PIXELS_MIN = 2
TABS_MAX = 60
A4_PIXELS = 718
"""The width of A4 paper between margins of 1 cm, at 96 pixels an inch."""

# What the keyboard has to reach, in the order of the document; of radio buttons one of a group.
CONTROLS = """() => {
  const usable = "a[href], button, summary, input, select, textarea, [tabindex='0']";
  const groups = new Set();
  window.controls = [...document.querySelectorAll(usable)].filter((element) => {
    if (element.disabled || element.type === "hidden") return false;
    if (!element.checkVisibility({ visibilityProperty: true })) return false;
    if (element.type !== "radio") return true;
    const group = [...document.getElementsByName(element.name)];
    const stop = group.find(({ checked }) => checked) ?? element;
    return !groups.has(element.name) && groups.add(element.name) && stop === element;
  });
  return window.controls.map((element) => {
    const { left, top } = element.getBoundingClientRect();
    return { name: element.outerHTML.slice(0, 80), left, top, skip: element.matches(".skip") };
  });
}"""
FOCUSED = """() => {
  const element = document.activeElement;
  const { left, top, width, height } = element.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const [x, y] = [left + width / 2, top + height / 2];
  const over = document.elementFromPoint(x, y);
  return {
    index: window.controls.indexOf(element),
    // The width is told even where no line is drawn.
    marked: outlineStyle !== "none" && element.matches(":focus-visible")
      && parseFloat(outlineWidth),
    seen: Boolean(over) && (element.contains(over) || over.contains(element)
      || [...element.labels ?? []].some((label) => label.contains(over))),
  };
}"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# In forced colours only borders and words are left to tell what can be used, and where it ends.
BORDERLESS = """() => [...document.querySelectorAll("button, .button, input, .chip, .card")]
  .filter((element) => element.type !== "radio")
  .filter((element) => element.type !== "hidden" && element.checkVisibility())
  .filter((element) => !parseFloat(getComputedStyle(element).borderTopWidth))
  .map(({ outerHTML }) => outerHTML.slice(0, 80))"""
COLOURS = """async (png) => {
  const bytes = Uint8Array.from(atob(png), (character) => character.codePointAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return new Set(new Uint32Array(
    context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer)).size;
}"""


@pytest.fixture
def settings() -> dict[str, str]:
    return SETTINGS


@pytest.fixture
def stage(chromium: Browser, live: Live) -> Stage:
    return Stage(live, chromium)


def enlarge(page: Page) -> None:
    """A small phone whose owner has set the text to twice its size."""
    page.set_viewport_size(NARROW)
    session = page.context.new_cdp_session(page)
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})


def controls_in_order(page: Page) -> list[str]:
    """Return what can be used, after seeing that the document's order is the one on the screen."""
    page.set_viewport_size(ORDINARY)
    tall = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({**ORDINARY, "height": max(tall, ORDINARY["height"])})
    controls: list[dict[str, Any]] = page.evaluate(CONTROLS)
    shown = [control for control in controls if not control["skip"]]
    assert shown == sorted(shown, key=lambda control: (round(control["top"]), control["left"]))
    return [control["name"] for control in controls]


def check_tabs(page: Page, names: list[str]) -> None:
    """Go round with Tab: everything is reached, in order, marked, and not under something else."""
    reached: list[int] = []
    for _ in range(len(names) + TABS_MAX):
        page.keyboard.press("Tab")
        at: dict[str, Any] = page.evaluate(FOCUSED)
        if at["index"] in reached:
            break
        if at["index"] < 0:  # the page itself, or a box that the keyboard scrolls
            continue
        reached.append(at["index"])
        assert at["marked"] >= OUTLINE_PIXELS_MIN, f"not marked: {names[at['index']]}"
        assert at["seen"], f"covered: {names[at['index']]}"
    first = reached.index(0) if reached else 0
    assert reached[first:] + reached[:first] == list(range(len(names))), names


@pytest.mark.parametrize("state", EVERY_STATE)
def test_a_state_is_there_for_everybody(stage: Stage, state: str) -> None:
    visitor = alone(stage, state)
    page = visitor.page
    pinned = OUTLINES / f"{state}.yml"
    cure = f"python -m tests.e2e.outline {state}"
    assert pinned.exists(), f"no outline of {state} yet: {cure}"
    assert outline(page) == pinned.read_text("utf-8"), f"if it is meant: {cure}"

    names = controls_in_order(page)
    enlarge(page)
    assert page.evaluate(SIDEWAYS) == 0, "text at 200 %"
    check_tabs(page, names)

    page.emulate_media(reduced_motion="reduce", forced_colors="active")
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.evaluate(BORDERLESS) == []
    visitor.leave()


def test_every_pinned_outline_is_of_a_state() -> None:
    assert {path.stem for path in OUTLINES.iterdir()} == EVERY_STATE.keys()


# Keyboard only, on a small screen with text twice as large: every flow to its end.


def go_to(page: Page, target: Locator) -> None:
    """Press Tab until it has the focus; it is marked then, and in sight."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    page.evaluate(CONTROLS)
    at = page.evaluate(FOCUSED)
    expect(target).to_be_focused()
    assert at["marked"] >= OUTLINE_PIXELS_MIN
    assert at["seen"], "covered"
    assert page.evaluate(SIDEWAYS) == 0


def read_to_the_end(visitor: Visitor) -> None:
    """Until all of the card has been on the screen, the button that approves leads on."""
    on = visitor.page.get_by_role("button", name="Read on")
    expect(visitor.approve.or_(on)).to_be_enabled()
    go_to(visitor.page, visitor.approve.or_(on))
    for _ in range(20):
        visitor.page.wait_for_timeout(800)  # what has just come into view is not signed at once
        if not on.is_visible():
            return
        visitor.page.keyboard.press("Enter")
    raise AssertionError("no end to read to")


def use(page: Page, target: Locator, key: str = "Enter") -> None:
    """Go there and press a key."""
    go_to(page, target)
    page.keyboard.press(key)


def opened(visit: Visit, program: Program, person: Person | None, **options: bool) -> Visitor:
    visitor = visit(person, **options)
    enlarge(visitor.page)
    asked = program.ask("alex")
    visitor.open(asked["url"], badge="verified" if options.get("scripts", True) else None)
    return visitor


def test_approving_without_a_mouse(visit: Visit, alex: Person, program: Program) -> None:
    visitor = opened(visit, program, alex)
    read_to_the_end(visitor)
    expect(visitor.approve).to_be_enabled()
    expect(visitor.approve).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.sees_outcome("approved")
    expect(visitor.page.locator("#outcome")).to_be_focused()
    assert visitor.page.evaluate(SIDEWAYS) == 0


def test_rejecting_without_a_mouse(visit: Visit, alex: Person, program: Program) -> None:
    visitor = opened(visit, program, alex)
    use(visitor.page, visitor.reject)
    visitor.sees_outcome("rejected")
    expect(visitor.page.locator("#outcome")).to_be_focused()
    assert visitor.page.evaluate(SIDEWAYS) == 0


def test_rejecting_with_a_signature_without_a_mouse(
    visit: Visit, alex: Person, program: Program
) -> None:
    visitor = opened(visit, program, alex)
    read_to_the_end(visitor)
    expect(visitor.approve).to_be_enabled()
    use(visitor.page, visitor.page.locator("summary", has_text="Reject with your signature"))
    use(visitor.page, visitor.reject_signed)
    visitor.sees_outcome("rejected-signed")
    use(visitor.page, visitor.why.get_by_role("button", name="I did not expect this"))
    expect(visitor.page.get_by_role("group", name="Noted.")).to_be_visible()
    assert visitor.passkey.signatures == 1


def test_rejecting_without_a_mouse_and_without_scripts(
    visit: Visit, alex: Person, program: Program
) -> None:
    visitor = opened(visit, program, alex, scripts=False)
    use(visitor.page, visitor.reject)
    visitor.page.wait_for_url("**/reject*")
    use(visitor.page, visitor.reject)
    visitor.sees_outcome("rejected")
    use(visitor.page, visitor.why.get_by_role("button", name="Not now"))
    visitor.sees_outcome("rejected", "Not now.")


def test_registering_without_a_mouse(live: Live, visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    enlarge(page)
    page.goto(live.owner_link())
    go_to(page, page.get_by_label("Username"))
    page.keyboard.type("alex")
    use(page, page.get_by_role("button", name="Create passkey"))
    expect(page.locator("[data-step=practice]")).to_be_focused()
    use(page, page.get_by_role("button", name="Approve with passkey"), "Space")
    expect(page.locator("[data-step=done]")).to_be_focused()
    go_to(page, page.get_by_role("button", name="Copy key"))
    go_to(page, page.get_by_role("button", name="Copy command"))


# Without the page's own colours, without motion, on paper.


def test_in_forced_colours_each_outcome_keeps_a_word_and_a_shape_of_its_own(stage: Stage) -> None:
    words: set[str] = set()
    shapes: set[bytes] = set()
    blank = stage.visit()
    states = ("approved", "rejected", "expired", "confirm", "confirm-mismatch", "confirm-checking")
    for state in states:
        visitor = EVERY_STATE[state](stage)
        visitor.page.emulate_media(forced_colors="active", reduced_motion="reduce")
        told = visitor.page.locator(".state:visible, .badge:visible").last
        words.add(told.inner_text())
        shape = told.locator(".mark").screenshot()
        colours: int = blank.page.evaluate(COLOURS, base64.b64encode(shape).decode())
        assert colours > 1, f"{state}: nothing is drawn"
        shapes.add(shape)
        visitor.leave()
    blank.leave()
    assert len(words) == len(states)
    assert len(shapes) == len(states)


def test_what_turns_stands_still_for_those_who_want_that(stage: Stage) -> None:
    visitor = EVERY_STATE["confirm-checking"](stage)
    moving = "document.getAnimations().length"
    visitor.page.emulate_media(reduced_motion="no-preference")
    assert visitor.page.evaluate(moving) > 0
    visitor.page.emulate_media(reduced_motion="reduce")
    assert visitor.page.evaluate(moving) == 0
    visitor.leave()


@pytest.mark.parametrize("state", ["approved", "rejected-signed", "expired"])
def test_a_decided_confirmation_prints_whole(stage: Stage, state: str) -> None:
    visitor = EVERY_STATE[state](stage)
    page = visitor.page
    page.set_viewport_size({"width": A4_PIXELS, "height": 1000})
    on_screen = page.locator("main").inner_text()
    page.emulate_media(media="print")
    assert page.locator("main").inner_text() == on_screen
    assert page.evaluate(SIDEWAYS) == 0
    stuck = """() => [...document.querySelectorAll("body *")].filter((element) =>
      ["sticky", "fixed"].includes(getComputedStyle(element).position)).length"""
    assert page.evaluate(stuck) == 0
    assert page.pdf(format="A4").startswith(b"%PDF-")
    visitor.leave()
