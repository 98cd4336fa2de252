"""An MCP server behind a URL (streamable HTTP): each message of the agent is a POST.

Answers come whole or as a stream of events; what the server says by itself comes on a GET.
"""

import base64
import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, cast

from cosignet import __version__
from cosignet.client.api import Stream, Unheard, is_private, streamed
from cosignet.client.errors import SetupIncomplete
from cosignet.client.jsonrpc import SERVER_ERROR, Id, error_line, id_of
from cosignet.client.sse import Event, events_of

CONNECT_SECONDS = 30
CLOSING_SECONDS = 5
RECONNECT_SECONDS = 1.0
"""Before a stream that ended is gone on with, where the server names no other time."""
_PREFIX = "io.modelcontextprotocol/"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Whose names stand in a header, too (revision 2026-07-28)."""


@dataclass
class Remote:
    """A server at a URL."""

    url: str
    bearer: str | None = field(default=None, repr=False)
    status: int = 0
    """What the gate ends with."""
    _said: "queue.SimpleQueue[bytes | None]" = field(init=False)
    _posts: list[threading.Thread] = field(default_factory=list[threading.Thread], init=False)
    _session: str | None = field(default=None, init=False)
    _revision: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not is_private(self.url):
            raise SetupIncomplete("--url has to be https://; http:// is for localhost alone.")
        self._said = queue.SimpleQueue()

    def send(self, line: bytes) -> None:
        """Post one line; a request's answer is waited for aside, all else goes in order."""
        post = _Post(self, line)
        if post.ids:
            thread = threading.Thread(target=post.run, daemon=True)
            self._posts = [*(one for one in self._posts if one.is_alive()), thread]
            thread.start()
        else:
            post.run()

    def lines(self) -> Iterator[bytes]:
        """Yield what it says, line by line."""
        while (line := self._said.get()) is not None:
            yield line

    def close(self) -> None:
        """Let what is asked be answered, for a moment, and end the session, if there is one."""
        deadline = time.monotonic() + CLOSING_SECONDS
        for thread in self._posts:
            thread.join(max(0, deadline - time.monotonic()))
        if self._session is not None:
            session, self._session = self._headers({}), None
            try:
                with streamed("DELETE", self.url, headers=session, body=None, seconds=3):
                    pass
            except Unheard:
                pass  # it ends by itself, too
        self._said.put(None)

    def say(self, data: bytes) -> None:
        """Hand one message on as one line: outside of texts, JSON's line breaks are blanks."""
        self._said.put(data.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")

    def _headers(self, message: dict[str, Any]) -> dict[str, str]:
        headers = {"User-Agent": f"cosignet-mcp-gate/{__version__}"}
        headers["Accept"] = "application/json, text/event-stream"
        named = _named_headers(message)
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer}"
        if self._session is not None:
            headers["Mcp-Session-Id"] = self._session
        if self._revision is not None and not named:
            headers["MCP-Protocol-Version"] = self._revision
        return headers | named

    def open(self, message: dict[str, Any], line: bytes) -> AbstractContextManager[Stream]:
        """Post one message; use as a context."""
        headers = self._headers(message) | {"Content-Type": "application/json"}
        return streamed("POST", self.url, headers=headers, body=line, seconds=CONNECT_SECONDS)

    def listen(self, last: str | None = None) -> AbstractContextManager[Stream]:
        """Ask for what the server says by itself, or for the rest of a stream."""
        headers = self._headers({}) | ({} if last is None else {"Last-Event-ID": last})
        headers["Accept"] = "text/event-stream"
        return streamed("GET", self.url, headers=headers, body=None, seconds=CONNECT_SECONDS)

    def started(self, session: str | None, result: object) -> None:
        """Note what the server has answered to `initialize`."""
        members = cast("dict[str, Any]", result) if isinstance(result, dict) else {}
        revision = members.get("protocolVersion")
        self._session = session
        self._revision = revision if isinstance(revision, str) and revision.isascii() else None

    def follow(self) -> None:
        """Hear what the server says by itself, for as long as it wants to say something."""
        last: str | None = None
        pause = RECONNECT_SECONDS
        while self._revision is not None:
            try:
                with self.listen(last) as response:
                    if not _is_stream(response):
                        return
                    for event in events_of(response.data):
                        last, pause = event.id or last, event.retry or pause
                        if event.data:
                            self.say(event.data)
            except Unheard:
                pass
            time.sleep(pause)


@dataclass
class _Post:
    """One message, or a batch, and its answers."""

    remote: Remote
    line: bytes
    messages: list[dict[str, Any]] = field(init=False)
    ids: set[Id] = field(init=False)
    """Of the requests in it that are not answered yet."""
    last: str | None = None
    pause: float = RECONNECT_SECONDS

    def __post_init__(self) -> None:
        value: object = json.loads(self.line)
        self.messages = cast("list[Any]", value if isinstance(value, list) else [value])
        ids = {id_of(one) for one in self.messages if "method" in one}
        self.ids = {one for one in ids if one is not None}

    def run(self) -> None:
        """Post it, and hand on what is answered; a failure is the answer to what is open."""
        try:
            message = self.messages[0] if len(self.messages) == 1 else {}
            with self.remote.open(message, self.line) as response:
                self._hear(response)
            while self.ids and self.last is not None:
                time.sleep(self.pause)
                with self.remote.listen(self.last) as response:
                    self._hear_stream(response)
            why = "The server ended without an answer."
        except Unheard as error:
            why = f"The server has not answered: {error}."
        for id_ in self.ids:
            self.remote.say(error_line(id_, SERVER_ERROR, why).strip())

    def _hear(self, response: Stream) -> None:
        if _is_stream(response):
            self._hear_stream(response)
            return
        data = response.data.read()
        if data.strip() and response.kind == "application/json":
            self._hear_message(data, response)
        if response.status >= 300 and self.ids:
            raise Unheard(f"HTTP {response.status}")
        if any(one.get("method") == "notifications/initialized" for one in self.messages):
            threading.Thread(target=self.remote.follow, daemon=True).start()

    def _hear_stream(self, response: Stream) -> None:
        if not _is_stream(response):
            raise Unheard(f"HTTP {response.status} where a stream should go on")
        for event in events_of(response.data):
            self._hear_event(event, response)

    def _hear_event(self, event: Event, response: Stream) -> None:
        self.last, self.pause = event.id or self.last, event.retry or self.pause
        if event.data:
            self._hear_message(event.data, response)

    def _hear_message(self, data: bytes, response: Stream) -> None:
        """Hand a message on, if it is one, and see whom it answers."""
        try:
            value: object = json.loads(data)
        except (ValueError, RecursionError):
            return
        answers = cast("list[object]", value if isinstance(value, list) else [value])
        of_protocol = [cast("dict[str, Any]", a) for a in answers if _is_message(a)]
        if not of_protocol:
            return
        for one in of_protocol:
            if "method" not in one:
                self._note(one, response)
        self.remote.say(data)

    def _note(self, answer: dict[str, Any], response: Stream) -> None:
        if any(one.get("method") == "initialize" for one in self.messages):
            self.remote.started(response.headers.get("mcp-session-id"), answer.get("result"))
        id_ = id_of(answer)
        if id_ is not None:
            self.ids.discard(id_)


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and "jsonrpc" in value


def _is_stream(response: Stream) -> bool:
    return response.status == 200 and response.kind == "text/event-stream"


def _named_headers(message: dict[str, Any]) -> dict[str, str]:
    """Return the headers that repeat what the message says, since 2026-07-28."""
    params = message.get("params")
    members = cast("dict[str, Any]", params) if isinstance(params, dict) else {}
    meta = members.get("_meta")
    said = cast("dict[str, Any]", meta) if isinstance(meta, dict) else {}
    revision = said.get(f"{_PREFIX}protocolVersion")
    if not isinstance(revision, str):
        return {}
    method = str(message.get("method"))
    headers = {"MCP-Protocol-Version": revision, "Mcp-Method": method}
    name = members.get(_NAMED.get(method, ""))
    if isinstance(name, str):
        headers["Mcp-Name"] = name
    return {header: _spelled(value) for header, value in headers.items()}


def _spelled(value: str) -> str:
    """Write a value so that a header carries it unchanged."""
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not value.startswith("=?"):
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'replace')).decode()}?="
