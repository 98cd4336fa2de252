"""What every page keeps to, in every state: outline, labels, width, colours, size, headers."""

import gzip
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Response, ViewportSize, expect
from tests.e2e.browser import Visitor
from tests.e2e.conftest import Visit
from tests.e2e.gallery import EVERY_STATE, MOVING
from tests.e2e.states import SETTINGS, Stage, create
from tests.live import Live
from tests.people import Person, Program

NARROW = {"width": 320, "height": 568}
PHONE: ViewportSize = {"width": 390, "height": 844}
CONFIRM_BYTES_MAX = 25 * 1024
SCRIPT_BYTES_MAX = 12 * 1024
FONT_PIXELS_MIN = 14
BUTTON_PIXELS_MIN = 52
CONTRAST_MIN = 4.5  # WCAG 2.2, 1.4.3

OUTLINE = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const ids = all("[id]").map(({ id }) => id);
  const named = (element) => element.ariaLabel || element.textContent.trim();
  return {
    lang: document.documentElement.lang,
    title: document.title,
    h1: all("h1").filter(seen).map((h1) => h1.textContent),
    levels: all("h1, h2, h3, h4").filter(seen).map(({ tagName }) => Number(tagName[1])),
    mains: all("main").length,
    twice: ids.filter((id, at) => ids.indexOf(id) !== at),
    nameless: all("input:not([type=hidden])").filter((field) => !field.labels.length)
      .concat(all("button, a, summary").filter((element) => !named(element)))
      .map(({ outerHTML }) => outerHTML),
    dangling: all("[aria-labelledby], [aria-describedby], label[for]").flatMap((element) =>
      ["aria-labelledby", "aria-describedby", "for"].map((name) => element.getAttribute(name)))
      .filter((id) => id && !document.getElementById(id)),
    inline: all("[style], [onclick], style, script:not([src])").map(({ outerHTML }) => outerHTML),
  };
}"""

LOOK = """({ font, least, button }) => {
  const wide = document.documentElement.clientWidth;
  const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backdrop = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((numbers(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (element) => {
    const [low, high] = [getComputedStyle(element).color, backdrop(element)]
      .map(luminance).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const seen = [...document.body.querySelectorAll("*")].filter((element) =>
    element.checkVisibility({ visibilityProperty: true }) && !element.closest(".skip, noscript"));
  const texts = seen.filter((element) => [...element.childNodes].some((node) =>
    node.nodeType === Node.TEXT_NODE && node.data.trim()));
  const name = (element) => `${element.tagName}.${element.className}: ${element.textContent}`;
  const small = (element) => parseFloat(getComputedStyle(element).fontSize) < font;
  return {
    sideways: document.documentElement.scrollWidth - wide,
    beyond: seen.filter((element) => element.getBoundingClientRect().right > wide + 0.5
      || element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0
        && getComputedStyle(element).overflowX !== "visible").map(name),
    tiny: texts.filter(small).map(name),
    faint: texts.filter((element) => !element.closest(":disabled") && contrast(element) < least)
      .map((element) => `${contrast(element).toFixed(2)} ${name(element)}`),
    low: seen.filter((element) => element.matches("button, .button")
      && element.getBoundingClientRect().height < button).map(name),
    background: getComputedStyle(document.body).backgroundColor,
  };
}"""


@pytest.fixture(scope="module")
def stage(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Live(tmp_path_factory.mktemp("stage") / "data", SETTINGS) as live:
        yield Stage(live, chromium, PHONE)


def look(page: Page) -> dict[str, Any]:
    limits = {"font": FONT_PIXELS_MIN, "least": CONTRAST_MIN, "button": BUTTON_PIXELS_MIN}
    found: dict[str, Any] = page.evaluate(LOOK, limits)
    return found


def check_look(page: Page) -> str:
    """Check sizes and colours as they are now; return the background."""
    found = look(page)
    background: str = found.pop("background")
    assert found == {"sideways": 0, "beyond": [], "tiny": [], "faint": [], "low": []}
    return background


@pytest.mark.parametrize("state", EVERY_STATE)
def test_a_state_keeps_the_rules(stage: Stage, state: str) -> None:
    visitor = EVERY_STATE[state](stage)
    page = visitor.page
    assert bool(visitor.shifts) == (state in MOVING), visitor.shifts
    outline: dict[str, Any] = page.evaluate(OUTLINE)
    assert outline["lang"] == "en"
    assert outline["title"].endswith("Cosignet")
    assert len(outline["h1"]) == 1
    levels = outline["levels"]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert outline["mains"] == 1
    for nothing in ("twice", "nameless", "dangling", "inline"):
        assert outline[nothing] == [], nothing

    page.set_viewport_size(NARROW)
    backgrounds = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        backgrounds.add(check_look(page))
    assert len(backgrounds) == 2
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert look(page)["sideways"] == 0, "text at 200 %"
    visitor.leave()


# Keyboard only.


def tab_to(page: Page, target: Locator) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("the keyboard does not get there")


def is_marked(target: Locator) -> bool:
    return target.evaluate(
        "element => element.matches(':focus-visible') &&"
        " parseFloat(getComputedStyle(element).outlineWidth) >= 2"
    )


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_approving_by_keyboard(visit: Visit, alex: Person, program: Program, key: str) -> None:
    visitor = visit(alex)
    visitor.open(program.ask("alex")["url"])
    expect(visitor.approve).to_be_enabled()
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to content")).to_be_focused()
    tab_to(visitor.page, visitor.approve)
    assert is_marked(visitor.approve)
    visitor.page.keyboard.press(key)
    visitor.sees_outcome("approved")
    expect(visitor.page.locator("#outcome")).to_be_focused()


def test_rejecting_with_a_reason_by_keyboard(visit: Visit, alex: Person, program: Program) -> None:
    visitor = visit(alex)
    asked = program.ask("alex")
    visitor.open(asked["url"])
    page = visitor.page
    tab_to(page, visitor.reject)
    assert is_marked(visitor.reject)
    page.keyboard.press("Enter")
    visitor.sees_outcome("rejected")
    wrong = visitor.why.get_by_role("button", name="The details are wrong")
    page.keyboard.press("Tab")
    assert is_marked(wrong)
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Noted. The details are wrong.")).to_be_visible()
    assert program.read(asked["id"])["rejection"]["reason"] == "wrong_details"


def test_registering_by_keyboard(live: Live, visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    page.goto(live.owner_link())
    tab_to(page, page.get_by_label("Username"))
    page.keyboard.type("alex")
    page.keyboard.press("Enter")
    expect(page.locator("[data-step=practice]")).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Approve with passkey"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-step=done]")).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Copy command"))
    assert is_marked(page.get_by_role("button", name="Copy command"))


def test_what_happens_is_announced(visit: Visit, alex: Person, program: Program) -> None:
    visitor = visit(alex)
    visitor.open(program.ask("alex")["url"])
    roles = {"#outcome": "status", "#badge": "status", "#note": "alert", "#left": "timer"}
    for place, role in roles.items():
        expect(visitor.page.locator(place)).to_have_attribute("role", role)


# Size.


def test_the_confirm_page_is_small(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    visitor = visit(alex)
    answers: list[Response] = []
    visitor.page.on("response", lambda answer: answers.append(answer))
    visitor.open(program.ask("alex")["url"])
    sizes = {
        answer.url.rpartition("/")[2]: answer.request.sizes()["responseBodySize"]
        for answer in answers
        if "?wait=" not in answer.url
    }
    icon = visitor.page.request.get(f"{live.url}/static/icon.svg")
    sizes["icon.svg"] = len(gzip.compress(icon.body()))
    scripts = {name: size for name, size in sizes.items() if name.endswith(".js")}
    assert {"confirm.js", "verify.js", "card.js"} <= scripts.keys()
    assert {"style.css", "data"} <= sizes.keys()
    assert sum(scripts.values()) <= SCRIPT_BYTES_MAX, scripts
    assert sum(sizes.values()) <= CONFIRM_BYTES_MAX, sizes


# What travels with it.


def test_every_answer_a_browser_gets_is_guarded(
    visit: Visit, alex: Person, program: Program
) -> None:
    visitor = visit(alex)
    answers: list[Response] = []
    visitor.page.on("response", lambda answer: answers.append(answer))
    visitor.expects("status of 404")
    visitor.page.goto(visitor.url)
    visitor.page.goto(f"{visitor.url}/static/nothing.js")
    visitor.open(program.ask("alex")["url"])
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert {200, 404} <= {answer.status for answer in answers} <= {200, 304, 404}
    assert len(answers) >= 12
    for answer in answers:
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
        if "json" in answer.headers.get("content-type", ""):
            assert len(policy) == 2
        else:
            assert {"script-src 'self'", "trusted-types 'none'"} <= set(policy)
            assert "require-trusted-types-for 'script'" in policy
        assert not any("unsafe" in directive for directive in policy)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_scripts_cannot_read_the_cookies_and_nothing_else_is_kept(
    live: Live, visit: Visit, program: Program
) -> None:
    visitor = visit()
    visitor.page.goto(live.owner_link())
    create(visitor, "alex")
    visitor.page.get_by_role("button", name="Approve with passkey").click()
    expect(visitor.page.locator("[data-step=done]")).to_be_visible()
    [session] = visitor.context.cookies()
    assert session["name"] == "cosignet_sid"
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")
    assert (session["path"], session["domain"]) == ("/", "localhost")
    visitor.open(program.ask("alex")["url"])
    [cookie] = [one for one in visitor.context.cookies() if one != session]
    assert cookie["name"] == "cosignet_page"
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert (cookie["path"], cookie["domain"]) == ("/confirm/", "localhost")
    assert cookie["expires"] == -1, "gone with the browser's session"
    assert len(cookie["value"]) >= 43
    kept = "[document.cookie, localStorage.length, sessionStorage.length]"
    assert visitor.page.evaluate(kept) == ["", 0, 0]


def test_127_0_0_1_leads_to_localhost(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    visitor = visit(alex)
    elsewhere = live.url.replace("localhost", "127.0.0.1")
    visitor.expects(f"request to {elsewhere}")
    asked = program.ask("alex")
    visitor.open(asked["url"].replace("localhost", "127.0.0.1"))
    expect(visitor.page).to_have_url(asked["url"])
    visitor.approve.click()
    visitor.sees_outcome("approved")


# The watch itself.


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('a complaint')", "console error: a complaint"),
        ("setTimeout(() => { throw new Error('not caught'); })", "uncaught: .*not caught"),
        ("new Image().src = 'http://example.com/'", "policy violation: img-src http"),
        ("document.body.innerHTML = '<b>'", "policy violation: require-trusted-types-for"),
        ("fetch('http://example.com/').catch(() => 0)", "policy violation: connect-src http"),
        ("open('http://example.com/')", "request to http://example.com/"),
    ],
    ids=["console", "uncaught", "csp", "trusted-types", "fetch", "request"],
)
def test_a_complaint_is_heard(live: Live, visit: Visit, script: str, complaint: str) -> None:
    visitor = visit()
    visitor.allows(".")
    visitor.expects(complaint)
    visitor.page.route("http://example.com/", lambda route: route.abort())
    visitor.context.route("http://example.com/", lambda route: route.abort())
    visitor.page.goto(live.url)
    visitor.page.evaluate(f"() => {{ try {{ {script} }} catch {{}} }}")


def test_what_moves_is_seen(live: Live, visit: Visit) -> None:
    visitor = visit()
    visitor.page.goto(live.url)
    assert visitor.shifts == []
    visitor.page.evaluate("() => document.querySelector('main').prepend('More to read')")
    [shift] = visitor.shifts
    assert "A person signs the exact action" in shift


def test_a_complaint_fails_the_test_it_comes_in(live: Live, chromium: Browser) -> None:
    visitor = Visitor(chromium, live.url)
    visitor.page.goto(live.url)
    visitor.page.evaluate("console.error('a complaint')")
    visitor.page.wait_for_timeout(100)
    with pytest.raises(AssertionError, match="a complaint"):
        visitor.leave()
