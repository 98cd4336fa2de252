"""A server by the official SDK, with sessions: `python mcp_http_server.py PORT events|whole`."""

import json
import sys

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool


async def list_tools(_: object, __: object) -> ListToolsResult:
    schema = {"type": "object"}
    return ListToolsResult(tools=[Tool(name=n, input_schema=schema) for n in ("read", "write")])


async def call_tool(_: object, params: CallToolRequestParams) -> CallToolResult:
    words = f"{params.name} {json.dumps(params.arguments, ensure_ascii=False)}"
    return CallToolResult(content=[TextContent(type="text", text=words)])


def main(port: str, kind: str) -> None:
    server = Server[object]("sdk", on_list_tools=list_tools, on_call_tool=call_tool)
    app = server.streamable_http_app(
        json_response=kind == "whole",
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
