"""The server, or the way to it, is gone while the page is open."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.e2e.conftest import Visit
from tests.live import Live
from tests.people import Person, Program


@contextmanager
def away(live: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop the server; start it again, on the same data and port, afterwards."""
    port = live.port
    live.__exit__()
    try:
        yield
    finally:
        monkeypatch.setattr("tests.live.free_port", lambda: port)
        live.__enter__()


def test_the_server_going_away_is_told_and_it_comes_back(
    live: Live, visit: Visit, alex: Person, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = program.ask("alex", ttlSeconds=3600)
    visitor = visit(alex)
    visitor.expects("ERR_CONNECTION_REFUSED")
    visitor.open(asked["url"])
    with away(live, monkeypatch):
        visitor.sees_badge("away")
        visitor.approve.click()
        visitor.sees_note("The server cannot be reached", "Check your connection")
        visitor.sees_badge("away")
    visitor.sees_badge("verified")
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["status"] == "approved"
