"""The same servers as in `tests/server`, on both engines, and a world of two organisations."""

from collections.abc import Iterator

import pytest
from tests.live import Live
from tests.people import hand_over_clients
from tests.security.world import World
from tests.server.conftest import (  # noqa: F401  (fixtures and hooks are found by their names)
    _servers_are_on_their_engine,
    admin,
    alex,
    engine,
    live,
    live_https,
    program,
    pytest_generate_tests,
    secrets,
)
from tests.server.rows import check, opened


@pytest.fixture(scope="module")
def world(live: Live) -> Iterator[World]:  # noqa: F811
    """Two organisations with everybody in them, whose rows are checked in the end."""
    made = World(live)
    clients = hand_over_clients()
    yield made
    for client in (*clients, made.http):
        client.close()
    with opened(live.data_dir / "cosignet.db") as rows:
        check(rows)
