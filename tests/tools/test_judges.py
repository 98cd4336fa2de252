"""What `make judges` installs and prints."""

import json
import re
from pathlib import Path

import pytest
from tools.judges.table import Figure, at_least, at_most, none_of

HOME = Path(__file__).parent.parent.parent / "tools/judges"


def test_the_judges_are_pinned_and_come_with_hashes_and_without_addresses() -> None:
    wanted = json.loads((HOME / "package.json").read_text("utf-8"))["dependencies"]
    text = (HOME / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert packages.pop("")["dependencies"] == wanted
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    for name, package in packages.items():
        assert re.fullmatch(r"sha512-[\w+/=]{88}", package["integrity"]), name
    assert "://" not in text


@pytest.mark.parametrize(
    ("figure", "met", "words"),
    [
        (none_of("axe", []), True, ("axe: 0", " 0 ")),
        (none_of("axe", ["a label"]), False, (" 1 ",)),
        (at_most("paint", 1500.0, 1500, "ms"), True, ("≤ 1,500 ms", "1,500 ms")),
        (at_most("weight", 12.04, 12, "KB", 1), False, ("≤ 12.0 KB", "12.0 KB")),
        (at_least("performance", 98, 98, []), True, ("≥ 98",)),
        (at_least("seo", 99, 100, ["a"]), False, ("seo: 100", " 99 ")),
    ],
)
def test_a_row_says_target_figure_and_whether_it_is_met(
    figure: Figure, met: bool, words: tuple[str, ...]
) -> None:
    assert figure.met is met
    assert figure.row().endswith("  met" if met else "MISSED")
    assert all(word in figure.row() for word in words)
