"""Files are served without their layout; what is left says the same."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import NODE

from cosignet.server.web import static_files
from cosignet.server.web.static_files import without_layout

ROOT = Path(__file__).parents[2]
FOLDER = "src/cosignet/server/web/static"
NODE_SECONDS = 120
SCRIPT_BYTES_MAX = 12 * 1024
IMPORT = re.compile(r'^(?:import|export) [^;]*?from "\./(\w+\.js)";', re.M)


@pytest.mark.parametrize(
    ("source", "served"),
    [
        ("// why\na();\n", "a();\n"),
        ("/** why\n * and how\n */\n\n  a();\n", "a();\n"),
        ("/* one line */\na {\n  b: c;\n}\n", "a {\nb: c;\n}\n"),
        ('a("http://x"); // stays\n', 'a("http://x"); // stays\n'),
        (
            "a = `\n  // text\n\n  /* text */\n`;\n  b();\n",
            "a = `\n  // text\n\n  /* text */\n`;\nb();\n",
        ),
        ("a(`x`);\n  b();\n", "a(`x`);\nb();\n"),
    ],
    ids=["comment", "block", "style", "behind-code", "text-of-lines", "text-in-a-line"],
)
def test_only_comments_and_layout_are_left_out(source: str, served: str) -> None:
    assert without_layout(source) == served


@pytest.mark.parametrize("source", ["/* a */ b();\n", "/* a\n", "a = `\n", "/*\n*/ b\n*/\n"])
def test_what_cannot_be_told_apart_line_by_line_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"comment|never ends"):
        without_layout(source)


def test_scripts_as_served_pass_the_tests_of_their_sources(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/js", tmp_path / "tests/js")
    shutil.copytree(ROOT / "vectors", tmp_path / "vectors")
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    served = {file.name: file for file in static_files.static_files()}
    for path in (ROOT / FOLDER).iterdir():
        (folder / path.name).write_bytes(served[path.name].content)
        if path.suffix == ".js":
            subprocess.run([NODE, "--check", folder / path.name], check=True, timeout=NODE_SECONDS)
    tests = sorted((tmp_path / "tests/js").glob("*.test.mjs"))
    assert tests
    subprocess.run([NODE, "--test", *tests], check=True, cwd=tmp_path, timeout=NODE_SECONDS)


@pytest.mark.parametrize("path", sorted((ROOT / FOLDER).glob("*.[cj]s*")), ids=lambda p: p.name)
def test_nothing_but_white_space_and_comments_is_missing(path: Path) -> None:
    source, served = path.read_text(), without_layout(path.read_text())
    assert squeezed(served) == squeezed(
        re.sub(r"^\s*(?://.*|/\*[\s\S]*?\*/)$", "", source, flags=re.M)
    )
    assert len(served.splitlines()) > len(source.splitlines()) / 2


def loaded_with(name: str, served: dict[str, str]) -> set[str]:
    """The scripts that come with one: what it imports at once, and what those do."""
    found, new = set[str](), {name}
    while new:
        found |= new
        new = {other for one in new for other in IMPORT.findall(served[one])} - found
    return found


def test_the_scripts_that_every_confirmation_loads_are_small_one_by_one() -> None:
    served = {file.name: file.content.decode() for file in static_files.static_files()}
    names = loaded_with("confirm.js", served)
    assert names > {"confirm.js", "verify.js", "card.js", "screen.js"}
    sizes = {name: len(gzip.compress(served[name].encode())) for name in sorted(names)}
    assert sum(sizes.values()) <= SCRIPT_BYTES_MAX, sizes
    page = (ROOT / "src/cosignet/server/web/templates/confirm.html").read_text()
    for name in names:
        assert f'"{name.removesuffix(".js")}"' in page or f"/static/{name}" in page, name


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)
