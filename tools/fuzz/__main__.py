"""Fuzz a reader with atheris, guided by coverage: `python -m tools.fuzz TARGET [--seconds N]`.

A finding is an exception that is no refusal, an input that takes more than 50 ms of the
processor, or memory beyond a bound. What was found is kept in .build/fuzz, with the corpus.
"""

import argparse
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cosignet"]):
    from tools.fuzz.seeds import seeds
    from tools.fuzz.targets import TARGETS, Target, run

BUILD = Path(__file__).parent.parent.parent / ".build" / "fuzz"
BYTES_MAX = 64 * 1024
INPUT_SECONDS_MAX = 0.05
TRIES = 5
"""An input is slow only if it is every time: the collector and neighbours take their share."""
MEMORY_MEGABYTES = 512
HANGS_SECONDS = 10


class Slow(Exception):
    """An input takes more than its time, every time."""


def _timed(target: Target, data: bytes) -> float:
    began = time.process_time()
    run(target, data)
    return time.process_time() - began


def _check(target: Target, data: bytes) -> None:
    if _timed(target, data) <= INPUT_SECONDS_MAX:
        return
    seconds = min(_timed(target, data) for _ in range(TRIES))
    if seconds > INPUT_SECONDS_MAX:
        raise Slow(f"{seconds * 1000:.0f} ms for {len(data)} bytes")


def main() -> None:
    """Fuzz one target for some time."""
    parser = argparse.ArgumentParser(description="Fuzz one reader.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    chosen = parser.parse_args()
    corpus, found = BUILD / "corpus" / chosen.target, BUILD / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(chosen.target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    target = TARGETS[chosen.target]
    options = [
        str(corpus),
        f"-max_total_time={chosen.seconds}",
        f"-max_len={BYTES_MAX}",
        f"-rss_limit_mb={MEMORY_MEGABYTES}",
        f"-timeout={HANGS_SECONDS}",
        f"-artifact_prefix={found}/{chosen.target}-",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options], lambda data: _check(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
