"""One server for each file; every test has a confirmation of its own."""

from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Visit
from tests.e2e.tampering.case import Case
from tests.live import Live
from tests.people import JSON, Person, Program


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server for all: nothing here changes anything but its own confirmation."""
    with Live(tmp_path_factory.mktemp("tampering") / "data") as server:
        yield server


@pytest.fixture
def alex(live: Live, people: dict[str, Person]) -> Person:
    return people["alex"]


@pytest.fixture(scope="module")
def people(live: Live) -> dict[str, Person]:
    return {"alex": live.person("alex")}


@pytest.fixture
def asked(alex: Person, program: Program) -> JSON:
    return program.ask("alex")


@pytest.fixture
def slow_case(live: Live, visit: Visit, alex: Person, program: Program, asked: JSON) -> Case:
    return Case(live, visit(alex), program, asked)


@pytest.fixture
def case(slow_case: Case) -> Case:
    slow_case.visitor.hurry()
    return slow_case
