"""`/api/confirmations`: what is accepted, what it answers, what is refused by name."""

import hashlib
import re
from datetime import datetime
from typing import Any

import pytest
from tests.live import Live
from tests.people import PAYLOAD, Person, Program

from cosignet.core.challenge import parse_context
from cosignet.server.runtime import Runtime
from cosignet.server.web import schemas


def body(alex: Person, **fields: Any) -> dict[str, Any]:
    return {"username": alex.username, "action": "Deploy", "payload": PAYLOAD} | fields


def test_creating_answers_what_the_documentation_names(program: Program, alex: Person) -> None:
    answer = program.post("/api/confirmations", body(alex))
    assert answer.status_code == 201
    created = answer.json()
    assert {"id", "url", "status", "payloadHash", "expiresAt"} <= set(created)
    assert answer.headers["location"] == f"/api/confirmations/{created['id']}"
    schemas.Created.model_validate(created)


def test_the_default_time_to_decide_is_180_seconds(program: Program, alex: Person) -> None:
    created = program.ask(alex.username)
    begin, end = (datetime.fromisoformat(created[name]) for name in ("createdAt", "expiresAt"))
    assert (end - begin).total_seconds() == 180


def test_the_context_binds_everything_a_person_reads(
    program: Program, alex: Person, live: Live
) -> None:
    asked = program.ask(alex.username, action="Deploy “api”")
    shown = alex.data(asked["id"])
    context = parse_context(shown["context"])
    assert context.purpose == "approve"
    assert context.confirmation == asked["id"]
    assert (context.org, context.action) == ("default", "Deploy “api”")
    assert (context.approver, context.requester) == (alex.username, "deployer")
    assert (context.rp_id, context.origin) == ("localhost", live.url)
    assert (context.created_at, context.expires_at) == (asked["createdAt"], asked["expiresAt"])
    assert (context.quorum, context.policy) == (1, None)
    assert (context.risk, context.reveal) == ("normal", False)
    rejecting = parse_context(shown["rejectContext"])
    assert rejecting.purpose == "reject"
    assert rejecting.salt != context.salt


def test_a_username_is_found_in_any_case(program: Program, alex: Person) -> None:
    assert program.ask(alex.username.upper())["status"] == "pending"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"username": None}, "field_invalid", "username"),
        ({"username": "nobody-here"}, "approver_unknown", "username"),
        ({"action": ""}, "field_invalid", "action"),
        ({"action": "x" * 201}, "field_invalid", "action"),
        ({"action": 7}, "field_invalid", "action"),
        ({"payload": []}, "payload_not_object", "payload"),
        ({"payload": "{}"}, "payload_not_object", "payload"),
        ({"ttlSeconds": 0}, "field_invalid", "ttlSeconds"),
        ({"ttlSeconds": 86_401}, "field_invalid", "ttlSeconds"),
        ({"ttlSeconds": "180"}, "field_invalid", "ttlSeconds"),
        ({"ttlSeconds": True}, "field_invalid", "ttlSeconds"),
        (
            {"notify": "pigeon"},
            "field_invalid",
            "notify",
        ),
        ({"notify": ["email", "pigeon"]}, "field_invalid", "notify"),
        ({"risk": "low"}, "field_invalid", "risk"),
        ({"risk": "critical"}, "not_supported", "risk"),
        ({"private": "yes"}, "field_invalid", "private"),
        ({"reveal": True}, "not_supported", "reveal"),
        ({"quorum": 2}, "not_supported", "quorum"),
        ({"approvers": ["a", "b"]}, "not_supported", "approvers"),
        ({"status": "approved"}, "field_unknown", "status"),
        ({"approvedBy": "me"}, "field_unknown", "approvedBy"),
        ({"payloadHash": "00"}, "field_unknown", "payloadHash"),
        ({"org": "demo"}, "field_unknown", "org"),
        ({"id": "x"}, "field_unknown", "id"),
    ],
)
def test_a_refusal_names_the_field(
    program: Program, alex: Person, fields: dict[str, Any], code: str, field: str
) -> None:
    answer = program.post("/api/confirmations", body(alex, **fields))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, code, field)
    assert answer.headers["content-type"] == "application/problem+json"
    schemas.Problem.model_validate(problem)
    assert problem["cure"]


@pytest.mark.parametrize("missing", ["username", "action", "payload"])
def test_a_missing_field_is_named(program: Program, alex: Person, missing: str) -> None:
    sent = body(alex)
    del sent[missing]
    problem = program.post("/api/confirmations", sent).json()
    assert (problem["code"], problem["field"]) == ("field_missing", missing)


def test_notify_is_accepted_and_honest_about_what_happened(program: Program, alex: Person) -> None:
    for notify in ("none", "telegram", ["email", "webpush"]):
        assert program.ask(alex.username, notify=notify)["notified"] is False


def test_a_body_over_the_limit_is_413(program: Program, alex: Person) -> None:
    answer = program.post("/api/confirmations", body(alex, payload={"x": "y" * 600_000}))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_reading_gives_all_that_verifying_alone_needs(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)
    assert alex.approve(asked["id"]).is_success
    found = program.read(asked["id"])
    schemas.Full.model_validate(found)
    assert hashlib.sha256(found["payloadText"].encode()).hexdigest() == found["payloadHash"]
    assert found["payload"] == PAYLOAD
    assert found["credential"]["algorithm"] == -7
    assert found["rawAssertion"]["id"] == found["credentialId"] == found["credential"]["id"]
    assert found["evidenceId"] not in (None, asked["id"])


def test_the_raw_assertion_is_kept_exactly_as_received(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)
    assertion = alex.sign(asked["id"]) | {"clientExtensionResults": {"x": {"10": 1, "a": "é"}}}
    assert alex.post_approval(asked["id"], assertion).is_success
    assert program.read(asked["id"])["rawAssertion"] == assertion


def test_no_assertion_is_served_unless_approved(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)
    assert alex.reject_signed(asked["id"], "wrong_details").is_success
    found = program.read(asked["id"])
    assert found["rejection"] == {"signed": True, "reason": "wrong_details"}
    assert found["rawAssertion"] is found["credential"] is found["credentialId"] is None
    assert found["signedAt"] is None


@pytest.mark.parametrize("wait", ["-1", "26", "x", "1.5", "", "٣", "1e1"])
def test_a_wait_out_of_range_is_refused(program: Program, alex: Person, wait: str) -> None:
    asked = program.ask(alex.username)
    answer = program.get(f"/api/confirmations/{asked['id']}", wait=wait)
    assert (answer.status_code, answer.json()["field"]) == (422, "wait")


def test_an_unknown_query_parameter_is_refused(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)
    answer = program.get(f"/api/confirmations/{asked['id']}", wiat=3)
    assert (answer.status_code, answer.json()["code"]) == (422, "field_unknown")


def test_another_organisations_confirmation_looks_as_if_there_were_none(
    program: Program, stranger: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)
    calls = [
        ("get", f"/api/confirmations/{asked['id']}", None),
        ("post", f"/api/confirmations/{asked['id']}/cancel", {}),
        ("post", f"/api/confirmations/{asked['id']}/consume", {"token": "0123456789"}),
        ("post", f"/api/confirmations/{asked['id']}/outcome", {"result": "executed"}),
    ]
    for method, path, sent in calls:
        for target in (path, path.replace(asked["id"], "00000000-0000-4000-8000-000000000000")):
            answer = stranger.get(target) if method == "get" else stranger.post(target, sent)
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (404, "not_found")
            assert set(problem) == {"type", "title", "status", "code", "requestId", "cure"}
    assert stranger.get("/api/confirmations").json()["items"] == []
    assert program.read(asked["id"])["status"] == "pending"


def test_another_organisations_approver_cannot_be_asked(stranger: Program, alex: Person) -> None:
    problem = stranger.post("/api/confirmations", body(alex)).json()
    assert problem["code"] == "approver_unknown"


def test_a_colleagues_key_reads_but_neither_cancels_nor_consumes(
    program: Program, colleague: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)
    path = f"/api/confirmations/{asked['id']}"
    assert colleague.read(asked["id"])["status"] == "pending"
    assert colleague.post(f"{path}/cancel").json()["code"] == "not_the_creator"
    assert alex.approve(asked["id"]).is_success
    refused = colleague.post(f"{path}/consume", {"token": "0123456789"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_creator")


def test_the_list_is_paged_newest_first_and_filtered(program: Program, alex: Person) -> None:
    asked = [program.ask(alex.username)["id"] for _ in range(5)]
    assert alex.reject(asked[0]).is_success
    seen: list[str] = []
    cursor = None
    while True:
        query = {"username": alex.username, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = program.get("/api/confirmations", **query).json()
        schemas.Page.model_validate(page)
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == asked[::-1] or sorted(seen, key=asked.index) == asked
    times = [program.read(one)["createdAt"] for one in seen]
    assert times == sorted(times, reverse=True)
    rejected = program.get("/api/confirmations", username=alex.username, status="rejected").json()
    assert [item["id"] for item in rejected["items"]] == [asked[0]]


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "done"), ("limit", 0), ("limit", 201), ("cursor", "x"), ("cursor", "1.")],
)
def test_a_filter_that_means_nothing_is_refused(program: Program, name: str, value: object) -> None:
    answer = program.get("/api/confirmations", **{name: value})
    assert (answer.status_code, answer.json()["field"]) == (422, name)


def test_an_unsigned_rejection_needs_the_page_it_came_from(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)
    path = f"/confirm/{asked['id']}/reject"
    for token in (None, "", "made up"):
        answer = alex.http.post(path, json={"token": token})
        assert (answer.status_code, answer.json()["code"]) == (403, "page_token_missing")
    alex.http.get(f"/confirm/{asked['id']}")
    for token in ("another", alex.http.cookies["cosignet_page"], alex.page_token[:-1], "ä.ö"):
        assert alex.http.post(path, json={"token": token}).status_code == 403
    assert program.read(asked["id"])["status"] == "pending"
    assert alex.reject(asked["id"], "unexpected").is_success
    assert program.read(asked["id"])["rejection"] == {"signed": False, "reason": "unexpected"}


def test_a_form_without_script_rejects_and_leads_back(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)
    page = alex.http.get(f"/confirm/{asked['id']}/reject")
    token = re.search('name="token" value="([^"]+)"', page.text)
    assert token is not None
    form = {"token": token[1], "reason": "not_now"}
    answer = alex.http.post(f"/confirm/{asked['id']}/reject", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/confirm/{asked['id']}")
    assert program.read(asked["id"])["status"] == "rejected"
    assert alex.http.get(f"/confirm/{asked['id']}/reject").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_changes_nothing(
    program: Program, alex: Person, headers: dict[str, str]
) -> None:
    asked = program.ask(alex.username)
    assertion = alex.sign(asked["id"])
    answer = alex.http.post(
        f"/confirm/{asked['id']}/approve", json={"credential": assertion}, headers=headers
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert program.read(asked["id"])["status"] == "pending"


def test_getting_a_page_changes_nothing(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)
    before = program.read(asked["id"])
    for path in ("", "/data", "/reject"):
        for method in ("GET", "HEAD"):
            assert alex.http.request(method, f"/confirm/{asked['id']}{path}").is_success
    assert program.read(asked["id"]) == before


def test_a_page_is_compressed_and_carries_another_token_each_time(
    program: Program, alex: Person
) -> None:
    path = f"/confirm/{program.ask(alex.username)['id']}"
    pages = [alex.http.get(path) for _ in range(2)]
    tokens = {re.findall('data-token="([^"]+)"', page.text)[0] for page in pages}
    assert len(tokens) == 2
    for page in pages:
        assert page.headers["content-encoding"] == "gzip"
        assert alex.http.cookies["cosignet_page"] not in page.text
    plain = alex.http.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) > 2 * int(pages[0].headers["content-length"])
    assert plain.headers["vary"] == pages[0].headers["vary"] == "accept-encoding"


def test_a_change_tells_the_time_that_it_wrote(live: Live, alex: Person) -> None:
    changing = "UPDATE approvers SET activated_at = clock_ms() WHERE username = $1"

    async def change(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            at = await tx.changed_at(changing, alex.username)
            row = await tx.fetch_one(
                "SELECT activated_at, clock_ms() AS now FROM approvers WHERE username = $1",
                alex.username,
            )
            assert row is not None
            assert at == row["activated_at"] <= row["now"]
            assert await tx.changed_at(changing, "nobody") is None

    live.run(change)
