"""Change the code in one place at a time, and see a test fail: `python -m tools.mutants [PART …]`.

What no test notices is printed, and has to be in `survivors.txt` with the reason why nothing is
lost; the same table goes to .build/mutants.txt.
"""

import argparse
import ast
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.mutants import warm  # noqa: F401  (before anything forks)
from tools.mutants.changes import Change, changes
from tools.mutants.plan import PARTS, Part

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / ".build" / "mutants"
EXPLAINED = Path(__file__).parent / "survivors.txt"
TARGET = 0.9
RUN_SECONDS_MAX = 180
"""Whoever takes longer hangs, which a test has noticed."""


def explained() -> set[str]:
    """Return the survivors that are explained: `module: line of code: change`."""
    lines = EXPLAINED.read_text("utf-8").splitlines() if EXPLAINED.exists() else []
    return {line for line in lines if line and not line.startswith(("#", " "))}


def described(part: Part, text: str, change: Change) -> str:
    """Name a change by what stands in its line, so that it keeps its name when lines move."""
    line = " ".join(text.splitlines()[change.line - 1].split())
    old, new = (" ".join(piece.split()) for piece in (change.old, change.new))
    return f"{part.module}: {line[:70]}: {old[:60]} -> {new[:60] or 'nothing'}"


def wanted(part: Part, text: str) -> list[Change]:
    """Return the changes of a module that its tests have to notice."""
    found = changes(text)
    if not part.functions:
        return found
    spans = [
        (node.lineno, node.end_lineno or 0)
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in part.functions
    ]
    return [one for one in found if any(low <= one.line <= high for low, high in spans)]


def _notices(part: Part, source: Path) -> bool:
    """Run the part's tests on a copy of the source, in a process of their own."""
    child = os.fork()
    if child == 0:
        os.setsid()
        _test(part, source)
    until = time.monotonic() + RUN_SECONDS_MAX
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status != 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _test(part: Part, source: Path) -> None:
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(silent, stream)
    sys.path.insert(0, str(source))
    os.environ["PYTHONPATH"] = f"{source}{os.pathsep}{ROOT}"
    options = ["-x", "-q", "-k", "not postgres", "--assert=plain"]
    os._exit(int(pytest.main([*options, *part.tests])))


def _survivors(part: Part, source: Path) -> Iterator[tuple[Change, bool]]:
    place = source / "cosignet" / part.module
    text = place.read_text("utf-8")
    try:
        for change in wanted(part, text):
            place.write_text(change.applied(text), "utf-8")
            yield change, _notices(part, source)
    finally:
        place.write_text(text, "utf-8")


def main() -> int:
    """Change, test, tell."""
    parser = argparse.ArgumentParser(description="See that tests notice every change.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    chosen = parser.parse_args().parts or list(PARTS)
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    failed = False
    for name in chosen:
        source = BUILD / name
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        failed |= not _part(name, source)
    return int(failed)


def _part(name: str, source: Path) -> bool:
    """Test one part; say how many changes were noticed, and which were not."""
    known, killed, total, new = explained(), 0, 0, 0
    with (BUILD / f"{name}.txt").open("w", encoding="utf-8") as report:
        for part in PARTS[name]:
            text = (ROOT / "src" / "cosignet" / part.module).read_text("utf-8")
            if _notices(part, source):
                print(f"{part.module}: its tests fail as it is", flush=True)
                return False
            for change, noticed in _survivors(part, source):
                total += 1
                killed += noticed
                if not noticed:
                    words = described(part, text, change)
                    new += words not in known
                    mark = "explained" if words in known else "NOT NOTICED"
                    print(f"{mark} {words}  ({part.module}:{change.line})", file=report, flush=True)
        share = killed / total
        print(f"{name}: {killed} of {total} changes noticed, {share:.1%}", flush=True)
        print(f"{name}: {killed}/{total}", file=report)
    if new:
        print(f"{name}: {new} that were not are unexplained: {report.name}", flush=True)
    return share >= TARGET and new == 0


if __name__ == "__main__":
    sys.exit(main())
