"""The SDK's side of `/mcp`: one message in, one answer out, and nothing kept between two."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types.jsonrpc import INVALID_REQUEST
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from cosignet import __version__
from cosignet.server.mcp.message import HEARD, Heard, read_message
from cosignet.server.mcp.texts import INSTRUCTIONS
from cosignet.server.mcp.tools import SCHEMAS, call_tool, list_tools
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Call
from cosignet.server.web.request_id import REQUEST_ID_FIELD
from cosignet.server.web.told import CLIENT_GONE
from cosignet.server.web.waiting import unless_gone

_JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
_NO_REQUEST = {
    "jsonrpc": "2.0",
    "id": None,
    "error": {
        "code": INVALID_REQUEST,
        "message": 'Send one request or notification of JSON-RPC: jsonrpc "2.0", a method, and an'
        " object as params. Its id is a text or a whole number.",
    },
}
_KEPT = (b"content-type", b"content-length", b"x-accel-buffering", b"allow")
"""What the SDK says of an answer; all else is said as everywhere on this server."""


class Speaker:
    """Speaks every revision of the protocol that the SDK does."""

    def __init__(self) -> None:
        self._server = Server[Any](
            "cosignet",
            version=__version__,
            title="Cosignet",
            instructions=INSTRUCTIONS,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
            get_tool_input_schema=SCHEMAS.get,
        )
        # Its spans would tell what ours do, beside whatever of a message it thinks fit.
        self._server.middleware.clear()
        self._managers = Managers(self._server)

    async def answer(self, call: Call) -> Response:
        """Answer one message.

        Raises:
            TooLarge: it is longer than any body may be.
            InvalidInput: it is no message.
        """
        heard = call.scope[HEARD] = read_message(call, await call.raw_body())
        if heard is None:
            return json_answer(_NO_REQUEST, 400)
        return Spoken(self._managers, heard)


class Managers:
    """The SDK's session managers: one that lasts, and one for each message that needs its own."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server
        self._lasting: asyncio.Task[None] | None = None
        self._found: asyncio.Future[StreamableHTTPSessionManager]

    async def lasting(self) -> StreamableHTTPSessionManager:
        """Return the one for messages that are answered at once, by nothing that is started."""
        if self._lasting is None:
            self._found = asyncio.get_running_loop().create_future()
            self._lasting = asyncio.create_task(self._last(self._found))
        return await asyncio.shield(self._found)

    @asynccontextmanager
    async def own(self, *, tells_progress: bool) -> AsyncGenerator[StreamableHTTPSessionManager]:
        """Yield one for one message: what the SDK has started for it ends with the block."""
        manager = StreamableHTTPSessionManager(
            self._server, stateless=True, json_response=not tells_progress
        )
        async with manager.run():
            yield manager

    async def _last(self, found: asyncio.Future[StreamableHTTPSessionManager]) -> None:
        async with self.own(tells_progress=False) as manager:
            found.set_result(manager)
            await asyncio.Event().wait()  # as long as this process


class Spoken(Response):
    """An answer of the SDK's, under this server's headers; made while it is sent."""

    def __init__(self, managers: Managers, heard: Heard) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = [_JSON]
        self._managers = managers
        self._heard = heard
        self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the SDK answer, for as long as somebody is there."""
        self._heard.request_id = dict(self.raw_headers)[REQUEST_ID_FIELD].decode()

        async def presence() -> Message:
            message = await receive()
            if self._ended:
                await asyncio.Event().wait()  # gone or not, it has its answer
            return message

        async def forward(message: Message) -> None:
            self._ended = message["type"].endswith("body") and not message.get("more_body")
            await send(self._with_headers(message))

        try:
            speaking = self._speak(scope, forward)
            await unless_gone(presence, speaking, waits=self._heard.waits)
        except ClientDisconnect:
            self.status_code = CLIENT_GONE

    async def _speak(self, scope: Scope, send: Send) -> None:
        # The SDK compares some of them with what the message says, and the parser leaves the white
        # space behind a value (RFC 9110, section 5.5).
        scope = {**scope, "headers": [(name, value.strip()) for name, value in scope["headers"]]}
        receive = _Once(self._heard.body).receive
        if self._stands_alone:
            manager = await self._managers.lasting()
            await manager.handle_request(scope, receive, send)
            return
        async with self._managers.own(tells_progress=self._tells_progress) as manager:
            await manager.handle_request(scope, receive, send)

    @property
    def _stands_alone(self) -> bool:
        """Whether the SDK starts nothing for it that could outlive its answer."""
        revision = self._heard.call.header(b"mcp-protocol-version") or ""
        return revision.strip() in MODERN_PROTOCOL_VERSIONS and not self._tells_progress

    @property
    def _tells_progress(self) -> bool:
        """Whether the answer comes a part at a time, as somebody wants to be told meanwhile."""
        accepted = self._heard.call.header(b"accept") or ""
        return self._heard.wants_progress and "text/event-stream" in accepted

    def _with_headers(self, message: Message) -> Message:
        if message["type"] != "http.response.start":
            return message
        self.status_code = message["status"]
        own = [pair for pair in message["headers"] if pair[0] in _KEPT]
        every = [pair for pair in self.raw_headers if pair[0] not in _KEPT]
        return {**message, "headers": own + every}


class _Once:
    """A body that has been read, for somebody who reads it again."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def receive(self) -> Message:
        """Return the body; afterwards nothing comes, as whether the client has gone is our look."""
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
