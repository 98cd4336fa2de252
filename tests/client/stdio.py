"""An agent at the gate: it speaks MCP over standard input and output, and hears everything."""

import itertools
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.people import JSON

SECONDS = 60
PLAIN = [sys.executable, str(Path(__file__).parent / "mcp_server.py")]
GATE = [sys.executable, "-m", "cosignet", "mcp-gate", "--json"]


class StdioAgent:
    """A client with a gate of its own, in a folder."""

    def __init__(
        self,
        folder: Path,
        rules: str,
        server: Sequence[str | Path],
        *options: str,
        gate: Sequence[str] = GATE,
        **environ: str,
    ) -> None:
        (folder / "rules.toml").write_text(rules)
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        behind = ["--", *map(str, server)] if server else []
        self.process = subprocess.Popen(
            [*gate, "--rules", "rules.toml", *options, *behind],
            cwd=folder,
            env=kept | {"HOME": str(folder)} | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._ids = itertools.count(1)
        self._heard: queue.Queue[bytes | None] = queue.Queue()
        self._told: queue.Queue[str | None] = queue.Queue()
        self.lines: list[bytes] = []
        """Everything that it was answered, as it came."""
        self.told: list[str] = []
        """Everything that stood on standard error."""
        self._threads = [
            threading.Thread(target=self._hear, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "StdioAgent":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        try:
            self.process.wait(SECONDS)
        finally:
            self.process.kill()
            for thread in self._threads:
                thread.join(SECONDS)
            self.process.stdout.close()
            self.process.stderr.close()

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._heard.put(line)
        self._heard.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._told.put(line.decode())
        self._told.put(None)

    # --- Speaking ---------------------------------------------------------------------------------

    def send_line(self, line: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def send(self, method: str, params: JSON | None = None, **members: Any) -> None:
        """Send a message; a request, if `id` is given."""
        message = {"jsonrpc": "2.0", **members, "method": method}
        self.send_line(
            json.dumps(message | ({} if params is None else {"params": params})).encode() + b"\n"
        )

    def call(self, tool: str, arguments: JSON | None = None, **meta: Any) -> int:
        """Begin to call a tool; return the request's id."""
        id_ = next(self._ids)
        params = {"name": tool, "arguments": arguments or {}} | ({"_meta": meta} if meta else {})
        self.send("tools/call", params, id=id_)
        return id_

    def cancel(self, id_: int) -> None:
        """Want no more of a request."""
        self.send("notifications/cancelled", {"requestId": id_})

    # --- Hearing ----------------------------------------------------------------------------------

    def next_line(self) -> bytes:
        """Return the next line that was answered."""
        line = self._heard.get(timeout=SECONDS)
        assert line is not None, self.all_told()
        self.lines.append(line)
        return line

    def next(self) -> JSON:
        """Return the next message."""
        return json.loads(self.next_line())

    def answer(self, id_: int) -> JSON:
        """Wait for the answer to a request; what comes before it is passed over."""
        while (message := self.next()).get("id") != id_ or "method" in message:
            pass
        return message

    def result(self, id_: int) -> JSON:
        """Wait for the result of a request."""
        return self.answer(id_)["result"]

    def request(self, method: str, params: JSON | None = None) -> JSON:
        """Ask, and wait for the result."""
        id_ = next(self._ids)
        self.send(method, params, id=id_)
        return self.result(id_)

    def start(self) -> JSON:
        """Shake hands."""
        client = {"name": "test", "version": "0"}
        asked = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        result = self.request("initialize", asked)
        self.send("notifications/initialized")
        return result

    def event(self, name: str) -> JSON:
        """Wait until people were told of something."""
        while True:
            line = self._told.get(timeout=SECONDS)
            assert line is not None, self.told
            self.told.append(line)
            if line.startswith("{") and json.loads(line)["event"] == name:
                return json.loads(line)

    def all_told(self) -> str:
        """Return what stood on standard error until now."""
        while not self._told.empty():
            line = self._told.get()
            if line is not None:
                self.told.append(line)
        return "".join(self.told)


def text_of(result: JSON) -> str:
    """Return the words of a tool's answer."""
    return result["content"][0]["text"]


def refused(result: JSON) -> str:
    """Return the words of a refusal."""
    assert result["isError"] is True, result
    words = text_of(result)
    assert words.startswith("Not run."), words
    return words
