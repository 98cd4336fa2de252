"""The log, checked by programs that know nothing of ours: `tests/strangers/`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live import Live
from tests.people import Program
from tests.server.test_log_routes import LOG, fill, get

from cosignet.core.note import VerifierKey, parse_key
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SigningKey

SOURCE = Path(__file__).parent.parent / "strangers" / "go"
GO_SECONDS = 600
ENTRIES = 300
"""More than a tile holds."""


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Build the program; None: there is no Go here, or nothing to build it from."""
    go = shutil.which("go")
    if go is None:
        return None
    built = tmp_path_factory.mktemp("go") / "strangers"
    environ = os.environ | {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    for arguments in (["mod", "download"], ["vet", "."], ["build", "-o", str(built), "."]):
        ran = subprocess.run(
            [go, *arguments],
            cwd=SOURCE,
            env=environ,
            capture_output=True,
            text=True,
            timeout=GO_SECONDS,
            check=False,
        )
        if arguments[0] == "mod" and ran.returncode:
            print(f"\nGo cannot get golang.org/x/mod: {ran.stderr.strip()}")
            return None
        assert ran.returncode == 0, ran.stderr
    return built


@pytest.fixture(scope="module")
def filled(live: Live) -> Iterator[Live]:
    for count in (1, 5, ENTRIES - 6):
        fill(live, count)
    yield live


def checked(checker: Path, live: Live, vkey: str) -> tuple[int, str]:
    ran = subprocess.run(
        [checker, vkey, live.url + LOG],
        capture_output=True,
        text=True,
        timeout=GO_SECONDS,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("\nno Go program can be built here; the log is not checked by Go's sumdb packages")


def test_gos_own_packages_verify_every_entry_tile_proof_and_head(
    filled: Live, program: Program, checker: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if checker is None:
        passed_over(capsys)
        return
    status, said = checked(checker, filled, get(program, "key").json()["vkey"])
    assert status == 0, said
    heads = len(get(program, "tree-heads").json()["items"])
    assert said.startswith(f"{ENTRIES} entries, {heads} heads: fine")


def test_another_key_verifies_nothing_for_gos_packages_either(
    filled: Live, program: Program, checker: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if checker is None:
        passed_over(capsys)
        return
    own = parse_key(get(program, "key").json()["vkey"])
    other = VerifierKey(own.name, SigningKey(bytes(32)).public_key)
    status, said = checked(checker, filled, other.text)
    assert (status, "no verifiable signatures" in said) == (1, True)


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (
            "UPDATE leaves SET entry = entry || 'x' WHERE leaf_index = 7",
            "UPDATE leaves SET entry = substr(entry, 1, length(entry) - 1) WHERE leaf_index = 7",
        ),
        (
            "UPDATE log_heads SET note = replace(note, 'log\n6\n', 'log\n5\n') WHERE size = 6",
            "UPDATE log_heads SET note = replace(note, 'log\n5\n', 'log\n6\n') WHERE size = 6",
        ),
    ],
    ids=["an entry", "a head"],
)
def test_what_was_changed_is_found(
    filled: Live,
    program: Program,
    checker: Path | None,
    change: str,
    back: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if checker is None:
        passed_over(capsys)
        return

    async def run(rt: Runtime, sql: str) -> None:
        async with rt.database.transaction() as tx:
            assert await tx.execute(sql) == 1

    filled.run(lambda rt: run(rt, change))
    status, said = checked(checker, filled, get(program, "key").json()["vkey"])
    filled.run(lambda rt: run(rt, back))
    assert status == 1, said
