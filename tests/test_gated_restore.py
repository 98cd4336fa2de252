"""Cosignet in front of its own most destructive command: `deploy/restore.sh`, over a live store."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live import Process
from tests.people import Person, Program

SCRIPT = Path(__file__).parent.parent / "deploy" / "restore.sh"
SECONDS = 60
# What systemd does for the unit, done for one server of this test.
SYSTEMCTL = """#!{python}
import os, pathlib, signal, subprocess, sys, time, urllib.request
pid, port = pathlib.Path("{pid}"), "{port}"
def is_up():
    try:
        return bool(urllib.request.urlopen(f"http://localhost:{{port}}/healthz"))
    except OSError:
        return False
if sys.argv[1:] == ["stop", "cosignet"]:
    os.kill(int(pid.read_text()), signal.SIGTERM)
else:
    assert sys.argv[1:] == ["start", "cosignet"]
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    serve = [sys.executable, "-m", "cosignet", "serve"]
    pid.write_text(str(subprocess.Popen(serve, start_new_session=True, **quiet).pid))
while is_up() != (sys.argv[1] == "start"):
    time.sleep(0.05)
"""
SYSTEMD_RUN = """#!/bin/sh
while [ "$1" != /opt/cosignet/bin/cosignet ]; do shift; done
shift
exec {python} -m cosignet "$@"
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    with Process(tmp_path / "data") as running:
        yield running


@pytest.fixture
def programs(server: Process, tmp_path: Path) -> Iterator[Path]:
    """Return a folder with what the script calls; whatever was started ends with the test."""
    folder = tmp_path / "programs"
    folder.mkdir()
    pid = tmp_path / "pid"
    pid.write_text(str(server.process.pid))
    guard = f'#!/bin/sh\nexec {sys.executable} -m cosignet "$@"\n'
    said = {"python": sys.executable, "pid": pid, "port": server.port}
    for name, text in (
        ("systemctl", SYSTEMCTL.format(**said)),
        ("systemd-run", SYSTEMD_RUN.format(**said)),
        ("cosignet", guard),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    yield folder
    if int(pid.read_text()) != server.process.pid:
        os.kill(int(pid.read_text()), signal.SIGTERM)


def test_a_restore_over_the_live_store_runs_only_once_it_was_signed(
    server: Process, programs: Path, tmp_path: Path
) -> None:
    owner = Person(server.url)
    owner.register(server.owner_link(), "ada")
    program = Program(server.url, owner.practise()["apiKey"]["key"])
    backup = tmp_path / "backup"
    server.command("backup", str(backup))
    later = program.ask("ada")["id"]

    def restoring() -> "subprocess.Popen[str]":
        own = {"COSIGNET_API_KEY": program.key, "COSIGNET_BASE_URL": server.url}
        # An operator does this, who has no pins yet; nothing is trusted on first use in CI.
        own |= {"COSIGNET_USER": "ada", "HOME": str(tmp_path), "CI": ""}
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        return subprocess.Popen(
            [SCRIPT, backup],
            env=server.environ | own | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    with restoring() as script:
        assert script.stderr is not None
        owner.reject(script.stderr.readline().strip().rpartition("/")[2])
        script.communicate(timeout=SECONDS)
    assert script.returncode == 10
    assert server.process.poll() is None
    assert program.read(later)["status"] == "pending"

    with restoring() as script:
        assert script.stderr is not None
        id_ = script.stderr.readline().strip().rpartition("/")[2]
        code = script.stderr.readline().split()[-1]
        shown = program.read(id_)
        assert shown["payload"]["argv"][-1] == str(backup)
        assert list(shown["payload"]["files"]) == [str(backup)]
        assert owner.approve(id_, match_code=code).is_success
        _, said = script.communicate(timeout=SECONDS)
    assert script.returncode == 0, said
    assert program.get(f"/api/confirmations/{later}").status_code == 404
    assert program.get("/api/confirmations").is_success
