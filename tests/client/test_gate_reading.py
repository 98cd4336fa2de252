"""The gate by itself, in a dry run: what it lets pass, line by line."""

import json
from typing import Any

from tests.people import JSON

from cosignet.client.mcp_gate import MESSAGE_BYTES_MAX, Gate
from cosignet.client.rules import parse_rules

LIMITED = """
server = "s"
[[rule]]
tools = ["pay"]
then = "pass"
when = { amount = { at_most = 100 } }
"""


class Bench:
    """A gate between two lists."""

    def __init__(self, rules: str) -> None:
        self.sent: list[bytes] = []
        self.answers: list[JSON] = []
        upstream: Any = self
        self.gate = Gate(parse_rules(rules), upstream, self.answer, None, lambda *_, **__: None)

    def send(self, line: bytes) -> None:
        self.sent.append(line)

    def answer(self, line: bytes) -> None:
        self.answers.append(json.loads(line))

    def passes(self, line: bytes) -> bool:
        before = len(self.sent)
        self.gate.take(line)
        return self.sent[before:] == [line]


def call(arguments: str) -> bytes:
    params = b'{"name": "pay", "arguments": {%s}}' % arguments.encode()
    return b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": %s}\n' % params


def test_a_number_that_programs_read_differently_fits_no_rule_that_passes() -> None:
    bench = Bench(LIMITED)
    assert bench.passes(call('"amount": 100'))
    assert bench.passes(call('"amount": 1e2'))
    assert not bench.passes(call('"amount": 100.00000000000000000001'))
    assert not bench.passes(call('"amount": 101'))


def test_a_message_that_is_too_long_is_refused_whatever_it_is() -> None:
    bench = Bench(LIMITED)
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    longest = ping + b" " * (MESSAGE_BYTES_MAX - len(ping) - 1) + b"\n"
    assert bench.passes(longest)
    assert not bench.passes(longest[:-1] + b" \n")
    assert "at most" in bench.answers[-1]["error"]["message"]


def listing(hints: JSON) -> bytes:
    listed = {"tools": [{"name": "pay", "annotations": hints}]}
    return json.dumps({"jsonrpc": "2.0", "id": 7, "result": listed}).encode()


LIST = b'{"jsonrpc": "2.0", "id": 7, "method": "tools/list"}\n'


def test_a_call_that_comes_at_once_is_judged_by_what_the_agent_has_just_heard() -> None:
    class Hasty(Bench):
        def answer(self, line: bytes) -> None:
            super().answer(line)
            if line == listing(hints):
                self.passed = self.passes(call('"amount": 1'))

    for rules, hints, passes in (
        ('default = "pass"', {"readOnlyHint": True}, True),
        ('[[rule]]\ntools = ["*"]\nthen = "pass"', {"destructiveHint": True}, False),
    ):
        bench = Hasty(f'server = "s"\n{rules}\n')
        bench.gate.take(LIST)
        bench.gate.heard(listing(hints))
        assert bench.passed is passes


def test_the_strictest_that_was_ever_said_of_a_tool_stays() -> None:
    bench = Bench('server = "s"\ndefault = "pass"\n')
    harmless, destructive = {"readOnlyHint": True}, {"destructiveHint": True}
    for hints, passes in ((harmless, True), (destructive, False), (harmless, False)):
        bench.gate.take(LIST)
        bench.gate.heard(listing(hints))
        assert bench.passes(call('"amount": 1')) is passes


def test_what_is_said_of_tools_in_a_batch_is_heard_too() -> None:
    bench = Bench('server = "s"\n[[rule]]\ntools = ["*"]\nthen = "pass"\n')
    assert bench.passes(call('"amount": 1'))
    assert bench.passes(b"[%s]\n" % LIST.strip())
    bench.gate.heard(b"[%s]" % listing({"destructiveHint": True}))
    assert not bench.passes(call('"amount": 1'))
