"""What an agent may not say: each refusal is an error of the tool that names field and cure.

The SDK's own reading takes all of `LENIENT`: it drops what it does not know, guesses types, and
keeps the last of two members of one name.
"""

import json
from typing import Any

import pytest
from tests.agents import EARLIER, MODERN, Agent, events, refused, result_of
from tests.live import Live
from tests.people import JSON, Person, Program

CONSUME = "0123456789abcdef"
OF_A_TOOL: list[tuple[str, JSON, str, str]] = [
    ("request_human_approval", {"username": "alex"}, "username", "field_unknown"),
    ("request_human_approval", {"status": "approved"}, "status", "field_unknown"),
    ("request_human_approval", {"ttlSeconds": 60}, "ttlSeconds", "field_unknown"),
    ("request_human_approval", {"wait_seconds": "25"}, "wait_seconds", "field_invalid"),
    ("request_human_approval", {"wait_seconds": 26}, "wait_seconds", "field_invalid"),
    ("request_human_approval", {"wait_seconds": -1}, "wait_seconds", "field_invalid"),
    ("request_human_approval", {"wait_seconds": True}, "wait_seconds", "field_invalid"),
    ("request_human_approval", {"wait_seconds": 1.5}, "wait_seconds", "field_invalid"),
    ("request_human_approval", {"ttl_seconds": 0}, "ttl_seconds", "field_invalid"),
    ("request_human_approval", {"ttl_seconds": 86_401}, "ttl_seconds", "field_invalid"),
    ("request_human_approval", {"risk": "critical"}, "risk", "field_invalid"),
    ("request_human_approval", {"private": "yes"}, "private", "field_invalid"),
    ("request_human_approval", {"action": ""}, "action", "field_invalid"),
    ("request_human_approval", {"action": "x" * 201}, "action", "field_invalid"),
    ("request_human_approval", {"action": 1}, "action", "field_invalid"),
    ("request_human_approval", {"action": "a\0b"}, "action", "field_invalid"),
    ("request_human_approval", {"action": None}, "action", "field_invalid"),
    ("request_human_approval", {"payload": "text"}, "payload", "payload_not_object"),
    ("request_human_approval", {"payload": [1]}, "payload", "payload_not_object"),
    ("request_human_approval", {"payload": None}, "payload", "payload_not_object"),
    ("request_human_approval", {"payload": {"a": "x" * 65_536}}, "payload", "payload_too_large"),
    ("request_human_approval", {"payload": {"a": [0] * 501}}, "payload", "payload_too_many_values"),
    ("request_human_approval", {"approver_username": "no-one"}, "approver_username", ""),
    ("request_human_approval", {"approver_username": 7}, "approver_username", "field_invalid"),
    ("request_human_approval", {"idempotency_key": ""}, "idempotency_key", "field_invalid"),
    ("request_human_approval", {"idempotency_key": "é"}, "idempotency_key", "field_invalid"),
    ("request_human_approval", {"idempotency_key": " "}, "idempotency_key", "field_invalid"),
    ("get_approval_status", {"id": 1}, "id", "field_invalid"),
    ("get_approval_status", {"id": "x" * 201}, "id", "field_invalid"),
    ("get_approval_status", {"id": "a\0"}, "id", "field_invalid"),
    ("get_approval_status", {"wait_seconds": "1"}, "wait_seconds", "field_invalid"),
    ("get_approval_status", {"wait": 1}, "wait", "field_unknown"),
    ("consume_approval", {"token": "short"}, "token", "field_invalid"),
    ("consume_approval", {"token": "x" * 201}, "token", "field_invalid"),
    ("consume_approval", {"token": 12_345_678}, "token", "field_invalid"),
    ("consume_approval", {"force": True}, "force", "field_unknown"),
    ("verify_approval", {"payload": "text"}, "payload", "payload_not_object"),
    ("verify_approval", {"payload": {"a": "x" * 65_536}}, "payload", "payload_too_large"),
    ("verify_approval", {"payloadHash": "0" * 64}, "payloadHash", "field_unknown"),
]
MISSING = [
    ("request_human_approval", "action"),
    ("request_human_approval", "payload"),
    ("request_human_approval", "approver_username"),
    ("get_approval_status", "id"),
    ("consume_approval", "id"),
    ("consume_approval", "token"),
    ("verify_approval", "id"),
    ("verify_approval", "payload"),
]
LENIENT: dict[str, tuple[str, str | None, str]] = {
    "two members of one name": ('{"a": 1, "a": 2}', "payload.a", "payload_duplicate_key"),
    "the same name, escaped": (r'{"a": 1, "\u0061": 2}', "payload.a", "payload_duplicate_key"),
    "no number": ('{"a": NaN}', "payload.a", "payload_not_a_number"),
    "infinity": ('{"a": [0, Infinity]}', "payload.a[1]", "payload_not_a_number"),
    "half a character": (r'{"a": "\ud800"}', "payload.a", "payload_lone_surrogate"),
    "an integer too large": ('{"a": 9007199254740993}', "payload.a", "payload_number_too_large"),
    "too many digits": ('{"a": 0.1234567890123456789}', "payload.a", "payload_number_inexact"),
    "a huge exponent": ('{"a": 1e999999}', "payload.a", "payload_number_too_long"),
    "too deep": ('{"a": ' * 65 + "1" + "}" * 65, None, "payload_too_deep"),
}


@pytest.fixture(params=[MODERN, EARLIER[-1], None], ids=str)
def agent(live: Live, secrets: dict[str, str], request: pytest.FixtureRequest) -> Agent:
    return Agent(live.url, secrets["program"], revision=request.param)


def arguments(tool: str, username: str) -> JSON:
    """Return what the tool takes."""
    asked = {"action": "Deploy", "payload": {}, "approver_username": username}
    return {
        "request_human_approval": asked,
        "get_approval_status": {"id": "x"},
        "consume_approval": {"id": "x", "token": CONSUME},
        "verify_approval": {"id": "x", "payload": {}},
    }[tool]


def asked_of(program: Program, alex: Person) -> list[Any]:
    return program.get("/api/confirmations", username=alex.username).json()["items"]


def test_wrong_arguments_are_refused_by_name(agent: Agent, program: Program, alex: Person) -> None:
    found = {
        (tool, str(wrong)[:60]): refused(agent.call(tool, **arguments(tool, alex.username) | wrong))
        for tool, wrong, _, _ in OF_A_TOOL
    }
    told = {call: (problem["field"], problem["code"]) for call, problem in found.items()}
    assert told == {
        (tool, str(wrong)[:60]): (field, code or "approver_unknown")
        for tool, wrong, field, code in OF_A_TOOL
    }
    assert all(problem["cure"] and problem["requestId"] for problem in found.values())
    assert asked_of(program, alex) == []


def test_missing_arguments_are_named(agent: Agent, alex: Person) -> None:
    for tool, name in MISSING:
        given = arguments(tool, alex.username)
        del given[name]
        problem = refused(agent.call(tool, **given))
        assert (problem["code"], problem["field"]) == ("field_missing", name)
    nothing = agent.result("tools/call", {"name": "get_approval_status"})
    assert refused(nothing)["code"] == "field_missing"


def test_optional_arguments_may_be_null(agent: Agent, alex: Person) -> None:
    empty = dict.fromkeys(("wait_seconds", "ttl_seconds", "risk", "private", "idempotency_key"))
    assert agent.ask(alex.username, **empty)["status"] == "pending"


@pytest.mark.parametrize("what", LENIENT)
def test_a_payload_that_could_be_read_differently_is_refused(
    agent: Agent, program: Program, alex: Person, what: str
) -> None:
    payload, field, code = LENIENT[what]
    for tool in ("request_human_approval", "verify_approval"):
        given = json.dumps(arguments(tool, alex.username) | {"payload": "HERE"})
        answer = agent.post_text(given.replace('"HERE"', payload), tool)
        assert answer.status_code == 200
        problem = refused(result_of(answer))
        assert problem["code"] == code
        assert field is None or problem["field"] == field
        assert events(answer)[-1]["id"] is not None
    assert asked_of(program, alex) == []


def test_arguments_named_twice_are_refused(agent: Agent, program: Program, alex: Person) -> None:
    given = json.dumps(arguments("request_human_approval", alex.username))
    answer = agent.post_text(given[:-1] + ', "action": "Delete everything"}')
    assert refused(result_of(answer))["field"] == "action"
    assert asked_of(program, alex) == []


def test_what_is_hashed_is_what_was_written(agent: Agent, program: Program, alex: Person) -> None:
    written = r'{"10": 1.0, "b": 1e2, "9": -0, "\u0041": 1E-7}'
    given = json.dumps(arguments("request_human_approval", alex.username) | {"payload": "HERE"})
    asked = result_of(agent.post_text(given.replace('"HERE"', written)))["structuredContent"]
    read = program.read(asked["id"])
    assert read["payloadText"] == '{"9":0,"10":1,"b":100,"A":1e-7}'
    assert asked["payloadHash"] == read["payloadHash"]


def test_an_unknown_tool_is_refused_by_name(agent: Agent) -> None:
    for name in ("approve", "request_human_approval_", "Request_human_approval"):
        problem = refused(agent.call(name))
        assert problem["field"] == "name"
        assert "request_human_approval" in problem["detail"]


# --- What is no message ---------------------------------------------------------------------------

NO_MESSAGES: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "body_not_json"),
    "nothing": (b"", "body_not_json"),
    "a text": (b'"tools/list"', "body_not_object"),
    "several at once": (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', "body_not_object"),
    "two members of one name": (
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "tools/list"}',
        "payload_duplicate_key",
    ),
    "half a character": (
        rb'{"jsonrpc": "2.0", "id": "\ud800", "method": "ping"}',
        "payload_lone_surrogate",
    ),
    "not UTF-8": (b'{"jsonrpc": "\xff"}', "payload_not_utf8"),
    "a member of no message": (
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "status": "approved"}',
        "field_unknown",
    ),
}


@pytest.mark.parametrize("what", NO_MESSAGES)
def test_what_is_no_message_is_refused_like_any_body(agent: Agent, what: str) -> None:
    body, code = NO_MESSAGES[what]
    headers = {"Content-Type": "application/json", **agent.headers({"method": "ping"})}
    answer = agent.http.post("/mcp", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "id": 1, "method": ["echoed"]},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "echoed", "id": 1, "method": "ping"},
        {"id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": {"echoed": 1}, "method": "ping"},
        {"jsonrpc": "2.0", "id": True, "method": "ping"},
        {"jsonrpc": "2.0", "id": None, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": ["echoed"]},
        {"jsonrpc": "2.0", "id": 1, "error": "echoed"},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ],
)
def test_what_is_no_request_is_answered_as_the_protocol_says(agent: Agent, message: JSON) -> None:
    answer = agent.http.post("/mcp", json=message, headers=agent.headers({"method": "ping"}))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.json()["id"], answer.json()["error"]["code"]) == (None, -32600)
    assert "echoed" not in answer.text


def test_a_method_nobody_knows_is_an_error(agent: Agent) -> None:
    for method in ("resources/list", "prompts/list", "logging/setLevel", "confirmations/approve"):
        answer = agent.post(agent.message(method)).json()
        assert "result" not in answer, method
        assert answer["error"]["code"] in (-32601, -32602)
