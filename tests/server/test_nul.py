"""U+0000 is in no text that is kept, asked for or looked up; one engine has no place for it."""

from typing import Any

import pytest
from tests.live import Live
from tests.people import JSON, Person, Program

NUL = "a\0b"


@pytest.fixture
def asked(program: Program, alex: Person) -> str:
    return program.ask(alex.username)["id"]


def refused(answer: Any, field: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "field_invalid", field)
    assert "U+0000" in problem["detail"]


def test_asking_refuses_it_by_the_fields_name(program: Program, alex: Person) -> None:
    good: JSON = {"username": alex.username, "action": "Deploy", "payload": {}}
    for field in ("username", "action"):
        refused(program.post("/api/confirmations", good | {field: NUL}), field)


def test_keys_invites_outcomes_and_registrations_refuse_it(
    live: Live, admin: Program, program: Program, alex: Person, asked: str
) -> None:
    refused(admin.post("/api/keys", {"name": NUL}), "name")
    refused(admin.post("/api/invites", {"note": NUL}), "note")
    refused(admin.post("/api/invites", {"pinnedUsername": NUL}), "pinnedUsername")
    assert alex.approve(asked).is_success
    path = f"/api/confirmations/{asked}"
    refused(program.post(f"{path}/consume", {"token": "a token" + NUL}), "token")
    assert program.post(f"{path}/consume", {"token": "a token of a run"}).is_success
    refused(program.post(f"{path}/outcome", {"result": "failed", "note": NUL}), "note")
    browser = Person(live.url)
    for field in ("invite", "username"):
        who = {"invite": live.invite(), "username": "bob"} | {field: NUL}
        refused(browser.http.post("/register/options", json=who), field)


def test_queries_refuse_it_and_paths_lead_nowhere(
    program: Program, admin: Program, alex: Person
) -> None:
    for name in ("username", "status", "cursor"):
        refused(program.get("/api/confirmations", **{name: NUL}), name)
    for path in ("/api/confirmations/a%00b", "/api/confirmations/%00?wait=1"):
        assert program.get(path).status_code == 404
    assert program.post("/api/confirmations/a%00b/cancel").status_code == 404
    assert admin.post("/api/keys/a%00b/revoke").status_code == 404
    assert admin.post("/api/invites/a%00b/revoke").status_code == 404
    for path in ("/confirm/a%00b", "/confirm/a%00b/data", "/confirm/%00/qr.svg"):
        assert alex.http.get(path).status_code == 404


def test_a_payload_may_hold_it_and_it_stays_what_it_is(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username, {"a\0": ["b\0c", NUL]})
    found = program.read(asked["id"])
    assert found["payload"] == {"a\0": ["b\0c", NUL]}
    assert found["payloadText"] == '{"a\\u0000":["b\\u0000c","a\\u0000b"]}'
    assert alex.approve(asked["id"], match_code=asked["matchCode"]).is_success
