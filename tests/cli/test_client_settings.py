"""The settings of agents' clients that pages show: they are what they claim, and fail closed."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from tests.test_docs import ROOT

from cosignet.cli.main import parser

READERS = {"json": json.loads, "toml": tomllib.loads}
SECONDS = 60


def settings(page: str) -> list[Any]:
    """Return every block of settings on a page."""
    tokens = MarkdownIt().parse((ROOT / "docs" / page).read_text("utf-8"))
    return [READERS[token.info](token.content) for token in tokens if token.info in READERS]


def tables(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every table in some settings."""
    if isinstance(value, dict):
        yield value
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in below:
        yield from tables(one)


GATES = [one for page in settings("gate.md") for one in tables(page) if "args" in one]
HOOKS = [one for page in settings("hooks.md") for one in tables(page) if "command" in one]


def test_every_client_is_there() -> None:
    assert len(GATES) == 3
    assert len(HOOKS) == 2


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_of_the_page_is_one(gate: dict[str, Any]) -> None:
    assert gate["command"] == "cosignet"
    options = parser().parse_args(gate["args"])
    assert options.run == "mcp_gate.mcp_gate"
    assert options.rules.name == "filesystem.toml"
    assert options.command[0] == "npx"
    assert "--" not in options.command


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("there", [True, False], ids=["without rules", "without the program"])
def test_a_hook_of_the_page_denies_in_words(
    hook: dict[str, Any], there: bool, tmp_path: Path
) -> None:
    assert hook["timeout"] > parser().parse_args(["hook"]).within
    programs = [str(Path(sys.executable).parent)] if there else []
    environ = {"PATH": os.pathsep.join([*programs, str(tmp_path)]), "HOME": str(tmp_path)}
    environ |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        ["/bin/sh", "-c", hook["command"]],
        cwd=tmp_path,
        env=environ,
        input='{"hook_event_name": "PreToolUse", "tool_name": "A", "tool_input": {}, "cwd": "/"}',
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.endswith("Not run: no approval.\n")
    assert ("The rules cannot be read" if there else "not found") in ran.stderr
