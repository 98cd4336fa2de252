"""Data altered in transit is noticed, and so is a page that was altered to fit it."""

import hashlib
import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.e2e.tampering.case import (
    DATA,
    NOT_FITTING,
    OTHER_CHALLENGE,
    Case,
    challenge,
    compact,
    in_context,
    payload_changed,
    rehash,
    replaced,
    text_and_all_changed,
    text_changed,
)
from tests.people import JSON, Person

OTHER_HASH = "The fingerprint is not the payload's."
NOT_CANONICAL = "The context is not in its one canonical form."
CHANGED_MEANWHILE = "The server now answers with something else than before."
UNREADABLE = "The server's answer could not be read."


def hash_changed(data: JSON) -> None:
    data["payloadHash"] = hashlib.sha256(b"{}").hexdigest()


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
        (text_and_all_changed, NOT_FITTING),
        (in_context(action="Deploy to staging"), NOT_FITTING),
        (in_context(approver="alec"), NOT_FITTING),
        (in_context(requester="payroll"), NOT_FITTING),
        (in_context(expiresAt="2099-01-01T00:00:00.000Z"), NOT_FITTING),
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
    altered = replaced(honest[what], honest[what][20:22], "~~")
    answers = iter([honest[what]] * 2)  # the first is taken here
    case.answer_data(lambda data: data.update({what: next(answers, altered)}))
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


@pytest.mark.parametrize("purpose", ["approve", "reject"])
def test_an_answer_that_only_says_it_was_recorded_is_not_believed(case: Case, purpose: str) -> None:
    """A decision is what the confirmation says of itself, never what a POST answered."""
    status = {"approve": "approved", "reject": "rejected"}[purpose]
    said = {"id": case.asked["id"], "status": status, "evidenceId": case.asked["id"]}
    case.visitor.page.route(f"**/{purpose}", lambda route: route.fulfill(json=said))
    case.open()
    {"approve": case.visitor.approve, "reject": case.visitor.reject}[purpose].click()
    case.visitor.sees_note("The server took your answer, but has not recorded it.")
    expect(case.visitor.page.locator("#outcome [data-for]:visible")).to_have_count(0)
    case.visitor.sees_badge("verified")
    case.visitor.page.unroute_all()
    case.stays_pending(signatures=1 if purpose == "approve" else 0)


def test_an_approval_of_something_else_is_not_told_as_one_of_this(case: Case) -> None:
    def lie(data: JSON) -> None:
        text_and_all_changed(data)
        data["status"] = "approved"

    case.open()
    case.visitor.page.unroute_all()
    case.answer_data(lie)
    case.visitor.page.evaluate("() => { dispatchEvent(new Event('online')); }")
    case.is_blocked(CHANGED_MEANWHILE)
