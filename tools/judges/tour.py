"""Every state of tests/e2e/gallery.py, arranged once; the judges look at it as it stands."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, Response
from tests.e2e.browser import Visitor
from tests.e2e.gallery import EVERY_STATE
from tests.e2e.screens import SCHEMES, WIDTHS
from tests.e2e.states import Stage
from tests.live import Live
from tests.people import Person
from tools.judges.panel import HOME, Panel
from tools.judges.table import Figure, at_least, at_most, none_of

AXE = HOME / "node_modules/axe-core/axe.min.js"
AXE_RUN = "axe.run(document, { resultTypes: ['violations'] })"
SCREENS = [
    {"name": f"{width} px, {scheme}", "width": width, "height": height, "scheme": scheme}
    for width, height in WIDTHS.items()
    for scheme in SCHEMES
]
PUBLIC = ("/",)
"""Paths that search engines may show: there Lighthouse's SEO counts."""
ID = re.compile(r"/[^/?]*\d[^/?]*|=[^&]+")
SHIFT = """new Promise((resolve) => {
  let sum = 0;
  const add = (entries) => {
    for (const entry of entries) if (!entry.hadRecentInput) sum += entry.value;
  };
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => { add(observer.takeRecords()); resolve(sum); }, 50);
})"""
LIGHTHOUSE = {"performance": 98, "accessibility": 100, "best-practices": 100, "seo": 100}
PAINT_MS_MAX = 1500
"""Largest contentful paint on Lighthouse's slow 4G (150 ms, 1.6 Mbit/s) and a slow phone."""
LOADS = 3
"""How often a page that scored too low is loaded: what counts is the median."""


class WatchedStage(Stage):
    """A stage that keeps each page as the server sent it."""

    def __init__(self, live: Live, browser: Browser) -> None:
        super().__init__(live, browser)
        self.answer: Response | None = None

    def visit(self, person: Person | None = None, **options: bool) -> Visitor:
        """Open a browser."""
        visitor = super().visit(person, **options)
        visitor.page.on("response", self._keep)
        return visitor

    def _keep(self, answer: Response) -> None:
        if answer.request.is_navigation_request():
            self.answer = answer


@dataclass
class Tour:
    """Walks through the states and gathers what the judges say."""

    stage: WatchedStage
    panel: Panel
    only: frozenset[str]
    findings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    marks: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, Any])
    paint: list[tuple[float, str]] = field(default_factory=list[Any])
    shift: list[tuple[float, str]] = field(default_factory=list[Any])
    loads: set[str] = field(default_factory=set[str])
    _axe: str = field(default_factory=AXE.read_text)

    def walk(self, names: list[str]) -> None:
        """Visit states by name, in this order; say what was found on the way."""
        for name in names:
            began = time.perf_counter()
            before = self._count()
            try:
                visitor = EVERY_STATE[name](self.stage)
            except Exception as error:
                self._find("unarranged", name, [str(error).splitlines()[0]])
                continue
            self._judge(name, visitor)
            seconds = time.perf_counter() - began
            print(f"{name}: {self._count() - before} findings, {seconds:.0f} s", flush=True)

    def _judge(self, name: str, visitor: Visitor) -> None:
        page = visitor.page
        session = page.context.new_cdp_session(page)
        scripts = not evaluate(session, "matchMedia('(scripting: none)').matches")
        if scripts and "shift" in self.only:
            # First: what stands in `noscript` comes and goes with the next step.
            self.shift.append((evaluate(session, SHIFT), name))
        # Judges need scripts; what a page is without them it has become by now.
        for disabled in (True, False):  # only a change undoes what another session has set
            session.send("Emulation.setScriptExecutionDisabled", {"value": disabled})
        target = session.send("Target.getTargetInfo")["targetInfo"]["targetId"]
        judges: dict[str, Callable[[], None]] = {
            "html-validate": lambda: self._validate(name, page),
            "axe": lambda: self._accessible(name, page, session),
            "pa11y": lambda: self._find(
                "pa11y", name, self.panel.ask("pa11y", target=target, screens=SCREENS)
            ),
            "lighthouse": lambda: self._lighthouse(name, page, target),
        }
        for judge, work in judges.items():
            try:
                if judge in self.only:
                    work()
            except RuntimeError as error:
                self._find("unjudged", name, [str(error)])
        try:
            visitor.leave()
        except AssertionError as error:
            self._find("complaints", name, [str(error)])

    def _validate(self, name: str, page: Page) -> None:
        sent = self.stage.answer.text() if self.stage.answer is not None else ""
        pages = [{"name": name, "sent": sent, "held": page.content()}]
        self._find("html-validate", "", self.panel.ask("validate", pages=pages))

    def _accessible(self, name: str, page: Page, session: CDPSession) -> None:
        evaluate(session, self._axe + ";0")
        for screen in SCREENS:
            page.set_viewport_size({"width": screen["width"], "height": screen["height"]})
            page.emulate_media(color_scheme=screen["scheme"])
            for violation in evaluate(session, AXE_RUN)["violations"]:
                where = ", ".join(" ".join(map(str, node["target"])) for node in violation["nodes"])
                self._find("axe", name, [f"{screen['name']}: {violation['id']}: {where}"])

    def _lighthouse(self, name: str, page: Page, target: str) -> None:
        self._mark(name, self.panel.ask("standing", target=target), "as it stands")
        assert self.stage.answer is not None
        # What is loaded is the same for all states of one address and title.
        kind = ID.sub("/…", page.url.removeprefix(self.stage.live.url)) + page.title()
        # A page of an error is refused by Lighthouse; its looks were judged as they stand.
        if kind not in self.loads and self.stage.answer.ok:
            self.loads.add(kind)
            self._load(name, page.url)

    def _load(self, name: str, url: str) -> None:
        def load() -> dict[str, Any]:
            return self.panel.ask("loaded", url=url)

        loads = [load()]
        if loads[0]["scores"]["performance"] < LIGHTHOUSE["performance"]:
            loads += [load() for _ in range(LOADS - 1)]
        loads.sort(key=lambda one: one["scores"]["performance"])
        found = loads[len(loads) // 2]
        if url.removeprefix(self.stage.live.url) not in PUBLIC:
            del found["scores"]["seo"]
        self._mark(name, found, "loaded")
        self.paint.append((found["paintMs"], name))
        self.shift.append((found["shift"], f"{name}, loaded on a slow phone"))

    def _mark(self, name: str, found: dict[str, Any], how: str) -> None:
        for category, score in found["scores"].items():
            missed = "; ".join(found["missed"][category])
            words = f"{name}, {how}: {score}" + (f": {missed}" if missed else "")
            self.marks.setdefault(category, []).append((score, words))

    def _find(self, judge: str, name: str, findings: list[str]) -> None:
        before = f"{name}, " if name else ""
        self.findings.setdefault(judge, []).extend(before + finding for finding in findings)

    def _count(self) -> int:
        return sum(map(len, self.findings.values()))

    def figures(self) -> list[Figure]:
        """Return what was found, beside its targets."""
        table = [
            self._none("states that did not come about", "unarranged"),
            self._none("judges that could not answer", "unjudged"),
            self._none("console errors, CSP violations, requests elsewhere", "complaints"),
        ]
        for judge in ("html-validate", "axe", "pa11y"):
            if judge in self.only:
                table.append(self._none(f"{judge}, findings in all states", judge))
        for category, marks in sorted(self.marks.items()):
            least = LIGHTHOUSE[category]
            words = [words for score, words in sorted(marks) if score < least]
            table.append(at_least(f"Lighthouse mobile, {category}", min(marks)[0], least, words))
        if self.paint:
            worst = max(self.paint)
            table.append(
                at_most(f"largest paint, slow 4G ({worst[1]})", worst[0], PAINT_MS_MAX, "ms")
            )
        if self.shift:
            table.append(
                Figure(
                    "layout shift, every state: 0",
                    f"{max(self.shift)[0]:.4g}",
                    max(self.shift)[0] == 0,
                    [f"{name}: {shift:.4f}" for shift, name in sorted(self.shift) if shift],
                )
            )
        return table

    def _none(self, target: str, judge: str) -> Figure:
        return none_of(target, self.findings.get(judge, []))


def evaluate(session: CDPSession, expression: str) -> Any:
    """Return what an expression gives, past the page's own policy, as a debugger would.

    Raises:
        RuntimeError: it threw.
    """
    answer = session.send(
        "Runtime.evaluate",
        {"expression": expression, "awaitPromise": True, "returnByValue": True},
    )
    if "exceptionDetails" in answer:
        raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
    return answer["result"].get("value")
