"""`python -m bench`: measure everything once and print one table."""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench import log
from bench.cast import registered
from bench.deliveries import delay_beside_a_hanging_one, deliveries
from bench.figures import TINY, Bench, Cost, Load, Size, fresh_memory, helps, starts
from bench.gate import gated_calls
from bench.mcp import calls
from bench.postgres import creations as postgres_creations
from bench.postgres import database
from bench.postgres import reads as postgres_reads
from bench.servers import cosignet
from bench.table import HEADER, busiest, row
from bench.verifying import verifiers

BUILD = Path(__file__).parent.parent / ".build"
SYNCS = 50


def main() -> None:
    """Measure, and print each figure as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure it all, once.")
    parser.add_argument("--tiny", action="store_true", help="only see whether it runs")
    parser.add_argument("--only", default="", help="only figures whose name contains this")
    options = parser.parse_args()
    began = time.perf_counter()
    # Beside the program: a system's folder for temporary files may be memory and need no sync.
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-") as folder:
        _measure(TINY if options.tiny else Size(), Path(folder), options.only)
    print(f"{time.perf_counter() - began:.0f} s")


def _measure(size: Size, folder: Path, only: str) -> None:
    print(f"{platform.python_implementation()} {platform.python_version()}", end=" · ")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before", end=" · ")
    print(f"a synced write takes {_sync_ms(folder):.2f} ms")
    print(HEADER)
    _print_rows(
        only,
        {
            "start to first answer": lambda: starts(size, folder),
            "cosignet --help": lambda: helps(size),
            "memory, fresh": lambda: fresh_memory(folder),
            **verifiers(size),
            "a call through the gate": lambda: gated_calls(size, folder),
        },
    )
    with cosignet(folder) as server:
        bench = Bench(registered(server, pending=size.pending), size, folder)
        loads = _print_rows(
            only,
            {
                "creations": bench.creations,
                "reads, pending": lambda: bench.reads("pending"),
                "reads, approved": lambda: bench.reads("approved"),
                "approvals": bench.approvals,
                "approval to included, p99": lambda: log.included(bench),
                "memory, after all this": bench.used_memory,
                # The SDK's 26 MB are loaded with the first agent.
                "calls of an MCP tool": lambda: calls(bench),
            },
        )
        generator = bench.generator()
    loads += _print_rows(
        only,
        {
            "deliveries": lambda: deliveries(size, folder),
            "delay beside a hang": lambda: delay_beside_a_hanging_one(size, folder),
        },
    )
    _print_rows(only, _log_figures(size, folder))
    loads += _measure_postgres(size, folder, only)
    print(f"The generator alone: {generator.rate:,.0f}/s from a server that does not read", end="")
    print(f"; beside the floors it used {busiest(loads):.0%} of a processor at most.")


def _log_figures(size: Size, folder: Path) -> dict[str, Callable[[], Load | Cost]]:
    one, hundred, thousand = (
        {"batch": batch, "batches": batches, "pairs": size.log_pairs}
        for batch, batches in zip((1, 100, 1_000), size.log_batches, strict=True)
    )
    return {
        "log: numbered by 1": lambda: log.numbered(folder, **one),
        "log: numbered by 100": lambda: log.numbered(folder, **hundred),
        "log: numbered by 1,000": lambda: log.numbered(folder, **thousand),
        "log: published by 1,000": lambda: log.published(folder, **thousand),
        **{f"log: proof of {n:,}": partial(log.proofs, folder, n) for n in size.log_trees},
        "log: hashes a leaf": lambda: log.hash_bytes(folder, size.log_trees[0]),
    }


def _measure_postgres(size: Size, folder: Path, only: str) -> list[Load]:
    with database() as store, cosignet(folder, store.settings) as server:
        bench = Bench(registered(server, pending=size.pending), size, folder)
        return _print_rows(
            only,
            {
                "PostgreSQL: creations": lambda: postgres_creations(bench, store.url),
                "PostgreSQL: reads": lambda: postgres_reads(bench, store.url),
            },
        )


def _print_rows(only: str, figures: Mapping[str, Callable[[], Load | Cost]]) -> list[Load]:
    loads: list[Load] = []
    for name, measure in figures.items():
        if only not in name:
            continue
        figure = measure()
        print(row(name, figure), flush=True)
        if isinstance(figure, Load):
            loads.append(figure)
    return loads


def _sync_ms(folder: Path) -> float:
    """Return the median milliseconds of appending a page to a file and syncing it."""
    taken: list[float] = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
