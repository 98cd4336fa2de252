"""Who gets as far as a message: `/mcp` is a route like every other."""

import json
import socket
import subprocess
import sys
from dataclasses import replace

import httpx2
import pytest
from tests.agents import EARLIER, MODERN, Agent
from tests.live import Live
from tests.people import Person, Program, client

from cosignet.core.rate import Rate
from cosignet.server.web.call import BODY_BYTES_MAX
from cosignet.server.web.headers import DATA_POLICY

OTHER_ORIGINS = [
    "https://evil.example",
    "null",
    "http://localhost",
    "{url}.evil.example",
    "{url}:80",
    "{url}/",
    "https://localhost:{port}",
    "http://127.0.0.1:{port}",
    "http://LOCALHOST:{port}",
    "",
]
OTHER_HOSTS = ["localhost:{port}.evil.example", "evil.example", "localhost.evil.example:{port}"]


@pytest.fixture(params=[MODERN, EARLIER[-1]])
def agent(live: Live, secrets: dict[str, str], request: pytest.FixtureRequest) -> Agent:
    return Agent(live.url, secrets["program"], revision=request.param)


def listed(agent: Agent, **headers: str) -> httpx2.Response:
    return agent.post(agent.message("tools/list"), **headers)


def spelled(live: Live, pattern: str) -> str:
    return pattern.format(url=live.url, port=live.port)


@pytest.mark.parametrize("pattern", OTHER_ORIGINS)
def test_another_sites_page_is_refused(agent: Agent, live: Live, pattern: str) -> None:
    answer = listed(agent, Origin=spelled(live, pattern))
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


def test_our_own_origin_is_no_reason_to_refuse(agent: Agent, live: Live) -> None:
    assert listed(agent, Origin=live.url).is_success


@pytest.mark.parametrize("pattern", OTHER_HOSTS)
def test_another_name_for_this_server_is_refused(agent: Agent, live: Live, pattern: str) -> None:
    answer = listed(agent, Host=spelled(live, pattern))
    assert (answer.status_code, answer.json()["code"]) == (421, "misdirected")


def test_a_key_comes_in_either_header(live: Live, secrets: dict[str, str]) -> None:
    for revision in (MODERN, None):
        agent = Agent(live.url, secrets["program"], revision=revision, header="Authorization")
        assert listed(agent).is_success
    for scheme in ("bearer", "BEARER"):
        http = client(live.url, {"Authorization": f"{scheme} {secrets['program']}"})
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        assert http.post("/mcp", json=ping).is_success


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Api-Key": ""},
        {"X-Api-Key": "cosk_" + "A" * 43},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer cosk_" + "A" * 43},
        {"Authorization": "Basic {key}"},
        {"Authorization": "{key}"},
        {"Cookie": "cosignet_sid={key}"},
    ],
    ids=str,
)
def test_without_a_key_nothing_is_said(
    live: Live, secrets: dict[str, str], headers: dict[str, str]
) -> None:
    sent = {name: value.format(key=secrets["program"]) for name, value in headers.items()}
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    answer = client(live.url, sent).post("/mcp", json=ping)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_bearer_token_is_no_key_elsewhere(live: Live, secrets: dict[str, str]) -> None:
    http = client(live.url, {"Authorization": f"Bearer {secrets['program']}"})
    assert http.get("/api/confirmations").status_code == 401


def test_there_is_nothing_to_get_or_to_delete(agent: Agent) -> None:
    for method in ("GET", "DELETE", "PUT", "HEAD"):
        answer = agent.http.request(method, "/mcp")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_body_too_long_is_refused(agent: Agent) -> None:
    message = agent.message("tools/list", {"x": "y" * BODY_BYTES_MAX})
    answer = agent.post(message)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_query_parameters_and_idempotency_headers_are_refused(agent: Agent) -> None:
    message = agent.message("tools/list")
    answer = agent.http.post("/mcp?x=y", json=message, headers=agent.headers(message))
    assert (answer.status_code, answer.json()["code"]) == (422, "field_unknown")
    answer = listed(agent, **{"Idempotency-Key": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_supported")


def test_its_calls_count_among_the_keys(agent: Agent, live: Live) -> None:
    limits = live.runtime.limits
    few = replace(limits, requests_per_key=Rate(1, 60), creations_per_key=Rate(1, 60))
    agent = Agent(live.url, live.program().key, agent.revision)
    object.__setattr__(live.runtime, "limits", few)
    try:
        assert listed(agent).is_success
        answer = listed(agent)
    finally:
        object.__setattr__(live.runtime, "limits", limits)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert int(answer.headers["retry-after"]) > 0


def test_its_answers_carry_what_all_answers_carry(agent: Agent) -> None:
    answer = listed(agent, **{"X-Request-Id": "request-of-mine"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-security-policy"] == DATA_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-request-id"] == "request-of-mine"
    assert "mcp-session-id" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    names = [name for name, _ in answer.headers.multi_items()]
    assert len(names) == len(set(names))


def test_white_space_around_a_header_means_nothing(live: Live, secrets: dict[str, str]) -> None:
    # By hand: HTTP libraries do not send it (RFC 9110, section 5.5).
    agent = Agent(live.url, secrets["program"])
    message = agent.message("tools/call", {"name": "get_approval_status", "arguments": {"id": "x"}})
    body = json.dumps(message).encode()
    with socket.create_connection(("127.0.0.1", live.port)) as connection:
        connection.sendall(
            f"POST /mcp HTTP/1.1\r\nHost: localhost:{live.port}\r\nX-Api-Key: {agent.key}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\n"
            f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method:  tools/call\r\n"
            f"Mcp-Name: \t get_approval_status \t \r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"not_found" in answer


def test_what_it_accepts_must_be_what_it_gets(agent: Agent) -> None:
    assert listed(agent, Accept="text/html").status_code == 406
    assert listed(agent, Accept="application/json").is_success
    assert listed(agent, Accept="*/*").is_success


def test_the_sdk_is_loaded_with_the_first_agent_and_not_before() -> None:
    program = "import sys, cosignet.server.app; print([n for n in sys.modules if 'mcp' in n])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout == b"[]\n"


def test_llms_txt_says_where_to_go(live: Live, program: Program) -> None:
    answer = Person(live.url).http.get("/llms.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert f"{live.url}/mcp" in answer.text
    assert "do not run it" in answer.text
    assert "{" not in answer.text.replace('{"', "").replace("{id}", "")
