"""Rates: how many at once, how many later, and that a crowd takes no memory for good."""

from itertools import pairwise

import pytest

from cosignet.core.rate import Buckets, Rate


def times_taken(rate: Rate, moments: list[float]) -> int:
    buckets = Buckets(10)
    return sum(not buckets.take("x", rate, now) for now in moments)


@pytest.mark.parametrize("rate", [Rate(1, 1), Rate(3, 1), Rate(7, 60), Rate(6000, 60)])
@pytest.mark.parametrize("start", [0.0, 1e9 / 7])
def test_as_many_at_once_as_the_rate_says_and_no_more(rate: Rate, start: float) -> None:
    assert times_taken(rate, [start] * (2 * rate.times)) == rate.times


@pytest.mark.parametrize("rate", [Rate(3, 1), Rate(7, 60)])
def test_in_any_span_of_its_seconds_there_are_at_most_twice_as_many(rate: Rate) -> None:
    buckets = Buckets(10)
    moments = [step * rate.seconds / 1000 for step in range(5000)]
    taken = [now for now in moments if not buckets.take("x", rate, now)]
    spans = [sum(at <= other < at + rate.seconds for other in taken) for at in taken]
    assert max(spans) <= 2 * rate.times
    later = [now for now in taken if now > rate.seconds]
    # Evenly: one each seconds/times, but for the steps in which this looks.
    gaps = [b - a for a, b in pairwise(later)]
    assert max(gaps) - min(gaps) <= rate.seconds / 1000 + 1e-9


def test_the_wait_that_is_told_is_the_one_that_is_needed() -> None:
    buckets, rate = Buckets(10), Rate(3, 60)
    for _ in range(3):
        assert buckets.take("x", rate, 100.0) == 0
    assert buckets.take("x", rate, 100.0) == pytest.approx(20)
    assert buckets.wait("x", rate, 105.0) == pytest.approx(15)
    assert buckets.take("x", rate, 119.9) > 0
    assert buckets.take("x", rate, 120.0) == 0
    assert buckets.take("x", rate, 120.0) == pytest.approx(20)


def test_who_only_asks_for_the_wait_takes_nothing() -> None:
    buckets, rate = Buckets(10), Rate(1, 60)
    assert [buckets.wait("x", rate, 0.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("x", rate, 0.0) == 0


def test_nobody_takes_anothers() -> None:
    buckets, rate = Buckets(10), Rate(1, 60)
    assert [buckets.take(whose, rate, 0.0) > 0 for whose in "abab"] == [False, False, True, True]


def test_a_crowd_is_forgotten_and_takes_no_more_memory() -> None:
    buckets, rate = Buckets(100), Rate(1, 60)
    for number in range(10_000):
        assert buckets.take(f"{number}", rate, 0.0) == 0
        assert len(buckets) <= 100
    assert buckets.take("9999", rate, 0.0) > 0
    assert buckets.take("0", rate, 0.0) == 0


def test_who_goes_on_is_not_forgotten_in_a_crowd() -> None:
    buckets, rate = Buckets(100), Rate(1, 60)
    buckets.take("x", rate, 0.0)
    for number in range(1000):
        buckets.take(f"{number}", rate, 0.0)
        assert buckets.take("x", rate, 0.0) > 0


def test_who_was_quiet_for_long_has_saved_nothing_up() -> None:
    buckets, rate = Buckets(10), Rate(3, 60)
    buckets.take("x", rate, 0.0)
    assert sum(not buckets.take("x", rate, 10_000.0) for _ in range(10)) == rate.times


def test_a_crowd_that_only_goes_on_makes_nobody_forgotten() -> None:
    buckets, rate = Buckets(4), Rate(9, 60)
    for whose in "abcdcdcdcd":
        buckets.take(whose, rate, 0.0)
    assert len(buckets) == 4
    assert buckets.wait("a", Rate(1, 60), 0.0) > 0
