"""Pictures of every page in every state: `python -m tests.e2e.screens FOLDER [STATE …]`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tests.e2e.browser import launch
from tests.e2e.gallery import EVERY_STATE
from tests.e2e.states import SETTINGS, Stage
from tests.live import Live

WIDTHS = {320: 568, 390: 844, 820: 1180, 1280: 800}
"""Widths and heights of screens."""
SCHEMES = ("light", "dark")


def main(folder: Path, names: list[str]) -> int:
    """Save `STATE-WIDTH-SCHEME.png`, each the whole page; return how many states did not come."""
    folder.mkdir(parents=True, exist_ok=True)
    missing: list[str] = []
    with (
        tempfile.TemporaryDirectory() as data,
        sync_playwright() as playwright,
        Live(Path(data) / "data", SETTINGS) as live,
    ):
        browser = launch(playwright)
        stage = Stage(live, browser)
        for name in names or EVERY_STATE:
            try:
                visitor = EVERY_STATE[name](stage)
            except Exception as error:  # the others are wanted all the same
                missing.append(name)
                print(f"{name} did not come about: {error}")
                continue
            for width, height in WIDTHS.items():
                for scheme in SCHEMES:
                    visitor.page.emulate_media(color_scheme=scheme)
                    shoot(visitor.page, folder / f"{name}-{width}-{scheme}.png", width, height)
            visitor.context.close()
            print(name)
        browser.close()
    (folder / "index.html").write_text(sheet(folder), "utf-8")
    return len(missing)


def shoot(page: Page, path: Path, width: int, height: int) -> None:
    """Save one picture: the screen is made as tall as the page, so that nothing sticks over it."""
    page.set_viewport_size({"width": width, "height": height})
    tall = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": max(tall, height)})
    page.screenshot(path=path, animations="disabled")


def sheet(folder: Path) -> str:
    """Return a page that shows all pictures of a folder, a state a row."""
    rows: list[str] = []
    for state in EVERY_STATE:
        names = [f"{state}-{width}-{scheme}.png" for width in WIDTHS for scheme in SCHEMES]
        pictures = [f'<img src="{name}" alt="">' for name in names if (folder / name).exists()]
        if pictures:
            rows.append(f"<h2>{state}</h2><p>{''.join(pictures)}</p>")
    style = "p { display: flex; gap: 12px; overflow-x: auto } img { height: 640px }"
    title = "Every page in every state"
    return f"<!DOCTYPE html><title>{title}</title><style>{style}</style>{''.join(rows)}\n"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
