"""Whoever sends can be killed at any moment; every decision arrives all the same."""

from pathlib import Path

from tests.engines import Engine
from tests.server.killing import survive


def test_every_decision_arrives_though_whoever_sends_is_killed(
    engine: Engine, tmp_path: Path
) -> None:
    assert "150 decisions, 3 kills" in survive(engine, 150, 3, tmp_path)
