"""A browser for each file of tests, a server and its visitors for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.e2e.browser import Visitor, launch
from tests.live import Live
from tests.people import Person, Program

Visit = Callable[..., Visitor]


# Not for the whole session: while Playwright runs, no other test could run an event loop here.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def settings() -> dict[str, str]:
    """What the server of a test is told; a test may override it."""
    return {}


@pytest.fixture
def live(tmp_path: Path, settings: dict[str, str]) -> Iterator[Live]:
    with Live(tmp_path / "data", settings) as server:
        yield server


@pytest.fixture
def visit(chromium: Browser, live: Live) -> Iterator[Visit]:
    """Open a browser: `visit()`, `visit(person)` who has a passkey, `visit(scripts=False)`."""
    visitors: list[Visitor] = []

    def open_browser(person: Person | None = None, **options: Any) -> Visitor:
        visitor = Visitor(chromium, live.url, **options)
        visitors.append(visitor)
        if person is not None:
            visitor.passkey.hold(person)
        return visitor

    yield open_browser
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def alex(live: Live) -> Person:
    return live.person("alex")


@pytest.fixture
def program(live: Live) -> Program:
    return live.program()
