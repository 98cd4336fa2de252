"""A real Chromium with a virtual passkey, driven as a person would, and watched for complaints."""

import re
import shutil

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Playwright,
    Request,
    expect,
)
from tests.e2e.passkey import VirtualPasskey
from tests.people import Person

WAIT_MS = 10_000
LOOK_MS = 700
"""A tap counts this long after something has come into view."""
LATE_MS = 3_000
"""How long an expected complaint may take to arrive."""
SWITCHES = [
    "--no-sandbox",  # as root there is none; the pages are ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Else it would be this that keeps another site from framing a page on localhost.
    "--disable-features=LocalNetworkAccessChecks",
]
# Blocked by Content-Security-Policy or Trusted Types: both fire this event.
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violation: ${event.effectiveDirective} ${event.blockedURI}`);
});
"""

# What has moved on a page since it was opened, asked for or not: the last frames are waited for.
SHIFTS = """() => new Promise((resolve) => {
  const found = [];
  const add = (entries) => {
    for (const { value, sources } of entries) {
      const names = sources.map(({ node }) => {
        const element = node instanceof Text ? node.parentElement : node;
        return element?.outerHTML.slice(0, 160);
      });
      found.push(`${value.toFixed(4)}: ${names.join(" | ")}`);
    }
  };
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {
    add(observer.takeRecords());
    resolve(found);
  })));
})"""

expect.set_options(timeout=WAIT_MS)


def launch(playwright: Playwright, *switches: str) -> Browser:
    """Start the system's Chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is missing: `make test` says how to bring it"
    return playwright.chromium.launch(executable_path=chromium, args=[*SWITCHES, *switches])


# Seven times as fast, for tests that are not about time: a page waits before it lets anybody sign.
HURRY = """
const now = performance.now.bind(performance);
performance.now = () => now() * 7;
const wait = setTimeout;
window.setTimeout = (work, ms, ...rest) => wait(work, ms / 7, ...rest);
"""

# Tells how the last passkey prompt ended: the name of its error, or nothing while it is open.
WATCH_PROMPT = """
const get = navigator.credentials.get.bind(navigator.credentials);
navigator.credentials.get = async (options) => {
  window.promptEnded = null;
  try {
    return await get(options);
  } catch (error) {
    window.promptEnded = error.name;
    throw error;
  }
};
"""


SCROLLED = """new Promise((done) => {
  addEventListener("scrollend", done, { once: true });
  setTimeout(done, 2000);
})"""


class Visitor:
    """Somebody at a browser of their own, with one page open."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        scripts: bool = True,
        user_agent: str | None = None,
        **authenticator: bool | str,
    ) -> None:
        self.url = url
        self.complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self._allowed: list[re.Pattern[str]] = []
        self.context = self._context(browser, scripts, user_agent)
        self.page = self.context.new_page()
        self.passkey = VirtualPasskey(self.page, **authenticator)

    def _context(self, browser: Browser, scripts: bool, agent: str | None) -> BrowserContext:
        context = browser.new_context(java_script_enabled=scripts, user_agent=agent)
        context.set_default_timeout(WAIT_MS)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        context.on("request", self._saw)
        if scripts:
            context.add_init_script(WATCH_POLICY)
        return context

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def _saw(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "about:")):
            self.complaints.append(f"request to {request.url}")

    def expects(self, complaint: str) -> None:
        """Say that this test brings a complaint about; it has to come."""
        self._expected.append(re.compile(complaint))

    def allows(self, complaint: str) -> None:
        """Say that this test may bring a complaint about, which does not always arrive."""
        self._allowed.append(re.compile(complaint))

    def starts_signing(self, person: Person, url: str) -> None:
        """Open a link with a passkey that never answers, and leave its prompt open."""
        self.passkey.replace(automaticPresenceSimulation=False)
        self.passkey.hold(person)
        self.context.add_init_script(WATCH_PROMPT)
        self.open(url)
        self.approve.click()
        self.sees_badge("signing")
        self._waits_for("window.promptEnded === null")

    def sees_prompt_closed(self, *errors: str) -> None:
        """Wait until the open prompt has ended: closed by the page, or with one of `errors`."""
        self._waits_for(f"{list(errors or ('AbortError',))}.includes(window.promptEnded)")

    def look_elsewhere(self) -> None:
        """Switch to another tab; the page loses focus for real."""
        session = self.context.new_cdp_session(self.page)
        session.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
        self.context.new_page().bring_to_front()
        self._waits_for("!document.hasFocus()")

    def hurry(self) -> None:
        """Let time pass faster on pages opened from now on."""
        self.context.add_init_script(HURRY)

    def leave(self) -> None:
        """Close the browser window, and fail on every complaint that was not expected."""
        self.page.unroute_all(behavior="ignoreErrors")
        for _ in range(LATE_MS // 50):
            if not self._missing:
                break
            self.page.wait_for_timeout(50)
        self.context.close()
        unexpected = [
            complaint
            for complaint in self.complaints
            if not any(pattern.search(complaint) for pattern in self._expected + self._allowed)
        ]
        assert not unexpected, f"unexpected: {unexpected}"
        assert not self._missing, f"expected and missing: {self._missing}"

    def _waits_for(self, expression: str) -> None:
        # Playwright's own way would have the page evaluate a string, which its policy forbids.
        for _ in range(WAIT_MS // 50):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came true: {expression}")

    @property
    def _missing(self) -> list[str]:
        return [p.pattern for p in self._expected if not any(map(p.search, self.complaints))]

    @property
    def shifts(self) -> list[str]:
        """What has moved since the page was opened; nothing where scripts are off."""
        if self.page.evaluate("matchMedia('(scripting: none)').matches"):
            return []
        found: list[str] = self.page.evaluate(SHIFTS)
        return found

    # The confirm page, as a person sees it.

    def open(self, url: str, *, badge: str | None = "verified") -> None:
        """Open a link; wait for what the badge beside the buttons says."""
        self.page.goto(url)
        if badge is not None:
            self.sees_badge(badge)

    def sees_badge(self, state: str) -> None:
        """Wait for a state of the badge: checking, verified, signing, mismatch, away."""
        expect(self.page.locator("#badge")).to_have_text(BADGE[state], use_inner_text=True)

    def sees_outcome(self, state: str, *words: str) -> None:
        """Wait for what happened to be told."""
        shown = self.outcome(state)
        expect(shown).to_be_visible()
        expect(self.page.locator("#outcome [data-for]:visible")).to_have_count(1)
        for word in words:
            expect(shown).to_contain_text(word)

    def outcome(self, state: str) -> Locator:
        """The block that tells of one state."""
        return self.page.locator(f"#outcome [data-for={state}]")

    def sees_note(self, *words: str) -> None:
        """Wait for a passing remark."""
        for word in words:
            expect(self.page.locator("#note:visible")).to_contain_text(word)

    @property
    def approve(self) -> Locator:
        """The button that signs."""
        return self.page.get_by_role("button", name="Approve with passkey")

    @property
    def read_on(self) -> Locator:
        """The same button, while the card is longer than what has been read of it."""
        return self.page.get_by_role("button", name="Read on")

    def read_to_end(self) -> None:
        """Tap until nothing is unread, and until a tap counts again."""
        expect(self.page.locator("#approve")).to_be_enabled()
        for _ in range(200):
            if not self.read_on.is_visible():
                break
            self.read_on.click()
            # Another tap would let the page begin to move anew.
            self.page.evaluate(SCROLLED)
        expect(self.approve).to_be_visible()
        self.page.wait_for_timeout(LOOK_MS)

    @property
    def codes(self) -> Locator:
        """The match codes to choose from, at high risk."""
        return self.page.locator("#match").get_by_role("radio")

    @property
    def offered(self) -> list[str]:
        """What they say."""
        expect(self.codes).to_have_count(3)
        return [code.get_attribute("value") or "" for code in self.codes.all()]

    def pick(self, code: str) -> None:
        """Tap a match code."""
        self.page.locator("#match .code", has_text=code).click()

    @property
    def unlock(self) -> Locator:
        """The button of a private confirmation that is locked."""
        return self.page.get_by_role("button", name="Unlock with passkey")

    @property
    def reject(self) -> Locator:
        """The button that rejects with one tap."""
        return self.page.get_by_role("button", name="Reject", exact=True)

    @property
    def reject_signed(self) -> Locator:
        """The button that signs a rejection."""
        return self.page.get_by_role("button", name="Reject and sign with passkey")

    def unfold_signed(self) -> None:
        """Unfold the other way to reject."""
        self.page.locator("summary", has_text="Reject with your signature").click()

    @property
    def why(self) -> Locator:
        """Where one says why, once it is rejected."""
        return self.page.get_by_role("group", name="Why?")

    def say_why(self, reason: str) -> None:
        """Tap a reason."""
        self.why.get_by_role("button", name=reason).click()


BADGE = {
    "checking": "Checking what you see",
    "verified": "Display verified",
    "signing": "Waiting for your passkey",
    "mismatch": "Mismatch",
    "sending": "Sent, not recorded yet",
    "away": "Server away. Not known yet.",
    "offline": "Offline. Not known yet.",
}
