"""A wrong clock neither decides nor gives more time."""

import pytest
from playwright.sync_api import expect
from tests.e2e.tampering.case import DATA, Case, recorded
from tests.people import Person


@pytest.mark.parametrize(
    ("server_time", "left"),
    [("2020-01-01T00:00:00.000Z", " d "), ("2099-01-01T00:00:00.000Z", "Time is up")],
    ids=["past", "future"],
)
def test_a_clock_far_off_decides_nothing(slow_case: Case, server_time: str, left: str) -> None:
    """The countdown is a hint; whether time is up is the server's to say."""
    slow_case.answer_data(lambda data: data.update(serverTime=server_time))
    reads: list[str] = []
    slow_case.visitor.page.on("request", lambda request: reads.append(request.url))
    slow_case.open()
    expect(slow_case.visitor.page.locator("#left")).to_contain_text(left)
    slow_case.visitor.page.wait_for_timeout(2500)
    assert sum("/data" in url for url in reads) <= 5, "no storm of requests"
    slow_case.visitor.sees_badge("verified")
    slow_case.visitor.approve.click()
    slow_case.visitor.sees_outcome("approved")
    assert slow_case.program.read(slow_case.asked["id"])["status"] == "approved"


def test_a_clock_far_off_does_not_lengthen_the_time(slow_case: Case) -> None:
    data = Person(slow_case.live.url).data(slow_case.asked["id"])
    data["serverTime"] = "2020-01-01T00:00:00.000Z"
    slow_case.visitor.page.route(DATA, lambda route: route.fulfill(json=data))
    slow_case.visitor.expects("status of 409")
    slow_case.open()
    slow_case.live.clock.advance(181)
    slow_case.visitor.approve.click()
    slow_case.visitor.sees_note("has been decided or has expired", "Nothing was changed")
    assert slow_case.program.read(slow_case.asked["id"])["status"] == "expired"
    assert recorded(slow_case.live, slow_case.asked["id"]) == [0, 0]
