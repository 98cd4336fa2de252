"""What the gate costs where it has nothing to ask: a call through it beside one without it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Cost, Size

GOAL_MS = 5
RULES = """
server = "files"
[[rule]]
tools = ["read_*"]
then = "pass"
when = { path = "/srv/*" }
"""
SERVER = """
import json, sys
for line in sys.stdin.buffer:
    asked = json.loads(line)
    result = {"content": [{"type": "text", "text": "x" * 2000}]}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""
"""As quick as a server can be."""


def gated_calls(size: Size, folder: Path) -> Cost:
    """Call a tool that passes by its arguments, one call after the other."""
    rules = folder / "gate.toml"
    rules.write_text(RULES)
    server = [sys.executable, "-c", SERVER]
    gate = [sys.executable, "-m", "cosignet", "mcp-gate", "--rules", str(rules), "--", *server]
    found = Cost(GOAL_MS, "ms", [], [])
    for _ in range(size.pairs):
        found.floor.extend(_milliseconds(server, size.passed))
        found.ours.extend(_milliseconds(gate, size.passed))
    return found


def _milliseconds(command: Sequence[str], calls: int) -> list[float]:
    """Return how long each call takes, but for the first."""
    environ = os.environ | {"COSIGNET_API_KEY": "cosk_bench", "COSIGNET_USER": "alex"}
    running = subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with running:
        taken = [_call(running, number) for number in range(calls + 1)]
    return taken[1:]


def _call(running: "subprocess.Popen[str]", number: int) -> float:
    arguments = {"path": "/srv/notes.txt", "note": "y" * 1000, "lines": list(range(100))}
    params = {"name": "read_file", "arguments": arguments}
    line = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
    assert running.stdin is not None
    assert running.stdout is not None
    began = time.perf_counter()
    running.stdin.write(line + "\n")
    running.stdin.flush()
    answer = running.stdout.readline()
    taken = time.perf_counter() - began
    assert json.loads(answer)["id"] == number
    assert "xxx" in answer, answer
    return taken * 1000
