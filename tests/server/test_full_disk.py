"""A disk that really is full, or read-only: a small file system of the server's own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.live import OWNER_LINK, Process
from tests.people import Person, Program
from tests.server.together import eventually

APART = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
"""Takes options and a folder, then a command, which alone sees what is mounted."""


def can_mount() -> bool:
    """Whether this machine gives a program file systems of its own."""
    tried = [*APART, "sh", "-c", MOUNT, "sh", "size=1m", "/mnt", "true"]
    return subprocess.run(tried, check=False, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.engine("sqlite"),
    pytest.mark.skipif(not can_mount(), reason="no mount namespaces here"),
]


@contextmanager
def serving(folder: Path, options: str) -> Iterator[tuple[Process, Path]]:
    """Run a server whose data directory is a file system of its own; give that as we see it."""
    folder.mkdir()
    server = Process(folder)
    server.stderr = folder.with_name("stderr")
    command = [sys.executable, "-m", "cosignet", "serve"]
    with server.stderr.open("wb") as stderr:
        server.process = subprocess.Popen(
            [*APART, "sh", "-c", MOUNT, "sh", options, str(folder), *command],
            env=server.environ,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
        )
    try:
        server.wait_until_up()
        yield server, Path(f"/proc/{server.process.pid}/root{folder}")
    finally:
        server.process.kill()
        server.process.wait()


def fill(folder: Path) -> Path:
    """Leave no room in a file system."""
    filling = folder / "filling"
    with filling.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return filling


def test_a_full_disk_is_503_until_there_is_room_and_nothing_is_lost(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "size=16m,mode=0700") as (server, folder):
        eventually(lambda: "invite create" in server.said)
        link = OWNER_LINK.search(server.said)
        assert link is not None
        owner = Person(server.url)
        owner.register(link[0], "ada")
        program = Program(server.url, owner.practise()["apiKey"]["key"])
        decided, asked = (program.ask("ada")["id"] for _ in range(2))
        assert owner.approve(decided).is_success
        for _ in range(2):
            filling = fill(folder)
            for answer in (
                owner.approve(asked),
                program.post(f"/api/confirmations/{asked}/cancel"),
            ):
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["Retry-After"]) > 0
            eventually(lambda: httpx2.get(f"{server.url}/readyz").status_code == 503)
            assert httpx2.get(f"{server.url}/healthz").is_success
            assert program.read(asked)["status"] == "pending"
            assert program.read(decided)["status"] == "approved"
            filling.unlink()
            eventually(lambda: httpx2.get(f"{server.url}/readyz").is_success)
        assert owner.approve(asked).is_success
        assert program.read(asked)["status"] == "approved"


def test_on_a_read_only_disk_a_start_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    server = Process(folder)
    command = [sys.executable, "-m", "cosignet"]
    for arguments in (["serve"], ["migrate"]):
        ran = subprocess.run(
            [*APART, "sh", "-c", MOUNT, "sh", "ro,mode=0700", str(folder), *command, *arguments],
            env=server.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), ran.stderr
        assert "Read-only file system" in ran.stderr
