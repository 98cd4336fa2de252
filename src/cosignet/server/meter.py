"""What one node counts and times, for its operator; told at `/metrics` (Prometheus).

Labels take few values, all of them ours: the templates of routes, never a path; codes of refusals,
never their words. So no secret gets in here, and nobody outside makes it grow.
"""

import platform
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client import disable_created_metrics as _disable_created_metrics
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cosignet import __version__

NO_ROUTE = "none"
"""The route of what has none."""
WAITS = "?wait"
"""Ends the route of requests that may be held: how long those take says how long people think."""
_METHODS = frozenset({"GET", "HEAD", "POST"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_WRITERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

# Prometheus makes little of them, and they are half as many lines again.
_disable_created_metrics()


class _Tally(Collector):
    """How often something happened, by one label at most.

    Plain numbers on one thread; the library's own counters take a lock each, and several times as
    long. They are turned into its metrics when somebody asks.
    """

    def __init__(self, name: str, documentation: str, label: str | None = None) -> None:
        self._told = name, documentation, None if label is None else (label,)
        self._counts: defaultdict[str, int] = defaultdict(int, {"": 0} if label is None else {})

    def add(self, value: str = "") -> None:
        """Count one, of that value of the label."""
        self._counts[value] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield what has been counted."""
        name, documentation, labels = self._told
        family = CounterMetricFamily(name, documentation, labels=labels)
        for value, count in self._counts.items():
            family.add_metric(() if labels is None else (value,), count)
        yield family


class Answers(Collector):
    """How many answers there were, and how long they took: every request comes by here."""

    def __init__(self) -> None:
        self._taken: defaultdict[tuple[str, str, int], list[float]] = defaultdict(_nothing_taken)
        """By route, method and family of status: how many took no longer than each of `_SECONDS`,
        and than the one before; then how many took longer; then how long all took together."""

    def add(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one; `route` is a template of the route table."""
        taken = self._taken[route, method if method in _METHODS else "other", status // 100]
        taken[bisect_left(_SECONDS, seconds)] += 1
        taken[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield what has been counted."""
        count = CounterMetricFamily(
            "cosignet_http_requests", "Answers.", labels=("route", "method", "status")
        )
        by_route: defaultdict[str, list[float]] = defaultdict(_nothing_taken)
        for (route, method, family), taken in self._taken.items():
            count.add_metric((route, method, f"{family}xx"), sum(taken[:-1]))
            by_route[route] = [sum(both) for both in zip(by_route[route], taken, strict=True)]
        yield count
        times = HistogramMetricFamily(
            "cosignet_http_request_duration_seconds",
            "From the head of a request to the end of its answer.",
            labels=("route",),
        )
        edges = [*map(str, _SECONDS), "+Inf"]
        for route, (*slots, seconds) in by_route.items():
            times.add_metric((route,), list(zip(edges, accumulate(slots), strict=True)), seconds)
        yield times


def _nothing_taken() -> list[float]:
    return [0] * (len(_SECONDS) + 2)


class Meter:
    """One node's figures. Counting takes a microsecond or two; whoever counts never waits."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.answers = Answers()
        self._refusals = _Tally("cosignet_refusals", "Refusals by their code.", "code")
        self._created = _Tally("cosignet_confirmations_created", "Confirmations created here.")
        self._decided = _Tally(
            "cosignet_confirmations_decided", "Confirmations that ended here, by how.", "end"
        )
        for collector in (self.answers, self._refusals, self._created, self._decided):
            registry.register(collector)
        self._commit_writers = Histogram(
            "cosignet_commit_writers",
            "How many transactions shared one commit.",
            buckets=_WRITERS,
            registry=registry,
        )
        self._commit_seconds = Histogram(
            "cosignet_commit_duration_seconds",
            "How long commits took, the disk included.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._commit_failures = Counter(
            "cosignet_commit_failures", "Commits that failed.", registry=registry
        )
        self._swept = Gauge(
            "cosignet_sweep_last_success_timestamp_seconds",
            "When background work was last done with all there was.",
            registry=registry,
        )
        self._sweep_failures = Counter(
            "cosignet_sweep_failures", "Rounds of background work that failed.", registry=registry
        )
        build = Gauge("cosignet_build_info", "What runs.", ("version", "python"), registry=registry)
        build.labels(__version__, platform.python_version()).set(1)
        self._held = Gauge(
            "cosignet_held_requests", "Requests that wait for a decision.", registry=registry
        )
        self._waiting = Gauge(
            "cosignet_waiting", "What waits in the store, by kind.", ("what",), registry=registry
        )
        self._readable = Gauge(
            "cosignet_database_readable", "Whether the database could be read.", registry=registry
        )
        self._connections = Gauge(
            "cosignet_database_connections",
            "Connections to PostgreSQL, in use and at most.",
            ("pool", "state"),
            registry=registry,
        )

    def now(self) -> float:
        """Return seconds that only differences mean something of."""
        return time.perf_counter()

    def looked(
        self,
        *,
        held: int,
        waiting: Mapping[str, int] | None,
        connections: Mapping[str, tuple[int, int]],
    ) -> None:
        """Note what has just been looked up; None: the database cannot be read."""
        self._held.set(held)
        self._readable.set(waiting is not None)
        self._waiting.clear()
        for what, count in (waiting or {}).items():
            self._waiting.labels(what).set(count)
        for pool, (used, most) in connections.items():
            self._connections.labels(pool, "used").set(used)
            self._connections.labels(pool, "most").set(most)

    def refused(self, code: str) -> None:
        """Count a refusal."""
        self._refusals.add(code)

    def created(self) -> None:
        """Count a confirmation that was created."""
        self._created.add()

    def decided(self, end: str) -> None:
        """Count a confirmation that ended here: by its status, or as `cancelled`."""
        self._decided.add(end)

    def committed(self, writers: int, seconds: float) -> None:
        """Count a commit that so many transactions shared."""
        self._commit_writers.observe(writers)
        self._commit_seconds.observe(seconds)

    def commit_failed(self) -> None:
        """Count a commit that failed."""
        self._commit_failures.inc()

    def swept(self, at: int) -> None:
        """Note that background work was done at a time (unix milliseconds)."""
        self._swept.set(at / 1000)

    def sweep_failed(self) -> None:
        """Count a round of background work that failed."""
        self._sweep_failures.inc()
