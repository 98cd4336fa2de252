"""How often something may happen: the generic cell rate algorithm (ITU-T I.371, annex A.1).

One number per bucket: the time at which it will be empty again. Nothing has to be counted down,
and a bucket that is empty is the same as one that nobody has heard of.
"""

from typing import NamedTuple

_ROUNDING_SECONDS = 1e-6


class Rate(NamedTuple):
    """So many at once, and as many again, evenly, in each so many seconds."""

    times: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.times}/{self.seconds}"


class Buckets:
    """Who has taken how much lately; never more than `most` of them are remembered.

    They are kept in two generations: when the younger one is full, the older one, of whom all have
    been quiet the longest, is forgotten. Each step takes the same time however many there are.
    """

    def __init__(self, most: int) -> None:
        self._half = max(1, most // 2)
        self._young: dict[str, float] = {}
        self._old: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, whose: str, rate: Rate, now: float) -> float:
        """Take one at `now`, seconds of any clock that never goes back.

        Returns:
            0 if it was taken; else nothing was, and the seconds until it can be.
        """
        empty_at = self._young.get(whose)
        if empty_at is None:
            empty_at = self._kept(whose, self._old.pop(whose, now))
        seconds = rate.seconds
        empty_at = (now if empty_at < now else empty_at) + seconds / rate.times
        wait = empty_at - now - seconds
        if wait > _ROUNDING_SECONDS:
            return wait
        self._young[whose] = empty_at
        return 0.0

    def wait(self, whose: str, rate: Rate, now: float) -> float:
        """Return the seconds until one can be taken; 0: at once."""
        empty_at = self._young.get(whose)
        if empty_at is None:
            empty_at = self._kept(whose, self._old.pop(whose)) if whose in self._old else now
        wait = max(empty_at, now) + rate.seconds / rate.times - now - rate.seconds
        return wait if wait > _ROUNDING_SECONDS else 0.0

    def _kept(self, whose: str, empty_at: float) -> float:
        """Remember one who is not in the younger generation yet."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[whose] = empty_at
        return empty_at
