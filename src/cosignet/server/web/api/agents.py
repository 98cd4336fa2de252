"""`/mcp` and `/llms.txt`: what agents call, and what they read first."""

from typing import Any, Literal

from starlette.responses import Response

from cosignet.core.errors import NotFound
from cosignet.server.web.call import Body, Call
from cosignet.server.web.rendering import text


class Message(Body):
    """A message of the Model Context Protocol (JSON-RPC 2.0); its revisions say what is in it."""

    jsonrpc: Literal["2.0"]
    method: str
    id: str | int | None = None
    params: dict[str, Any] | None = None


async def speak(call: Call) -> Response:
    """Answer one message of the Model Context Protocol."""
    if call.agents is None:
        raise NotFound
    return await call.agents(call)


async def introduce(call: Call) -> Response:
    """Tell agents what this is, and where to read on."""
    return text("llms.txt", url=call.runtime.public_url)
