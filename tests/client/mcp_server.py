"""An MCP server on standard input and output that writes down every byte it is sent.

    python mcp_server.py FILE [ANNOTATIONS as JSON: tool → annotations]

Its answers are spaced oddly on purpose: whoever reads and writes them anew is noticed.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

TOOLS = ("read", "write", "fail", "hang", "die", "slow")


def result(message: dict[str, Any], annotations: dict[str, Any]) -> dict[str, Any] | None:
    if message.get("method") == "initialize":
        information = {"name": "plain", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}} | {
            "serverInfo": information
        }
    if message.get("method") == "tools/list":
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
        for tool in tools:
            if tool["name"] in annotations:
                tool["annotations"] = annotations[tool["name"]]
        return {"tools": tools}
    if message.get("method") != "tools/call":
        return {"echo": message.get("method")}
    name = message["params"]["name"]
    if name == "hang":
        return None
    if name == "die":
        os._exit(3)
    if name == "slow":
        time.sleep(0.3)
    said = {"environ": sorted(n for n in os.environ if n.startswith("COSIGNET"))}
    content = [{"type": "text", "text": json.dumps(said | {"tool": name})}]
    return {"content": content, "isError": name == "fail"}


def main() -> None:
    annotations = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    print("plain server: here", file=sys.stderr, flush=True)
    for line in sys.stdin.buffer:
        with Path(sys.argv[1]).open("ab") as file:
            file.write(line)
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if not isinstance(message, dict) or "method" not in message or "id" not in message:
            continue
        answer = result(message, annotations)
        if answer is not None:
            text = json.dumps({"id": message["id"], "result": answer, "jsonrpc": "2.0"})
            sys.stdout.write(f"{text[:1]}  {text[1:]}\r\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
