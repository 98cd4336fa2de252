"""`cosignet mcp-gate`, as an agent meets it before a server that writes every byte down."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.client.stdio import GATE, PLAIN, SECONDS, StdioAgent, refused, text_of
from tests.live import Live
from tests.people import JSON, Person

from cosignet.client.jsonrpc import Call
from cosignet.client.mcp_calls import Calls
from cosignet.client.rules import Asking, parse_rules

RULES = """
server = "plain"
[[rule]]
tools = ["read", "slow", "hang"]
then = "pass"
[[rule]]
tools = ["secret*"]
then = "deny"
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("gate") / "data") as server:
        yield server


class Desk:
    """An agent behind the gate, and the person whom it asks."""

    def __init__(self, live: Live, folder: Path) -> None:
        self.live = live
        self.person: Person = live.newcomer()
        self.folder = folder
        self.received = folder / "received"

    def agent(self, *options: str, rules: str = RULES, hints: JSON | None = None) -> StdioAgent:
        server = [*PLAIN, self.received, json.dumps(hints or {})]
        return StdioAgent(self.folder, rules, server, *options, **self.environ)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "COSIGNET_API_KEY": self.live.program().key,
            "COSIGNET_BASE_URL": self.live.url,
            "COSIGNET_USER": self.person.username,
        }

    def lines(self) -> list[bytes]:
        """What the server was sent, line by line."""
        return (
            self.received.read_bytes().splitlines(keepends=True) if self.received.exists() else []
        )

    def read(self, id_: str) -> JSON:
        return self.live.program().read(id_)

    def outcome(self, id_: str) -> str | None:
        """Wait for what was reported."""
        for _ in range(SECONDS * 20):
            if (outcome := self.read(id_)["outcome"]) is not None:
                return outcome["result"]
            threading.Event().wait(0.05)
        return None


def id_in(waiting: JSON) -> str:
    return waiting["url"].rpartition("/")[2]


@pytest.fixture
def desk(live: Live, tmp_path: Path) -> Desk:
    return Desk(live, tmp_path)


def test_what_does_not_ask_passes_byte_for_byte_both_ways(desk: Desk) -> None:
    lines = [
        b'{ "jsonrpc":"2.0", "id":"a\\u0062c","method":"initialize", "params":{"x":1.50e1}}\n',
        b'{"method":"no/such","params":[1,2],"id":7,"jsonrpc":"2.0","also":null}\r\n',
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"big":123456789012345678901}}\n',
        b'{"jsonrpc":"2.0","id":99,"result":{"roots":["\\u2028 \\/"]}}\n',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4711}}\n',
        b'[{"jsonrpc":"2.0","id":5,"method":"ping"},{"jsonrpc":"2.0","id":8,"method":"ping"}]\n',
        b'{"id":1,"jsonrpc":"2.0","method":"tools/call",  "params":{"arguments":{},"name":"read"}}\n',  # noqa: E501
    ]  # fmt: skip
    with desk.agent() as agent:
        for line in lines:
            agent.send_line(line)
        answers = [agent.next_line() for _ in range(3)]
    assert desk.lines() == lines
    assert all(answer.startswith(b"{  ") and answer.endswith(b"\r\n") for answer in answers)
    assert [json.loads(answer)["id"] for answer in answers] == ["abc", 7, 1]
    assert "plain server: here" in agent.all_told()


def test_a_gated_call_waits_for_a_passkey_and_is_sent_as_it_was_signed(desk: Desk) -> None:
    with desk.agent() as agent:
        agent.start()
        asked = agent.call("write", {"b": "é ✓", "a": [1, {"x": None}], "2": 1, "1": 2.50})
        waiting = agent.event("waiting")
        assert waiting["approver"] == desk.person.username
        confirmation = desk.read(id_in(waiting))
        assert confirmation["action"] == "Call write on plain"
        arguments = {"1": 2.5, "2": 1, "b": "é ✓", "a": [1, {"x": None}]}
        assert confirmation["payload"] == {
            "server": "plain",
            "tool": "write",
            "arguments": arguments,
        }
        assert not any(b"write" in line for line in desk.lines())
        assert desk.person.approve(confirmation["id"]).is_success
        result = agent.result(asked)
        assert json.loads(text_of(result))["tool"] == "write"
        assert desk.outcome(confirmation["id"]) == "executed"
        sent = json.loads(desk.lines()[-1])
        assert sent == {
            "jsonrpc": "2.0",
            "id": asked,
            "method": "tools/call",
            "params": {"name": "write", "arguments": arguments},
        }
        assert desk.lines()[-1].isascii()
        assert desk.read(confirmation["id"])["consumedAt"] is not None
        # Once more is another call: it asks again.
        again = agent.call("write", {"b": 1})
        waiting = agent.event("waiting")
        assert id_in(waiting) != confirmation["id"]
        agent.cancel(again)


def test_the_server_behind_the_gate_has_no_key(desk: Desk) -> None:
    with desk.agent() as agent:
        assert json.loads(text_of(agent.result(agent.call("read"))))["environ"] == []


def test_everything_else_goes_on_while_a_call_waits(desk: Desk) -> None:
    with desk.agent() as agent:
        waits = agent.call("write")
        waiting = agent.event("waiting")
        assert agent.request("ping") == {"echo": "ping"}
        assert json.loads(text_of(agent.result(agent.call("read"))))["tool"] == "read"
        other = agent.call("write", {"n": 2})
        second = agent.event("waiting")
        desk.person.approve(id_in(second))
        assert agent.result(other)["isError"] is False
        desk.person.reject(id_in(waiting))
        assert "REJECTED" in refused(agent.result(waits))


def test_rejected_and_expired_are_told_apart_and_not_sent(desk: Desk) -> None:
    with desk.agent(rules="ttl_seconds = 2\n" + RULES) as agent:
        rejected = agent.call("write")
        desk.person.reject(id_in(agent.event("waiting")))
        words = refused(agent.result(rejected))
        assert "REJECTED" in words
        assert "another way" in words
        expired = agent.call("write")
        agent.event("waiting")
        words = refused(agent.result(expired))
        assert "EXPIRED" in words
        assert "another way" in words
    assert desk.lines() == []


def test_a_server_that_cannot_be_reached_denies(desk: Desk) -> None:
    rules = "ttl_seconds = 1\n" + RULES
    server = [*PLAIN, desk.received]
    away = desk.environ | {"COSIGNET_BASE_URL": "http://localhost:1"}
    with StdioAgent(desk.folder, rules, server, **away) as agent:
        words = refused(agent.result(agent.call("write")))
        assert "UNAVAILABLE" in words
        assert "nobody said no" in words
        assert agent.result(agent.call("read"))["isError"] is False
    assert len(desk.lines()) == 1


def test_a_rule_that_denies_asks_nobody(desk: Desk) -> None:
    with desk.agent() as agent:
        assert "FORBIDDEN" in refused(agent.result(agent.call("secret_read")))
    assert desk.lines() == []
    assert desk.live.program().get("/api/confirmations", status="pending").json()["items"] == []


def test_the_agent_takes_a_call_back(desk: Desk) -> None:
    with desk.agent() as agent:
        id_ = agent.call("write")
        waiting = agent.event("waiting")
        agent.cancel(id_)
        agent.event("withdrawn")
        assert desk.read(id_in(waiting))["cancelledAt"] is not None
        assert agent.request("ping") == {"echo": "ping"}
        # It was never heard of behind the gate, so neither is its end; and nobody answers it.
        assert [json.loads(line)["method"] for line in desk.lines()] == ["ping"]
        assert not any(json.loads(line).get("id") == id_ for line in agent.lines)


def test_a_call_is_taken_back_although_it_was_not_asked_yet(desk: Desk) -> None:
    with desk.agent() as agent:
        agent.cancel(agent.call("write"))
        agent.event("withdrawn")
        listed = desk.live.program().get("/api/confirmations", status="pending").json()
        assert [one for one in listed["items"] if one["approver"] == desk.person.username] == []


def test_a_call_that_was_sent_on_is_cancelled_behind_the_gate(desk: Desk) -> None:
    with desk.agent(rules='server = "plain"\n') as agent:
        id_ = agent.call("hang")
        confirmation = id_in(agent.event("waiting"))
        desk.person.approve(confirmation)
        agent.event("approved")
        while not desk.lines():
            time.sleep(0.02)
        agent.cancel(id_)
        assert desk.outcome(confirmation) == "unknown"
        assert [json.loads(line)["method"] for line in desk.lines()] == [
            "tools/call",
            "notifications/cancelled",
        ]


class Late:
    """An asker whose approvals come just as the agent wants no more."""

    rules = parse_rules('server = "plain"')

    def __init__(self) -> None:
        self.client = self
        self.reported: list[str] = []
        self.too_late = lambda: None

    def approve(self, *_: object, **__: object) -> SimpleNamespace:
        self.too_late()
        return SimpleNamespace(payload={"tool": "write"})

    def report(self, _: object, result: str) -> None:
        self.reported.append(result)


def test_a_call_that_is_cancelled_at_the_last_moment_is_not_sent_on() -> None:
    sent: list[bytes] = []
    for cancels, result in ((True, "failed"), (False, "unknown")):
        late: Any = Late()
        calls = Calls(late, sent.append, sent.append, lambda *_, **__: None)
        late.too_late = lambda calls=calls: calls.cancel(5)
        if not cancels:
            late.too_late = lambda: None
        calls.ask(Call(5, "write", {}), CALL % (b"write", b""), Asking())
        if not cancels:
            while not sent:
                time.sleep(0.01)
        calls.end()
        assert late.reported == [result]
        assert bool(sent) is not cancels


def test_an_agent_that_goes_takes_back_what_it_asked(desk: Desk) -> None:
    with desk.agent() as agent:
        agent.call("write")
        waiting = agent.event("waiting")
    assert agent.process.returncode == 0
    assert desk.read(id_in(waiting))["cancelledAt"] is not None
    assert desk.lines() == []


def test_a_gate_that_is_ended_takes_back_what_it_asked(desk: Desk) -> None:
    with desk.agent() as agent:
        agent.call("write")
        waiting = agent.event("waiting")
        agent.process.send_signal(signal.SIGTERM)
        agent.process.wait(SECONDS)
        assert desk.read(id_in(waiting))["cancelledAt"] is not None


def test_a_gate_before_a_server_that_does_not_read_can_be_ended(desk: Desk) -> None:
    deaf = [sys.executable, "-c", "import time; time.sleep(600)"]
    with StdioAgent(desk.folder, RULES, deaf, **desk.environ) as agent:
        agent.send("ping", {"long": "x" * 200_000}, id=1)
        agent.send_line(b"\n")
        time.sleep(1)
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(SECONDS) == 130


def test_the_gate_ends_as_its_server_does(desk: Desk) -> None:
    with desk.agent(rules='server = "plain"\n') as agent:
        agent.call("die")
        confirmation = id_in(agent.event("waiting"))
        desk.person.approve(confirmation)
        assert agent.process.wait(SECONDS) == 3
    assert desk.outcome(confirmation) == "unknown"


def test_a_tool_that_failed_is_reported_so(desk: Desk) -> None:
    with desk.agent() as agent:
        id_ = agent.call("fail")
        confirmation = id_in(agent.event("waiting"))
        desk.person.approve(confirmation)
        assert agent.result(id_)["isError"] is True
        assert desk.outcome(confirmation) == "failed"


def test_progress_tells_who_is_waited_for_and_the_match_code(desk: Desk) -> None:
    with desk.agent(rules='risk = "high"\n' + RULES) as agent:
        token = "τ"
        id_ = agent.call("write", progressToken=token, unsigned="x")
        waiting = agent.event("waiting")
        told = agent.next()
        assert told["method"] == "notifications/progress"
        assert told["params"]["progressToken"] == token
        assert 0 < told["params"]["progress"] < 1
        for words in (desk.person.username, waiting["url"], waiting["matchCode"]):
            assert words in told["params"]["message"]
        desk.person.approve(id_in(waiting), match_code=waiting["matchCode"])
        assert agent.result(id_)["isError"] is False
    # What nobody signed and the protocol does not need stays behind.
    assert json.loads(desk.lines()[0])["params"]["_meta"] == {"progressToken": token}


def test_what_a_call_says_beside_its_arguments_is_signed_too(desk: Desk) -> None:
    with desk.agent() as agent:
        params = {"name": "write", "task": {"ttl": 5}, "inputResponses": {"sure": True}}
        agent.send("tools/call", params, id=5)
        waiting = agent.event("waiting")
        more = {"task": {"ttl": 5}, "inputResponses": {"sure": True}}
        payload = desk.read(id_in(waiting))["payload"]
        assert payload == {"server": "plain", "tool": "write", "more": more}
        desk.person.approve(id_in(waiting))
        assert agent.result(5)["isError"] is False
    assert json.loads(desk.lines()[0])["params"] == {"name": "write", **more}


CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s","arguments":{%s}}}\n'


@pytest.mark.parametrize(
    "line",
    [
        CALL % (b"read", b'"path":"/tmp","path":"/etc"'),
        CALL % (b"read", b'"deep":{"a":1,"\\u0061":2}'),
        b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"write"}}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"write"}}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call","param\xc5\xbf":{"name":"write"}}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","Name":"write"}}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["write"]}}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":[]}}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["read"]}\n',
        b'{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"write"}}\n',
        b'{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"name":"write"}}\n',
        b'{"jsonrpc":"2.0","method":"x","id":1,"params":\r{"jsonrpc":"2.0","id":2,"method":"tools/call"}\r}\n',
    ],
)  # fmt: skip
def test_a_call_that_can_be_read_in_two_ways_is_refused(desk: Desk, line: bytes) -> None:
    with desk.agent() as agent:
        agent.send_line(line)
        answer = agent.answer(1)
        assert "Nothing was passed on." in answer["error"]["message"]
    assert desk.lines() == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"write"}}\n',
        b'{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"write"}}\n',
        b'{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":{"name":"write"}}\n',
        b'{"jsonrpc":"2.0","id":true,"method":"tools/call","params":{"name":"write"}}\n',
        b"\xef\xbb\xbf" + CALL % (b"write", b""),
        CALL % (b"write", b'"text":"\xff"'),
        CALL % (b"write", b'"n":NaN'),
        (CALL % (b"write", b"")).replace(b"{", b"{{", 1),
        b'"tools/call"\n',
        b"[" * 100_000 + b"\n",
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":"' + b"x" * 16 * 1024 * 1024 + b'"}\n',
    ],
    ids=lambda line: line[:40].decode("latin-1").strip(),
)
def test_what_is_no_request_is_refused_and_what_follows_is_heard(desk: Desk, line: bytes) -> None:
    with desk.agent() as agent:
        agent.send_line(line)
        assert agent.next()["error"]["message"].endswith("Nothing was passed on.")
        assert agent.request("ping") == {"echo": "ping"}
    assert len(desk.lines()) == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (b'"amount":0.1234567890123456789', "params.arguments.amount"),
        (b'"to":{"account":12345678901234567890}', "params.arguments.to.account"),
        (b'"note":"\\ud800"', "params.arguments.note"),
    ],
)
def test_what_nobody_can_be_shown_unmistakably_is_refused_by_its_field(
    desk: Desk, arguments: bytes, field: str
) -> None:
    with desk.agent() as agent:
        agent.send_line(CALL % (b"write", arguments))
        words = refused(agent.result(1))
        assert "NOT ASKED" in words
        assert field in words
    assert desk.lines() == []


def test_a_batch_passes_whole_or_not_at_all(desk: Desk) -> None:
    ping: JSON = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    read = ping | {"id": 2, "method": "tools/call", "params": {"name": "read"}}
    write = ping | {"id": 3, "method": "tools/call", "params": {"name": "write"}}
    with desk.agent() as agent:
        for batch in ([ping, read], [ping, write], [read, write | {"params": {}}]):
            agent.send_line(json.dumps(batch).encode() + b"\n")
        for ids in ([1, 3], [2, 3]):
            answers: Any = agent.next()
            assert [answer["id"] for answer in answers] == ids
            assert all("send it alone" in answer["error"]["message"] for answer in answers)
    assert desk.lines() == [json.dumps([ping, read]).encode() + b"\n"]


def test_two_calls_under_one_id_are_not_mixed_up(desk: Desk) -> None:
    with desk.agent() as agent:
        agent.send("tools/call", {"name": "write", "arguments": {"n": 1}}, id=5)
        waiting = agent.event("waiting")
        agent.send("tools/call", {"name": "write", "arguments": {"n": 2}}, id=5)
        assert "still waits" in agent.answer(5)["error"]["message"]
        desk.person.approve(id_in(waiting))
        assert agent.result(5)["isError"] is False
    assert [json.loads(line)["params"]["arguments"] for line in desk.lines()] == [{"n": 1}]


HINTS = {"read": {"readOnlyHint": True}, "write": {"destructiveHint": True}}


def test_by_default_pass_only_what_is_said_to_be_harmless_passes(desk: Desk) -> None:
    with desk.agent(rules='server = "plain"\ndefault = "pass"\n', hints=HINTS) as agent:
        agent.call("read")
        agent.event("waiting")  # nothing was said of it yet
        agent.request("tools/list")
        assert agent.result(agent.call("read"))["isError"] is False
        for tool in ("write", "slow"):
            agent.call(tool)
            assert agent.event("waiting")["tool"] == tool


def test_what_a_server_calls_destructive_asks_although_a_rule_passes_it(desk: Desk) -> None:
    passing = 'server = "plain"\n[[rule]]\ntools = ["*"]\nthen = "pass"\n'
    hints = {"read": {"destructiveHint": True}}
    with desk.agent(rules=passing, hints=hints) as agent:
        agent.request("tools/list")
        agent.call("read")
        assert agent.event("waiting")["tool"] == "read"
        assert agent.result(agent.call("write"))["isError"] is False
    with desk.agent(rules=passing + "although_destructive = true\n", hints=hints) as agent:
        agent.request("tools/list")
        assert agent.result(agent.call("read"))["isError"] is False


def test_a_dry_run_says_what_would_be_asked_and_runs_none_of_it(desk: Desk) -> None:
    server = [*PLAIN, desk.received, json.dumps(HINTS)]
    with StdioAgent(desk.folder, RULES, server, "--dry-run") as agent:
        agent.request("tools/list")
        listed = {one["tool"]: one["then"] for one in (agent.event("listed") for _ in range(6))}
        assert listed["read"] == "pass"
        assert listed["write"] == "ask"
        assert "dry run" in refused(agent.result(agent.call("write", {"n": 1})))
        assert agent.event("would ask")["arguments"] == {"n": 1}
        assert agent.result(agent.call("read"))["isError"] is False
    assert [json.loads(line)["method"] for line in desk.lines()] == ["tools/list", "tools/call"]


@pytest.mark.parametrize(
    ("rules", "options", "words"),
    [
        ("", ["--", "true"], 'server = "NAME"'),
        (RULES, [], "Before which server"),
        (RULES, ["--", "no-such-program"], "does not start"),
        ("server = 1", ["--", "true"], "has to be a str"),
    ],
)
def test_what_is_missing_is_said(desk: Desk, rules: str, options: list[str], words: str) -> None:
    (desk.folder / "rules.toml").write_text(rules)
    ran = subprocess.run(
        [*GATE, "--rules", "rules.toml", *options],
        cwd=desk.folder,
        env=desk.environ | {"PATH": "/nowhere", "PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 64
    assert words in ran.stderr
    assert ran.stdout == ""
