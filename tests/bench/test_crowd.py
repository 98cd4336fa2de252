"""The crowd is measured on both engines and besieged. How fast is not a test's business."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HELD = ("memory of one of 20 held", "answers while the processor", "processor while all ask again")
WAKES = (
    "decision answered → waiter, p50",
    "decision answered → waiter, p99",
    "decision posted → waiter, p50",
    "decision posted → waiter, p99",
)
RELEASES = (
    "SIGTERM releases all",
    "over the cap: 429",
    "one decision releases all",
    "all expire: told after the deadline",
    "processor of a bare server that only sleeps",
)
SIEGE = ("in peace", "5 slow connections", "a storm of dropped requests", "no descriptor left")
FIGURES = [
    *HELD,
    *(f"SQLite: {figure}" for figure in WAKES),
    *RELEASES,
    *HELD,
    *(f"two nodes: {figure}" for figure in WAKES),
    *(f"/healthz, {figure}" for figure in SIEGE),
]
LINE = re.compile(r".* -?[\d,.]+ (?:KiB|%|ms|s|)(?: +≤ \d+ \S+ +(?:met|MISSED))?")


def test_every_figure_stands_beside_its_goal() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.crowd", "--tiny"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    _, _, *lines, _ = ran.stdout.splitlines()
    for figure, line in zip(FIGURES, lines, strict=True):
        assert line.startswith(figure), line
        assert LINE.fullmatch(line), line
    assert list((ROOT / ".build").glob("crowd-*")) == []
