"""What `deploy/` says, held against the program; two nodes run as the compose file runs them."""

import base64
import configparser
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.engines import engines
from tests.live import OWNER_LINK, free_port
from tests.people import Person, Program
from tests.server.together import eventually

from cosignet.cli.main import parser
from cosignet.core.limits import HELD_PER_NODE_MAX, held_per_node
from cosignet.server.app import SHUTDOWN_SECONDS
from cosignet.server.config import CLIENT_SETTINGS, SETTINGS

DEPLOY = Path(__file__).parent.parent / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
CADDYFILE = (DEPLOY / "Caddyfile").read_text()
HOST = "approve.example"
# One that cannot map memory both writable and executable, as the systemd unit has it, where the
# kernel knows that (prctl(2), PR_SET_MDWE).
STRICT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def read_yaml(text: str) -> dict[str, Any]:
    """Read the little of YAML that the compose file uses: maps, lists of scalars, flow lists."""
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    value, rest = _read_block(lines, 0)
    assert not rest
    assert isinstance(value, dict)
    return value


def _read_block(lines: list[str], indent: int) -> tuple[Any, list[str]]:
    found: Any = None
    while lines and len(lines[0]) - len(lines[0].lstrip()) == indent:
        line, lines = lines[0].strip(), lines[1:]
        if line.startswith("- "):
            found = [*(found or []), line[2:]]
            continue
        name, _, value = line.partition(":")
        found = found or {}
        if value.strip():
            found[name] = json.loads(value) if value.strip().startswith("[") else value.strip()
        elif lines and len(lines[0]) - len(lines[0].lstrip()) > indent:
            found[name], lines = _read_block(lines, len(lines[0]) - len(lines[0].lstrip()))
        else:
            found[name] = None
    return found, lines


COMPOSE = read_yaml((DEPLOY / "compose.yaml").read_text())
NODE = COMPOSE["services"]["node-1"]


def unit() -> configparser.SectionProxy:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str
    read.read(DEPLOY / "cosignet.service")
    return read["Service"]


def settings_in(text: str) -> set[str]:
    return {name.removesuffix("_FILE") for name in re.findall(r"\bCOSIGNET_[A-Z_]+", text)}


def test_every_setting_is_one() -> None:
    for path in DEPLOY.iterdir():
        if path.is_file():
            assert settings_in(path.read_text()) <= SETTINGS.keys() | CLIENT_SETTINGS, path.name


def test_every_command_is_one() -> None:
    run = shlex.split(unit()["ExecStart"])
    assert Path(run[0]).name == "cosignet"
    [image] = re.findall(r"^CMD (\[.*\])$", CONTAINERFILE, re.MULTILINE)
    for arguments in (run[1:], NODE["command"], json.loads(image)):
        assert parser().parse_args(arguments).port == 8000


def test_whatever_installs_does_so_by_hash_and_nothing_runs_as_root() -> None:
    installs = re.findall(r"pip install (.*)", CONTAINERFILE)
    assert [("--require-hashes" in one, "--no-deps" in one) for one in installs] == [
        (True, False),
        (False, True),
    ]
    assert re.search(r"^USER (\d+):\d+$", CONTAINERFILE, re.MULTILINE)[1] != "0"
    assert unit()["User"] not in ("", "root")
    assert NODE["read_only"] == "true"
    assert (NODE["cap_drop"], NODE["security_opt"]) == (["ALL"], ["no-new-privileges:true"])


def test_whoever_stops_a_node_waits_as_long_as_it_needs() -> None:
    for seconds in (NODE["stop_grace_period"].removesuffix("s"), unit()["TimeoutStopSec"]):
        assert int(seconds) > SHUTDOWN_SECONDS
    assert unit()["KillSignal"] == "SIGTERM"
    assert "STOPSIGNAL SIGTERM" in CONTAINERFILE


def test_as_many_may_wait_as_a_node_takes_at_most() -> None:
    for descriptors in (NODE["ulimits"]["nofile"], unit()["LimitNOFILE"]):
        assert held_per_node(int(descriptors)) == HELD_PER_NODE_MAX


def test_the_unit_lets_the_server_write_to_its_own_folder_alone() -> None:
    service = unit()
    assert service["ProtectSystem"] == "strict"
    folder = f"/var/lib/{service['StateDirectory']}"
    assert service["Environment"] == f"COSIGNET_DATA_DIR={folder}"
    assert service["StateDirectoryMode"] == "0700"
    for name in ("NoNewPrivileges", "MemoryDenyWriteExecute", "ProtectHome", "PrivateTmp"):
        assert service[name] == "yes"
    assert service["CapabilityBoundingSet"] == ""


def test_every_name_in_the_compose_file_leads_somewhere() -> None:
    services = COMPOSE["services"]
    assert services["node-2"]["extends"] == {"service": "node-1"}
    for service in services.values():
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
        assert set(service.get("networks", ())) <= COMPOSE["networks"].keys()
        assert set(service.get("depends_on", ())) <= services.keys()
    upstreams = re.findall(r"\b(node-\d):8000", CADDYFILE)
    assert set(upstreams) == {name for name in services if name.startswith("node-")}
    assert {name for name in services if "ports" in services[name]} == {"proxy"}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a: 1\nb:\n  c:\nd:\n  - x\n  - y: z\n", {"a": "1", "b": {"c": None}, "d": ["x", "y: z"]}),
        ('# no\na:\n  b: ["c", "d"]\n\n  e: f\n', {"a": {"b": ["c", "d"], "e": "f"}}),
    ],
)
def test_the_reader_of_yaml_reads(text: str, read: object) -> None:
    assert read_yaml(text) == read


# --- Run ------------------------------------------------------------------------------------------


@dataclass
class Node:
    """One node, run as its container would run it."""

    url: str
    said: Path
    process: subprocess.Popen[bytes]

    def wait_until_up(self) -> None:
        for _ in range(1500):
            assert self.process.poll() is None, self.said.read_text()
            try:
                if httpx2.get(f"{self.url}/readyz").is_success:
                    return
            except httpx2.TransportError:
                threading.Event().wait(0.02)
        raise AssertionError(self.said.read_text())

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(float(NODE["stop_grace_period"].removesuffix("s")))


@contextmanager
def node(folder: Path, name: str) -> Iterator[Node]:
    """Start a node with the compose file's command and settings, on a port of its own."""
    port = free_port()
    environ = {
        key: value.replace("/run/secrets", str(folder)).replace(
            "${SITE_HOST:?name the host in deploy/.env}", HOST
        )
        for key, value in NODE["environment"].items()
    }
    command = [
        {"0.0.0.0": "127.0.0.1", "8000": str(port)}.get(word, word) for word in NODE["command"]
    ]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COSIGNET_")}
    said = folder / name
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", STRICT, sys.executable, "-m", "cosignet", *command],
            env=inherited | environ | {"COSIGNET_DATA_DIR": str(folder / f"{name}-data")},
            stdin=subprocess.DEVNULL,
            stderr=stderr,
        )
    running = Node(f"http://localhost:{port}", said, process)
    try:
        running.wait_until_up()
        yield running
    finally:
        process.kill()
        process.wait()


def test_two_nodes_run_as_the_compose_file_runs_them(tmp_path: Path) -> None:
    with engines.used("postgres"), ExitStack() as stack:
        settings = engines.settings(tmp_path)
        (tmp_path / "database-url").write_text(settings["COSIGNET_DATABASE_URL"] + "\n")
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        (tmp_path / "encryption-key").write_text(key + "\n")
        (tmp_path / "log-key").write_text(key + "\n")
        one, two = (stack.enter_context(node(tmp_path, name)) for name in ("one", "two"))
        # Written a moment after the port is open; the one that started last has the one that works.
        eventually(lambda: "invite create" in two.said.read_text())
        link = OWNER_LINK.search(two.said.read_text())
        assert link is not None
        owner = Person(f"https://{HOST}", base_url=one.url)
        owner.register(link[0], "ada")
        program = Program(two.url, owner.practise()["apiKey"]["key"], f"https://{HOST}")
        asked = program.ask("ada")["id"]
        assert owner.approve(asked).is_success
        assert program.read(asked, wait=5)["status"] == "approved"
        # One stops while somebody waits at it; the other goes on.
        left = program.ask("ada")["id"]
        assert one.stop() == -signal.SIGTERM  # which it raises again when it is done
        assert program.read(left)["status"] == "pending"
        assert two.stop() == -signal.SIGTERM
        # Nothing but what each remembers of the log.
        kept = {path.name for path in tmp_path.glob("*-data/*")}
        assert kept <= {"log-head"}
