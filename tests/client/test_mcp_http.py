"""The gate before servers behind a URL: the SDK's own, one that is odd, and Cosignet's."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.agents import MODERN
from tests.client.stdio import StdioAgent, refused, text_of
from tests.client.test_mcp_gate import RULES, Desk, id_in
from tests.live import Live, free_port
from tests.people import JSON

from cosignet.client.sse import Event, events_of

SERVER = Path(__file__).parent / "mcp_http_server.py"
NOTHING = b""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("gate") / "data") as server:
        yield server


@pytest.fixture
def desk(live: Live, tmp_path: Path) -> Desk:
    return Desk(live, tmp_path)


def behind(desk: Desk, url: str, *options: str, rules: str = RULES, **environ: str) -> StdioAgent:
    return StdioAgent(desk.folder, rules, [], "--url", url, *options, **(desk.environ | environ))


@pytest.fixture(scope="module", params=["events", "whole"])
def sdk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, SERVER, str(port), request.param]
    log = (tmp_path_factory.mktemp("sdk") / "log").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            for _ in range(600):
                try:
                    httpx2.get(f"http://localhost:{port}/mcp", timeout=5)
                    break
                except httpx2.TransportError:
                    threading.Event().wait(0.05)
            yield f"http://localhost:{port}/mcp"
        finally:
            running.terminate()


def test_the_sdks_server_is_spoken_to_and_its_calls_wait_for_a_passkey(
    desk: Desk, sdk: str
) -> None:
    with behind(desk, sdk) as agent:
        assert agent.start()["serverInfo"]["name"] == "sdk"
        names = [tool["name"] for tool in agent.request("tools/list")["tools"]]
        assert names == ["read", "write"]
        assert text_of(agent.result(agent.call("read", {"n": 1}))) == 'read {"n": 1}'
        writing = agent.call("write", {"n": 2, "é": "ü"}, progressToken="t")
        waiting = agent.event("waiting")
        assert desk.read(id_in(waiting))["payload"]["arguments"] == {"n": 2, "é": "ü"}
        assert text_of(agent.result(agent.call("read"))) == "read {}"
        desk.person.approve(id_in(waiting))
        assert text_of(agent.result(writing)) == 'write {"n": 2, "é": "ü"}'
        assert desk.outcome(id_in(waiting)) == "executed"
        rejected = agent.call("write")
        desk.person.reject(id_in(agent.event("waiting")))
        assert "REJECTED" in refused(agent.result(rejected))
    assert agent.process.returncode == 0


def test_the_latest_revision_passes_with_its_headers(desk: Desk, live: Live) -> None:
    prefix = "io.modelcontextprotocol/"
    meta = {
        f"{prefix}protocolVersion": MODERN,
        f"{prefix}clientInfo": {"name": "é", "version": "0"},
        f"{prefix}clientCapabilities": {},
    }
    passing = 'server = "cosignet"\n[[rule]]\ntools = ["get_*"]\nthen = "pass"\n'
    id_ = live.program().ask(desk.person.username)["id"]
    key = {"GATED_KEY": live.program().key}
    url = f"{live.url}/mcp"
    with behind(desk, url, "--bearer-env", "GATED_KEY", rules=passing, **key) as agent:
        result = agent.result(agent.call("get_approval_status", {"id": id_}, **meta))
        assert result["structuredContent"]["status"] == "pending"
        asked = {"action": "a", "payload": {"x": 1}, "approver_username": desk.person.username}
        asking = agent.call("request_human_approval", asked, **meta, unsigned=1)
        desk.person.approve(id_in(agent.event("waiting")))
        assert agent.result(asking)["structuredContent"]["status"] == "pending"
        # Were its header another name than the message's, the answer would be a protocol error.
        assert agent.result(agent.call("get_ü", {}, **meta))["isError"] is True


# --- A server that is odd -------------------------------------------------------------------------

STREAM = "text/event-stream"
DONE: JSON = {"content": [{"type": "text", "text": "done"}]}


class Odd(ThreadingHTTPServer):
    """Answers each tool in another way; remembers each request's head."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.over = threading.Event()
        self.port = 0
        super().__init__(("127.0.0.1", 0), OddTalk)


class OddTalk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _note(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, dict(self.headers), body))  # pyright: ignore
        self.close_connection = True
        return body

    def _answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_GET(self) -> None:
        self._note()
        last = self.headers.get("Last-Event-ID")
        if last is not None and last.startswith("call-"):
            answer = json.dumps({"jsonrpc": "2.0", "id": int(last[5:]), "result": DONE})
            self._answer(200, STREAM, f"id: x\ndata: {answer}\n\n".encode())
            return
        notice = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        event = f": hello\nid: n1\nretry: 50\ndata: {json.dumps(notice)}\n\n"
        self._answer(200, STREAM, event.encode() if last is None else b"")

    def do_DELETE(self) -> None:
        self._note()
        self._answer(200, "text/plain", b"")

    def do_POST(self) -> None:
        message: Any = json.loads(self._note())
        id_, tool = message.get("id"), (message.get("params") or {}).get("name")
        if id_ is None:
            self._answer(202, "text/plain", b"")
        elif message["method"] == "initialize":
            result = {"protocolVersion": "2025-11-25", "serverInfo": {"name": "odd"}}
            body = json.dumps({"jsonrpc": "2.0", "id": id_, "result": result}, indent=2)
            self._answer(200, "application/json", body.encode(), Mcp_Session_Id="s-1")
        elif tool == "resumed":
            self._answer(200, STREAM, f"id: call-{id_}\nretry: 10\ndata:\n\n".encode())
        elif tool == "redirected":
            self._answer(307, "text/plain", b"", Location="/elsewhere")
        elif tool == "failing":
            self._answer(503, "text/html", b"<p>no</p>")
        elif tool == "refusing":
            error = {"jsonrpc": "2.0", "id": id_, "error": {"code": -32001, "message": "no such"}}
            self._answer(404, "application/json", json.dumps(error).encode())
        elif tool == "silent":
            self._answer(200, STREAM, b": nothing\n\n")
        else:
            answer = json.dumps({"jsonrpc": "2.0", "id": id_, "result": DONE}, indent=1)
            lines = "".join(f"data: {line}\r\n" for line in answer.splitlines())
            self._answer(200, STREAM, f"event: message\r\n{lines}\r\n".encode())


@contextmanager
def odd() -> Iterator[tuple[Odd, str]]:
    server = Odd()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server, f"http://localhost:{server.server_port}/mcp?x=1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PASSING = 'server = "odd"\n[[rule]]\ntools = ["*"]\nthen = "pass"\n'


def test_an_odd_server_is_understood(desk: Desk) -> None:
    with odd() as (server, url):
        token = {"ODD_TOKEN": "secret"}
        with behind(desk, url, "--bearer-env", "ODD_TOKEN", rules=PASSING, **token) as agent:
            assert agent.start()["serverInfo"] == {"name": "odd"}
            assert agent.next()["method"] == "notifications/tools/list_changed"
            assert agent.result(agent.call("split")) == DONE
            assert agent.result(agent.call("resumed")) == DONE
            assert "no such" in agent.answer(agent.call("refusing"))["error"]["message"]
            assert "503" in agent.answer(agent.call("failing"))["error"]["message"]
            assert "307" in agent.answer(agent.call("redirected"))["error"]["message"]
            silent = agent.answer(agent.call("silent"))
            assert "without an answer" in silent["error"]["message"]
        seen = server.seen
    assert all(line.count(b"\n") == 1 for line in agent.lines)
    assert [method for method, _, _ in seen if method == "DELETE"] == ["DELETE"]
    assert all(head["Authorization"] == "Bearer secret" for _, head, _ in seen)
    later = [head for method, head, body in seen if b"initialize" not in body]
    assert all(head["Mcp-Session-Id"] == "s-1" for head in later)
    assert all(head["MCP-Protocol-Version"] == "2025-11-25" for head in later)


def test_a_server_that_is_not_there_is_told_and_nothing_else(desk: Desk) -> None:
    with behind(desk, "http://localhost:1/mcp") as agent:
        assert "not answered" in agent.answer(agent.call("read"))["error"]["message"]
        agent.send("notifications/initialized")
        calling = agent.call("write")
        confirmation = id_in(agent.event("waiting"))
        desk.person.approve(confirmation)
        assert "not answered" in agent.answer(calling)["error"]["message"]
        assert desk.outcome(confirmation) == "failed"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--url", "http://elsewhere.example/mcp"], "--url has to be https"),
        (["--url", "localhost:80"], "--url has to be https"),
        (["--url", "https://a.example", "--bearer-env", "NOT_SET"], "NOT_SET holds no token"),
        (["--url", "https://a.example", "--", "true"], "Before which server"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(desk: Desk, options: list[str], words: str) -> None:
    with StdioAgent(desk.folder, RULES, [], *options, **desk.environ) as agent:
        assert agent.process.wait(60) == 64
        for thread in agent._threads:
            thread.join()
        assert words in agent.all_told()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [Event(b"a")]),
        (b"data:a\r\ndata:  b\r\n\r\n", [Event(b"a\n b")]),
        (b"data: a\n", []),
        (b": c\n\n", []),
        (b"id: 7\nretry: 1500\n\n", [Event(NOTHING, "7", 1.5)]),
        (b"event: x\ndata: a\nid: 7\n\ndata: b\n\n", [Event(b"a", "7"), Event(b"b")]),
        (b"retry: x\nid: \xff\ndata: a\n\n", [Event(b"a")]),
    ],
)
def test_events(stream: bytes, events: list[Event]) -> None:
    assert list(events_of(stream.splitlines(keepends=True))) == events


def test_what_the_latest_revision_repeats_in_headers_is_what_the_message_says(desk: Desk) -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": MODERN}
    with odd() as (server, url), behind(desk, url, rules=PASSING) as agent:
        for tool in ("read", "ü", "=?x", " a"):
            agent.answer(agent.call(tool, **meta))
        heads = [head for _, head, _ in server.seen]
    assert all(head["MCP-Protocol-Version"] == MODERN for head in heads)
    assert all(head["Mcp-Method"] == "tools/call" for head in heads)
    names = ["read", "=?base64?w7w=?=", "=?base64?PT94?=", "=?base64?IGE=?="]
    assert [head["Mcp-Name"] for head in heads] == names
