"""What a screen reader is told of each state, pinned: `python -m tests.e2e.outline [STATE …]`.

Writes tests/e2e/outlines/STATE.yml; read the difference before it is committed.
"""

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tests.e2e.browser import Visitor, launch
from tests.e2e.gallery import EVERY_STATE
from tests.e2e.states import SETTINGS, Stage
from tests.live import Live

OUTLINES = Path(__file__).parent / "outlines"
# What is another one each time. Longest first: a hash holds digits, an id too.
CHANGING = {
    r"\blocalhost:\d+": "SERVER",
    r"(SERVER/public/log)\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}": r"\1+KEY",
    r"""(radio|text:) "\d{3}\"""": r'\1 "CODE"',
    r"cosk_[\w-]{43}": "KEY",
    r"invite=[\w-]+": "invite=CODE",
    r"\b[0-9a-f]{64}\b": "HASH",
    r"\b[0-9a-f]{16}\b": "REQUEST",
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b": "ID",
    r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z": "INSTANT",
    r"\b\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November"
    r"|December) \d{4}(?:,| at) \d\d:\d\d(?::\d\d)?(?: UTC)?": "MOMENT",
    r"\b(?:\d+ (?:s|min|h|d) ?)+(?=left)": "TIME ",
    r"\b(robin|sam|kim|owner|olga|mira|noah|acme)\d+\b": r"\1",
    r"\balex[0-9a-f]{8}\b": "alex",
}


def outline(page: Page) -> str:
    """Return roles, names and states of everything on a page, without what changes each time."""
    told = page.locator("body").aria_snapshot()
    for pattern, word in CHANGING.items():
        told = re.sub(pattern, word, told)
    return told + "\n"


def alone(stage: Stage, name: str) -> Visitor:
    """Arrange a state on a server that has seen no other, whose people would show on it."""
    if name == "home":  # what `home-fresh` becomes
        EVERY_STATE["register-owner-ready"](stage).leave()
    return EVERY_STATE[name](stage)


def main(names: list[str]) -> None:
    """Pin states anew; all of them, if none is named, and forget those that are gone."""
    OUTLINES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        browser = launch(playwright)
        for name in names or EVERY_STATE:
            with Live(Path(data) / name, SETTINGS) as live:
                visitor = alone(Stage(live, browser), name)
                (OUTLINES / f"{name}.yml").write_text(outline(visitor.page), "utf-8")
                visitor.context.close()
        browser.close()
    for path in OUTLINES.glob("*.yml"):
        if path.stem not in EVERY_STATE:
            path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
