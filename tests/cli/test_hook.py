"""`cosignet hook`, as coding agents call it: only a clear yes lets a tool run."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.live import Live
from tests.people import JSON

from cosignet.client.errors import SetupIncomplete
from cosignet.client.teller import tell_by

SECONDS = 60
DENIED = 2
RULES = """
server = "laptop"
[[rule]]
tools = ["Read", "Grep"]
then = "pass"
[[rule]]
tools = ["WebFetch"]
then = "deny"
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("hook") / "data") as server:
        yield server


def told(tool: str, event: str = "PreToolUse", **given: Any) -> JSON:
    """Return what Claude Code tells; Codex tells the same and more."""
    return {
        "session_id": "s1",
        "transcript_path": "t.jsonl",
        "cwd": "/srv/shop",
        "permission_mode": "default",
        "hook_event_name": event,
        "tool_name": tool,
        "tool_input": given,
        "tool_use_id": "toolu_1",
    }


class Hook:
    """A hook that has been started, with what it was told."""

    def __init__(
        self,
        folder: Path,
        environ: dict[str, str],
        say: JSON | bytes,
        *options: str,
        rules: str | None = RULES,
    ) -> None:
        if rules is not None:
            (folder / "rules.toml").write_text(rules)
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cosignet", "hook", "--rules", "rules.toml", *options],
            cwd=folder,
            env=kept | {"HOME": str(folder)} | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(say if isinstance(say, bytes) else json.dumps(say).encode())
        self.process.stdin.close()

    def waiting(self) -> tuple[str, str]:
        """Return the confirmation's id, and the line that told of it."""
        assert self.process.stderr is not None
        line = self.process.stderr.readline().decode()
        found = re.search(r"/confirm/([0-9a-f-]{36})", line)
        assert found, line + self.process.stderr.read().decode()
        return found[1], line

    def end(self) -> tuple[int, bytes, str]:
        """Return status, standard output, and the rest of standard error."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out, err = self.process.stdout.read(), self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait(SECONDS), out, err

    def denied(self) -> str:
        """Return the words with which it denied."""
        status, out, err = self.end()
        assert status == DENIED, err
        assert out == b""
        words = err.splitlines()[-1]
        assert words.startswith("Not run."), err
        return words


def environ(live: Live, username: str) -> dict[str, str]:
    return {
        "COSIGNET_API_KEY": live.program().key,
        "COSIGNET_BASE_URL": live.url,
        "COSIGNET_USER": username,
    }


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (
            "PreToolUse",
            {
                "permissionDecision": "allow",
                "updatedInput": {"command": "rm -r build", "timeout": 5},
                "permissionDecisionReason": "A human has signed exactly this.",
            },
        ),
        ("PermissionRequest", {"decision": {"behavior": "allow"}}),
    ],
)
def test_what_was_signed_may_run_once(live: Live, tmp_path: Path, event: str, answer: JSON) -> None:
    person = live.newcomer()
    say = told("Bash", event, command="rm -r build", timeout=5.0)
    hook = Hook(tmp_path, environ(live, person.username), say)
    id_, line = hook.waiting()
    assert person.username in line
    payload = {
        "agent": "laptop",
        "tool": "Bash",
        "input": {"command": "rm -r build", "timeout": 5},
        "cwd": "/srv/shop",
    }
    assert live.program().read(id_)["payload"] == payload
    person.approve(id_)
    status, out, _ = hook.end()
    assert status == 0
    assert json.loads(out) == {"hookSpecificOutput": {"hookEventName": event, **answer}}
    assert live.program().read(id_)["consumedAt"] is not None


def test_what_passes_is_left_to_the_clients_own_rules(live: Live, tmp_path: Path) -> None:
    status, out, err = Hook(tmp_path, environ(live, "alex"), told("Read", file_path="/a")).end()
    assert (status, out, err) == (0, b"", "")


def test_rejected_expired_and_forbidden_are_told_apart(live: Live, tmp_path: Path) -> None:
    person = live.newcomer()
    settings = environ(live, person.username)
    hook = Hook(tmp_path, settings, told("Bash", command="x"))
    person.reject(hook.waiting()[0])
    assert "REJECTED" in hook.denied()
    hook = Hook(tmp_path, settings, told("Bash", command="x"), rules="ttl_seconds = 1\n" + RULES)
    hook.waiting()
    assert "EXPIRED" in hook.denied()
    assert "FORBIDDEN" in Hook(tmp_path, settings, told("WebFetch", url="x")).denied()


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (b"", "FAILED"),
        (b"{", "FAILED"),
        (b"[]", "only PreToolUse"),
        (b"\xff", "NOT ASKED"),
        (told("Bash", "PostToolUse"), "only PreToolUse"),
        (told(""), "which tool"),
        (told("Bash") | {"tool_name": ["Read"]}, "which tool"),
        (told("Read") | {"tool_input": "x"}, "given"),
        (told("Read") | {"cwd": None}, "where"),
        (
            json.dumps(told("Read")).replace('"s1"', '"s1", "tool_name": "Grep"').encode(),
            "tool_name",
        ),
        (told("Read", n=12345678901234567890), "tool_input.n"),
        (b'"' + b"x" * 16 * 1024 * 1024 + b'"', "longer than"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_not_understood_is_denied(
    live: Live, tmp_path: Path, say: JSON | bytes, words: str
) -> None:
    assert words in Hook(tmp_path, environ(live, "alex"), say).denied()


@pytest.mark.parametrize(
    ("changes", "rules", "words"),
    [
        ({}, None, "rules cannot be read"),
        ({}, "server = ", "no TOML"),
        ({"COSIGNET_API_KEY": ""}, RULES, "COSIGNET_API_KEY"),
        ({"COSIGNET_USER": ""}, RULES, "COSIGNET_USER"),
        ({"COSIGNET_BASE_URL": "http://elsewhere.example"}, RULES, "COSIGNET_BASE_URL"),
        ({"COSIGNET_BASE_URL": "http://localhost:1"}, "ttl_seconds = 1\n" + RULES, "UNAVAILABLE"),
        ({"COSIGNET_API_KEY": "cosk_wrong"}, RULES, "NOT ASKED"),
        ({"COSIGNET_USER": "nobody-here"}, RULES, "NOT ASKED"),
    ],
)
def test_what_is_missing_denies(
    live: Live, tmp_path: Path, changes: dict[str, str], rules: str | None, words: str
) -> None:
    settings = environ(live, "alex") | changes
    assert words in Hook(tmp_path, settings, told("Bash", command="x"), rules=rules).denied()


def test_a_passkey_that_is_not_pinned_denies(live: Live, tmp_path: Path) -> None:
    person = live.newcomer()
    settings = environ(live, person.username) | {"CI": "true"}
    hook = Hook(tmp_path, settings, told("Bash", command="x"))
    person.approve(hook.waiting()[0])
    assert "NOT BELIEVED" in hook.denied()


def test_a_signal_denies_and_takes_back_what_was_asked(live: Live, tmp_path: Path) -> None:
    person = live.newcomer()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        hook = Hook(tmp_path, environ(live, person.username), told("Bash", command="x"))
        id_, _ = hook.waiting()
        hook.process.send_signal(number)
        assert "INTERRUPTED" in hook.denied()
        assert live.program().read(id_)["cancelledAt"] is not None


def test_it_denies_before_its_client_loses_patience(live: Live, tmp_path: Path) -> None:
    person = live.newcomer()
    say = told("Bash", command="x")
    hook = Hook(tmp_path, environ(live, person.username), say, "--within", "62")
    id_, _ = hook.waiting()
    asked = live.program().read(id_)
    lasts = [int(asked[name][17:19]) for name in ("createdAt", "expiresAt")]
    assert (lasts[1] - lasts[0]) % 60 == 2
    assert "EXPIRED" in hook.denied()


def test_it_denies_if_nothing_comes_in_time(live: Live, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    for options in (["--within", "1"], ["--within", "0"], ["--within", "-5"]):
        with subprocess.Popen(
            [sys.executable, "-m", "cosignet", "hook", "--rules", "rules.toml", *options],
            cwd=tmp_path,
            env=os.environ | environ(live, "alex"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            assert running.stderr is not None
            assert b"UNAVAILABLE" in running.stderr.read()
            assert running.wait(SECONDS) == DENIED


def test_wrong_usage_denies(tmp_path: Path) -> None:
    status, out, err = Hook(tmp_path, {}, b"{}", "--no-such-option").end()
    assert (status, out) == (DENIED, b"")
    assert err


def test_a_command_is_given_the_link(live: Live, tmp_path: Path) -> None:
    person = live.newcomer()
    ring = 'echo "$@" > rang.new\nmv rang.new rang'
    (tmp_path / "ring").write_text(f'#!/bin/sh\ncd "$(dirname "$0")"\n{ring}\n')
    (tmp_path / "ring").chmod(0o755)
    command = f"'{tmp_path}/ring' 'two words'"
    settings = environ(live, person.username)
    hook = Hook(tmp_path, settings, told("Bash", command="x"), "--tell", command)
    id_, _ = hook.waiting()
    for _ in range(SECONDS * 20):
        if (tmp_path / "rang").exists():
            break
        threading.Event().wait(0.05)
    assert (tmp_path / "rang").read_text() == f"two words {live.url}/confirm/{id_}\n"
    person.reject(id_)
    hook.denied()
    (tmp_path / "rang").unlink()
    lying = SimpleNamespace(url="file:///etc/passwd", expected=SimpleNamespace(origin=live.url))
    asked: Any = lying
    with pytest.raises(SetupIncomplete, match="leads away"):
        tell_by(command, asked)
    lying.url = f"{live.url}.example/"
    with pytest.raises(SetupIncomplete, match="leads away"):
        tell_by(command, asked)
    for wrong in ("no-such-program", "'", ""):
        hook = Hook(tmp_path, settings, told("Bash", command="x"), "--tell", wrong)
        assert "NOT ASKED" in hook.denied()
