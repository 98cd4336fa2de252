"""High risk: the code goes to who asked, three choices to the page, and no pick burns anything."""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.live import Live
from tests.people import JSON, Person, Program
from tests.server.barrage import Barrage, Shot
from tests.server.rows import check, opened, value
from tests.server.test_races import posting
from tests.server.test_states import StoppedClock, approve

from cosignet.core.challenge import parse_context
from cosignet.server.runtime import Runtime
from cosignet.server.store import confirmations, match_codes
from cosignet.server.store.db import Transaction
from cosignet.server.web import schemas

WAIT_SECONDS = 10


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("match") / "data"
    with Live(folder, clock=StoppedClock()) as running:
        yield running
    with opened(folder / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def asked(program: Program, alex: Person) -> JSON:
    return program.ask(alex.username, risk="high", ttlSeconds=3600)


def wrong_ones(asked: JSON, alex: Person) -> list[str]:
    choices = alex.data(asked["id"])["matchChoices"]
    return [choice for choice in choices if choice != asked["matchCode"]]


def pick(alex: Person, asked: JSON, code: object, purpose: str = "approve") -> httpx2.Response:
    body = {"purpose": purpose, "matchCode": code}
    return alex.http.post(f"/confirm/{asked['id']}/options", json=body)


def refused(answer: httpx2.Response, status: int, code: str) -> JSON:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    return answer.json()


def counted(live: Live, asked: JSON) -> object:
    with opened(live.data_dir / "cosignet.db") as rows:
        sql = "SELECT wrong_picks FROM confirmations WHERE id = ?"
        return value(rows, sql, asked["id"])


# --- Who learns what ------------------------------------------------------------------------------


def test_who_asks_gets_the_code_and_the_page_gets_three_choices(
    program: Program, alex: Person, asked: JSON
) -> None:
    schemas.Created.model_validate(asked)
    assert asked["risk"] == "high"
    shown = alex.data(asked["id"])
    schemas.Shown.model_validate(shown)
    assert len(set(shown["matchChoices"])) == 3
    assert asked["matchCode"] in shown["matchChoices"]
    assert shown["matchChoices"] == sorted(shown["matchChoices"])
    assert parse_context(shown["context"]).risk == "high"
    assert parse_context(shown["rejectContext"]).risk == "high"
    read = program.read(asked["id"])
    assert (read["risk"], read["matchCode"]) == ("high", asked["matchCode"])
    # Always the same three: what was drawn anew would tell which one stays.
    assert alex.data(asked["id"])["matchChoices"] == shown["matchChoices"]


def test_the_code_goes_to_nobody_but_the_key_that_asked(
    program: Program, colleague: Program, alex: Person, asked: JSON
) -> None:
    assert colleague.read(asked["id"])["matchCode"] is None
    assert "matchCode" not in program.get("/api/confirmations").json()["items"][0]
    shown = alex.data(asked["id"])
    assert "matchCode" not in shown
    plain = program.ask(alex.username)
    high, normal = (
        set(re.findall(r"\b[0-9]{3}\b", alex.http.get(f"/confirm/{one['id']}").text))
        for one in (asked, plain)
    )
    assert high == normal  # such as the one of SHA-256


def test_normal_risk_has_no_code(program: Program, alex: Person) -> None:
    plain = program.ask(alex.username)
    assert (plain["risk"], plain["matchCode"]) == ("normal", None)
    assert alex.data(plain["id"])["matchChoices"] is None
    assert program.read(plain["id"])["matchCode"] is None
    # What is not asked for is not silently taken for a check.
    problem = refused(pick(alex, plain, "123"), 422, "field_invalid")
    assert problem["field"] == "matchCode"
    assert problem["detail"] == "no match code is asked for here"
    answer = alex.post_approval(plain["id"], alex.sign(plain["id"]), match_code="123")
    refused(answer, 422, "field_invalid")
    assert alex.approve(plain["id"]).is_success


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "Pay \u202eabc"},
        {"action": "Pay\u200b"},
        {"payload": {"to": "a\u2066b"}},
        {"payload": {"a\u00adb": 1}},
        {"action": "Pay p\u0430ypal"},
        {"payload": {"to": ["p\u0430ypal"]}},
        {"payload": {"Amount": 1, "amount": 2}},
    ],
)
def test_what_could_be_misread_is_of_high_risk_whatever_was_asked(
    program: Program, alex: Person, fields: dict[str, Any]
) -> None:
    asked = program.ask(alex.username, **fields)
    assert asked["risk"] == "high"
    assert alex.data(asked["id"])["risk"] == "high"
    assert parse_context(alex.data(asked["id"])["context"]).risk == "high"
    refused(pick(alex, asked, None), 422, "match_code_missing")
    assert alex.approve(asked["id"], match_code=asked["matchCode"]).is_success


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "Überweisung an Łukasz, 日本"},
        {"payload": {"note": "one\n\ttwo  three", "who": "👩\u200d🚀", "empty": ""}},
    ],
)
def test_what_is_only_unusual_stays_of_normal_risk(
    program: Program, alex: Person, fields: dict[str, Any]
) -> None:
    asked = program.ask(alex.username, **fields)
    assert (asked["risk"], asked["matchCode"]) == ("normal", None)


# --- Picking --------------------------------------------------------------------------------------


def test_the_right_pick_approves(program: Program, alex: Person, asked: JSON) -> None:
    answer = alex.approve(asked["id"], match_code=asked["matchCode"])
    schemas.Decided.model_validate(answer.json())
    assert program.read(asked["id"])["status"] == "approved"
    assert alex.data(asked["id"])["matchChoices"] is None


def test_without_a_pick_nothing_is_signed(
    live: Live, program: Program, alex: Person, asked: JSON
) -> None:
    problem = refused(pick(alex, asked, None), 422, "match_code_missing")
    assert problem["field"] == "matchCode"
    signed = alex.sign(asked["id"], match_code=asked["matchCode"])
    refused(alex.post_approval(asked["id"], signed), 422, "match_code_missing")
    assert program.read(asked["id"])["status"] == "pending"
    assert counted(live, asked) == 0


@pytest.mark.parametrize("code", ["", "12", "1234", "099", "12a", "１２３", "123\n", 123, True])
def test_what_is_no_code_is_not_a_pick(live: Live, alex: Person, asked: JSON, code: object) -> None:
    problem = refused(pick(alex, asked, code), 422, "field_invalid")
    assert problem["field"] == "matchCode"
    assert counted(live, asked) == 0


@pytest.mark.parametrize("on", ["options", "approve"])
def test_after_a_wrong_pick_nobody_picks_for_ten_seconds(
    live: Live, program: Program, alex: Person, asked: JSON, on: str
) -> None:
    right, (wrong, other) = asked["matchCode"], wrong_ones(asked, alex)
    signed = alex.sign(asked["id"], match_code=right)

    def choose(code: str) -> httpx2.Response:
        if on == "options":
            return pick(alex, asked, code)
        return alex.post_approval(asked["id"], signed, match_code=code)

    problem = refused(choose(wrong), 422, "match_code_wrong")
    assert (problem["field"], problem["retryAfterSeconds"]) == ("matchCode", WAIT_SECONDS)
    for waited in (0, 0.5, 9.499):
        live.clock.advance(waited)
        for code in (wrong, other, right):
            # On the other door, too: there is one count.
            for answer in (choose(code), pick(alex, asked, code)):
                problem = refused(answer, 429, "match_code_wait")
                assert answer.headers["retry-after"] == str(problem["retryAfterSeconds"])
    assert problem["retryAfterSeconds"] == 1
    assert counted(live, asked) == 1
    live.clock.advance(0.001)
    # What was signed before is good still: nothing was used up.
    assert alex.post_approval(asked["id"], signed, match_code=right).is_success
    assert program.read(asked["id"])["status"] == "approved"


def test_no_number_of_wrong_picks_burns_a_confirmation(
    live: Live, program: Program, alex: Person, asked: JSON
) -> None:
    for number in range(1, 30):
        for code in (*wrong_ones(asked, alex), "999"):
            if code != asked["matchCode"]:
                refused(pick(alex, asked, code), 422, "match_code_wrong")
                live.clock.advance(WAIT_SECONDS)
        if number == 2:
            assert alex.data(asked["id"])["status"] == "pending"
    assert alex.approve(asked["id"], match_code=asked["matchCode"]).is_success


def test_a_clock_that_goes_back_makes_nobody_wait_longer(
    live: Live, alex: Person, asked: JSON
) -> None:
    refused(pick(alex, asked, wrong_ones(asked, alex)[0]), 422, "match_code_wrong")
    live.clock.advance(-1000)
    try:
        assert pick(alex, asked, asked["matchCode"]).is_success
    finally:
        live.clock.advance(1000)


@pytest.mark.parametrize("signed", [True, False])
def test_rejecting_needs_no_code(
    live: Live, program: Program, alex: Person, asked: JSON, signed: bool
) -> None:
    refused(pick(alex, asked, wrong_ones(asked, alex)[0]), 422, "match_code_wrong")
    # Nor does anybody wait for it.
    answer = alex.reject_signed(asked["id"]) if signed else alex.reject(asked["id"])
    assert answer.is_success
    assert program.read(asked["id"])["rejection"]["signed"] is signed
    assert alex.data(asked["id"])["matchChoices"] is None


def test_a_code_is_not_taken_where_nobody_looks_at_it(alex: Person, asked: JSON) -> None:
    refused(pick(alex, asked, asked["matchCode"], "reject"), 422, "field_invalid")


def test_the_statement_that_looks_at_a_pick_demands_that_there_is_something_to_decide(
    live: Live, program: Program, alex: Person
) -> None:
    ended, late = (program.ask(alex.username, risk="high", ttlSeconds=60) for _ in range(2))
    assert program.post(f"/api/confirmations/{ended['id']}/cancel").is_success
    live.clock.advance(60)  # and nobody has performed the expiry

    async def pick_all(rt: Runtime) -> list[bool | None]:
        async with rt.database.transaction() as tx:
            return [
                await match_codes.pick(tx, one["id"], code)
                for one in (ended, late)
                for code in (one["matchCode"], "000")
            ]

    assert live.run(pick_all) == [None] * 4
    assert counted(live, ended) == counted(live, late) == 0


@pytest.mark.parametrize("end", ["cancel", "expire", "approve"])
def test_a_pick_after_the_end_is_told_the_end_and_counts_nothing(
    live: Live, program: Program, alex: Person, end: str
) -> None:
    asked = program.ask(alex.username, risk="high", ttlSeconds=60)
    wrong = wrong_ones(asked, alex)[0]
    if end == "cancel":
        assert program.post(f"/api/confirmations/{asked['id']}/cancel").is_success
    elif end == "expire":
        live.clock.advance(60)
    else:
        assert alex.approve(asked["id"], match_code=asked["matchCode"]).is_success
    for code in (wrong, asked["matchCode"], None):
        refused(pick(alex, asked, code), 409, "already_decided")
    assert counted(live, asked) == 0


def test_a_pick_that_meets_a_decision_is_told_that(
    alex: Person, asked: JSON, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody rejects between the look at the confirmation and the look at the pick."""
    looked_at = match_codes.pick

    async def late(tx: Transaction, id_: str, code: str) -> bool | None:
        await confirmations.reject(tx, id_, signed=False, reason=None, evidence_id=None)
        return await looked_at(tx, id_, code)

    monkeypatch.setattr(match_codes, "pick", late)
    refused(pick(alex, asked, asked["matchCode"]), 409, "already_decided")


def test_the_statement_that_approves_demands_the_code_itself(
    live: Live, alex: Person, asked: JSON
) -> None:
    wrong = wrong_ones(asked, alex)[0]

    async def attempts(rt: Runtime) -> list[int | None]:
        async with rt.database.transaction() as tx:
            return [
                await approve(tx, asked["id"], evidence_id="e", match_code=code)
                for code in (None, "", wrong)
            ]

    assert live.run(attempts) == [None, None, None]
    assert alex.data(asked["id"])["status"] == "pending"


def test_a_decision_names_what_was_decided_and_what_was_signed(
    program: Program, alex: Person, asked: JSON
) -> None:
    answer = alex.approve(asked["id"], match_code=asked["matchCode"]).json()
    shown = alex.data(asked["id"])
    assert answer["payloadHash"] == asked["payloadHash"]
    assert answer["contextHash"] == hash_of(shown["context"])
    other = program.ask(alex.username)
    rejected = alex.reject_signed(other["id"]).json()
    assert rejected["contextHash"] == hash_of(alex.data(other["id"])["rejectContext"])
    last = program.ask(alex.username)
    unsigned = alex.reject(last["id"], "not_now").json()
    schemas.Decided.model_validate(unsigned)
    assert (unsigned["contextHash"], unsigned["payloadHash"]) == (None, last["payloadHash"])
    for told, one in ((answer, asked), (rejected, other), (unsigned, last)):
        assert told["rejection"] == program.read(one["id"])["rejection"]
    assert (rejected["rejection"]["signed"], unsigned["rejection"]["signed"]) == (True, False)


def hash_of(context: str) -> str:
    return hashlib.sha256(b"cosignet/context/v1\n" + context.encode()).hexdigest()


# --- All at once ----------------------------------------------------------------------------------


@pytest.fixture
def barrage(live: Live) -> Iterator[Barrage]:
    with Barrage(live.port) as ready:
        yield ready


def picking(alex: Person, asked: JSON, code: str) -> Shot:
    return posting(
        alex, f"/confirm/{asked['id']}/options", {"purpose": "approve", "matchCode": code}
    )


def approving(alex: Person, asked: JSON, signed: JSON, code: str) -> Shot:
    body = {"credential": signed, "matchCode": code}
    return posting(alex, f"/confirm/{asked['id']}/approve", body)


def test_of_fifty_wrong_picks_at_once_one_is_looked_at(
    live: Live, alex: Person, asked: JSON, barrage: Barrage
) -> None:
    wrong = wrong_ones(asked, alex)
    hits = barrage.fire([picking(alex, asked, wrong[number % 2]) for number in range(50)])
    assert Counter(hit.status for hit in hits) == {422: 1, 429: 49}
    assert counted(live, asked) == 1


def test_fifty_right_picks_at_once_are_one_approval(
    live: Live, alex: Person, asked: JSON, barrage: Barrage
) -> None:
    hits = barrage.fire([picking(alex, asked, asked["matchCode"])] * 50)
    assert Counter(hit.status for hit in hits) == {200: 50}
    signed = alex.sign(asked["id"], match_code=asked["matchCode"])
    hits = barrage.fire([approving(alex, asked, signed, asked["matchCode"])] * 50)
    assert Counter(hit.status for hit in hits) == {200: 1, 409: 49}
    assert counted(live, asked) == 0


def test_nobody_tries_all_the_codes_at_once(
    live: Live, program: Program, alex: Person, barrage: Barrage
) -> None:
    """Whoever posts every choice together learns as much as from the first that is looked at."""
    seen: Counter[bool] = Counter()
    for _ in range(40):
        asked = program.ask(alex.username, risk="high", ttlSeconds=3600)
        signed = alex.sign(asked["id"], match_code=asked["matchCode"])
        codes = [asked["matchCode"], *wrong_ones(asked, alex)] * 8
        random.shuffle(codes)
        hits = barrage.fire([approving(alex, asked, signed, code) for code in codes])
        statuses = Counter(hit.status for hit in hits)
        approved = program.read(asked["id"])["status"] == "approved"
        assert statuses[200] == int(approved)
        # At most one wrong one was looked at, and it was counted.
        assert statuses[422] <= 1
        assert counted(live, asked) == statuses[422]
        assert statuses[200] + statuses[409] + statuses[422] + statuses[429] == len(hits)
        if not approved:
            assert statuses[422] == 1
        seen[approved] += 1
    # It was a race: both have won some.
    assert set(seen) == {True, False}, seen
