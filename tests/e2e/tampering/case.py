"""Somebody in front of one confirmation, with everything that travels in somebody else's hands."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Route, expect
from tests.e2e.browser import Visitor
from tests.live import Live
from tests.people import JSON, Person, Program
from tests.server.rows import opened

from cosignet.core.card import exact, render
from cosignet.server.web.markup import to_html

DATA = re.compile(r"/data(\?.*)?$")
CARD_CHANGED = "The card was changed after it was made."
NOT_FITTING = "What arrived does not fit what would be signed."
OTHER_CHALLENGE = "The server asked to sign something else."

NO_LIVE_WATCH = "MutationObserver.prototype.observe = () => {};"


def change(visitor: Visitor, script: str) -> None:
    visitor.page.evaluate(
        f"() => {{ const [signed, main] = ['signed', 'main'].map((id) =>"
        f" document.getElementById(id)); {script}; }}"
    )


def recorded(live: Live, confirmation_id: str) -> list[int]:
    """How many signatures and decision leaves of a confirmation are in the database."""
    tables = ["signatures WHERE confirmation_id = ?", "leaves WHERE subject = ?"]
    with opened(live.data_dir / "cosignet.db") as database:
        return [
            database.execute(f"SELECT count(*) FROM {rows}", [confirmation_id]).fetchone()[0]
            for rows in tables
        ]


class Case:
    """Somebody in front of one confirmation, and what must be true when approving is blocked."""

    def __init__(self, live: Live, visitor: Visitor, program: Program, asked: JSON) -> None:
        self.live = live
        self.visitor = visitor
        self.program = program
        self.asked = asked
        self.posted: list[str] = []
        visitor.page.on("request", self._see)

    def _see(self, request: Any) -> None:
        if request.method == "POST":
            self.posted.append(urlsplit(request.url).path.rpartition("/")[2])

    def open(self, badge: str = "verified") -> None:
        self.visitor.open(self.asked["url"], badge=badge)

    def is_blocked(self, reason: str, *, signatures: int = 0, posted: tuple[str, ...] = ()) -> None:
        """Nothing can be signed, nothing was recorded, and rejecting still works."""
        page = self.visitor.page
        self.visitor.sees_badge("mismatch")
        self.visitor.sees_outcome("mismatch", "approving is blocked", reason)
        expect(page.locator("#approve")).to_be_disabled()
        expect(page.locator("#reject-signed")).to_be_disabled()
        assert self.posted == list(posted)
        self.stays_pending(signatures=signatures)

    def stays_pending(self, *, signatures: int = 0) -> None:
        assert self.visitor.passkey.signatures == signatures
        read = self.program.read(self.asked["id"])
        assert (read["status"], read["rawAssertion"]) == ("pending", None)
        assert recorded(self.live, self.asked["id"]) == [0, 0]
        self.visitor.reject.click()
        self.visitor.sees_outcome("rejected")
        read = self.program.read(self.asked["id"])
        assert read["rejection"] == {"signed": False, "reason": None}
        assert recorded(self.live, self.asked["id"]) == [0, 0]

    # Altering what travels.

    def answer_data(self, alter: Callable[[JSON], object]) -> JSON:
        """Answer the script's every read with altered data, as long as it is pending."""
        reader = Person(self.live.url)

        def read() -> JSON:
            data = reader.data(self.asked["id"])
            # Once it is decided there is nothing to gain: the truth is told.
            return alter(data) or data if data["status"] == "pending" else data

        altered = read()
        self.visitor.page.route(DATA, lambda route: route.fulfill(json=read()))
        return altered

    def answer_page(self, alter: Callable[[str], str]) -> None:
        """Answer with an altered page."""

        def fulfill(route: Route) -> None:
            answer = route.fetch()
            honest = answer.text()
            altered = alter(honest)
            assert altered != honest
            route.fulfill(response=answer, body=altered)

        self.visitor.page.route(self.asked["url"], fulfill)

    def show_what_data_says(self, honest: JSON, altered: JSON) -> None:
        """Alter the page so that it fits the altered data."""

        def redraw(page: str) -> str:
            for draw in (
                lambda data: to_html(render(data["payloadText"], data["context"])),
                lambda data: to_html(exact(data["payloadText"])),
            ):
                assert draw(honest) in page
                page = page.replace(draw(honest), draw(altered))
            return page

        self.answer_page(redraw)

    def answer_options(self, alter: Callable[[JSON], object]) -> None:
        """Answer with altered options for the passkey."""

        def fulfill(route: Route) -> None:
            options = route.fetch().json()
            alter(options)
            route.fulfill(json=options)

        self.visitor.page.route("**/options", fulfill)


def text_changed(data: JSON) -> None:
    data["payloadText"] = replaced(data["payloadText"], '"replicas":3', '"replicas":4')


def text_and_all_changed(data: JSON) -> None:
    text_changed(data)
    payload_changed(data)
    rehash(data)


def rehash(data: JSON) -> None:
    data["payloadHash"] = hashlib.sha256(data["payloadText"].encode()).hexdigest()


def payload_changed(data: JSON) -> None:
    data["payload"] |= {"replicas": 4}


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def in_context(**members: object) -> Callable[[JSON], None]:
    """Change both contexts, still in canonical form."""

    def alter(data: JSON) -> None:
        for name in ("context", "rejectContext"):
            data[name] = compact(json.loads(data[name]) | members)

    return alter


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def challenge(alter: Callable[[bytes], bytes]) -> Callable[[JSON], None]:
    def change_options(options: JSON) -> None:
        text = options["challenge"]
        honest = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert len(honest) == 48
        altered = base64.urlsafe_b64encode(alter(honest)).decode().rstrip("=")
        assert altered != text
        options["challenge"] = altered

    return change_options
