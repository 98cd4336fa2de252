"""Agents: whoever speaks MCP to a server, message by message, in any revision of the protocol."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2
from tests.people import JSON, client, host_of, raise_for

MODERN = "2026-07-28"
EARLIER = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions whose conversations begin with a handshake."""
ACCEPT = "application/json, text/event-stream"
_META = "io.modelcontextprotocol/"


@dataclass
class Agent:
    """A program with an API key that posts messages; `revision` None: it does not name one."""

    url: str
    key: str
    revision: str | None = MODERN
    able: JSON = field(default_factory=dict[str, Any])
    """What its client can do, as the protocol's capabilities."""
    header: Literal["X-Api-Key", "Authorization"] = "X-Api-Key"
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        secret = self.key if self.header == "X-Api-Key" else f"Bearer {self.key}"
        self.http = client(self.url, {self.header: secret, "Accept": ACCEPT, **host_of(self.url)})
        self._ids = itertools.count(1)

    def message(self, method: str, params: JSON | None = None, **meta: Any) -> JSON:
        """Return a request."""
        if self.revision == MODERN:
            meta |= {
                f"{_META}protocolVersion": MODERN,
                f"{_META}clientInfo": {"name": "test", "version": "0"},
                f"{_META}clientCapabilities": self.able,
            }
        sent = {**(params or {}), **({"_meta": meta} if meta else {})}
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": sent}

    def headers(self, message: JSON) -> dict[str, str]:
        """Return what stands in the head beside the key."""
        named = {} if self.revision is None else {"MCP-Protocol-Version": self.revision}
        if self.revision == MODERN:
            named["Mcp-Method"] = message["method"]
            if "name" in message.get("params", {}):
                named["Mcp-Name"] = message["params"]["name"]
        return named

    def post(self, message: JSON, **headers: str) -> httpx2.Response:
        """Post one message."""
        return self.http.post("/mcp", json=message, headers=self.headers(message) | headers)

    def post_text(self, arguments: str, tool: str = "request_human_approval") -> httpx2.Response:
        """Call a tool with arguments spelled out, which need not be JSON of Python's."""
        message = self.message("tools/call", {"name": tool, "arguments": "HERE"})
        body = json.dumps(message).replace('"HERE"', arguments)
        headers = self.headers(message) | {"Content-Type": "application/json"}
        return self.http.post("/mcp", content=body.encode(), headers=headers)

    def result(self, method: str, params: JSON | None = None, **meta: Any) -> JSON:
        """Return the result of a request."""
        return result_of(self.post(self.message(method, params, **meta)))

    def call(self, tool: str, **arguments: Any) -> JSON:
        """Call a tool; return its result."""
        return self.result("tools/call", {"name": tool, "arguments": arguments})

    def ask(self, username: str, **arguments: Any) -> JSON:
        """Ask for an approval; return the structured answer."""
        asked = {"action": "Deploy", "payload": {"sha": "abc"}, "approver_username": username}
        return said(self.call("request_human_approval", **asked | arguments))

    def status(self, confirmation_id: str, **arguments: Any) -> JSON:
        """Read a confirmation."""
        return said(self.call("get_approval_status", id=confirmation_id, **arguments))


def result_of(answer: httpx2.Response) -> JSON:
    """Return the result in an answer: a document, or the last event of a stream."""
    return events(answer)[-1]["result"]


def events(answer: httpx2.Response) -> list[JSON]:
    """Return every message of an answer."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return [raise_for(answer)]
    lines = answer.text.splitlines()
    return [json.loads(line[5:]) for line in lines if line.startswith("data:")]


def said(result: JSON) -> JSON:
    """Return what a tool answered that has not refused."""
    assert not result.get("isError"), result
    return result["structuredContent"]


def refused(result: JSON) -> JSON:
    """Return the problem that a tool refused with."""
    assert result["isError"] is True, result
    assert "structuredContent" not in result
    words, problem = (part["text"] for part in result["content"])
    document = json.loads(problem)
    assert document["title"].rstrip(".") in words
    assert document.get("cure", "") in words
    assert words.endswith("Do not run the action.")
    return document
