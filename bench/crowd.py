"""`python -m bench.crowd`: what ten thousand who wait cost, and what they feel."""

import argparse
import os
import platform
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.__main__ import BUILD
from bench.crowd_figures import FEW, Figure, Many, gathered
from bench.postgres import database
from bench.servers import cosignet
from bench.siege import siege

BEHIND_PROXY = {"COSIGNET_PUBLIC_URL": "https://approve.example"}
"""Both nodes are one to the world."""
HEADER = f"{'':48}{'measured':>12}   goal"


def main() -> None:
    """Measure, and print each figure as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description="Measure a crowd.")
    parser.add_argument("--tiny", action="store_true", help="only see whether it runs")
    parser.add_argument("--only", default="", help="one of sqlite, postgres, siege")
    options = parser.parse_args()
    many = FEW if options.tiny else Many()
    print(f"{platform.python_implementation()} {platform.python_version()}", end=" · ")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before")
    print(HEADER)
    BUILD.mkdir(exist_ok=True)
    parts = {"sqlite": on_sqlite, "postgres": on_postgres, "siege": siege}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="crowd-") as folder:
        for name, part in parts.items():
            if options.only in ("", name):
                part(many, Path(folder), show)
    print(f"{time.perf_counter() - began:.0f} s")


def show(figure: Figure) -> None:
    """Print one figure with its goal, and whether that is met."""
    digits = 0 if figure.value >= 100 else 2
    value = f"{figure.value:,.{digits}f} {figure.unit}"
    if figure.goal is None:
        print(f"{figure.name:48}{value:>12}", flush=True)
        return
    verdict = "met" if figure.value <= figure.goal else "MISSED"
    print(f"{figure.name:48}{value:>12}   ≤ {figure.goal} {figure.unit:8}{verdict}", flush=True)


def on_sqlite(many: Many, folder: Path, tell: Callable[[Figure], None]) -> None:
    """One process on SQLite: its whole crowd, and three ways in which that goes."""
    with cosignet(folder) as server, gathered(server, many) as crowd:
        for figure in crowd.held():
            tell(figure)
        for figure in crowd.wakes("SQLite", server):
            tell(figure)
        tell(crowd.stops(lambda: os.kill(server.pid, signal.SIGTERM)))
    with cosignet(folder) as server, gathered(server, many) as crowd:
        for figure in crowd.decided():
            tell(figure)
        tell(crowd.expired())
        tell(crowd.held_barely(folder))


def on_postgres(many: Many, folder: Path, tell: Callable[[Figure], None]) -> None:
    """Two processes on PostgreSQL: the crowd waits at one, and the other decides."""
    with (
        database() as store,
        cosignet(folder, store.settings | BEHIND_PROXY) as first,
        gathered(first, many) as crowd,
        cosignet(folder, store.settings | BEHIND_PROXY) as second,
    ):
        for figure in crowd.held():
            tell(figure)
        for figure in crowd.wakes("two nodes", second):
            tell(figure)


if __name__ == "__main__":
    main()
