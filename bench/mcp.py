"""Calls of a tool: Cosignet's beside the SDK's own, whose tool answers a constant."""

import json
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

from bench.figures import POLLED, Bench, Load
from bench.load import post, send
from bench.servers import mcp_floor

REVISION = "2026-07-28"
TOOL = "get_approval_status"
_META = "io.modelcontextprotocol/"


def calls(bench: Bench) -> Load:
    """Reads of some confirmations by a tool; the floor's says what one of them was answered."""
    ids = bench.cast.create(POLLED)
    [answer] = send(bench.cast.server.port, _reads(bench, ids, 1)).bodies
    result: dict[str, Any] = json.loads(answer)["result"]
    assert result["structuredContent"]["status"] == "pending"
    said = json.dumps(result).encode()
    return bench.load(
        0.67,
        mcp_floor(bench.folder, said),
        lambda: _reads(bench, ids, bench.size.calls),
    )


def _reads(bench: Bench, ids: Sequence[str], count: int) -> list[bytes]:
    return list(islice(cycle(_read(bench, id_) for id_ in ids), count))


def _read(bench: Bench, confirmation_id: str) -> bytes:
    meta = {
        f"{_META}protocolVersion": REVISION,
        f"{_META}clientCapabilities": {},
        f"{_META}clientInfo": {"name": "bench", "version": "0"},
    }
    params = {"name": TOOL, "arguments": {"id": confirmation_id}, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        **bench.cast.as_program(),
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": REVISION,
        "mcp-method": "tools/call",
        "mcp-name": TOOL,
    }
    return post("/mcp", json.dumps(message, separators=(",", ":")).encode(), headers)
