"""`python -m tools.judges [--only JUDGE]… [STATE …]`: judge the pages, and print one table.

Leaves 1 behind when a target is missed. What was found lies in .build/judges.txt.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.e2e.browser import launch
from tests.e2e.gallery import EVERY_STATE
from tests.e2e.states import SETTINGS
from tests.live import Live, free_port
from tools.judges import observatory, speed
from tools.judges.panel import Panel
from tools.judges.table import Figure
from tools.judges.tour import Tour, WatchedStage

REPORT = Path(__file__).parent.parent.parent / ".build/judges.txt"
IN_STATES = ("html-validate", "axe", "pa11y", "lighthouse", "shift")
JUDGES = (*IN_STATES, "speed", "observatory")
SHOWN = 12
"""How many findings of one judge are printed; the report holds all."""


def main() -> int:
    """Run the judges; return what the program is to leave behind."""
    parser = argparse.ArgumentParser(prog="make judges", description="Judge the pages.")
    parser.add_argument("--only", action="append", choices=JUDGES, help="only this judge")
    parser.add_argument("states", nargs="*", metavar="STATE", help="only these states")
    options = parser.parse_args()
    if unknown := set(options.states) - EVERY_STATE.keys():
        parser.error(f"no such state: {', '.join(sorted(unknown))}")
    only = frozenset(options.only or JUDGES)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        figures = _judge(Path(folder), only, options.states or list(EVERY_STATE))
    _report(figures)
    print(f"{time.perf_counter() - began:.0f} s")
    return 0 if all(figure.met for figure in figures) else 1


def _judge(folder: Path, only: frozenset[str], names: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    port = free_port()
    with sync_playwright() as playwright:
        browser = launch(playwright, f"--remote-debugging-port={port}")
        if not only.isdisjoint(IN_STATES):
            with Live(folder / "states", SETTINGS) as live, Panel() as panel:
                print(f"judged with {panel.ask('connect', port=port)}")
                tour = Tour(WatchedStage(live, browser), panel, only)
                tour.walk(names)
                figures += tour.figures()
        if "speed" in only:
            with Live(folder / "speed") as live:
                figures += speed.figures(live, browser)
        browser.close()
    if "observatory" in only:
        figures += observatory.figures(folder)
    return figures


def _report(figures: list[Figure]) -> None:
    lines: list[str] = []
    for figure in figures:
        if figure.findings:
            lines += [f"\n{figure.target}", *(f"  {finding}" for finding in figure.findings)]
            shown = figure.findings[:SHOWN]
            print(f"\n{figure.target}", *(f"  {finding[:300]}" for finding in shown), sep="\n")
            if len(figure.findings) > SHOWN:
                print(f"  … {len(figure.findings) - SHOWN} more in .build/{REPORT.name}")
    table = [figure.row() for figure in figures]
    print("", *table, sep="\n")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join([*table, *lines, ""]), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
