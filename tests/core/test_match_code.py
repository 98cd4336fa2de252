"""How a match code is drawn: any code, any place among its choices, none like another."""

import random
from collections import Counter

from cosignet.core.match_code import (
    MATCH_CHOICES,
    MATCH_CODE_PATTERN,
    MATCH_RANDOM_BYTES,
    MatchCode,
    draw_match_code,
)


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8) for number in numbers)


def many(count: int) -> list[MatchCode]:
    source = random.Random(1)
    return [draw_match_code(source.randbytes(MATCH_RANDOM_BYTES)) for _ in range(count)]


def test_the_same_randomness_gives_the_same_code() -> None:
    # First digits 1…9, of which each is taken once; then 00…99.
    assert draw_match_code(words(8, 17, 0, 5, 0, 199)) == MatchCode("917", ("105", "299", "917"))
    assert draw_match_code(words(0, 0, 0, 0, 0, 0)) == MatchCode("100", ("100", "200", "300"))
    assert draw_match_code(b"\xff" * MATCH_RANDOM_BYTES).code == "715"


def test_every_code_can_be_drawn_and_nothing_else() -> None:
    drawn = {match.code for match in many(30_000)}
    assert drawn == {str(number) for number in range(100, 1000)}
    assert MATCH_CODE_PATTERN == "[1-9][0-9]{2}"


def test_the_code_is_one_of_three_that_begin_differently_in_ascending_order() -> None:
    for match in many(1000):
        assert match.code in match.choices
        assert list(match.choices) == sorted(match.choices)
        assert len({choice[0] for choice in match.choices}) == MATCH_CHOICES == len(match.choices)


def test_the_place_of_the_code_tells_nothing() -> None:
    places = Counter(match.choices.index(match.code) for match in many(9000))
    # 3000 each; the standard deviation is 45.
    assert all(2700 < count < 3300 for count in places.values())
    firsts = Counter(match.code[0] for match in many(9000))
    assert all(850 < firsts[digit] < 1150 for digit in "123456789")


def test_the_code_is_not_shown_by_accident() -> None:
    assert "917" not in repr(MatchCode("917", ())).replace("choices", "")
