"""The one table."""

import statistics
from collections.abc import Sequence

from bench.figures import Cost, Load

HEADER = f"{'':24}{'Cosignet':>12}{'floor':>12}{'ratio':>8}   {'low – high':15}goal"


def row(name: str, figure: Load | Cost) -> str:
    """Write one figure: medians, the ratio with its range, and whether the goal is met."""
    return _load(name, figure) if isinstance(figure, Load) else _cost(name, figure)


def busiest(loads: Sequence[Load]) -> float:
    """Return the generator's largest share of a processor in any of the floors' slices."""
    return max((one.busy for load in loads for one in load.floor), default=0)


def _load(name: str, load: Load) -> str:
    rates = [
        f"{statistics.median(one.rate for one in side):,.0f}/s" for side in (load.ours, load.floor)
    ]
    low, high = min(load.ratios), max(load.ratios)
    return _line(
        [name, *rates],
        f"{statistics.median(load.ratios):.2f}",
        f"{low:.2f} – {high:.2f}",
        f"≥ {load.goal}",
        load.met,
    )


def _cost(name: str, cost: Cost) -> str:
    ours, floor = statistics.median(cost.ours), statistics.median(cost.floor)
    digits = 0 if ours >= 10 else 2
    middle = [f"{value:.{digits}f} {cost.unit}" for value in (ours, floor)]
    spread = f"{min(cost.ours):.{digits}f} – {max(cost.ours):.{digits}f}"
    goal = f"≤ {cost.goal} {cost.unit}"
    return _line([name, *middle], f"{ours / floor:.1f}", spread, goal, cost.met)


def _line(start: list[str], ratio: str, spread: str, goal: str, met: bool) -> str:
    name, ours, floor = start
    verdict = "met" if met else "MISSED"
    return f"{name:24}{ours:>12}{floor:>12}{ratio:>8}   {spread:15}{goal:11}{verdict}"
