"""Every page in every state it can be in, arranged in a browser: for rules and for pictures."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TypeAlias

import httpx2
from playwright.sync_api import Browser, expect
from tests.e2e.browser import Visitor
from tests.live import Live
from tests.people import JSON, Person, Program

from cosignet.core.access import Scope
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


class Stage:
    """A server with people, and browsers in front of it."""

    def __init__(self, live: Live, browser: Browser) -> None:
        self.live = live
        self._browser = browser
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

    def visit(self, person: Person | None = None, **options: bool) -> Visitor:
        """Open a browser."""
        visitor = Visitor(self._browser, self.live.url, **options)
        self.visitors.append(visitor)
        if person is not None:
            visitor.passkey.hold(person)
        return visitor

    def ask(self, payload: JSON | None = None, **fields: object) -> JSON:
        """Ask alex, with time enough to look."""
        return self.program.ask(self.alex.username, payload, **{"ttlSeconds": 3600, **fields})

    def invited(self, terms: Terms | None = None, **options: bool) -> Visitor:
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


def create(visitor: Visitor, username: str) -> None:
    """Fill in the first form of the register page."""
    visitor.page.get_by_label("Username").fill(username)
    visitor.page.get_by_role("button", name="Create passkey").click()


def home_of_nobody(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.page.goto(stage.live.url)
    return visitor


def register_owner(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.page.goto(stage.live.owner_link())
    return visitor


def register_practice(stage: Stage) -> Visitor:
    visitor = stage.invited()
    create(visitor, f"robin{len(stage.visitors)}")
    expect(visitor.page.locator("[data-step=practice]")).to_be_visible()
    return visitor


def register_given_up(stage: Stage) -> Visitor:
    visitor = stage.invited()
    visitor.passkey.verify_person(False)
    create(visitor, "robin")
    visitor.sees_note("No passkey was created")
    return visitor


def register_waiting(stage: Stage) -> Visitor:
    return stage.registered(
        stage.live.program(Scope.ADMIN).post("/api/invites", {}).json()["registerUrl"]
    )


def register_unsupported(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.page.goto(f"{stage.live.url}/register?invite={stage.live.invite()}")
    return visitor


def invite_used(stage: Stage) -> Visitor:
    code = stage.live.invite()
    Person(stage.live.url).register(code, f"kim{len(stage.visitors)}")
    return stage.refused(f"/register?invite={code}", 403)


def invite_expired(stage: Stage) -> Visitor:
    code = stage.live.invite(Terms(expires_at=stage.live.clock() - 1))
    return stage.refused(f"/register?invite={code}", 403)


def invite_revoked(stage: Stage) -> Visitor:
    code = stage.live.invite()
    assert stage.live.program(Scope.ADMIN).post(f"/api/invites/{code}/revoke").is_success
    return stage.refused(f"/register?invite={code}", 403)


def confirm_checking(stage: Stage) -> Visitor:
    visitor = stage.visit(stage.alex)
    visitor.page.route("**/data*", lambda _: None)  # never answered
    visitor.open(stage.ask()["url"], badge="checking")
    return visitor


def confirm_unfolded(stage: Stage) -> Visitor:
    visitor = stage.pending(RICH)
    visitor.page.locator("summary", has_text="Fingerprint").click()
    visitor.open_reasons()
    return visitor


def confirm_signing(stage: Stage) -> Visitor:
    visitor = stage.visit(stage.alex, automaticPresenceSimulation=False)
    visitor.open(stage.ask()["url"])
    visitor.approve.click()
    visitor.sees_badge("signing")
    return visitor


def confirm_given_up(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.passkey.verify_person(False)
    visitor.approve.click()
    visitor.sees_note("Nothing was signed")
    return visitor


def confirm_mismatch(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.page.evaluate("document.querySelector('#signed .number').textContent = '4'")
    visitor.sees_badge("mismatch")
    return visitor


def confirm_away(stage: Stage) -> Visitor:
    visitor = stage.visit(stage.alex)
    visitor.expects("ERR_FAILED")
    visitor.page.route("**/data?wait=25", lambda route: route.abort())
    visitor.open(stage.ask()["url"], badge="away")
    return visitor


def confirm_unsupported(stage: Stage) -> Visitor:
    visitor = stage.visit()
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.open(stage.ask()["url"])
    return visitor


def confirm_without_scripts(stage: Stage) -> Visitor:
    visitor = stage.visit(scripts=False)
    visitor.open(stage.ask()["url"], badge=None)
    return visitor


def reject_without_scripts(stage: Stage) -> Visitor:
    visitor = confirm_without_scripts(stage)
    visitor.reject.click()
    visitor.page.wait_for_url("**/reject*")
    return visitor


def approved_here(stage: Stage) -> Visitor:
    visitor = stage.pending()
    visitor.approve.click()
    visitor.sees_outcome("approved")
    return visitor


def expired(stage: Stage) -> Visitor:
    visitor = stage.visit()
    asked = stage.ask(ttlSeconds=1)
    visitor.page.wait_for_timeout(1100)
    visitor.open(asked["url"], badge=None)
    return visitor


def cancelled(stage: Stage) -> Visitor:
    return stage.decided(lambda id_: stage.program.post(f"/api/confirmations/{id_}/cancel"))


STATES: dict[str, State] = {
    # In this order: the first three need a server that nobody owns yet.
    "home-fresh": home_of_nobody,
    "register-owner": register_owner,
    "register-owner-ready": lambda stage: stage.registered(stage.live.owner_link()),
    "home": home_of_nobody,
    "register": lambda stage: stage.invited(Terms(note="For the night shift, until Monday")),
    "register-pinned": lambda stage: stage.invited(Terms(pinned_username="robin")),
    "register-practice": register_practice,
    "register-given-up": register_given_up,
    "register-ready": lambda stage: stage.registered(
        f"{stage.live.url}/register?invite={stage.live.invite()}"
    ),
    "register-waiting": register_waiting,
    "register-unsupported": register_unsupported,
    "register-without-scripts": lambda stage: stage.invited(scripts=False),
    "invite-used": invite_used,
    "invite-expired": invite_expired,
    "invite-revoked": invite_revoked,
    "invite-unknown": lambda stage: stage.refused("/register?invite=nobody", 403),
    "not-found": lambda stage: stage.refused("/confirm/nobody", 404),
    "confirm-checking": confirm_checking,
    "confirm": lambda stage: stage.pending(),
    "confirm-rich": lambda stage: stage.pending(
        RICH, action="Pay Ødegård & Søn, then \u202edestroy the old infrastructure in all regions"
    ),
    "confirm-unfolded": confirm_unfolded,
    "confirm-soon": lambda stage: stage.pending(ttlSeconds=59),
    "confirm-signing": confirm_signing,
    "confirm-given-up": confirm_given_up,
    "confirm-mismatch": confirm_mismatch,
    "confirm-away": confirm_away,
    "confirm-unsupported": confirm_unsupported,
    "confirm-without-scripts": confirm_without_scripts,
    "reject-without-scripts": reject_without_scripts,
    "approved-here": approved_here,
    "approved": lambda stage: stage.decided(stage.kim.approve),
    "rejected": lambda stage: stage.decided(lambda id_: stage.kim.reject(id_, "unexpected")),
    "rejected-signed": lambda stage: stage.decided(stage.kim.reject_signed),
    "expired": expired,
    "cancelled": cancelled,
}
