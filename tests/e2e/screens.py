"""Pictures of every page in every state: `python -m tests.e2e.screens FOLDER [STATE …]`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tests.e2e.browser import launch
from tests.e2e.states import SETTINGS, STATES, Stage
from tests.live import Live

WIDTHS = {320: 568, 390: 844, 820: 1180, 1280: 800}
"""Widths and heights of screens."""
SCHEMES = ("light", "dark")


def main(folder: Path, names: list[str]) -> None:
    """Save `STATE-WIDTH-SCHEME.png`, each the whole page."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        sync_playwright() as playwright,
        Live(Path(data) / "data", SETTINGS) as live,
    ):
        browser = launch(playwright)
        stage = Stage(live, browser)
        for name in names or STATES:
            visitor = STATES[name](stage)
            for width, height in WIDTHS.items():
                for scheme in SCHEMES:
                    visitor.page.emulate_media(color_scheme=scheme)
                    shoot(visitor.page, folder / f"{name}-{width}-{scheme}.png", width, height)
            visitor.context.close()
            print(name)
        browser.close()


def shoot(page: Page, path: Path, width: int, height: int) -> None:
    """Save one picture: the screen is made as tall as the page, so that nothing sticks over it."""
    page.set_viewport_size({"width": width, "height": height})
    tall = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": max(tall, height)})
    page.screenshot(path=path, animations="disabled")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
