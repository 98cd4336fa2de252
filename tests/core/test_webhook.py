"""When a delivery is tried again, what a webhook may be registered for, and where it may lead."""

import pytest

from cosignet.core.errors import FieldInvalid
from cosignet.core.webhook import (
    ATTEMPTS_MAX,
    DECISION_EVENTS,
    JITTER_PART,
    RETRY_AFTER_SECONDS_MAX,
    Event,
    delay_seconds,
    parse_events,
    retry_after_seconds,
)
from cosignet.core.webhook_url import Target, parse_webhook_url

NOW = 1_795_207_525_123
"""2026-11-20T20:45:25.123Z."""


def delay(failures: int, asked_for: int | None = None, jitter: float = 0.0) -> float | None:
    return delay_seconds(Event.APPROVED, failures=failures, asked_for=asked_for, jitter=jitter)


def test_the_schedule_is_the_published_one_and_never_earlier() -> None:
    assert [delay(failures) for failures in range(1, 7)] == [30, 120, 600, 3600, 21_600, None]
    assert ATTEMPTS_MAX == 6
    for failures in range(1, 6):
        exact, latest = delay(failures), delay(failures, jitter=1.0)
        assert exact is not None
        assert latest == exact * (1 + JITTER_PART)


def test_what_the_endpoint_asks_for_is_a_lower_bound_and_has_an_upper_one() -> None:
    assert delay(1, asked_for=5) == 30
    assert delay(1, asked_for=90) == 90
    assert delay(5, asked_for=90) == 21_600
    assert delay(1, asked_for=10**9) == RETRY_AFTER_SECONDS_MAX
    assert delay(6, asked_for=90) is None


def test_a_test_is_sent_once() -> None:
    assert delay_seconds(Event.TEST, failures=1, asked_for=None, jitter=0.0) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("9" * 400, 999_999_999),
        ("Fri, 20 Nov 2026 20:46:25 GMT", 60),
        ("Friday, 20-Nov-26 20:46:25 GMT", 60),
        ("Fri, 20 Nov 2020 20:46:25 GMT", 0),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Fri, 99 Nov 2026 20:46:25 GMT", None),
        ("Fri, 20 Nov 99999 20:46:25 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: int | None) -> None:
    assert retry_after_seconds(text, now_ms=NOW) == seconds


def test_events_are_the_three_ends_in_one_order() -> None:
    assert DECISION_EVENTS == ("approved", "rejected", "expired")
    assert parse_events(["expired", "approved", "expired"], field="x") == ("approved", "expired")
    for names in ([], ["test"], ["pending"], ["approved", "Approved"], ["*"]):
        with pytest.raises(FieldInvalid) as refused:
            parse_events(names, field="events")
        assert refused.value.field == "events"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example", Target("https", "hooks.example", 443, "/")),
        ("https://Hooks.EXAMPLE:443/A", Target("https", "hooks.example", 443, "/A")),
        ("https://hooks.example:8443?a=b", Target("https", "hooks.example", 8443, "/?a=b")),
        (
            "https://xn--bcher-kva.example/%C3%BC",
            Target("https", "xn--bcher-kva.example", 443, "/%C3%BC"),
        ),
        ("https://1.1.1.1/", Target("https", "1.1.1.1", 443, "/")),
        ("https://[2606:4700:4700::1111]:444/", Target("https", "2606:4700:4700::1111", 444, "/")),
    ],
)
def test_a_url_has_one_reading(url: str, target: Target) -> None:
    assert parse_webhook_url(url, allow_private=False) == target


def test_what_is_said_to_the_endpoint_is_what_it_is_called() -> None:
    for url, authority in [
        ("https://hooks.example:443/", "hooks.example"),
        ("https://hooks.example:8443/", "hooks.example:8443"),
        ("https://[2606:4700::1]/", "[2606:4700::1]"),
    ]:
        assert parse_webhook_url(url, allow_private=False).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "http://1.1.1.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://user@hooks.example/",
        "https://hooks.example/#part",
        "https://bücher.example/",
        "https://hooks.example/ü",
        "https://hooks.example:0/",
        "https://hooks.example:65536/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 127}example/",
        f"https://hooks.example/{'a' * 2000}",
        "hooks.example",
        "",
    ],
)
def test_anything_else_is_refused_by_the_field(url: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        parse_webhook_url(url, allow_private=False)
    assert refused.value.field == "url"


def test_development_may_lead_inside_by_http() -> None:
    for url in ("http://localhost:3000/", "http://127.0.0.1:3000/", "https://10.0.0.1/"):
        parse_webhook_url(url, allow_private=True)
    with pytest.raises(FieldInvalid):
        parse_webhook_url("http://1.1.1.1/", allow_private=True)
