"""The benchmarks run and report every figure. How fast is not a test's business."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FIGURES = (
    "start to first answer",
    "cosignet --help",
    "memory, fresh",
    "verify.py",
    "verify.mjs",
    "cosignet verify",
    "a call through the gate",
    "creations",
    "reads, pending",
    "reads, approved",
    "approvals ",
    "calls of an MCP tool",
    "approval to included, p99",
    "memory, after all this",
    "deliveries",
    "delay beside a hang",
    "log: numbered by 1 ",
    "log: numbered by 100",
    "log: numbered by 1,000",
    "log: published by 1,000",
    "log: proof of 300",
    "log: proof of 1,000",
    "log: hashes a leaf",
    "PostgreSQL: creations",
    "PostgreSQL: reads",
)
NUMBER = r" +[\d,.]+(?:/s| s| MB| ms| B)"
LINE = re.compile(rf"{NUMBER}{NUMBER} +\d+\.\d+ +[\d.]+ – [\d.]+ +[≥≤] .*(?:met|MISSED)")


def test_every_figure_stands_beside_its_floor_and_its_goal() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench", "--tiny"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    lines = ran.stdout.splitlines()
    for figure in FIGURES:
        [line] = [line for line in lines if line.startswith(figure)]
        assert LINE.fullmatch(line, len(figure)), line
    assert ran.stdout.count("The generator alone") == 1
    assert list((ROOT / ".build").glob("bench-*")) == []
