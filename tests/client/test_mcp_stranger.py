"""The gate before a server that nobody here wrote: the reference server for files, as published."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.client.stdio import StdioAgent, refused, text_of
from tests.client.test_mcp_gate import id_in
from tests.conftest import NODE
from tests.live import Live
from tests.people import JSON
from tests.published import STRANGERS, install

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
