"""`cosignet guard`, as a person uses it against a real server."""

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.live import Live

from cosignet.cli.qr import qr_code, terminal_lines

SECONDS = 60


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("guard") / "data") as server:
        yield server


class Guard:
    """A guard that waits for somebody, in a folder of its own."""

    def __init__(self, live: Live, folder: Path, *options: str, command: list[str], **env: str):
        self.live = live
        self.person = live.newcomer()
        self.folder = folder
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": str(folder),
            "COSIGNET_API_KEY": live.program().key,
            "COSIGNET_BASE_URL": live.url,
            "COSIGNET_USER": self.person.username,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cosignet", "guard", "--json", *options, "--", *command],
            cwd=folder,
            env=environ | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self.process.stderr is not None
        self.asked: dict[str, Any] = json.loads(self.process.stderr.readline())

    def end(self) -> tuple[int, str, str]:
        """Return its exit status and what it printed from now on."""
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err

    def read(self) -> dict[str, Any]:
        return self.live.program().read(self.asked["id"])


def test_exactly_the_signed_command_runs(live: Live, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys, os; print(sys.argv[1:], os.environ['STAGE'])"]
    rest = ["--", "-x", "--user", "a b", "$(id)", "*", "é", ""]
    (tmp_path / "plan").write_text("plan\n")
    guard = Guard(
        live, tmp_path, "--env", "STAGE", "--env", "NONE", "--file", "plan",
        command=[*argv, *rest], STAGE="prod",
    )  # fmt: skip
    assert guard.asked["event"] == "waiting"
    assert guard.asked["approver"] == guard.person.username
    payload = guard.read()["payload"]
    assert payload == {
        "argv": [*argv, *rest],
        "program": sys.executable,
        "cwd": str(tmp_path),
        "host": os.uname().nodename,
        "environment": {"STAGE": "prod", "NONE": None},
        "files": {"plan": hashlib.sha256(b"plan\n").hexdigest()},
    }
    guard.person.approve(guard.asked["id"])
    status, out, err = guard.end()
    assert (status, out) == (0, f"{rest} prod\n")
    told = [json.loads(line) for line in err.splitlines()]
    assert [one["event"] for one in told] == ["note", "approved"]
    assert told[0]["detail"].startswith("FIRST USE")
    assert guard.read()["outcome"]["result"] == "executed"


def test_the_status_is_the_commands(live: Live, tmp_path: Path) -> None:
    guard = Guard(live, tmp_path, command=["sh", "-c", "exit 42"])
    guard.person.approve(guard.asked["id"])
    assert guard.end()[0] == 42
    assert guard.read()["outcome"]["result"] == "failed"


def test_a_rejected_command_does_not_run(live: Live, tmp_path: Path) -> None:
    guard = Guard(live, tmp_path, command=["touch", "ran"])
    guard.person.reject(guard.asked["id"])
    assert guard.end()[0] == 10
    assert not (tmp_path / "ran").exists()


def test_a_file_that_changed_after_it_was_shown_stops_the_command(
    live: Live, tmp_path: Path
) -> None:
    (tmp_path / "plan").write_text("plan\n")
    guard = Guard(live, tmp_path, "--file", "plan", command=["touch", "ran"])
    (tmp_path / "plan").write_text("another plan\n")
    guard.person.approve(guard.asked["id"])
    status, _, err = guard.end()
    assert status == 1
    assert "not what was approved" in err
    assert not (tmp_path / "ran").exists()
    assert guard.read()["outcome"]["result"] == "failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_takes_the_request_back(live: Live, tmp_path: Path, number: int) -> None:
    guard = Guard(live, tmp_path, command=["touch", "ran"])
    guard.process.send_signal(number)
    assert guard.end()[0] == 130
    assert guard.read()["cancelledAt"] is not None
    assert not (tmp_path / "ran").exists()


def waiting_for(number: int) -> list[str]:
    """Return a command that says that it is up, and takes a while to end with 7 at a signal."""
    heard = f"signal.signal({int(number)}, lambda *_: (time.sleep(1), sys.exit(7)))"
    script = f"import signal, sys, time; {heard}; print('up', flush=True); signal.pause()"
    return [sys.executable, "-c", script]


def test_an_interrupt_while_the_command_runs_is_the_commands(live: Live, tmp_path: Path) -> None:
    """It may have to clean up, and nobody is told that nothing was run."""
    guard = Guard(live, tmp_path, command=waiting_for(signal.SIGINT))
    guard.person.approve(guard.asked["id"])
    assert guard.process.stdout is not None
    assert guard.process.stdout.readline() == "up\n"
    os.killpg(guard.process.pid, signal.SIGINT)
    status, _, err = guard.end()
    assert status == 7
    assert "othing was run" not in err
    assert guard.read()["outcome"]["result"] == "failed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_guard_while_the_command_runs_ends_the_command(
    live: Live, tmp_path: Path, number: int
) -> None:
    """A pipeline that is stopped would leave it running, and nobody would know how it ended."""
    guard = Guard(live, tmp_path, command=waiting_for(number))
    guard.person.approve(guard.asked["id"])
    assert guard.process.stdout is not None
    assert guard.process.stdout.readline() == "up\n"
    guard.process.send_signal(number)
    status, _, err = guard.end()
    assert status == 7
    assert "othing was run" not in err
    assert guard.read()["outcome"]["result"] == "failed"


def test_an_interrupt_after_the_command_has_ended_does_not_hide_how(tmp_path: Path) -> None:
    """Nobody who believed that nothing was run should run it again."""
    os.mkfifo(tmp_path / "end")
    command = ["sh", "-c", "trap '' TERM; echo up; read x < end; exit 7"]
    with Live(tmp_path / "data") as server:
        guard = Guard(server, tmp_path, command=command)
        guard.person.approve(guard.asked["id"])
        assert guard.process.stdout is not None
        assert guard.process.stdout.readline() == "up\n"
    (tmp_path / "end").write_text("now\n")
    # It cannot report that, and tries again for half a minute.
    while guard.process.poll() is None:
        guard.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    status, _, err = guard.end()
    assert status == 7
    assert "the server may not know how" in err


def ran(script: str) -> str:
    """Return what a program of ours prints before it ends well."""
    command = [sys.executable, "-c", f"import os, signal, subprocess, threading\n{script}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
    return done.stdout


def test_a_second_signal_does_not_end_the_taking_back() -> None:
    assert (
        ran("""
from cosignet.cli.signals import end_as_at_ctrl_c
end_as_at_ctrl_c()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGHUP)
    print("taken back")
""")
        == "taken back\n"
    )


def test_a_command_that_runs_as_somebody_else_is_waited_for() -> None:
    """By sudo, say: it cannot be told that the guard shall end."""
    assert ran("""
from cosignet.client.guard import run_signed
def refuse(*_):
    print("refused")
    raise PermissionError
subprocess.Popen.send_signal = refuse
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
run_signed({"argv": ["sh", "-c", "sleep 1; echo done"], "program": "/bin/sh", "cwd": "/"})
""") in ("refused\ndone\n", "done\nrefused\n")


def test_a_command_that_a_signal_ends_says_so_as_shells_do(live: Live, tmp_path: Path) -> None:
    guard = Guard(live, tmp_path, command=["sh", "-c", "echo up; exec sleep 60"])
    guard.person.approve(guard.asked["id"])
    assert guard.process.stdout is not None
    assert guard.process.stdout.readline() == "up\n"
    guard.process.send_signal(signal.SIGTERM)
    assert guard.end()[0] == 128 + signal.SIGTERM


def test_under_nohup_neither_the_guard_nor_the_command_hears_of_the_terminals_end(
    live: Live, tmp_path: Path
) -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        script = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
        guard = Guard(live, tmp_path, command=[sys.executable, "-c", script])
    finally:
        signal.signal(signal.SIGHUP, ignored)
    guard.process.send_signal(signal.SIGHUP)
    guard.person.approve(guard.asked["id"])
    assert guard.end()[:2] == (0, "True\n")


def test_high_risk_shows_the_match_code(live: Live, tmp_path: Path) -> None:
    guard = Guard(live, tmp_path, "--risk", "high", command=["true"])
    code = guard.asked["matchCode"]
    assert guard.person.approve(guard.asked["id"], match_code=code).is_success
    assert guard.end()[0] == 0


def on_a_terminal(live: Live, folder: Path, decide: str, **env: str) -> tuple[int, str, str]:
    """Return the exit status, what a terminal showed, and who was asked."""
    person = live.newcomer()
    environ = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environ |= {"HOME": str(folder), "COSIGNET_API_KEY": live.program().key}
    environ |= {"COSIGNET_BASE_URL": live.url, "COSIGNET_USER": person.username}
    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "cosignet", "guard", "--ttl", "90", "--", "true"]
    with subprocess.Popen(command, cwd=folder, env=environ | env, stderr=terminal) as running:
        os.close(terminal)
        said = read_until(screen, b"/confirm/" if env else b"left")
        getattr(person, decide)(found_id(said))
        said += read_until(screen, None)
    os.close(screen)
    return running.returncode, said, person.username


@pytest.mark.parametrize("quiet", [{"CI": "true"}, {}], ids=["in CI", "for people"])
def test_a_terminal_shows_who_was_asked_a_code_and_the_time_left(
    live: Live, tmp_path: Path, quiet: dict[str, str]
) -> None:
    status, said, username = on_a_terminal(live, tmp_path, "reject", **quiet)
    assert status == 10
    url = f"{live.url}/confirm/{found_id(said)}"
    assert f"Waiting for {username} to decide: {url}" in said
    code = "\r\n".join(terminal_lines(qr_code(url)))
    assert (code in said) == (not quiet)
    assert (re.search(r"(1:30|1:[0-2]\d|0:\d\d) left", said) is not None) == (not quiet)
    assert "Rejected" in said or "rejected" in said


def test_what_is_said_meanwhile_has_a_line_of_its_own(live: Live, tmp_path: Path) -> None:
    status, said, _ = on_a_terminal(live, tmp_path, "approve")
    assert status == 0
    assert "left \r\033[KFIRST USE" in said


def read_until(screen: int, words: bytes | None) -> str:
    """Read what a terminal shows, until some words or its end."""
    said = b""
    while words is None or words not in said or not said.endswith((b" ", b"\n")):
        try:
            more = os.read(screen, 65536)
        except OSError:
            break
        if not more:
            break
        said += more
    return said.decode()


def found_id(said: str) -> str:
    found = re.search(r"/confirm/([0-9a-f-]{36})", said)
    assert found, said
    return found[1]


def test_in_ci_an_unknown_passkey_is_not_believed(live: Live, tmp_path: Path) -> None:
    guard = Guard(live, tmp_path, command=["touch", "ran"], CI="true")
    guard.person.approve(guard.asked["id"])
    assert guard.end()[0] == 76
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--", "true"], "COSIGNET_USER"),
        (["--user", "alex"], "after --"),
        (["--user", "alex", "--", "no-such-program"], "no such program"),
        (["--user", "alex", "--file", "none", "--", "true"], "none cannot be read"),
    ],
)
def test_what_is_missing_is_said(options: list[str], words: str) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    ran = subprocess.run(
        [sys.executable, "-m", "cosignet", "guard", *options],
        env=environ | {"COSIGNET_API_KEY": "k"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 64
    assert words in ran.stderr
