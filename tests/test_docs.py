"""What the documents show, run as it stands against a server that was started as they say.

A page is followed from its first block to its last (CONTRIBUTING, "Documents").
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from tests.authenticator import Authenticator
from tests.conftest import NODE
from tests.live import Process
from tests.people import Person, Program

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = {
    "sh": ". ./{0}",
    "python": "python3 {0}",
    "js": "node {0}",
    "ts": "node {0}",
    "go": "go run {0}",
    "ruby": "ruby {0}",
}
SUFFIX = {"sh": ".sh", "python": ".py", "js": ".mjs", "ts": ".mts", "go": ".go", "ruby": ".rb"}
MAY_BE_ABSENT = ("go", "ruby")
"""What a machine may lack; what is written in it is followed where it is there."""
BY_HAND = "by-hand"
APPROVE = "<!-- approve -->"
BLOCK_SECONDS = 60


def steps(document: Path) -> Iterator[tuple[str, str]]:
    """Yield what a reader does, in order: a language and a block, or APPROVE and nothing."""
    for token in MarkdownIt().parse(document.read_text("utf-8")):
        language, *marks = token.info.split() or [""]
        if token.type == "fence" and language in RUN and BY_HAND not in marks:
            yield language, token.content
        elif token.type == "html_block" and token.content.strip() == APPROVE:
            yield APPROVE, ""


@dataclass
class Reader:
    """Somebody with a passkey and a terminal, who follows one page in a folder of its own."""

    server: Process
    passkey: Authenticator
    key: str
    folder: Path

    def follow(self, document: Path) -> list[str]:
        """Do every step; return what each block printed."""
        return [self.do(*step) for step in steps(document)]

    def do(self, language: str, block: str) -> str:
        if language == APPROVE:
            return self.approve()
        if language in MAY_BE_ABSENT and shutil.which(language) is None:
            return ""
        name = f"block{SUFFIX[language]}"
        (self.folder / name).write_text(block)
        # Blocks share variables and functions, as they would in one terminal.
        script = (
            f"test ! -e .shell || . ./.shell; set -aeuo pipefail; {RUN[language].format(name)}\n"
            "{ export -p; declare -f; } > .shell"
        )
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, f"{block}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def approve(self) -> str:
        pending = Program(self.server.url, self.key).get("/api/confirmations", status="pending")
        ids = [item["id"] for item in pending.json()["items"]]
        assert ids, "nothing waits for an approval here"
        person = Person(self.server.url, self.passkey)
        assert all(person.approve(id_).is_success for id_ in ids)
        return ""

    @property
    def environ(self) -> dict[str, str]:
        programs = [str(Path(sys.executable).parent), str(NODE.parent), os.environ["PATH"]]
        return self.server.environ | {
            "PATH": os.pathsep.join(programs),
            "COSIGNET_BASE_URL": self.server.url,
            "COSIGNET_API_KEY": self.key,
            "COSIGNET_USER": "ada",
            # Whoever reads is a person: in CI, where none is, no passkey is trusted on first use.
            "CI": "",
        }


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Any, str]]:
    settings = {"COSIGNET_ALLOW_PRIVATE_WEBHOOKS": "yes"}
    with Process(tmp_path_factory.mktemp("docs") / "data", settings=settings) as server:
        owner = Person(server.url)
        owner.register(server.owner_link(), "ada")
        yield server, owner.passkey, owner.practise()["apiKey"]["key"]


@pytest.fixture
def reader(installed: tuple[Process, Any, str], tmp_path: Path) -> Reader:
    return Reader(*installed, tmp_path)


def test_the_quickstart_leads_to_an_approved_action(reader: Reader) -> None:
    link, *said = reader.follow(ROOT / "README.md")
    assert link.startswith(f"{reader.server.url}/confirm/")
    decision = json.loads((reader.folder / "decision.json").read_text())
    assert decision["status"] == "approved"
    assert decision["payloadHash"] in "".join(said)
    assert "consumedAt" in said[-1]


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES[1:] if list(steps(page))],
    ids=lambda page: page.stem,
)
def test_what_a_page_shows_works(reader: Reader, page: Path) -> None:
    said = reader.follow(page)
    printed = "".join(said)
    # What a page claims to be printed is printed.
    for token in MarkdownIt().parse(page.read_text("utf-8")):
        if token.type == "fence" and token.info == "text":
            assert token.content in printed


def test_what_verifies_webhooks_on_their_page_refuses_what_was_changed(reader: Reader) -> None:
    page = ROOT / "docs/webhooks.md"
    reader.follow(page)
    verifying = [(name, block) for name, block in steps(page) if "genuine" in block]
    assert {name for name, _ in verifying} == {"sh", "python", "ts", "go", "ruby"}
    for file, old, new in (
        ("body", '"event":"test"', '"event":"fest"'),
        ("headers.json", '"cosignet-timestamp": "2', '"cosignet-timestamp": "3'),
    ):
        genuine = (reader.folder / file).read_text()
        assert old in genuine
        (reader.folder / file).write_text(genuine.replace(old, new))
        for name, block in verifying:
            if name not in MAY_BE_ABSENT or shutil.which(name) is not None:
                with pytest.raises(AssertionError):
                    reader.do(name, block)
        (reader.folder / file).write_text(genuine)


def test_blocks_run_unless_they_are_marked(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        f"```sh\nfalse\n```\n\n{APPROVE}\n\n```sh by-hand\nmake run\n```\n\n```json\n{{}}\n```\n"
    )
    assert list(steps(page)) == [("sh", "false\n"), (APPROVE, "")]


def test_a_block_that_fails_is_noticed(reader: Reader) -> None:
    for language, block in (("sh", "false | true"), ("python", "assert 0"), ("js", "throw 1")):
        with pytest.raises(AssertionError):
            reader.do(language, block)
    with pytest.raises(AssertionError, match="nothing waits"):
        reader.do(APPROVE, "")


def test_blocks_share_what_they_set(reader: Reader) -> None:
    reader.do("sh", "said='a b'; say() { echo \"$said\"; }")
    assert reader.do("sh", "say") == "a b\n"
    assert reader.do("python", "import os; print(os.environ['said'])") == "a b\n"
