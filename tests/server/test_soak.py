"""The long runs of `make soak`, briefly; and their judges, who can say no."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests import kills
from tests.kills import Told
from tests.server.crashing import Crashing
from tests.server.test_crashes import World

ROOT = Path(__file__).parents[2]


def test_confirmations_are_raced_from_two_processes(engine: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.races", "--engine", engine, "--confirmations", "6"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "6 on" in ran.stdout
    assert "one winner each" in ran.stdout


@pytest.mark.parametrize("what", ["server", "database"])
def test_what_was_acknowledged_survives_kills_at_any_moment(
    engine: str, what: str, tmp_path: Path
) -> None:
    if (engine, what) == ("sqlite", "database"):
        what = "server"  # its database is in the same process
    told = kills.run(engine, 5, what, tmp_path, lambda _: None)
    assert told.counts["pending"] > 5
    assert told.counts.total() > told.counts["pending"]


@pytest.mark.engine("sqlite")
def test_whoever_looks_after_a_kill_finds_what_is_lost(tmp_path: Path) -> None:
    with Crashing(tmp_path / "data") as server:
        world = World(server)
        told = Told()
        told.note(world.approved(), "approved")
        asked = world.ask()
        told.note(asked, "pending")
        told.check(server.data_dir)
        told.note(asked, "rejected")
        with pytest.raises(AssertionError, match="was rejected, and is pending"):
            told.check(server.data_dir)
        told.statuses = {"never created": "pending"}
        with pytest.raises(AssertionError, match="is lost"):
            told.check(server.data_dir)


@pytest.mark.engine("sqlite")
def test_whoever_is_told_two_ends_of_one_complains() -> None:
    told = Told()
    told.note("one", "pending")
    told.note("one", "approved")
    with pytest.raises(AssertionError, match="was approved and is expired"):
        told.note("one", "expired")
