"""`cosignet serve --workers`: several processes, one port, one PostgreSQL."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from tests.engines import engines
from tests.live import Process
from tests.people import Person, Program
from tests.server.together import background, eventually

from cosignet.cli import workers
from cosignet.cli.workers import Supervisor

COUNT = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    options = ("--workers", str(COUNT))
    with engines.used("postgres"), Process(tmp_path / "data", options=options) as running:
        yield running


def children(pid: int) -> set[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    found = [line.split() for line in listed.stdout.splitlines()]
    return {int(child) for child, state in found if not state.startswith("Z")}


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def running(server: Process) -> set[int]:
    """Return the workers, as soon as all of them are there."""
    eventually(lambda: len(children(server.process.pid)) == COUNT)
    return children(server.process.pid)


def test_workers_serve_one_port_and_the_link_is_printed_once(server: Process) -> None:
    owner = Person(server.url)
    owner.register(server.owner_link(), "alex")
    assert server.said.count("/register?invite=") == 1
    key = server.command("apikey", "create", "--name", "agent").stdout.strip()
    program = Program(server.url, key)
    # Whichever worker has which of these, everybody hears of every decision.
    asked = [program.ask("alex")["id"] for _ in range(8)]
    waiting = [Program(server.url, key) for _ in asked]
    with background() as start:
        held: list[Future[Any]] = [
            start(one.read, id_, wait=25) for one, id_ in zip(waiting, asked, strict=True)
        ]
        for id_ in asked:
            assert Person(server.url, owner.passkey, "alex").approve(id_).is_success
        assert {one.result()["status"] for one in held} == {"approved"}


def test_a_worker_that_dies_is_started_again_while_the_others_serve(server: Process) -> None:
    before = running(server)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    with Program(server.url, "").http as http:
        assert http.get("/healthz").is_success
    eventually(lambda: len(children(server.process.pid) - {victim}) == COUNT)
    assert before - {victim} < children(server.process.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_in_order(server: Process, number: signal.Signals) -> None:
    owner = Person(server.url)
    owner.register(server.owner_link(), "alex")
    key = server.command("apikey", "create", "--name", "agent").stdout.strip()
    program = Program(server.url, key)
    asked = program.ask("alex")["id"]
    found = running(server)
    with background() as start:
        held: Future[Any] = start(Program(server.url, key).read, asked, wait=25)
        with engines_rows(server) as rows:
            eventually(lambda: waits(rows))
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
        assert held.result()["status"] == "pending"
    assert not any(map(runs, found))
    assert "Traceback" not in server.said


def engines_rows(server: Process) -> Any:
    return engines.opened(server.data_dir)


def waits(rows: Any) -> bool:
    """Whether a request that is held open has been read: its state was asked for."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'cosignet reads' AND query LIKE '%FROM confirmations c%'"
    )
    return rows.execute(sql).fetchone()[0] > 0


def test_workers_that_nobody_supervises_any_more_stop(server: Process) -> None:
    found = running(server)
    server.process.kill()
    server.process.wait()
    eventually(lambda: not any(map(runs, found)))


def test_on_sqlite_one_process_serves_and_the_refusal_says_the_cure(tmp_path: Path) -> None:
    refused = Process(tmp_path / "data").command("serve", "--workers", "2", check=False)
    assert refused.returncode == 1
    assert "postgresql://" in refused.stderr
    assert not (tmp_path / "data").exists()
    refused = Process(tmp_path / "data").command("serve", "--workers", "0", check=False)
    assert refused.stderr.startswith("--workers: 1 to 64")


SUPERVISE = """
import os, sys, time
from cosignet.cli.workers import Supervisor

def work(lifeline, number):
    os.write(1, b"x")
    sys.exit(3)

Supervisor(1, work).run()
"""


def test_a_worker_that_cannot_start_is_tried_ever_more_rarely() -> None:
    with subprocess.Popen([sys.executable, "-c", SUPERVISE], stdout=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        assert ran.stdout.read(3) == b"xxx"
        ran.terminate()
        rest = ran.stdout.read()
    assert ran.returncode == 0
    assert len(rest) < 5


def test_a_worker_that_ran_for_long_starts_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "HEALTHY_SECONDS", 0.0)
    supervisor = Supervisor(1, lambda *_: None)
    [place] = supervisor._places
    place.pause = workers.PAUSE_SECONDS_MAX
    place.pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
    eventually(lambda: (supervisor._bury(), place.pid is None)[1])
    assert place.pause == 2 * workers.PAUSE_SECONDS
