"""The server, or the way to it, is gone while the page is open."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect
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
        visitor.page.wait_for_timeout(300)
        visitor.sees_badge("away")
    visitor.sees_badge("verified")
    visitor.approve.click()
    visitor.sees_outcome("approved")
    assert program.read(asked["id"])["status"] == "approved"


def test_being_offline_is_told_at_once_and_so_is_being_back(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.allows("ERR_INTERNET_DISCONNECTED")
    visitor.open(asked["url"])
    visitor.context.set_offline(True)
    visitor.sees_badge("offline")
    visitor.approve.click()
    visitor.sees_note("The server cannot be reached")
    visitor.page.wait_for_timeout(4000)  # by now it asks again every few seconds only
    visitor.sees_badge("offline")
    with visitor.page.expect_request("**/data", timeout=900):
        visitor.context.set_offline(False)
    visitor.sees_badge("verified")
    visitor.approve.click()
    visitor.sees_outcome("approved")


def test_a_server_that_goes_away_right_after_the_answer_is_not_believed(
    visit: Visit, alex: Person, program: Program
) -> None:
    asked = program.ask("alex")
    visitor = visit(alex)
    visitor.expects("ERR_FAILED")
    visitor.page.route("**/data?wait=25", lambda _: None)  # never answered
    visitor.open(asked["url"])
    visitor.page.route("**/data", lambda route: route.abort())
    visitor.approve.click()
    visitor.sees_note("Your answer was sent, but the server went away", "as soon as it is recorded")
    expect(visitor.outcome("approved")).to_be_hidden()
    visitor.page.unroute_all()
    visitor.sees_outcome("approved")
