"""A server with people, and browsers in front of it, for pages in all their states."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeAlias

import httpx2
from playwright.sync_api import Browser, ViewportSize, expect
from tests.e2e.browser import Visitor
from tests.live import Live
from tests.people import JSON, Person, Program

from cosignet.server.services.invite import Terms

SETTINGS = {"COSIGNET_API_INVITES": "activate"}
"""What the server of a stage is told: by a key's invite nobody may decide at once."""
LONG = "a-name-that-does-not-break-anywhere-because-it-has-no-space-" * 3
RICH: JSON = {
    "amount": 1234567.05,
    "currency": "EUR",
    "to": {"name": "Ødegård & Søn", "iban": "NO9386011117947", "verified": False},
    "reference": None,
    "42": "42",
    "text": "two  spaces, a tab\t, a line\nbreak, and hidden: \u202egnp.exe\u200b",
    LONG: LONG,
    "Name": 1,
    "name": 2,
    "steps": [
        {"run": ["terraform", "destroy", "-auto-approve"], "cwd": "infra/prod"},
        {"run": [], "env": {}},
        "👩‍🚀 finally",
    ],
    "deep": {"a": {"b": {"c": {"d": {"e": {"f": [[["bottom"]]]}}}}}},
}


def create(visitor: Visitor, username: str) -> None:
    """Fill in the first form of the register page."""
    visitor.page.get_by_label("Username").fill(username)
    visitor.page.get_by_role("button", name="Create passkey").click()


class Stage:
    """A server with people, and browsers in front of it."""

    def __init__(self, live: Live, browser: Browser, screen: ViewportSize | None = None) -> None:
        self.live = live
        self._browser = browser
        self._screen = screen
        self.visitors: list[Visitor] = []

    # Made when first needed: an owner gets a first API key only where there is none. And given
    # with a new HTTP client each time: old ones are closed after every test.

    @property
    def program(self) -> Program:
        """Asks."""
        return replace(self._program)

    @property
    def alex(self) -> Person:
        """Decides in browsers only, where the counter of the passkey is."""
        return replace(self._alex)

    @property
    def kim(self) -> Person:
        """Decides over HTTP only."""
        return replace(self._kim)

    @cached_property
    def _program(self) -> Program:
        return self.live.program()

    @cached_property
    def _alex(self) -> Person:
        return self.live.person("alex")

    @cached_property
    def _kim(self) -> Person:
        return self.live.person("kim")

    def visit(self, person: Person | None = None, **options: Any) -> Visitor:
        """Open a browser."""
        visitor = Visitor(self._browser, self.live.url, **options)
        if self._screen is not None:
            visitor.page.set_viewport_size(self._screen)
        self.visitors.append(visitor)
        if person is not None:
            visitor.passkey.hold(person)
        return visitor

    def ask(self, payload: JSON | None = None, **fields: object) -> JSON:
        """Ask alex, with time enough to look."""
        return self.program.ask(self.alex.username, payload, **{"ttlSeconds": 3600, **fields})

    def opened(self, url: str, **options: Any) -> Visitor:
        """Open any page."""
        visitor = self.visit(**options)
        visitor.page.goto(url)
        return visitor

    def invited(self, terms: Terms | None = None, **options: Any) -> Visitor:
        """Open an invite."""
        visitor = self.visit(**options)
        visitor.page.goto(f"{self.live.url}/register?invite={self.live.invite(terms)}")
        return visitor

    def registered(self, address: str) -> Visitor:
        """Create a passkey and practise."""
        visitor = self.visit()
        visitor.page.goto(address)
        create(visitor, f"sam{len(self.visitors)}")
        visitor.page.get_by_role("button", name="Approve with passkey").click()
        expect(visitor.page.locator("[data-step=practice]")).to_be_hidden()
        return visitor

    def refused(self, path: str, status: int) -> Visitor:
        """Open what is not there."""
        visitor = self.visit()
        visitor.expects(f"status of {status}")
        visitor.page.goto(self.live.url + path)
        return visitor

    def pending(self, payload: JSON | None = None, **fields: object) -> Visitor:
        """Open something to decide."""
        visitor = self.visit(self.alex)
        if "ttlSeconds" not in fields:
            visitor.hurry()
        visitor.open(self.ask(payload, **fields)["url"])
        expect(visitor.page.locator("#approve")).to_be_enabled()
        return visitor

    def decided(self, decide: Callable[[str], httpx2.Response]) -> Visitor:
        """Open what has been decided."""
        asked = self.program.ask(self.kim.username)
        assert decide(asked["id"]).is_success
        visitor = self.visit()
        visitor.open(asked["url"], badge=None)
        return visitor


State: TypeAlias = Callable[[Stage], Visitor]
