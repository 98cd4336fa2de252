"""Why somebody rejected: said afterwards, once, in time, in the browser that rejected."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.engines import engines
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.server.barrage import Barrage
from tests.server.rows import add_webhook, check, opened
from tests.server.test_races import posting
from tests.server.test_states import StoppedClock

from cosignet.core.reject_reason import REJECT_REASON_MS
from cosignet.server.runtime import Runtime
from cosignet.server.secret import digest_for, prove
from cosignet.server.store import reject_reasons
from cosignet.server.web import schemas

REASONS = ["wrong_details", "unexpected", "not_now"]


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("reasons") / "data"
    with Live(folder, clock=StoppedClock()) as running:
        with opened(folder / "cosignet.db") as rows:
            add_webhook(rows)
        yield running
    with opened(folder / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def asked(program: Program, alex: Person) -> str:
    return program.ask(alex.username, ttlSeconds=60)["id"]


def give(person: Person, confirmation: str, reason: str = "unexpected") -> httpx2.Response:
    """Say why, as the page's script does."""
    body = {"token": person.page_token, "reason": reason}
    return person.http.post(f"/confirm/{confirmation}/reason", json=body)


def look(person: Person, confirmation: str) -> Person:
    """Open the page in a browser, which gets its cookie by that."""
    assert person.http.get(f"/confirm/{confirmation}").is_success
    return person


def is_asked(person: Person, confirmation: str) -> bool:
    """Whether this browser is asked why; page and data agree on that."""
    told: bool = person.data(confirmation)["takesReason"]
    page = person.http.get(f"/confirm/{confirmation}").text
    assert (f'action="/confirm/{confirmation}/reason"' in page) is told
    return told


def refused(answer: httpx2.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def everything(live: Live, confirmation: str) -> dict[str, list[dict[str, Any]]]:
    """Return all rows that tell of a confirmation."""
    tables = {
        "confirmations": "id",
        "leaves": "subject",
        "signatures": "confirmation_id",
        "deliveries": "confirmation_id",
    }
    with opened(live.data_dir / "cosignet.db") as rows:
        return {
            table: [
                dict(row)
                for row in rows.execute(f"SELECT * FROM {table} WHERE {key} = ?", [confirmation])
            ]
            for table, key in tables.items()
        }


@pytest.mark.parametrize("reason", REASONS)
def test_who_rejected_with_a_tap_says_why_afterwards(
    program: Program, alex: Person, asked: str, reason: str
) -> None:
    assert alex.data(asked)["takesReason"] is False
    assert alex.reject(asked).is_success
    assert program.read(asked)["rejection"] == {"signed": False, "reason": None}
    assert is_asked(alex, asked)
    answer = raise_for(give(alex, asked, reason))
    schemas.Explained.model_validate(answer)
    assert answer == {"id": asked, "rejection": {"signed": False, "reason": reason}}
    assert program.read(asked)["rejection"] == answer["rejection"]
    assert not is_asked(alex, asked)


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_nothing_but_the_reason_changes(
    live: Live, program: Program, alex: Person, asked: str, signed: bool
) -> None:
    look(alex, asked)
    assert (alex.reject_signed if signed else alex.reject)(asked).is_success
    before, read = everything(live, asked), program.read(asked)
    assert len(before["leaves"]) == len(before["signatures"]) == signed
    assert len(before["deliveries"]) == 1
    live.clock.advance(3)
    assert give(alex, asked).is_success
    after = everything(live, asked)
    assert after["confirmations"][0].pop("rejection_reason") == "unexpected"
    assert before["confirmations"][0].pop("rejection_reason") is None
    assert after == before
    read["rejection"]["reason"] = "unexpected"
    assert program.read(asked) == read


@pytest.mark.parametrize("second", REASONS)
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("with_it", [False, True], ids=["afterwards", "with the rejection"])
def test_there_is_one_reason_and_it_stays(
    program: Program, alex: Person, asked: str, second: str, signed: bool, with_it: bool
) -> None:
    look(alex, asked)
    reject = alex.reject_signed if signed else alex.reject
    assert reject(asked, "not_now" if with_it else None).is_success
    if not with_it:
        assert give(alex, asked, "not_now").is_success
    assert not is_asked(alex, asked)
    refused(give(alex, asked, second), 409, "reason_given")
    assert program.read(asked)["rejection"] == {"signed": signed, "reason": "not_now"}


def test_somebody_else_with_the_link_says_nothing(
    live: Live, program: Program, alex: Person, asked: str
) -> None:
    stranger = look(Person(live.url), asked)
    assert alex.reject(asked).is_success
    before = everything(live, asked)
    assert not is_asked(stranger, asked)
    refused(give(stranger, asked), 403, "not_rejected_here")
    assert everything(live, asked) == before
    assert give(alex, asked, "not_now").is_success
    refused(give(stranger, asked), 403, "not_rejected_here")
    assert program.read(asked)["rejection"]["reason"] == "not_now"


def test_the_page_has_to_be_known_too(live: Live, program: Program, alex: Person) -> None:
    asked, other = (program.ask(alex.username)["id"] for _ in range(2))
    assert alex.reject(asked).is_success
    stranger = look(Person(live.url), other)
    path = f"/confirm/{asked}/reason"
    cookie = alex.http.cookies["cosignet_page"]
    for token in (None, "", "made up", cookie, stranger.page_token, alex.page_token[:-1]):
        answer = alex.http.post(path, json={"token": token, "reason": "not_now"})
        refused(answer, 403, "page_token_missing")
    body = {"token": prove("", b"random"), "reason": "not_now"}
    refused(Person(live.url).http.post(path, json=body), 403, "page_token_missing")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        body = {"token": alex.page_token, "reason": "not_now"}
        refused(alex.http.post(path, json=body, headers=headers), 403, "cross_site")
    assert program.read(asked)["rejection"]["reason"] is None
    assert give(alex, asked).is_success


def test_what_is_not_rejected_takes_no_reason(live: Live, program: Program, alex: Person) -> None:
    pending, approved, expired = (program.ask(alex.username, ttlSeconds=60)["id"] for _ in range(3))
    for one in (pending, approved, expired):
        look(alex, one)
    assert alex.approve(approved).is_success
    assert program.post(f"/api/confirmations/{expired}/cancel").is_success
    for one in (pending, approved, expired):
        refused(give(alex, one), 403, "not_rejected_here")
        assert alex.data(one)["takesReason"] is False
    refused(give(alex, "nobody"), 404, "not_found")
    assert program.read(pending)["status"] == "pending"


@pytest.mark.parametrize("late", [False, True])
def test_a_quarter_of_an_hour_is_the_time_for_it(
    live: Live, program: Program, alex: Person, asked: str, late: bool
) -> None:
    assert alex.reject(asked).is_success
    live.clock.advance((REJECT_REASON_MS - (not late)) / 1000)
    assert is_asked(alex, asked) is not late
    if late:
        refused(give(alex, asked), 409, "reason_late")
    assert give(alex, asked).is_success is not late
    assert (program.read(asked)["rejection"]["reason"] is None) is late


def test_a_rejection_without_the_pages_cookie_gets_no_reason_later(
    live: Live, program: Program, alex: Person, asked: str
) -> None:
    assert alex.reject_signed(asked).is_success
    assert "cosignet_page" not in alex.http.cookies
    # Not even in a browser whose cookie says what no browser has.
    assert everything(live, asked)["confirmations"][0]["rejected_in"] is None
    look(alex, asked)
    assert not is_asked(alex, asked)
    refused(give(alex, asked), 403, "not_rejected_here")


def test_rows_do_not_tell_that_it_was_the_same_browser(
    live: Live, program: Program, alex: Person
) -> None:
    one, other = (program.ask(alex.username)["id"] for _ in range(2))
    assert alex.reject(one).is_success
    cookie = alex.http.cookies["cosignet_page"]
    assert alex.reject(other).is_success
    assert alex.http.cookies["cosignet_page"] == cookie
    kept = [everything(live, id_)["confirmations"][0]["rejected_in"] for id_ in (one, other)]
    assert kept == [digest_for(id_, cookie) for id_ in (one, other)]
    assert kept[0] != kept[1]


def test_a_form_without_script_says_why_and_leads_back(
    program: Program, alex: Person, asked: str
) -> None:
    assert alex.reject(asked).is_success
    path = f"/confirm/{asked}"
    for reason in ("not_now", "not_now", "unexpected"):  # taps on a slow line
        form = {"token": alex.page_token, "reason": reason}
        answer = alex.http.post(f"{path}/reason", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert "Not now." in alex.http.get(path).text
    assert program.read(asked)["rejection"]["reason"] == "not_now"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "field_missing"),
        ({"reason": "because"}, "field_invalid"),
        ({"reason": ""}, "field_invalid"),
        ({"reason": "not_now", "note": "x"}, "field_unknown"),
    ],
)
@pytest.mark.parametrize("kind", ["json", "data"])
def test_a_reason_is_one_of_three(
    program: Program, alex: Person, asked: str, kind: str, body: JSON, code: str
) -> None:
    assert alex.reject(asked).is_success
    sent: Any = {kind: {"token": alex.page_token, **body}}
    refused(alex.http.post(f"/confirm/{asked}/reason", **sent), 422, code)
    assert program.read(asked)["rejection"]["reason"] is None


def test_of_fifty_reasons_at_once_one_is_recorded(
    live: Live, program: Program, alex: Person, asked: str
) -> None:
    assert alex.reject(asked).is_success
    shots = [
        posting(
            alex, f"/confirm/{asked}/reason", {"token": alex.page_token, "reason": REASONS[n % 3]}
        )
        for n in range(50)
    ]
    with Barrage(live.port) as barrage:
        hits = barrage.fire(shots)
    assert Counter(hit.status for hit in hits) == {200: 1, 409: 49}
    [won] = [hit.body["rejection"]["reason"] for hit in hits if hit.status == 200]
    assert {hit.body["code"] for hit in hits if hit.status == 409} == {"reason_given"}
    assert program.read(asked)["rejection"]["reason"] == won


class _Undo(Exception):
    """Nothing of it is kept."""


@pytest.mark.parametrize(
    ("row", "takes_it"),
    [
        ("decided_at = decided_at", True),
        ("rejection_reason = 'not_now'", False),
        ("status = 'expired'", False),
        ("rejected_in = NULL", False),
        ("rejected_in = x'00'", False),
        (f"decided_at = decided_at - {REJECT_REASON_MS}", False),
    ],
)
def test_the_statement_itself_asks_for_all_of_it(
    live: Live, alex: Person, asked: str, row: str, takes_it: bool
) -> None:
    assert alex.reject(asked).is_success
    browser_hash = digest_for(asked, alex.http.cookies["cosignet_page"])
    said: list[bool] = []

    async def work(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            changed = engines.spelled(f"UPDATE confirmations SET {row} WHERE id = $1")
            await tx.execute(changed, asked)
            said.append(await reject_reasons.is_wanted(tx, asked, browser_hash))
            said.append(
                await reject_reasons.give(tx, asked, "unexpected", browser_hash=browser_hash)
            )
            raise _Undo

    with pytest.raises(_Undo):
        live.run(work)
    assert said == [takes_it, takes_it]
