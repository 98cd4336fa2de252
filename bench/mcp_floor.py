"""The floor of MCP: the SDK's low-level server as its documentation wires it, with one tool.

    python -m bench.mcp_floor PORT ANSWER

ANSWER is a file with the constant result. Served as Cosignet is.
"""

import json
import sys
from pathlib import Path

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, Tool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cosignet.server.app import uvicorn_for


def application(answer: bytes) -> Starlette:
    """Return a server of one tool, which answers a constant; stateless, and in JSON."""
    result = CallToolResult.model_validate(json.loads(answer))
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    tool = Tool(name="get_approval_status", input_schema=schema)

    async def list_tools(_: object, __: object) -> ListToolsResult:
        return ListToolsResult(tools=[tool])

    async def call_tool(_: object, __: CallToolRequestParams) -> CallToolResult:
        return result

    server = Server[object](
        "floor",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda _: schema,
    )
    return server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        custom_starlette_routes=[Route("/healthz", _healthz)],
    )


async def _healthz(_: Request) -> Response:
    return Response(b"{}", media_type="application/json")


def main(port: str, answer: str) -> None:
    """Serve the floor until terminated."""
    served = uvicorn_for(application(Path(answer).read_bytes()), "127.0.0.1", int(port))
    served.lifespan = "on"  # the SDK's sessions live in it
    uvicorn.Server(served).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
