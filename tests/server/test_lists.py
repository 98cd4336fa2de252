"""The list of confirmations: each filter at its edges, pages that neither repeat nor leave out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.live import Live
from tests.people import Person, Program

from cosignet.core.encoding import rfc3339


@contextmanager
def at(live: Live, unix_milliseconds: int) -> Iterator[None]:
    """Stop the clock while the block runs."""
    live.clock.stopped_at = unix_milliseconds
    live.clock.offset_ms = 0
    try:
        yield
    finally:
        live.clock.stopped_at = None
        live.clock.offset_ms = 0


@pytest.fixture
def four(live: Live, program: Program, alex: Person) -> tuple[int, list[str]]:
    """A time, and ids: one of that time, two of a millisecond later, one of two later."""
    begin, ids = live.clock() + 1000, []
    for later in (0, 1, 1, 2):
        with at(live, begin + later):
            ids.append(program.ask(alex.username, ttlSeconds=600)["id"])
    return begin, ids


def listed(program: Program, **query: Any) -> set[str]:
    answer = program.get("/api/confirmations", **query)
    assert answer.status_code == 200, answer.text
    return {item["id"] for item in answer.json()["items"]}


def test_since_takes_its_own_moment_in_and_until_does_not(
    program: Program, alex: Person, four: tuple[int, list[str]]
) -> None:
    begin, ids = four
    mine = {"username": alex.username}
    for edge, older in ((begin, 0), (begin + 1, 1), (begin + 2, 3), (begin + 3, 4)):
        moment = rfc3339(edge)
        assert listed(program, **mine, since=moment) == set(ids[older:])
        assert listed(program, **mine, until=moment) == set(ids[:older])
    middle = {"since": rfc3339(begin + 1), "until": rfc3339(begin + 2)}
    assert listed(program, **mine, **middle) == set(ids[1:3])
    assert listed(program, **mine, since=rfc3339(begin + 2), until=rfc3339(begin)) == set()
    assert listed(program, **mine, since="0001-01-01T00:00:00Z") == set(ids)
    assert listed(program, **mine, until="9999-12-31T23:59:59.999Z") == set(ids)


def test_a_time_is_the_same_in_every_zone(
    program: Program, alex: Person, four: tuple[int, list[str]]
) -> None:
    begin, ids = four
    utc = rfc3339(begin + 2)
    hour = int(utc[11:13])
    if hour < 22:
        shifted = f"{utc[:11]}{hour + 2:02}{utc[13:-1]}+02:00"
        assert listed(program, username=alex.username, since=shifted) == {ids[3]}
    assert listed(program, username=alex.username, since=utc[:-1] + "+00:00") == {ids[3]}


def test_a_cursor_does_not_lead_past_the_other_filters(
    program: Program, alex: Person, four: tuple[int, list[str]]
) -> None:
    begin, ids = four
    newest = program.get("/api/confirmations", username=alex.username, limit=1).json()
    more = {"username": alex.username, "cursor": newest["nextCursor"]}
    assert listed(program, **more, until=rfc3339(begin + 1)) == {ids[0]}
    assert listed(program, **more, since=rfc3339(begin + 1)) == set(ids[1:3])


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_neither_repeat_nor_leave_out_what_was_created_at_once(
    live: Live, program: Program, alex: Person, four: tuple[int, list[str]], limit: int
) -> None:
    begin, ids = four
    query: dict[str, Any] = {"username": alex.username, "limit": limit}
    query |= {"since": rfc3339(begin), "until": rfc3339(begin + 2)}
    pages: list[list[str]] = []
    while True:
        page = program.get("/api/confirmations", **query).json()
        pages.append([item["id"] for item in page["items"]])
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
        # What is created meanwhile, even at the very time where a page ended, moves nothing.
        with at(live, begin + 1):
            program.ask(alex.username, ttlSeconds=600)
    seen = [id_ for page in pages for id_ in page]
    assert len(seen) == len(set(seen))
    assert set(ids[:3]) <= set(seen)
    assert all(len(page) == limit for page in pages[:-1])
    assert 1 <= len(pages[-1]) <= limit


def test_a_list_shows_what_one_requester_asked_for(
    live: Live, program: Program, alex: Person
) -> None:
    one, twin, other = (live.program(name=name) for name in ("billing", "billing", "backup"))
    asked = [each.ask(alex.username)["id"] for each in (one, twin, other)]
    assert listed(program, username=alex.username, requester="billing") == set(asked[:2])
    assert listed(program, username=alex.username, requester="backup") == {asked[2]}
    assert listed(program, username=alex.username, requester="Billing") == set()


def test_filters_narrow_each_other(live: Live, alex: Person) -> None:
    one, other = live.program(name="narrow"), live.program(name="narrow too")
    kept, rejected = (one.ask(alex.username)["id"] for _ in range(2))
    other.ask(alex.username)
    assert alex.reject(rejected).is_success
    found = listed(one, requester="narrow", status="pending", username=alex.username)
    assert found == {kept}


def test_what_another_organisation_asked_for_is_on_no_list(
    stranger: Program, alex: Person, four: tuple[int, list[str]]
) -> None:
    begin, _ = four
    assert listed(stranger, since=rfc3339(begin), username=alex.username) == set()
    assert listed(stranger, requester="deployer") == set()


REFUSED = [
    ("since", "yesterday"),
    ("since", "2026-01-01"),
    ("since", "2026-01-01T00:00:00"),
    ("until", "2026-13-01T00:00:00Z"),
    ("until", "2026-01-01T00:00:00 00:00"),
    ("until", "٢026-01-01T00:00:00Z"),
    ("until", ""),
    ("cursor", "1.x"),
    ("cursor", ""),
    ("cursor", "1" * 16 + ".3f2b8c1e-6a4d-4e0b-9c57-1d2e3f4a5b6c"),
    ("cursor", "-1.3f2b8c1e-6a4d-4e0b-9c57-1d2e3f4a5b6c"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_is_no_time_and_no_cursor_is_refused(program: Program, name: str, value: str) -> None:
    answer = program.get("/api/confirmations", **{name: value})
    assert (answer.status_code, answer.json()["field"]) == (422, name)
