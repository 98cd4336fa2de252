"""What checking one bundle costs: each verifier as people run it, a process of its own."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.authenticator import unbase64url
from tests.conftest import NODE

from bench.figures import Cost, Size

ROOT = Path(__file__).parent.parent
BUNDLE = ROOT / "vectors/bundle/base/approval-es256.json"
GOAL_SECONDS = 0.5
PYTHON = [sys.executable]
PROGRAMS: Mapping[str, tuple[list[str], list[str]]] = {
    "verify.py": ([*PYTHON, str(ROOT / "verifiers/verify.py")], [*PYTHON, "-c", "pass"]),
    "verify.mjs": ([str(NODE), str(ROOT / "verifiers/verify.mjs")], [str(NODE), "-e", ""]),
    "cosignet verify": ([*PYTHON, "-m", "cosignet", "verify"], [*PYTHON, "-c", "pass"]),
}
"""Name → the program, and its floor: an interpreter that does nothing."""


def verifiers(size: Size) -> Mapping[str, Callable[[], Cost]]:
    """Return what measures each of them, by its name."""
    return {name: lambda name=name: _verifies(size, *PROGRAMS[name]) for name in PROGRAMS}


def _verifies(size: Size, program: list[str], bare: list[str]) -> Cost:
    """Start it, check one bundle whose keys are all pinned, and end with status 0."""
    found = Cost(GOAL_SECONDS, "s", [], [])
    for _ in range(size.starts):
        found.floor.append(_seconds(bare))
        found.ours.append(_seconds([*program, str(BUNDLE), *_pins()]))
    return found


def _pins() -> list[str]:
    bundle = json.loads(BUNDLE.read_text())
    [signature] = bundle["signatures"]
    key = hashlib.sha256(unbase64url(signature["credential"]["publicKeySpki"])).hexdigest()
    pins = ["--vkey", bundle["log"]["vkey"], "--origin", signature["origin"]]
    return [*pins, "--credential-key", key]


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started
