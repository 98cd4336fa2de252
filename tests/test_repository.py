"""What must be true of the checkout itself: locks, licence, words, unchanging files."""

import ast
import hashlib
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MIGRATIONS = ROOT / "src/cosignet/server/store/migrations"
LOCKS = [ROOT / "requirements" / name for name in ("server.txt", "dev.txt")]
TOOLS = [ROOT / "requirements" / name for name in ("fuzz.txt", "wapiti.txt")]
"""Locks of what is installed aside, for one target each."""
BUILT = {".git", ".venv", ".build", "dist", "node_modules", "cosignet-data", "test-results"}

# Written in pieces, so that this file does not hold what it looks for.
UNWANTED = {
    "a path of one machine": r"(?<![\w.-])/(?:home|root|tmp|work|farm|Users)/[A-Za-z]",
    "a package registry's host": "|".join(
        re.escape(a + b)
        for a, b in [
            ("pypi", ".org"),
            ("python", "hosted.org"),
            ("registry.", "npmjs.org"),
            ("registry.", "yarnpkg.com"),
            ("deb.", "debian.org"),
            ("proxy.", "golang.org"),
            ("crates", ".io"),
        ]
    ),
    "an address where a lock should have a hash": r'"resol' + r'ved":|--(?:extra-)?index' + r"-url",
    "a note to finish later": r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b",
    "a merge that was left": r"(?m)^(?:<{7}|>{7}) ",
}


def files() -> list[Path]:
    """What a commit of this checkout would hold; without git, everything that was not built."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [p for p in ROOT.rglob("*") if BUILT.isdisjoint(p.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


FILES = files()


def texts() -> list[tuple[Path, str]]:
    read: list[tuple[Path, str]] = []
    for path in FILES:
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            read.append((path.relative_to(ROOT), data.decode("utf-8")))
    return read


def findings(pattern: str, named: list[tuple[Path, str]]) -> list[str]:
    return [
        f"{name}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}"
        for name, text in named
        for hit in re.finditer(pattern, text)
    ]


def test_the_files_were_found() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in FILES}
    assert {"pyproject.toml", "src/cosignet/core/errors.py", "tests/test_repository.py"} <= names


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what: str) -> None:
    found = findings(UNWANTED[what], texts())
    assert not found, f"{what}:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of one machine", "see /ro" + "ot/x"),
        ("a package registry's host", "https://py" + "pi.org/simple"),
        ("an address where a lock should have a hash", '"resol' + 'ved": "https://…"'),
        ("an address where a lock should have a hash", "--extra-index" + "-url x"),
        ("a note to finish later", "# TO" + "DO: later"),
        ("a merge that was left", "<" * 7 + " ours"),
    ],
)
def test_what_no_file_may_hold_is_found(what: str, text: str) -> None:
    assert findings(UNWANTED[what], [(Path("x"), f"one\n{text}\n")])[0].startswith("x:2: ")


def test_every_python_file_is_python_3_11() -> None:
    for path in FILES:
        if path.suffix == ".py":
            ast.parse(path.read_bytes(), filename=str(path), feature_version=(3, 11))


def test_text_files_end_their_lines_alike() -> None:
    odd = [str(name) for name, text in texts() if "\r\n" in text or (text and text[-1] != "\n")]
    assert not odd


def test_no_two_files_differ_in_case_alone() -> None:
    twice = [name for name, n in Counter(str(path).casefold() for path in FILES).items() if n > 1]
    assert not twice


# --- Licence --------------------------------------------------------------------------------------


def test_the_licence_is_the_whole_apache_licence() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert all(f"\n   {n}. " in licence for n in range(1, 10))


# --- Locked dependencies --------------------------------------------------------------------------

PINNED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)(\[[a-z,]+\])?==(?P<version>[\w.]+)( ; [^\\]+)?"
    r"( \\\n    --hash=sha256:[0-9a-f]{64})+"
)


def pins(lock: str) -> dict[str, str]:
    """Name → version of a lock.

    Raises:
        ValueError: something in it is not one exact version with its hashes.
    """
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?! )", lock.strip()):
        if not (pinned := PINNED.fullmatch(entry)):
            raise ValueError(f"not one version with hashes: {entry[:80]}")
        found[pinned["name"]] = pinned["version"]
    return found


@pytest.mark.parametrize("lock", LOCKS + TOOLS, ids=lambda lock: lock.name)
def test_a_lock_holds_nothing_but_versions_and_hashes(lock: Path) -> None:
    assert pins(lock.read_text(encoding="utf-8"))


HASH = f"--hash=sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "lock",
    [
        "a==1\n",
        "a>=1 \\\n    --hash=sha256:" + "0" * 64,
        f"-i https://example.org\na==1 \\\n    {HASH}",
        f"a @ https://example.org/a.whl \\\n    {HASH}",
        f"a==1 \\\n    {HASH} \\\n    --hash=md5:00",
        f"-r other.txt\na==1 \\\n    {HASH}",
    ],
)
def test_a_loose_lock_is_refused(lock: str) -> None:
    with pytest.raises(ValueError, match="not one version"):
        pins(lock)


def test_both_locks_agree() -> None:
    server, dev = (pins(lock.read_text(encoding="utf-8")) for lock in LOCKS)
    assert {
        name: dev[name] for name in dev.keys() & server.keys() if dev[name] != server[name]
    } == {}


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    server, dev = (pins(lock.read_text(encoding="utf-8")) for lock in LOCKS)
    groups = project["dependency-groups"]
    declared = {
        "server": (project["project"]["optional-dependencies"]["server"] + groups["build"], server),
        "dev": ([one for one in groups["dev"] if isinstance(one, str)], dev),
        **{
            lock.stem: (groups[lock.stem], pins(lock.read_text(encoding="utf-8"))) for lock in TOOLS
        },
    }
    for group, (requirements, locked) in declared.items():
        names = {re.split(r"[^\w.-]", one)[0] for one in requirements}
        assert not names - locked.keys(), group


def test_the_customers_side_depends_on_nothing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dependencies"] == []


# --- Migrations ---------------------------------------------------------------------------------

# A migration that has run anywhere is never edited: append another. Its hash is noted here when
# it is released, and this test then keeps everybody from changing it.
RELEASED_MIGRATIONS: dict[str, str] = {}


def test_migrations_are_numbered_without_gaps_and_say_what_they_do() -> None:
    names = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    assert names
    assert [name[:5] for name in names] == [f"{n:04d}_" for n in range(1, len(names) + 1)]
    for name in names:
        assert (MIGRATIONS / name).read_text(encoding="utf-8").startswith("-- "), name


def changed(folder: Path, released: dict[str, str]) -> list[str]:
    """Which released migrations are no longer there as they were released."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    return [name for name, digest in released.items() if found.get(name) != digest]


def test_a_released_migration_never_changes(tmp_path: Path) -> None:
    assert changed(MIGRATIONS, RELEASED_MIGRATIONS) == []
    (tmp_path / "0001_a.sql").write_bytes(b"-- a\n")
    released = {"0001_a.sql": hashlib.sha256(b"-- a\n").hexdigest()}
    assert changed(tmp_path, released) == []
    (tmp_path / "0001_a.sql").write_bytes(b"-- b\n")
    assert changed(tmp_path, released) == ["0001_a.sql"]


# --- Decisions ------------------------------------------------------------------------------------


def test_decisions_are_numbered_and_say_how_they_are_tested() -> None:
    pages = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [page.name[:5] for page in pages] == [f"{n:04d}-" for n in range(1, len(pages) + 1)]
    for number, page in enumerate(pages, start=1):
        lines = page.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith(f"# {number}. "), page.name
        sections = [line for line in lines if line.startswith("## ")]
        assert sections == [
            "## Context",
            "## Decision",
            "## Consequences",
            "## How it is tested",
        ], page.name


LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)")


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in texts()
        if name.suffix == ".md"
        for target in LINK.findall(text)
        if not (ROOT / name.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)
