"""What is shown is what is signed: any change in between blocks approving, and records nothing."""

import base64
import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect
from tests.e2e.browser import Visitor
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import JSON, Person, Program

from cosignet.core.card import exact, render
from cosignet.server.web.markup import to_html

DATA = re.compile(r"/data(\?.*)?$")
CARD_CHANGED = "The card was changed after it was made."
OTHER_HASH = "The fingerprint is not the payload's."
OTHER_CHALLENGE = "The server asked to sign something else."
NOT_CANONICAL = "The context is not in its one canonical form."
CHANGED_MEANWHILE = "The server now answers with something else than before."
UNREADABLE = "The server's answer could not be read."

NO_LIVE_WATCH = "MutationObserver.prototype.observe = () => {};"

# Each changes one thing on the screen.
ON_SCREEN = {
    "a digit": "signed.querySelector('.number').firstChild.data = '4'",
    "a name": "signed.querySelector('.card dt').textContent = 'Service'",
    "the title": "signed.querySelector('h1').textContent = 'Deploy to staging'",
    "the approver": "signed.querySelectorAll('.facts dd')[0].textContent = 'alec'",
    "the expiry": "signed.querySelectorAll('.facts dd')[1].firstChild.data = 'never'",
    "the requester": "signed.querySelector('.who strong').textContent = 'payroll'",
    "an added element": "signed.querySelector('.card').append(document.createElement('hr'))",
    "an element after it": "signed.append(document.createElement('hr'))",
    "a removed row": "signed.querySelector('.card dl > div').remove()",
    "another order": "signed.querySelector('.card dl').append("
    "signed.querySelector('.card dl > div'))",
    "a style": "signed.querySelector('.card').style.opacity = '0'",
    "another element in its place": "signed.replaceWith(signed.cloneNode(true))",
    "a second one above it": "main.prepend(signed.cloneNode(true))",
    "the exact text": "document.querySelector('#exact p').firstChild.data += ' '",
}
# The watch on the page does not see the last two; the check at the click does.
AT_THE_CLICK = {
    what: ON_SCREEN[what]
    for what in ("a digit", "the title", "the approver", "the requester", "an added element")
} | {
    "a shadow": "signed.querySelector('.card').attachShadow({mode: 'open'}).append('Nothing')",
    "a second one outside": "document.body.prepend(signed.cloneNode())",
}


def change(visitor: Visitor, script: str) -> None:
    visitor.page.evaluate(
        f"() => {{ const [signed, main] = ['signed', 'main'].map((id) =>"
        f" document.getElementById(id)); {script}; }}"
    )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server for all: nothing here changes anything but its own confirmation."""
    with Live(tmp_path_factory.mktemp("tampering") / "data") as server:
        yield server


@pytest.fixture
def alex(live: Live, people: dict[str, Person]) -> Person:
    return people["alex"]


@pytest.fixture(scope="module")
def people(live: Live) -> dict[str, Person]:
    return {"alex": live.person("alex")}


@pytest.fixture
def asked(alex: Person, program: Program) -> JSON:
    return program.ask("alex")


def recorded(live: Live, confirmation_id: str) -> list[int]:
    """How many signatures and decision leaves of a confirmation are in the database."""
    tables = ["signatures WHERE confirmation_id = ?", "leaves WHERE subject = ?"]
    database = sqlite3.connect(f"file:{live.data_dir / 'cosignet.db'}?mode=ro", uri=True)
    try:
        return [
            database.execute(f"SELECT count(*) FROM {rows}", [confirmation_id]).fetchone()[0]
            for rows in tables
        ]
    finally:
        database.close()


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
        """Answer the script's every read with altered data."""
        data = Person(self.live.url).data(self.asked["id"])
        data = alter(data) or data
        self.visitor.page.route(DATA, lambda route: route.fulfill(json=data))
        return data

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


@pytest.fixture
def slow_case(live: Live, visit: Visit, alex: Person, program: Program, asked: JSON) -> Case:
    return Case(live, visit(alex), program, asked)


@pytest.fixture
def case(slow_case: Case) -> Case:
    slow_case.visitor.hurry()
    return slow_case


def test_untouched_it_can_be_approved(case: Case) -> None:
    """What the others differ from."""
    case.answer_data(lambda data: None)
    case.answer_options(lambda options: None)
    case.open()
    case.visitor.approve.click()
    case.visitor.sees_outcome("approved")
    assert recorded(case.live, case.asked["id"]) == [1, 1]


# On the screen.


@pytest.mark.parametrize("what", ON_SCREEN)
def test_a_change_on_the_screen_is_noticed_at_once(case: Case, what: str) -> None:
    case.open()
    change(case.visitor, ON_SCREEN[what])
    case.is_blocked(CARD_CHANGED)


@pytest.mark.parametrize("what", AT_THE_CLICK)
def test_a_change_on_the_screen_is_noticed_at_the_click(case: Case, what: str) -> None:
    case.visitor.context.add_init_script(NO_LIVE_WATCH)
    case.open()
    change(case.visitor, AT_THE_CLICK[what])
    case.visitor.sees_badge("verified")
    case.visitor.approve.click()
    case.is_blocked(CARD_CHANGED)


def test_a_change_while_the_options_travel_is_noticed(case: Case) -> None:
    case.visitor.context.add_init_script(NO_LIVE_WATCH)
    case.open()
    case.answer_options(lambda _: change(case.visitor, ON_SCREEN["a digit"]))
    case.visitor.approve.click()
    case.is_blocked(CARD_CHANGED, posted=("options",))


def test_a_change_while_the_prompt_is_open_closes_it(case: Case, alex: Person) -> None:
    case.visitor.starts_signing(alex, case.asked["url"])
    change(case.visitor, ON_SCREEN["a digit"])
    case.visitor.sees_prompt_closed()
    case.is_blocked(CARD_CHANGED, posted=("options",))


def test_what_was_signed_while_the_screen_changed_is_not_sent(case: Case) -> None:
    case.visitor.context.add_init_script(
        NO_LIVE_WATCH
        + """
        const get = navigator.credentials.get.bind(navigator.credentials);
        navigator.credentials.get = async (options) => {
          const credential = await get(options);
          document.querySelector("#signed .number").textContent = "4";
          return credential;
        };"""
    )
    case.open()
    case.visitor.approve.click()
    case.is_blocked(CARD_CHANGED, signatures=1, posted=("options",))


def test_a_signed_rejection_checks_the_screen_just_the_same(case: Case) -> None:
    case.visitor.context.add_init_script(NO_LIVE_WATCH)
    case.open()
    case.visitor.open_reasons()
    change(case.visitor, ON_SCREEN["the title"])
    case.visitor.reject_signed.click()
    case.is_blocked(CARD_CHANGED)


def test_once_changed_it_stays_blocked_when_changed_back(case: Case) -> None:
    case.open()
    change(case.visitor, ON_SCREEN["a digit"])
    change(case.visitor, "signed.querySelector('.number').firstChild.data = '3'")
    case.is_blocked(CARD_CHANGED)


# In transit: the page.


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<span class="number">3</span>', '<span class="number">8</span>'),
        (">Deploy to production</h1>", ">Deploy to staging</h1>"),
        (">deployer</strong>", ">payroll</strong>"),
        (">alex</dd>", ">alec</dd>"),
        ("abc123</span></dd>", "abc124</span></dd>"),
        ("abc123</span></dd></div>", "abc123</span></dd></div><!-- -->"),
        ('<div id="signed">', '<div id="signed">Approve this. '),
        ("</body>", '<div id="signed"></div></body>'),
    ],
    ids=["digit", "title", "requester", "approver", "byte", "comment", "text-before", "twice"],
)
def test_one_change_to_the_page_in_transit_is_noticed(case: Case, old: str, new: str) -> None:
    case.answer_page(lambda page: page.replace(old, new, 1))
    case.open("mismatch")
    case.is_blocked(CARD_CHANGED)


# In transit: what the script reads.


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


def hash_changed(data: JSON) -> None:
    data["payloadHash"] = hashlib.sha256(b"{}").hexdigest()


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


def context_spelled(spell: Callable[[str], str]) -> Callable[[JSON], None]:
    def alter(data: JSON) -> None:
        spelled = spell(data["context"])
        assert spelled != data["context"]
        data["context"] = spelled

    return alter


def reject_context_as_context(data: JSON) -> None:
    data["context"] = data["rejectContext"]


def context_as_reject_context(data: JSON) -> None:
    data["rejectContext"] = data["context"]


def reject_context_of_something_else(data: JSON) -> None:
    data["rejectContext"] = compact(json.loads(data["rejectContext"]) | {"action": "Nothing"})


def text_with(spelling: str) -> Callable[[JSON], None]:
    def alter(data: JSON) -> None:
        data["payloadText"] = spelling
        rehash(data)

    return alter


ANOTHER_ID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (text_changed, OTHER_HASH),
        (payload_changed, "The payload is not what its text says."),
        (hash_changed, OTHER_HASH),
        (text_and_all_changed, CARD_CHANGED),
        (in_context(action="Deploy to staging"), CARD_CHANGED),
        (in_context(approver="alec"), CARD_CHANGED),
        (in_context(requester="payroll"), CARD_CHANGED),
        (in_context(expiresAt="2099-01-01T00:00:00.000Z"), CARD_CHANGED),
        (in_context(confirmation=ANOTHER_ID), "This belongs to another confirmation."),
        (in_context(origin="http://localhost:1"), "This belongs to another site"),
        (in_context(rpId="example.com"), "This belongs to another site"),
        (in_context(more=1), NOT_CANONICAL),
        (context_spelled(lambda text: text.replace(":", ": ", 1)), NOT_CANONICAL),
        (reject_context_as_context, "The context is not one for approving."),
        (context_as_reject_context, "Approving and rejecting would name different things."),
        (reject_context_of_something_else, "Approving and rejecting would name different things."),
        (text_with('{"replicas":3,"replicas":4}'), UNREADABLE),
        (lambda data: data.pop("payloadText"), UNREADABLE),
        (lambda data: data.pop("context"), NOT_CANONICAL),
    ],
    ids=[
        *("text", "payload", "hash", "text-and-all", "action", "approver", "requester", "expiry"),
        *("confirmation", "origin", "rp-id", "new-member", "spaced", "reject-as-approve"),
        *("approve-as-reject", "reject-something-else", "doubled", "no-text", "no-context"),
    ],
)
def test_altered_data_is_noticed_before_anything_is_verified(
    case: Case, alter: Callable[[JSON], object], reason: str
) -> None:
    case.answer_data(lambda data: alter(data) and None)
    case.open("mismatch")
    case.is_blocked(reason)


def test_the_data_of_another_confirmation_is_noticed(case: Case) -> None:
    other = case.program.ask("alex", {"replicas": 300})
    case.answer_data(lambda _: Person(case.live.url).data(other["id"]))
    case.open("mismatch")
    case.is_blocked("This belongs to another confirmation.")
    assert case.program.read(other["id"])["status"] == "pending"


@pytest.mark.parametrize(
    "alter",
    [
        text_and_all_changed,
        in_context(action="Deploy to staging"),
        in_context(approver="alec"),
        in_context(requester="payroll"),
        in_context(expiresAt="2099-01-01T00:00:00.000Z"),
        in_context(salt="A" * 43),
    ],
    ids=["payload", "action", "approver", "requester", "expiry", "salt"],
)
def test_page_and_data_altered_alike_do_not_fit_the_challenge(
    case: Case, alter: Callable[[JSON], None]
) -> None:
    honest = Person(case.live.url).data(case.asked["id"])
    altered = case.answer_data(alter)
    if altered["payloadText"] != honest["payloadText"] or '"salt":"AAA' not in altered["context"]:
        case.show_what_data_says(honest, altered)
    case.open()
    case.visitor.approve.click()
    case.is_blocked(OTHER_CHALLENGE, posted=("options",))


def test_when_everything_lies_alike_the_server_refuses_the_signature(case: Case) -> None:
    """The last net: page, data and options altered alike. What is signed is what was shown."""
    honest = Person(case.live.url).data(case.asked["id"])
    altered = case.answer_data(text_and_all_changed)
    case.show_what_data_says(honest, altered)
    half = bytes.fromhex(altered["payloadHash"])
    case.answer_options(challenge(lambda honest_bytes: honest_bytes[:16] + half))
    case.visitor.expects("status of 403")
    case.open()
    case.visitor.approve.click()
    case.visitor.sees_note("The passkey signed something else than what was asked")
    assert case.posted == ["options", "approve"]
    case.stays_pending(signatures=1)


@pytest.mark.parametrize("what", ["payloadText", "context", "rejectContext"])
def test_data_that_changes_while_the_page_is_open_is_noticed(case: Case, what: str) -> None:
    honest = Person(case.live.url).data(case.asked["id"])
    answers = iter([honest])
    changed = honest | {what: replaced(honest[what], honest[what][20:22], "~~")}
    case.visitor.page.route(DATA, lambda route: route.fulfill(json=next(answers, changed)))
    case.visitor.page.goto(case.asked["url"])
    case.is_blocked(CHANGED_MEANWHILE)


@pytest.mark.parametrize("body", ["<!doctype html>", "{}"])
def test_an_answer_that_is_no_data_verifies_nothing(case: Case, body: str) -> None:
    case.visitor.page.route(DATA, lambda route: route.fulfill(body=body))
    case.visitor.page.goto(case.asked["url"])
    case.visitor.page.wait_for_timeout(1000)  # longer than the button waits at most
    expect(case.visitor.page.locator("#approve")).to_be_disabled()
    assert case.visitor.page.locator("#badge").get_attribute("data-state") != "verified"
    case.visitor.page.unroute_all()
    case.stays_pending()


# In transit: what the passkey is asked to sign.


def challenge(alter: Callable[[bytes], bytes]) -> Callable[[JSON], None]:
    def change_options(options: JSON) -> None:
        text = options["challenge"]
        honest = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert len(honest) == 48
        altered = base64.urlsafe_b64encode(alter(honest)).decode().rstrip("=")
        assert altered != text
        options["challenge"] = altered

    return change_options


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def without(name: str) -> Callable[[JSON], None]:
    return lambda options: options.pop(name)


def reject_form(honest: bytes) -> bytes:
    return honest[:16] + hashlib.sha256(b"cosignet/reject/v1\n" + honest[16:]).digest()


SIGN_IN = hashlib.sha256(b"cosignet/login/v1\n" + bytes(32)).digest()
SOME_PASSKEY = [{"type": "public-key", "id": "AAAA"}]


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (challenge(lambda honest: flipped(honest, 47)), OTHER_CHALLENGE),
        (challenge(lambda honest: flipped(honest, 0)), OTHER_CHALLENGE),
        (challenge(lambda honest: honest[32:] + honest[:32]), OTHER_CHALLENGE),
        (challenge(reject_form), OTHER_CHALLENGE),
        (challenge(lambda _: SIGN_IN), OTHER_CHALLENGE),
        (challenge(lambda honest: honest + b"\0"), OTHER_CHALLENGE),
        (lambda options: options.update(challenge=options["challenge"] + "="), OTHER_CHALLENGE),
        (without("challenge"), OTHER_CHALLENGE),
        (lambda options: options.update(rpId="example.com"), "passkey of another site"),
        (lambda options: options.update(allowCredentials=SOME_PASSKEY), "particular passkey"),
        (lambda options: options.update(userVerification="preferred"), "not asked to check you"),
    ],
    ids=[
        *("last-byte", "first-of-nonce", "halves-swapped", "rejecting", "sign-in-32-bytes"),
        *("longer", "padded", "none", "rp-id", "allow-credentials", "verification"),
    ],
)
def test_altered_options_never_reach_the_passkey(
    case: Case, alter: Callable[[JSON], object], reason: str
) -> None:
    case.answer_options(alter)
    case.open()
    case.visitor.approve.click()
    case.is_blocked(reason, posted=("options",))


def test_the_options_of_another_confirmation_never_reach_the_passkey(case: Case) -> None:
    other = case.program.ask("alex", {"replicas": 300})
    there = f"/confirm/{other['id']}/options"
    answer = Person(case.live.url).http.post(there, json={"purpose": "approve"}).json()
    case.answer_options(lambda options: options.update(answer))
    case.open()
    case.visitor.approve.click()
    case.is_blocked(OTHER_CHALLENGE, posted=("options",))


def test_a_signed_rejection_is_never_given_the_challenge_of_an_approval(case: Case) -> None:
    honest = Person(case.live.url).data(case.asked["id"])
    approval = hashlib.sha256(b"cosignet/context/v1\n" + honest["context"].encode()).digest()[:16]
    approval += bytes.fromhex(honest["payloadHash"])
    case.answer_options(challenge(lambda _: approval))
    case.open()
    case.visitor.open_reasons()
    case.visitor.reject_signed.click()
    case.is_blocked(OTHER_CHALLENGE, posted=("options",))


def test_what_else_the_options_say_is_dropped(case: Case) -> None:
    case.visitor.context.add_init_script(
        """
        const get = navigator.credentials.get.bind(navigator.credentials);
        navigator.credentials.get = (options) => {
          const { extensions = null, hints = [], timeout } = options.publicKey;
          window.asked = { members: Object.keys(options).sort(), extensions, hints, timeout };
          return get(options);
        };"""
    )
    more = {"extensions": {"appid": "https://example.com"}, "hints": ["hybrid"], "timeout": "1"}
    case.answer_options(lambda options: options.update(more, mediation="conditional"))
    case.open()
    case.visitor.approve.click()
    case.visitor.sees_outcome("approved")
    asked = {"members": ["publicKey", "signal"], "extensions": None, "hints": []}
    assert case.visitor.page.evaluate("asked") == asked | {"timeout": 120_000}


# Time.


@pytest.mark.parametrize(
    ("server_time", "left"),
    [("2020-01-01T00:00:00.000Z", " d "), ("2099-01-01T00:00:00.000Z", "Time is up")],
    ids=["past", "future"],
)
def test_a_clock_far_off_decides_nothing(slow_case: Case, server_time: str, left: str) -> None:
    """The countdown is a hint; whether time is up is the server's to say."""
    slow_case.answer_data(lambda data: data.update(serverTime=server_time))
    reads: list[str] = []
    slow_case.visitor.page.on("request", lambda request: reads.append(request.url))
    slow_case.open()
    expect(slow_case.visitor.page.locator("#left")).to_contain_text(left)
    slow_case.visitor.page.wait_for_timeout(2500)
    assert sum("/data" in url for url in reads) <= 5, "no storm of requests"
    slow_case.visitor.sees_badge("verified")
    slow_case.visitor.approve.click()
    slow_case.visitor.sees_outcome("approved")
    assert slow_case.program.read(slow_case.asked["id"])["status"] == "approved"


def test_a_clock_far_off_does_not_lengthen_the_time(slow_case: Case) -> None:
    slow_case.answer_data(lambda data: data.update(serverTime="2020-01-01T00:00:00.000Z"))
    slow_case.visitor.expects("status of 409")
    slow_case.open()
    slow_case.live.clock.advance(181)
    slow_case.visitor.approve.click()
    slow_case.visitor.sees_note("has been decided or has expired", "Nothing was changed")
    assert slow_case.program.read(slow_case.asked["id"])["status"] == "expired"
    assert recorded(slow_case.live, slow_case.asked["id"]) == [0, 0]


# Taps that were not meant.


def test_a_tap_right_after_the_page_gained_focus_does_not_approve(slow_case: Case) -> None:
    visitor = slow_case.visitor
    slow_case.open()
    expect(visitor.approve).to_be_enabled()
    box = visitor.approve.bounding_box()
    assert box is not None
    visitor.look_elsewhere()
    visitor.page.bring_to_front()
    visitor.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visitor.sees_note("The page has just come into view")
    assert slow_case.posted == []
    visitor.page.wait_for_timeout(700)
    visitor.approve.click()
    visitor.sees_outcome("approved")


def test_a_key_right_after_the_page_was_shown_again_does_not_approve(slow_case: Case) -> None:
    slow_case.open()
    expect(slow_case.visitor.approve).to_be_enabled()
    slow_case.visitor.approve.focus()
    slow_case.visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    slow_case.visitor.page.keyboard.press("Enter")
    slow_case.visitor.sees_note("The page has just come into view")
    assert slow_case.posted == []
    slow_case.stays_pending()


def test_approving_is_off_for_700_ms_after_the_page_came_up(slow_case: Case) -> None:
    slow_case.visitor.context.add_init_script(
        """
        const watch = () => {
          const button = document.getElementById("approve");
          if (button?.disabled === false) window.enabledAt ??= performance.now();
          else if (button) window.disabledAt = performance.now();
          requestAnimationFrame(watch);
        };
        watch();"""
    )
    slow_case.open()
    expect(slow_case.visitor.approve).to_be_enabled()
    assert slow_case.visitor.page.evaluate("enabledAt") >= 700
    assert slow_case.visitor.page.evaluate("disabledAt") < slow_case.visitor.page.evaluate(
        "enabledAt"
    )


def test_a_click_made_by_a_script_does_not_approve(slow_case: Case) -> None:
    slow_case.open()
    expect(slow_case.visitor.approve).to_be_enabled()
    slow_case.visitor.page.evaluate("document.getElementById('approve').click()")
    slow_case.visitor.page.evaluate("document.getElementById('reject-signed').click()")
    slow_case.visitor.page.wait_for_timeout(300)
    assert slow_case.posted == []
    slow_case.stays_pending()


def test_two_quick_taps_approve_once(slow_case: Case) -> None:
    slow_case.open()
    slow_case.visitor.approve.dblclick()
    slow_case.visitor.sees_outcome("approved")
    assert slow_case.posted == ["options", "approve"]
    assert slow_case.visitor.passkey.signatures == 1


# Inside another page.

FRAME = "http://other.test/"


def frame(case: Case) -> None:
    case.visitor.expects(f"request to {FRAME}")
    case.visitor.page.route(
        FRAME,
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<iframe src="{case.asked["url"]}" width="800" height="600"></iframe>',
        ),
    )


def test_inside_another_page_nothing_is_shown(case: Case) -> None:
    frame(case)
    case.visitor.allows("frame-ancestors|X-Frame-Options|ERR_BLOCKED_BY_RESPONSE")
    with case.visitor.page.expect_event("requestfailed") as failed:
        case.visitor.page.goto(FRAME)
    assert failed.value.url == case.asked["url"]
    assert failed.value.failure == "net::ERR_BLOCKED_BY_RESPONSE"
    inside = case.visitor.page.frames[1]
    inside.wait_for_url("chrome-error://chromewebdata/")
    expect(inside.locator("#signed, #approve")).to_have_count(0)
    case.open()
    case.stays_pending()


def test_inside_another_page_the_script_refuses_even_without_the_headers(case: Case) -> None:
    frame(case)

    def strip(route: Route) -> None:
        answer = route.fetch()
        kept = {"content-type", "set-cookie"}
        headers = {name: value for name, value in answer.headers.items() if name in kept}
        route.fulfill(body=answer.body(), headers=headers)

    case.visitor.page.route(case.asked["url"], strip)
    case.visitor.page.goto(FRAME)
    inside = case.visitor.page.frame_locator("iframe")
    expect(inside.locator("[data-for=framed]")).to_be_visible()
    expect(inside.locator("#approve")).to_be_hidden()
    expect(inside.locator("#approve")).to_be_disabled()
    case.visitor.page.wait_for_timeout(800)
    expect(inside.locator("#approve")).to_be_disabled()
    assert case.posted == []
    case.visitor.page.unroute_all()
    case.open()
    case.stays_pending()
