"""The README's quickstart, run as it stands, against a server that was started as it says."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from tests.live import Process
from tests.people import Person

ROOT = Path(__file__).parent.parent
BY_HAND = "by-hand"


def snippets(document: Path) -> Iterator[str]:
    """Yield the shell blocks that are for the machine, in order."""
    for token in MarkdownIt().parse(document.read_text("utf-8")):
        words = token.info.split()
        if token.type == "fence" and words[:1] == ["sh"] and BY_HAND not in words:
            yield token.content


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    with Process(tmp_path / "data") as running:
        yield running


def test_the_quickstart_leads_to_an_approved_action(server: Process, tmp_path: Path) -> None:
    owner = Person(server.url)
    owner.register(server.owner_link(), "ada")
    environ = os.environ | {
        "COSIGNET_BASE_URL": server.url,
        "COSIGNET_API_KEY": owner.practise()["apiKey"]["key"],
        "COSIGNET_USER": "ada",
    }
    ask, *rest = snippets(ROOT / "README.md")

    def run(snippet: str) -> str:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", snippet],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{snippet}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    link = run(ask).strip()
    assert link.startswith(f"{server.url}/confirm/")
    assert owner.approve(link.rpartition("/")[2]).is_success
    # The blocks after the first share a shell's variables, as in a terminal.
    said = run("\n".join(rest))
    decision = json.loads((tmp_path / "decision.json").read_text())
    assert decision["status"] == "approved"
    assert decision["payloadHash"] in said
    assert "consumedAt" in said


def test_a_snippet_that_fails_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nfalse\n```\n\n```sh by-hand\nmake run\n```\n\n```json\n{}\n```\n")
    assert list(snippets(page)) == ["false\n"]
