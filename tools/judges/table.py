"""Figures beside their targets, and what each judge found."""

from dataclasses import dataclass, field


@dataclass
class Figure:
    """One line of the table."""

    target: str
    """What is asked for, in words; such as `axe: 0 findings`."""
    figure: str
    """What was measured."""
    met: bool
    findings: list[str] = field(default_factory=list[str])
    """What was found, or what was missed; empty if nothing was."""

    def row(self) -> str:
        """Return the line."""
        return f"{self.target:<58} {self.figure:>16}  {'met' if self.met else 'MISSED'}"


def none_of(target: str, findings: list[str]) -> Figure:
    """Return the line of a judge who should find nothing."""
    return Figure(f"{target}: 0", str(len(findings)), not findings, findings)


def at_most(target: str, value: float, most: float, unit: str, places: int = 0) -> Figure:
    """Return the line of something that should be small."""
    shown = f"{value:,.{places}f} {unit}".strip()
    return Figure(f"{target}: ≤ {most:,.{places}f} {unit}".strip(), shown, value <= most)


def at_least(target: str, value: float, least: float, findings: list[str]) -> Figure:
    """Return the line of a mark that should be high."""
    words = f"≥ {least:g}" if least < 100 else f"{least:g}"
    return Figure(f"{target}: {words}", f"{value:g}", value >= least, findings)
