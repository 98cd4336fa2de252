"""How fast the confirm page is on a slow line, and how much it weighs."""

import statistics
from typing import Any

from playwright.sync_api import Browser, CDPSession, expect
from tests.e2e.browser import BADGE, Visitor
from tests.live import Live
from tests.people import Person, Program
from tools.judges.table import Figure, at_most

ALL_KB_MAX = 25
SCRIPT_KB_MAX = 12
VERIFIED_MS_MAX = 2000
DECIDED_MS_MAX = 4000
TRIES = 3
FAST_3G = {
    "offline": False,
    # What Chrome's DevTools called "Fast 3G" until 2024: 1.6 and 0.75 Mbit/s, 150 ms, and the
    # factors by which it makes up for throttling whole exchanges rather than packets.
    "downloadThroughput": 1.6e6 / 8 * 0.9,
    "uploadThroughput": 0.75e6 / 8 * 0.9,
    "latency": 150 * 3.75,
}
# Milliseconds since the link was opened: the document's own clock began then.
WATCH = """
window.seen = {};
const note = (name) => { window.seen[name] ??= performance.now(); };
const look = () => {
  const badge = document.getElementById("badge");
  if (badge?.innerText.trim() === "VERIFIED") note("verified");
  if (document.getElementById("approve")?.disabled === false) note("armed");
  if (document.querySelector("#outcome [data-for=approved]")?.checkVisibility()) note("decided");
  requestAnimationFrame(look);
};
look();
""".replace("VERIFIED", BADGE["verified"])


def figures(live: Live, browser: Browser) -> list[Figure]:
    """Return weight and times of the confirm page."""
    program, alex = live.program(), live.person("alex")
    runs = [_decide(live, browser, program, alex) for _ in range(TRIES)]
    verified, decided = (
        statistics.median(run[name] for run in runs) for name in ("verified", "decided")
    )
    sizes = _weigh(live, browser, program, alex)
    scripts = {name: size for name, size in sizes.items() if name.endswith(".js")}
    return [
        _weighed("confirm page over the wire", sizes, ALL_KB_MAX),
        _weighed("its JavaScript over the wire", scripts, SCRIPT_KB_MAX),
        at_most("opened → display verified, fast 3G", verified, VERIFIED_MS_MAX, "ms"),
        at_most("opened → decided, fast 3G", decided, DECIDED_MS_MAX, "ms"),
    ]


def _weighed(target: str, sizes: dict[str, tuple[int, int]], most: int) -> Figure:
    figure = at_most(target, sum(body for body, _ in sizes.values()) / 1024, most, "KB", 1)
    headers = sum(answer - body for body, answer in sizes.values())
    figure.findings = [
        *(f"{body:6,} bytes {name}" for name, (body, _) in sorted(sizes.items())),
        f"{headers:6,} bytes of headers (HTTP/1.1), not counted",
    ]
    return figure


def _decide(live: Live, browser: Browser, program: Program, alex: Person) -> dict[str, float]:
    visitor = Visitor(browser, live.url)
    visitor.passkey.hold(alex)
    visitor.context.add_init_script(WATCH)
    session = _network(visitor)
    session.send("Network.emulateNetworkConditions", FAST_3G)
    visitor.page.goto(program.ask(alex.username)["url"], wait_until="commit")
    visitor.approve.click()
    expect(visitor.outcome("approved")).to_be_visible()
    seen: dict[str, float] = visitor.page.evaluate("() => window.seen")
    visitor.leave()
    return seen


def _weigh(
    live: Live, browser: Browser, program: Program, alex: Person
) -> dict[str, tuple[int, int]]:
    """Return for each address the bytes of its body as it was sent, and those with headers."""
    visitor = Visitor(browser, live.url)
    visitor.passkey.hold(alex)
    session = _network(visitor)
    answered: dict[str, dict[str, Any]] = {}
    totals: dict[str, int] = {}

    def heard(event: dict[str, Any]) -> None:
        answered[event["requestId"]] = event["response"]

    def finished(event: dict[str, Any]) -> None:
        totals[event["requestId"]] = int(event["encodedDataLength"])

    session.on("Network.responseReceived", heard)
    session.on("Network.loadingFinished", finished)
    visitor.open(program.ask(alex.username)["url"])
    expect(visitor.approve).to_be_enabled()
    visitor.leave()
    return {
        answered[id_]["url"].removeprefix(live.url): (
            int(answered[id_]["headers"]["content-length"]),
            total,
        )
        for id_, total in totals.items()
    }


def _network(visitor: Visitor) -> CDPSession:
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    return session
