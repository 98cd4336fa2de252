"""Agents by the official clients and the Inspector; the human decides in a real browser."""

import asyncio
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from tests.conftest import NODE
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import JSON, Person, Program
from tests.published import install

SECONDS = 60
TOOLS = [
    "request_human_approval",
    "get_approval_status",
    "consume_approval",
    "verify_approval",
]
INSPECTOR = "node_modules/@modelcontextprotocol/inspector-cli/build/cli.js"


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    folder = install("mcp", tmp_path_factory)
    if folder is not None:
        # The Inspector's command line asks the Inspector, in which it usually lies, who it is.
        whole = {"name": "@modelcontextprotocol/inspector", "version": "1.0.3"}
        path = folder / "node_modules/@modelcontextprotocol/package.json"
        path.write_text(json.dumps(whole))
    return folder


def decide(visit: Visit, alex: Person, url: str) -> None:
    """Read the page and approve, as people do."""
    visitor = visit(alex)
    visitor.open(url)
    visitor.approve.click()
    visitor.sees_outcome("approved", "Signed with a passkey")


def test_the_official_client_in_python(
    live: Live, visit: Visit, alex: Person, program: Program
) -> None:
    asked: Queue[str] = Queue()

    async def talk() -> list[JSON]:
        headers = {"X-Api-Key": program.key}
        async with httpx2.AsyncClient(headers=headers, timeout=40) as http:
            transport = streamable_http_client(f"{live.url}/mcp", http_client=http)
            async with Client(transport) as mcp:
                return await _ask(mcp, asked)

    with ThreadPoolExecutor(1) as pool:
        talking = pool.submit(asyncio.run, talk())
        decide(visit, alex, asked.get(timeout=SECONDS))
        decided, verified, consumed = talking.result(SECONDS)
    assert decided["status"] == "approved"
    assert verified["mayRun"] is True
    assert consumed["consumedAt"] is not None


async def _ask(mcp: Client, asked: "Queue[str]") -> list[JSON]:
    async def call(tool: str, **arguments: Any) -> JSON:
        result = await mcp.call_tool(tool, arguments)
        assert result.structured_content is not None, result
        return result.structured_content

    about = {"action": "Deploy", "payload": {"sha": "abc"}, "approver_username": "alex"}
    pending = await call(TOOLS[0], **about)
    asked.put(pending["url"])
    decided = await call(TOOLS[1], id=pending["id"], wait_seconds=25)
    verified = await call(TOOLS[3], id=pending["id"], payload=about["payload"])
    consumed = await call(TOOLS[2], id=pending["id"], token="0123456789abcdef")
    return [decided, verified, consumed]


def test_the_official_client_in_typescript(
    live: Live, visit: Visit, alex: Person, program: Program, strangers: Path | None
) -> None:
    if strangers is None:
        return
    command = [NODE, strangers / "ask.mjs", f"{live.url}/mcp", program.key, "alex"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert sorted(json.loads(running.stdout.readline())) == sorted(TOOLS)
        asked = json.loads(running.stdout.readline())
        assert asked["status"] == "pending"
        decide(visit, alex, asked["url"])
        decided = json.loads(running.stdout.readline())
        assert decided == {"status": "approved", "mayRun": True, "consumed": True}
        assert running.wait(SECONDS) == 0


def test_the_inspectors_command_line(
    live: Live, visit: Visit, alex: Person, program: Program, strangers: Path | None
) -> None:
    if strangers is None:
        return

    def inspect(method: str, tool: str = "", **arguments: Any) -> JSON:
        where = [
            "--cli",
            f"{live.url}/mcp",
            "--transport",
            "http",
            "--header",
            f"X-Api-Key: {program.key}",
        ]
        command = [NODE, strangers / INSPECTOR, *where, "--method", method]
        command += ["--tool-name", tool] if tool else []
        for name, value in arguments.items():
            said = value if isinstance(value, str) else json.dumps(value)
            command += ["--tool-arg", f"{name}={said}"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout)

    assert sorted(one["name"] for one in inspect("tools/list")["tools"]) == sorted(TOOLS)
    call = "tools/call"
    about = {"action": "Deploy", "payload": {"sha": "abc"}, "approver_username": "alex"}
    pending = inspect(call, TOOLS[0], **about)["structuredContent"]
    decide(visit, alex, pending["url"])
    decided = inspect(call, TOOLS[1], id=pending["id"], wait_seconds=25)["structuredContent"]
    assert decided["status"] == "approved"
    consumed = inspect(call, TOOLS[2], id=pending["id"], token="0123456789abcdef")
    assert consumed["structuredContent"]["consumedAt"] is not None
