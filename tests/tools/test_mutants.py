"""What `make mutants` changes, and that what it lets pass is explained."""

import ast
from itertools import pairwise

import pytest
from tools.mutants.__main__ import EXPLAINED, ROOT, described, explained, wanted
from tools.mutants.changes import changes
from tools.mutants.plan import PARTS, Part


def changed(text: str) -> set[str]:
    """Return what the changes of a module make of its text."""
    return {" ".join(one.applied(text).split()) for one in changes(text)}


@pytest.mark.parametrize(
    ("text", "among"),
    [
        ("a < b", "(a <= b)"),
        ("a >= b", "(a > b)"),
        ("a in b", "(a not in b)"),
        ("a and b", "(a or b)"),
        ("a and b", "(b)"),
        ("not a", "(a)"),
        ("a + 1", "a + (1 + 1)"),
        ("a << 1", "(a >> 1)"),
        ("x = True", "x = False"),
        ('x = "a"', "x = '-a'"),
        ('x = b"a"', "x = (b'-' + b\"a\")"),
        ("if a: b()", "if False: b()"),
        ("if a: raise b", "if a: pass"),
        ("def f(): return a", "def f(): return None"),
        ('x = "UPDATE t SET a = 1 WHERE b = 2 AND c > 3"', 'x = "UPDATE t SET a = 1 WHERE b = 2"'),
        ('x = "UPDATE t SET a = 1 WHERE b > 2"', 'x = "UPDATE t SET a = 1 WHERE b >= 2"'),
    ],
)
def test_a_change_is_made(text: str, among: str) -> None:
    assert among in changed(text)


@pytest.mark.parametrize("text", ['"""Words."""', "x: int | None", "import a", "x = cast('a', b)"])
def test_what_means_nothing_to_the_program_is_left_alone(text: str) -> None:
    assert changed(text) == set()


def test_characters_beyond_ascii_move_nothing() -> None:
    assert "x = '–-'; y = (1 + 1)" in changed("x = '–-'; y = 1")


@pytest.mark.parametrize("part", [one for several in PARTS.values() for one in several], ids=str)
def test_every_part_has_changes_and_tests_that_are_there(part: Part) -> None:
    text = (ROOT / "src/cosignet" / part.module).read_text("utf-8")
    assert len(wanted(part, text)) > 20
    assert all((ROOT / test).is_file() for test in part.tests)
    assert {*part.functions} <= {getattr(node, "name", "") for node in ast.parse(text).body}


def test_every_survivor_is_a_change_of_the_code_as_it_is_and_has_a_reason() -> None:
    made = {
        described(part, text, change)
        for several in PARTS.values()
        for part in several
        for text in [(ROOT / "src/cosignet" / part.module).read_text("utf-8")]
        for change in wanted(part, text)
    }
    assert explained() <= made
    lines = [line for line in EXPLAINED.read_text("utf-8").splitlines() if line and line[0] != "#"]
    for line, following in pairwise([*lines, ""]):
        assert line.startswith(" ") or following.startswith("  "), line
