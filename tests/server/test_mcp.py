"""MCP at `/mcp`: agents ask, wait, verify and use approvals up; a passkey decides meanwhile."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, cast

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitRequestURLParams, ElicitResult
from tests.agents import EARLIER, MODERN, Agent, events, refused, result_of, said
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.server.together import background, eventually

from cosignet.core.access import Scope
from cosignet.core.limits import Limits
from cosignet.server.mcp.tools import OFFERS

Answer = Callable[..., Coroutine[Any, Any, Any]]
SOON_SECONDS = 15
"""Answers come in milliseconds; this only tells them from those that waited to the end."""
CONSUME = "0123456789abcdef"


@pytest.fixture(params=[MODERN, EARLIER[-1]])
def agent(live: Live, secrets: dict[str, str], request: pytest.FixtureRequest) -> Agent:
    return Agent(live.url, secrets["program"], revision=request.param)


# --- The whole way, by the official client --------------------------------------------------------


def by_client(live: Live, key: str, talk: Answer, **options: Any) -> Any:
    """Let the official client talk."""

    async def run() -> Any:
        async with httpx2.AsyncClient(headers={"X-Api-Key": key}, timeout=40) as http:
            transport = streamable_http_client(f"{live.url}/mcp", http_client=http)
            async with Client(transport, **options) as mcp:
                return await talk(mcp)

    return asyncio.run(run())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_asks_waits_verifies_and_uses_the_approval_up(
    live: Live, secrets: dict[str, str], alex: Person, mode: str
) -> None:
    told: list[str] = []
    payload: JSON = {"b": 1.5, "a": [True, None]}

    async def progress(_: float, __: float | None, message: str | None) -> None:
        told.append(str(message))
        if len(told) == 1:
            await asyncio.to_thread(lambda: raise_for(alex.approve(told[0].rpartition("/")[2])))

    async def talk(mcp: Client) -> list[JSON]:
        asked = {"action": "Deploy", "payload": payload, "approver_username": alex.username}
        decided = await mcp.call_tool(
            "request_human_approval", asked | {"wait_seconds": 25}, progress_callback=progress
        )
        about = {"id": cast(JSON, decided.structured_content)["id"]}
        verified = await mcp.call_tool("verify_approval", about | {"payload": payload})
        consumed = await mcp.call_tool("consume_approval", about | {"token": CONSUME})
        again = await mcp.call_tool("get_approval_status", about)
        return [cast(JSON, one.structured_content) for one in (decided, verified, consumed, again)]

    decided, verified, consumed, again = by_client(live, secrets["program"], talk, mode=mode)
    assert (decided["status"], decided["payload"]) == ("approved", payload)
    assert list(decided["payload"]) == ["b", "a"]
    assert told[0] == f"Waiting for {alex.username} to decide: {decided['url']}"
    assert (verified["payloadMatches"], verified["mayRun"]) == (True, True)
    assert consumed["id"] == decided["id"]
    assert again["consumedAt"] == consumed["consumedAt"]


def test_what_it_answers_is_what_the_api_answers(
    agent: Agent, program: Program, alex: Person
) -> None:
    asked = agent.ask(alex.username, payload={"b": 1e2, "a": "x"}, risk="high")
    by_api = program.read(asked["id"])
    assert asked.items() <= by_api.items()
    raise_for(alex.approve(asked["id"], match_code=asked["matchCode"]))
    by_api = program.read(asked["id"])
    assert agent.status(asked["id"]) == {name: by_api[name] for name in asked}
    assert by_api["payloadText"] == '{"b":100,"a":"x"}'
    assert {"evidenceId", "evidenceUrl", "payloadHash", "expiresAt", "url"} <= asked.keys()


def test_the_match_code_is_for_the_key_that_asked(
    agent: Agent, live: Live, secrets: dict[str, str], alex: Person
) -> None:
    asked = agent.ask(alex.username, risk="high")
    assert agent.status(asked["id"])["matchCode"] == asked["matchCode"] is not None
    assert Agent(live.url, secrets["colleague"]).status(asked["id"])["matchCode"] is None


@pytest.mark.parametrize("end", ["approved", "rejected"])
def test_a_decision_ends_the_wait(agent: Agent, live: Live, alex: Person, end: str) -> None:
    asked = agent.ask(alex.username)["id"]
    with background() as start:
        waits: Future[JSON] = start(agent.call, "get_approval_status", id=asked, wait_seconds=25)
        eventually(lambda: len(live.runtime.waiters) == 1)
        assert (alex.approve if end == "approved" else alex.reject)(asked).is_success
        result = waits.result(SOON_SECONDS)
    assert said(result)["status"] == end
    words = result["content"][0]["text"]
    assert ("Do not run" in words) is (end == "rejected")
    assert json.loads(result["content"][1]["text"]) == said(result)


def test_who_is_silent_has_not_approved(agent: Agent, live: Live, alex: Person) -> None:
    asked = agent.ask(alex.username, ttl_seconds=60)
    assert asked["status"] == "pending"
    live.clock.advance(61)
    result = agent.call("get_approval_status", id=asked["id"])
    assert said(result)["status"] == "expired"
    assert "Do not run the action" in result["content"][0]["text"]


def test_an_approval_is_used_once(agent: Agent, program: Program, alex: Person) -> None:
    asked = agent.ask(alex.username)["id"]
    assert refused(agent.call("consume_approval", id=asked, token=CONSUME))["code"] == (
        "not_approved"
    )
    raise_for(alex.approve(asked))
    first = said(agent.call("consume_approval", id=asked, token=CONSUME))
    assert said(agent.call("consume_approval", id=asked, token=CONSUME)) == first
    other = refused(agent.call("consume_approval", id=asked, token=CONSUME[::-1]))
    assert (other["code"], other["consumedAt"]) == ("already_consumed", first["consumedAt"])
    assert program.read(asked)["consumedAt"] == first["consumedAt"]
    words = agent.call("get_approval_status", id=asked)["content"][0]["text"]
    assert "Do not run the action again" in words


SAME: list[tuple[JSON, JSON]] = [
    ({"a": 1, "b": [{"c": 1, "d": 2}]}, {"b": [{"d": 2, "c": 1}], "a": 1}),
    ({"a": 1.0}, {"a": 1}),
]
OTHER: list[tuple[JSON, JSON]] = [
    ({"a": 1}, {"a": True}),
    ({"a": 1}, {"a": "1"}),
    ({"a": None}, {}),
    ({"a": [1, 2]}, {"a": [2, 1]}),
    ({"a": 0}, {"a": False}),
]


@pytest.mark.parametrize(("asked", "runs"), SAME)
def test_the_same_payload_is_the_same_in_any_order(
    agent: Agent, alex: Person, asked: JSON, runs: JSON
) -> None:
    confirmation = agent.ask(alex.username, payload=asked)
    verified = said(agent.call("verify_approval", id=confirmation["id"], payload=runs))
    assert (verified["payloadMatches"], verified["mayRun"]) == (True, False)
    assert verified["payloadHash"] == confirmation["payloadHash"]


@pytest.mark.parametrize(("asked", "runs"), OTHER)
def test_another_payload_may_not_run(agent: Agent, alex: Person, asked: JSON, runs: JSON) -> None:
    confirmation = agent.ask(alex.username, payload=asked)["id"]
    raise_for(alex.approve(confirmation))
    result = agent.call("verify_approval", id=confirmation, payload=runs)
    assert (said(result)["payloadMatches"], said(result)["mayRun"]) == (False, False)
    assert "Do not run it" in result["content"][0]["text"]


def test_what_is_used_up_or_anothers_may_not_run(
    agent: Agent, live: Live, secrets: dict[str, str], alex: Person
) -> None:
    asked = agent.ask(alex.username)
    raise_for(alex.approve(asked["id"]))
    about = {"id": asked["id"], "payload": asked["payload"]}
    colleague = Agent(live.url, secrets["colleague"])
    anothers = colleague.call("verify_approval", **about)
    assert (said(anothers)["payloadMatches"], said(anothers)["mayRun"]) == (True, False)
    assert "another API key" in anothers["content"][0]["text"]
    assert said(agent.call("verify_approval", **about))["mayRun"] is True
    said(agent.call("consume_approval", id=asked["id"], token=CONSUME))
    used = agent.call("verify_approval", **about)
    assert (said(used)["payloadMatches"], said(used)["mayRun"]) == (True, False)
    assert "used up" in used["content"][0]["text"]


# --- Agents repeat themselves ---------------------------------------------------------------------


def test_the_same_request_with_the_same_key_is_asked_once(
    agent: Agent, program: Program, alex: Person
) -> None:
    first = agent.ask(alex.username, idempotency_key=alex.username)
    assert agent.ask(alex.username, idempotency_key=alex.username, wait_seconds=0) == first
    raise_for(alex.approve(first["id"]))
    again = agent.ask(alex.username, idempotency_key=alex.username, wait_seconds=25)
    assert (again["id"], again["status"]) == (first["id"], "approved")
    other = agent.call(
        "request_human_approval",
        action="Deploy",
        payload={"sha": "another"},
        approver_username=alex.username,
        idempotency_key=alex.username,
    )
    assert refused(other)["code"] == "idempotency_key_reused"
    assert len(program.get("/api/confirmations", username=alex.username).json()["items"]) == 1


def test_twins_ask_once(agent: Agent, program: Program, alex: Person) -> None:
    with background() as start:
        twins: list[Future[JSON]] = [
            start(agent.ask, alex.username, idempotency_key=alex.username) for _ in range(8)
        ]
        assert len({twin.result(SOON_SECONDS)["id"] for twin in twins}) == 1
    assert len(program.get("/api/confirmations", username=alex.username).json()["items"]) == 1


# --- Where the client can have the page opened ----------------------------------------------------


def opening(live: Live, key: str) -> Agent:
    return Agent(live.url, key, able={"elicitation": {"url": {}}})


@pytest.mark.parametrize("answer", ["accept", "decline", "cancel"])
def test_a_client_that_opens_pages_is_asked_to(
    live: Live, secrets: dict[str, str], program: Program, alex: Person, answer: str
) -> None:
    opened: list[str] = []

    async def open_page(_: Any, asked: Any) -> ElicitResult:
        assert isinstance(asked, ElicitRequestURLParams)
        opened.append(asked.url)
        if answer == "accept":
            await asyncio.to_thread(lambda: raise_for(alex.approve(asked.url.rpartition("/")[2])))
        return ElicitResult(action=cast(Any, answer))

    async def talk(mcp: Client) -> CallToolResult:
        asked = {"action": "Deploy", "payload": {}, "approver_username": alex.username}
        return await mcp.call_tool("request_human_approval", asked | {"wait_seconds": 25})

    with background() as start:
        told: Future[Any] = start(
            by_client, live, secrets["program"], talk, elicitation_callback=open_page
        )
        result = cast(JSON, told.result(SOON_SECONDS).structured_content)
    assert opened == [result["url"]]
    # Declining to open a page rejects nothing, and nobody waits for a page that is not open.
    assert result["status"] == ("approved" if answer == "accept" else "pending")
    assert len(program.get("/api/confirmations", username=alex.username).json()["items"]) == 1


def test_what_the_client_comes_back_with_is_what_was_asked(
    live: Live, secrets: dict[str, str], alex: Person
) -> None:
    agent = opening(live, secrets["program"])
    asked = {"action": "Deploy", "payload": {"a": 1}, "approver_username": alex.username}
    call = {"name": "request_human_approval", "arguments": asked}
    required = agent.result("tools/call", call)
    assert required["resultType"] == "input_required"
    [request] = required["inputRequests"].values()
    assert request["params"]["url"].endswith(f"/confirm/{required['requestState']}")
    back = {"requestState": required["requestState"]}
    assert said(agent.result("tools/call", call | back))["id"] == required["requestState"]
    others: list[JSON] = [{"payload": {"a": 2}}, {"action": "Delete"}, {"approver_username": "bo"}]
    for other in others:
        changed = agent.result("tools/call", {**call, **back, "arguments": asked | other})
        assert refused(changed)["field"] == "requestState", other
    thief = opening(live, secrets["colleague"])
    assert refused(thief.result("tools/call", call | back))["field"] == "requestState"
    stranger = opening(live, live.stranger().key)
    assert refused(stranger.result("tools/call", call | back))["code"] == "not_found"


def test_a_client_that_does_not_open_pages_gets_the_link(
    live: Live, secrets: dict[str, str], alex: Person
) -> None:
    for able in ({}, {"elicitation": {"form": {}}}):
        agent = Agent(live.url, secrets["program"], able=able)
        assert agent.ask(alex.username)["status"] == "pending"
    earlier = Agent(live.url, secrets["program"], EARLIER[-1], {"elicitation": {"url": {}}})
    assert earlier.ask(alex.username)["url"].startswith(live.url)


# --- Every revision -------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", EARLIER)
def test_earlier_revisions_begin_with_a_handshake_and_keep_nothing(
    live: Live, secrets: dict[str, str], alex: Person, revision: str
) -> None:
    agent = Agent(live.url, secrets["program"], revision=None)
    hello = {
        "protocolVersion": revision,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "0"},
    }
    answer = agent.post(agent.message("initialize", hello))
    begun = result_of(answer)
    assert "mcp-session-id" not in answer.headers
    assert begun["protocolVersion"] == revision
    assert begun["serverInfo"]["name"] == "cosignet"
    assert "do not run it" in begun["instructions"]
    assert set(begun["capabilities"]) <= {"tools", "experimental"}
    agent.revision = revision
    noted = agent.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (noted.status_code, noted.content) == (202, b"")
    assert [tool["name"] for tool in agent.result("tools/list")["tools"]] == list(OFFERS)
    asked = agent.ask(alex.username)
    raise_for(alex.approve(asked["id"]))
    assert agent.status(asked["id"], wait_seconds=25)["status"] == "approved"
    assert agent.result("ping") == {}


def test_the_newest_revision_needs_no_handshake(live: Live, secrets: dict[str, str]) -> None:
    agent = Agent(live.url, secrets["program"])
    found = agent.result("server/discover")
    assert MODERN in found["supportedVersions"]
    assert "do not run it" in found["instructions"]


def test_a_revision_nobody_knows_is_refused(live: Live, secrets: dict[str, str]) -> None:
    agent = Agent(live.url, secrets["program"], revision="2099-01-01")
    answer = agent.post(agent.message("tools/list"))
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_an_agent_that_names_no_revision_is_understood(
    live: Live, secrets: dict[str, str], alex: Person
) -> None:
    agent = Agent(live.url, secrets["program"], revision=None)
    assert agent.ask(alex.username)["status"] == "pending"


def test_the_tools_say_what_they_take_answer_and_do(agent: Agent) -> None:
    tools = {tool["name"]: tool for tool in agent.result("tools/list")["tools"]}
    hints = {name: tool["annotations"] for name, tool in tools.items()}
    reading = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True}
    assert hints["get_approval_status"].items() >= reading.items()
    assert hints["verify_approval"].items() >= reading.items()
    assert hints["request_human_approval"]["readOnlyHint"] is False
    assert hints["request_human_approval"]["idempotentHint"] is False
    assert hints["consume_approval"]["destructiveHint"] is True
    assert hints["consume_approval"]["idempotentHint"] is True
    for tool in tools.values():
        taken, answered = tool["inputSchema"], tool["outputSchema"]
        assert (taken["type"], taken["additionalProperties"]) == ("object", False)
        assert "null" not in json.dumps(taken)
        assert all("description" in one or "type" in one for one in taken["properties"].values())
        assert answered["type"] == "object"
        assert "do not run it" in tool["description"] or "evidence" in tool["description"]
    waits = tools["request_human_approval"]["inputSchema"]["properties"]["wait_seconds"]
    assert (waits["type"], waits["minimum"], waits["maximum"], waits["default"]) == (
        *("integer", 0, 25, 0),
    )
    assert tools["request_human_approval"]["inputSchema"]["required"] == [
        *("action", "payload", "approver_username"),
    ]


# --- Waiting --------------------------------------------------------------------------------------


def test_who_wants_progress_is_told_while_it_waits(agent: Agent, live: Live, alex: Person) -> None:
    asked = agent.ask(alex.username)["id"]
    call = {"name": "get_approval_status", "arguments": {"id": asked, "wait_seconds": 25}}
    with background() as start:
        message = agent.message("tools/call", call, progressToken="mine")
        waits: Future[httpx2.Response] = start(agent.post, message)
        eventually(lambda: len(live.runtime.waiters) == 1)
        live.run(told_by_now)
        raise_for(alex.approve(asked))
        answer = waits.result(SOON_SECONDS)
    first, *_, last = events(answer)
    assert first["method"] == "notifications/progress"
    assert first["params"]["progressToken"] == "mine"
    assert f"/confirm/{asked}" in first["params"]["message"]
    assert said(last["result"])["status"] == "approved"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def told_by_now(_: Any) -> None:
    await asyncio.sleep(0.2)  # longer than it takes to say something that waits for nothing


def test_a_client_that_has_gone_is_not_waited_for(agent: Agent, live: Live, alex: Person) -> None:
    asked = agent.ask(alex.username)["id"]
    call = {"name": "get_approval_status", "arguments": {"id": asked, "wait_seconds": 25}}
    for meta in ({}, {"progressToken": 1}):
        message = agent.message("tools/call", call, **meta)
        request = {"json": message, "headers": dict(agent.http.headers) | agent.headers(message)}

        async def leave(request: JSON = request) -> None:
            async with httpx2.AsyncClient(timeout=40) as http:
                waits = asyncio.ensure_future(http.post(f"{live.url}/mcp", **request))
                await asyncio.to_thread(eventually, lambda: len(live.runtime.waiters) == 1)
                waits.cancel()
                await asyncio.wait([waits])

        asyncio.run(leave())
        with background() as start:
            # Sooner than the wait would have ended by itself.
            free: Future[None] = start(eventually, lambda: live.runtime.waiters.held == 0)
            free.result(SOON_SECONDS)
        assert len(live.runtime.waiters) == 0


def test_one_more_than_may_wait_is_told_so_and_what_it_asked_is_not_lost(
    agent: Agent, live: Live, alex: Person
) -> None:
    asked = agent.ask(alex.username)["id"]
    limits = live.runtime.limits
    object.__setattr__(live.runtime, "limits", replace(limits, held_per_key=0))
    try:
        refusal = refused(agent.call("get_approval_status", id=asked, wait_seconds=25))
        assert refusal["code"] == "too_many_waiting"
        assert agent.ask(alex.username, wait_seconds=25)["status"] == "pending"
    finally:
        object.__setattr__(live.runtime, "limits", limits)
    assert isinstance(limits, Limits)


def test_a_server_that_stops_answers_who_waits(agent: Agent, live: Live, alex: Person) -> None:
    asked = agent.ask(alex.username)["id"]
    with background() as start:
        waits: Future[JSON] = start(agent.call, "get_approval_status", id=asked, wait_seconds=25)
        eventually(lambda: len(live.runtime.waiters) == 1)
        live.loop.call_soon_threadsafe(live.runtime.waiters.release)
        assert said(waits.result(SOON_SECONDS))["status"] == "pending"
        live.runtime.waiters.released = False


# --- What is written down -------------------------------------------------------------------------


def test_nothing_of_a_message_and_no_key_is_logged(
    agent: Agent, alex: Person, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = logging.root.handlers[:]
    with caplog.at_level(logging.INFO):
        asked = agent.ask(alex.username, payload={"marker": "secret-of-the-payload"})
        agent.call("consume_approval", id=asked["id"], token="token-of-this-run")
        agent.post_text('{"payload": {"marker": "half-secret')
    assert logging.root.handlers == handlers
    for hidden in ("secret-of-the-payload", "token-of-this-run", "half-secret", agent.key):
        assert hidden not in caplog.text
    assert asked["id"] not in caplog.text


def test_the_sdk_makes_no_spans_of_its_own(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    def tells(**_: Any) -> None:
        raise AssertionError("a span of the SDK's")

    monkeypatch.setattr("mcp.server._otel.otel_span", tells)
    assert agent.result("tools/list")["tools"]


def test_a_defect_is_told_as_one_and_not_quoted(
    agent: Agent, alex: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("words of ours")

    offer = replace(OFFERS["get_approval_status"], act=cast(Any, broken))
    monkeypatch.setitem(OFFERS, "get_approval_status", offer)
    problem = refused(agent.call("get_approval_status", id="x"))
    assert problem["code"] == "internal_error"
    assert "words of ours" not in json.dumps(problem)
    assert any(record.getMessage() == "a defect" for record in caplog.records)


def test_refusals_and_waits_are_counted(agent: Agent, live: Live, alex: Person) -> None:
    def refusals() -> float:
        meter = live.runtime.meter.registry
        return meter.get_sample_value("cosignet_refusals_total", {"code": "not_found"}) or 0

    before = refusals()
    refused(agent.call("get_approval_status", id="nothing"))
    assert refusals() == before + 1
    agent.ask(alex.username, wait_seconds=1)
    labels = {"route": "/mcp?wait", "method": "POST", "status": "2xx"}
    registry = live.runtime.meter.registry
    eventually(lambda: registry.get_sample_value("cosignet_http_requests_total", labels))


def test_each_tool_needs_its_scope(live: Live, alex: Person) -> None:
    needed = {name: offer.scope for name, offer in OFFERS.items()}
    calls: dict[str, JSON] = {
        "request_human_approval": {
            "action": "Deploy",
            "payload": {},
            "approver_username": alex.username,
        },
        "get_approval_status": {"id": "x"},
        "consume_approval": {"id": "x", "token": CONSUME},
        "verify_approval": {"id": "x", "payload": {}},
    }
    for scope in Scope:
        agent = Agent(live.url, live.program(scope).key)
        for name, arguments in calls.items():
            result = agent.call(name, **arguments)
            code = refused(result)["code"] if result["isError"] else ""
            assert (code == "scope_missing") is (scope not in (needed[name], Scope.ADMIN)), name
    creates = Agent(live.url, live.program(Scope.CREATE).key)
    waiting = {**calls["request_human_approval"], "wait_seconds": 1}
    problem = refused(creates.call("request_human_approval", **waiting))
    assert (problem["code"], problem["scope"]) == ("scope_missing", "confirmations:read")


def test_another_organisations_confirmation_is_nothing(
    live: Live, agent: Agent, alex: Person
) -> None:
    asked = agent.ask(alex.username)["id"]
    stranger = Agent(live.url, live.stranger().key)
    for name, more in (
        ("get_approval_status", {}),
        ("consume_approval", {"token": CONSUME}),
        ("verify_approval", {"payload": {}}),
    ):
        foreign = refused(stranger.call(name, id=asked, **more))
        nothing = refused(stranger.call(name, id="00000000-0000-4000-8000-000000000000", **more))
        assert foreign | {"requestId": ""} == nothing | {"requestId": ""}
        assert foreign["code"] == "not_found"
