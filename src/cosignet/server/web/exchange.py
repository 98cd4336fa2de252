"""One request and its answer on a connection: what an application receives, and how it is sent."""

import asyncio
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Scope

log = logging.getLogger("cosignet")
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_FIRST_LINES = {
    int(status): f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_AWAITS_CONTINUE = (b"expect", b"100-continue")
WHOLE = "cosignet.answer"
"""An ASGI message of our own: what starts an answer, and all of its body."""
LINES = "cosignet.lines"
"""Where the start of an answer may have header fields that are written already, as the same stand
in most answers."""
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09})
"""What stands in no header field (RFC 9110, section 5.5)."""


class _Flow(Protocol):
    """How a connection is throttled."""

    write_paused: bool

    async def drain(self) -> None: ...
    def resume_reading(self) -> None: ...


class _Connection(Protocol):
    """Where a request came from."""

    transport: asyncio.Transport
    flow: Any

    @property
    def default_fields(self) -> list[tuple[bytes, bytes]]: ...
    def on_response_complete(self) -> None: ...
    def fail(self) -> None: ...


class Exchange:
    """A request and its answer, which is one write: head and body together.

    It stands in for uvicorn's cycle, whose names it has, for answers that come whole, as nearly all
    do, or a part at a time.
    """

    # Ten thousand may be held: without a dictionary each.
    __slots__ = (
        "_asked_for_body",
        "_awaited",
        "_connection",
        "_has_news",
        "_in_parts",
        "_scope",
        "_start",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
    )

    def __init__(self, connection: _Connection, scope: Scope, *, keep_alive: bool) -> None:
        self._connection = connection
        self._scope = scope
        self._asked_for_body = False
        """Whether a client that sends its body only when told to has been told."""
        self._start: Message | None = None
        self._in_parts = False
        """Whether a part of the answer has been sent, and the rest is to come."""
        self.keep_alive = keep_alive
        self.body = bytearray()
        """What has come of the body and was not received yet."""
        self.more_body = True
        self._has_news = False
        """Whether there is something to receive."""
        self._awaited: asyncio.Future[None] | None = None
        """Done as soon as there is, where somebody waits for it."""
        self.disconnected = False
        self.response_complete = False

    @property
    def message_event(self) -> "Exchange":
        """What uvicorn sets: an event of its own would be as dear as all the rest of this."""
        return self

    def set(self) -> None:
        """Learn that there is something to receive."""
        self._has_news = True
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    async def run_asgi(self, application: ASGIApp) -> None:
        """Let the application answer; where it does not, the connection ends."""
        try:
            await application(self._scope, self.receive, self.send)
        except Exception as error:
            log.error("a request was not answered", exc_info=error)
        finally:
            if self._in_parts and not self.response_complete:
                # Cut off, so that nobody takes what has come for all of it (RFC 9112, section 8).
                self._connection.transport.close()
            elif not self.response_complete and not self.disconnected:
                self._connection.fail()
            # What is noted there of the request refers to it. Without that circle all of it is free
            # at once, and Python need not look for it, as it does while everybody else waits.
            self._scope.clear()

    async def receive(self) -> Message:
        """Return what has come of the body, or that nothing more will."""
        connection = self._connection
        if not self.disconnected and not self.response_complete:
            connection.flow.resume_reading()
            if not self._has_news:
                self._ask_for_body()
                self._awaited = asyncio.get_running_loop().create_future()
                await self._awaited
            self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def _ask_for_body(self) -> None:
        """Tell a client that waits for it to send its body (RFC 9110, section 10.1.1)."""
        if self._asked_for_body or self._connection.transport.is_closing():
            return
        self._asked_for_body = True
        if _AWAITS_CONTINUE in ((name, value.lower()) for name, value in self._scope["headers"]):
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def send(self, message: Message) -> None:
        """Take the head of the answer, then its body: all of it, or a part at a time; or both."""
        if self._start is None:
            self._start = message
            if message["type"] != WHOLE:
                return
        flow: _Flow = self._connection.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if self.disconnected:
            return
        more = message.get("more_body", False)
        if more or self._in_parts:
            self._connection.transport.write(self._part(self._start, message["body"], more=more))
        else:
            self._connection.transport.write(self._written(self._start, message["body"]))
        if not more:
            self._complete()

    def _complete(self) -> None:
        self.response_complete = True
        self.set()
        if not self.keep_alive:
            self._connection.transport.close()
        self._connection.on_response_complete()

    def _written(self, start: Message, body: bytes) -> bytes:
        """Return an answer as bytes."""
        status: int = start["status"]
        fields: list[tuple[bytes, bytes]] = start["headers"]
        length = (b"content-length", b"%d" % len(body))
        if length not in fields and status not in _WITHOUT_BODY:
            raise ValueError("an answer has another length than it says")
        lines = self._head(start)
        if self._scope["method"] != "HEAD":
            lines.append(body)
        return b"".join(lines)

    def _head(self, start: Message, *more: tuple[bytes, bytes]) -> list[bytes]:
        return [
            _FIRST_LINES[start["status"]],
            written([*self._connection.default_fields, *start["headers"], *more]),
            start.get(LINES, b""),
            b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n",
        ]

    def _part(self, start: Message, body: bytes, *, more: bool) -> bytes:
        """Return a part of an answer as bytes, its head before the first (RFC 9112, section 7.1).

        A client of HTTP/1.0 takes it to end where the connection does.
        """
        chunked = self._scope["http_version"] != "1.0"
        fields = [(b"transfer-encoding", b"chunked")] if chunked else []
        lines = [] if self._in_parts else self._head(start, *fields)
        self._in_parts = True
        if body:
            lines += [b"%x\r\n" % len(body), body, b"\r\n"] if chunked else [body]
        if chunked and not more:
            lines.append(b"0\r\n\r\n")
        return b"".join(lines)


def written(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return header fields as bytes.

    Raises:
        ValueError: a control character is in one, and could begin another one (CWE-113).
    """
    lines = [b": ".join(field) for field in fields]
    lines.append(b"")
    text = b"\n".join(lines)
    # One of them ends each line, and there are no others.
    if len(text) - len(text.translate(None, _CONTROLS)) != len(lines) - 1:
        raise ValueError("a control character in a header field")
    return text.replace(b"\n", b"\r\n")
