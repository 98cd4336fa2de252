"""Every incident has its test, which is there."""

import ast
from functools import cache
from pathlib import Path

import pytest
from tests.security.incidents import HERE, INCIDENTS

TESTS = Path(__file__).parent.parent


@cache
def found_in(file: str) -> frozenset[str]:
    """Return the names of the tests that a file defines."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    functions = (n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(n.name for n in functions if n.name.startswith("test_"))


def is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    return (TESTS / file).is_file() and name in found_in(file)


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_has_a_test_that_is_there(incident: str) -> None:
    assert INCIDENTS[incident]
    assert [test for test in INCIDENTS[incident] if not is_there(test)] == []


def test_every_test_of_this_folder_is_about_an_incident_or_guards_one_that_is() -> None:
    files = {test.partition("::")[0] for tests in INCIDENTS.values() for test in tests}
    own = {HERE + path.name for path in (TESTS / HERE).glob("test_*.py")}
    assert own - files == {HERE + "test_incidents.py"}


def test_what_is_not_there_is_missed() -> None:
    assert not is_there("security/test_incidents.py::test_nothing")
    assert not is_there("security/test_nothing.py::test_nothing")
    assert not is_there("security/test_incidents.py::found_in")
