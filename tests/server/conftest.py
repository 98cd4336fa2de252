"""A server for the tests of one file, and who uses it.

What needs a store runs on both engines. A test or a file that is about one of them says so with
`@pytest.mark.engine("sqlite")`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import ENGINES, engines
from tests.live import Live
from tests.people import Person, Program

from cosignet.core.access import Scope

STORELESS = frozenset(
    {
        "test_config",
        "test_connection",
        "test_http",
        "test_incidents",
        "test_keys",
        "test_markup",
        "test_outside",
        "test_qr",
        "test_static_files",
        "test_transport",
        "test_verifying",
        "test_webauthn",
        "test_webauthn_checks",
        "test_webauthn_readers",
    }
)
"""Files whose tests keep nothing, or ask nothing of what is kept."""
ABOUT_SQLITE = frozenset({"test_durability"})
"""Its shared commit, its files, and what a kill or a failed sync leaves in them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on each engine that it is about."""
    if "engine" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("engine")
    about = ENGINES if marker is None else marker.args
    if metafunc.module.__name__.rpartition(".")[2] in STORELESS | ABOUT_SQLITE:
        about = ("sqlite",)
    metafunc.parametrize("engine", about, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine that servers of this test keep their stores on."""
    with engines.used(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def _servers_are_on_their_engine(request: pytest.FixtureRequest, engine: str) -> None:
    """A fixture that outlives a test has to ask for `engine`, or it stays on the first one."""
    for name in {"live", "live_https"} & set(request.fixturenames):
        assert request.getfixturevalue(name).engine == engine


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp("live") / "data"
    with Live(folder) as running:
        yield running


@pytest.fixture(scope="module")
def live_https(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server whose public URL is https, as behind a proxy that ends TLS."""
    folder: Path = tmp_path_factory.mktemp("live") / "data"
    with Live(folder, {"COSIGNET_PUBLIC_URL": "https://approve.example"}) as running:
        yield running


@pytest.fixture(scope="module")
def secrets(live: Live) -> dict[str, str]:
    """API keys by what they may do; made once, as clients end with their test."""
    return {
        "program": live.program().key,
        "colleague": live.program(name="colleague").key,
        "admin": live.program(Scope.ADMIN, name="admin").key,
    }


@pytest.fixture
def program(live: Live, secrets: dict[str, str]) -> Program:
    """A program with the default scopes."""
    return Program(live.url, secrets["program"])


@pytest.fixture
def colleague(live: Live, secrets: dict[str, str]) -> Program:
    """Another program of the same organisation."""
    return Program(live.url, secrets["colleague"])


@pytest.fixture
def admin(live: Live, secrets: dict[str, str]) -> Program:
    """A program with the scope `admin`."""
    return Program(live.url, secrets["admin"])


@pytest.fixture
def stranger(live: Live) -> Program:
    """A program of another organisation."""
    return live.stranger()


@pytest.fixture
def alex(live: Live) -> Person:
    """A registered approver; every test gets a new one, so the name carries a number."""
    return live.newcomer()
