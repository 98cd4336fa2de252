"""The gate before a server that nobody here wrote: the reference server for files, as published."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.client.stdio import stdio_client
from tests.client.stdio import GATE, StdioAgent, refused, text_of
from tests.client.test_mcp_gate import id_in
from tests.conftest import NODE
from tests.live import Live
from tests.people import JSON
from tests.published import STRANGERS, install

from mcp import StdioServerParameters

ROOT = Path(__file__).parent.parent.parent
RULES = (ROOT / "recipes/mcp-gate/filesystem.toml").read_text("utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Install the server; None: it cannot be had here."""
    folder = install("mcp", tmp_path_factory)
    module = "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js"
    return None if folder is None else folder / module


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("stranger") / "data") as started:
        yield started


def test_the_server_is_pinned_with_hashes() -> None:
    lock: JSON = json.loads((STRANGERS / "mcp" / "package-lock.json").read_text("utf-8"))
    wanted: JSON = json.loads((STRANGERS / "mcp" / "package.json").read_text("utf-8"))[
        "dependencies"
    ]
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert all(packages[f"node_modules/{name}"]["version"] == wanted[name] for name in wanted)
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())


def test_reads_pass_and_a_write_waits_for_a_passkey(
    live: Live, server: Path | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if server is None:
        with capsys.disabled():
            print("\nnpm cannot get the file server here; nothing of it stands behind the gate")
        return
    person = live.newcomer()
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.txt").write_text("as it was")
    environ = {"COSIGNET_API_KEY": live.program().key, "COSIGNET_BASE_URL": live.url}
    environ["COSIGNET_USER"] = person.username
    with StdioAgent(tmp_path, RULES, [NODE, server, files], **environ) as agent:
        assert agent.start()["serverInfo"]["name"] == "secure-filesystem-server"
        names = {tool["name"] for tool in agent.request("tools/list")["tools"]}
        assert {"read_text_file", "write_file", "edit_file", "move_file"} <= names
        target = {"path": str(files / "a.txt")}
        assert "as it was" in text_of(agent.result(agent.call("read_text_file", target)))

        write = agent.call("write_file", target | {"content": "as it shall be"})
        waiting = agent.event("waiting")
        payload = live.program().read(id_in(waiting))["payload"]
        assert payload["arguments"] == target | {"content": "as it shall be"}
        assert (files / "a.txt").read_text() == "as it was"
        person.approve(id_in(waiting))
        assert agent.result(write).get("isError") is not True
        assert (files / "a.txt").read_text() == "as it shall be"

        move = {"source": str(files / "a.txt"), "destination": str(files / "b.txt")}
        moving = agent.call("move_file", move)
        person.reject(id_in(agent.event("waiting")))
        assert "REJECTED" in refused(agent.result(moving))
        assert (files / "a.txt").exists()
    assert not (files / "b.txt").exists()


def test_the_official_client_speaks_through_the_gate(
    live: Live, server: Path | None, tmp_path: Path
) -> None:
    if server is None:
        return
    person, target = live.newcomer(), tmp_path / "a.txt"
    (tmp_path / "rules.toml").write_text(RULES)
    environ = {"COSIGNET_API_KEY": live.program().key, "COSIGNET_BASE_URL": live.url}
    environ |= {"COSIGNET_USER": person.username, "HOME": str(tmp_path)}
    gate = StdioServerParameters(
        command=GATE[0],
        args=[*GATE[1:], "--rules", "rules.toml", "--", str(NODE), str(server), str(tmp_path)],
        env=environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
    )
    told: list[str] = []

    async def approve(_: float, __: float | None, message: str | None) -> None:
        told.append(str(message))
        id_ = told[-1].rpartition("/")[2]
        assert (await asyncio.to_thread(person.approve, id_)).is_success

    async def talk() -> list[bool]:
        async with Client(stdio_client(gate)) as mcp:
            read = await mcp.call_tool("list_directory", {"path": str(tmp_path)})
            arguments = {"path": str(target), "content": "signed"}
            wrote = await mcp.call_tool("write_file", arguments, progress_callback=approve)
            return [bool(read.is_error), bool(wrote.is_error)]

    assert asyncio.run(talk()) == [False, False]
    assert target.read_text() == "signed"
    assert len(told) == 1
