"""The figures of a crowd that waits at one server."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cast import APPROVER, Cast, registered
from bench.holders import Holders
from bench.load import get, post, send
from bench.probe import Probe, Times, timed
from bench.servers import Running, floor
from cosignet.core.confirmation import WAIT_SECONDS_MAX
from cosignet.core.limits import HELD_PER_KEY_MAX

KEYS = 10
RELEASE_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Many:
    """How much is measured."""

    held_per_key: int = HELD_PER_KEY_MAX - 1
    """One less than the cap, so that a refusal can be seen coming."""
    rounds: int = 2
    """How often everybody asks again while the processor is watched."""
    wait: int = WAIT_SECONDS_MAX
    samples: int = 200
    slow: int = 1_500
    """Connections that never come to the end of their heads."""
    siege_seconds: float = 10
    descriptors: int = 1_024
    expiring_seconds: int = 20
    settle_seconds: float = 2
    """Processes have been idle that long when their memory is read."""

    @property
    def held(self) -> int:
        """All who wait."""
        return KEYS * self.held_per_key


FEW = Many(
    held_per_key=2,
    rounds=1,
    wait=1,
    samples=3,
    slow=5,
    siege_seconds=0.3,
    descriptors=64,
    expiring_seconds=1,
    settle_seconds=0.1,
)
"""Only whether it runs."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement; the goal, if there is one, is a most."""

    name: str
    value: float
    unit: str
    goal: float | None = None


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who waits at a server, who decides, and how many."""

    cast: Cast
    keys: Sequence[str]
    holders: Holders
    many: Many

    @property
    def server(self) -> Running:
        """Where they wait."""
        return self.cast.server

    def held(self) -> Iterator[Figure]:
        """Let everybody wait, each for a confirmation of their own: memory and processor."""
        requests = self._waits(self.cast.create(self.many.held))
        time.sleep(self.many.settle_seconds)
        idle = self.server.memory_mb
        # Spread over one wait, so that they ask again as evenly as they came.
        self.holders.hold(self.server.port, requests, self.many.wait)
        time.sleep(self.many.settle_seconds)
        each = (self.server.memory_mb - idle) * 1e6 / 1024 / self.many.held
        yield Figure(f"memory of one of {self.many.held:,} held, above idle", each, "KiB", 20)
        answers, share = self._watched(self.server, self.holders)
        yield Figure("answers while the processor was watched", answers, "")
        yield Figure("processor while all ask again every 25 s", share, "%", 25)

    def held_barely(self, folder: Path) -> Figure:
        """Let as many wait at a server that only sleeps: what that takes of this machine, too."""
        [asked] = self.cast.create(1)
        request = get(f"/api/confirmations/{asked}", self.cast.as_program())
        [answer] = send(self.server.port, [request]).bodies
        with floor("hold", folder, answer=answer) as bare, Holders() as holders:
            holders.hold(bare.port, self._waits([asked] * self.many.held), self.many.wait)
            time.sleep(self.many.settle_seconds)
            _, share = self._watched(bare, holders)
        return Figure("processor of a bare server that only sleeps", share, "%")

    def _watched(self, server: Running, holders: Holders) -> tuple[int, float]:
        """Return how many answers came while all asked again, and how busy the server was (%)."""
        holders.report()
        began, used = time.perf_counter(), server.cpu_seconds
        time.sleep(self.many.rounds * self.many.wait)
        share = (server.cpu_seconds - used) / (time.perf_counter() - began)
        return holders.report().answers, share * 100

    def wakes(self, where: str, deciding: Running) -> Iterator[Figure]:
        """Decide one after the other, each with one who waits for it, while others are held."""
        after_post, after_answer = self._samples(deciding)
        goal = {"SQLite": (2, 10)}.get(where, (None, 20))
        # It is answered as soon as it is durable.
        yield Figure(f"{where}: decision answered → waiter, p50", after_answer.p50, "ms", goal[0])
        yield Figure(f"{where}: decision answered → waiter, p99", after_answer.p99, "ms", goal[1])
        yield Figure(f"{where}: decision posted → waiter, p50", after_post.p50, "ms")
        yield Figure(f"{where}: decision posted → waiter, p99", after_post.p99, "ms")

    def _samples(self, deciding: Running) -> tuple[Times, Times]:
        ids = self.cast.create(self.many.samples)
        approvals = self.cast.approvals(ids)
        waiter, approver = Probe(self.server.port), Probe(deciding.port)
        posted: list[float] = []
        answered: list[float] = []
        for id_, approval in zip(ids, approvals, strict=True):
            waiter.send(self._wait(id_, self.cast.key))
            time.sleep(0.02)
            began = time.perf_counter()
            approver.ask(approval)
            decided = time.perf_counter()
            found = json.loads(waiter.hear())
            heard = time.perf_counter()
            if (approver.status, found["status"]) != (200, "approved"):
                raise ValueError(f"{approver.status}, {found}")
            posted.append((heard - began) * 1000)
            answered.append((heard - decided) * 1000)
        return Times(sorted(posted)), Times(sorted(answered))

    def stops(self, stop: Callable[[], object]) -> Figure:
        """Stop the server; everybody is told what there is."""
        return self._released("SIGTERM releases all, after", stop, self.many.held)

    def decided(self) -> Iterator[Figure]:
        """Let everybody wait for one confirmation, and one more for each key; then approve it."""
        [asked] = self.cast.create(1)
        [approval] = self.cast.approvals([asked])
        count = self.many.held + KEYS
        # None of these waits is over before all of this is.
        self.holders.hold(self.server.port, self._waits([asked] * count), count / 1_000)
        probe, one_more = Probe(self.server.port), self._wait(asked, self.keys[0])
        yield from self._refusals(lambda: probe.ask(one_more))
        yield self._released("one decision releases all, after", lambda: probe.ask(approval), count)

    def _refusals(self, ask: Callable[[], bytes]) -> Iterator[Figure]:
        is_full = self.many.held_per_key + 1 == HELD_PER_KEY_MAX
        if is_full and json.loads(ask())["code"] != "too_many_waiting":
            raise ValueError("a place was left")
        times = timed(ask, self.many.samples)
        yield Figure("over the cap: 429, p99", times.p99, "ms", 50)

    def expired(self) -> Figure:
        """Let everybody wait for a confirmation of their own until it expires."""
        seconds = self.many.expiring_seconds
        ids = self.cast.create(self.many.held, ttl_seconds=seconds)
        # Those who have their answer leave: both crowds need more descriptors than there are.
        self.holders.drop()
        self.holders.hold(self.server.port, self._waits(ids), 0)
        report = self.holders.await_answers(self.many.held, seconds + RELEASE_SECONDS_MAX)
        if set(report.statuses) - {"200 pending"} != {"200 expired"}:
            raise ValueError(report.statuses)
        return Figure("all expire: told after the deadline, at most", report.latest, "s", 8)

    def _released(self, name: str, release: Callable[[], object], count: int) -> Figure:
        self.holders.quiet()
        self.holders.report()
        began = time.monotonic()
        release()
        report = self.holders.await_answers(count, RELEASE_SECONDS_MAX)
        return Figure(name, report.last - began, "s", 8)

    def _waits(self, ids: Sequence[str]) -> list[bytes]:
        # In turns, so that each key waits for as many.
        return [self._wait(id_, self.keys[number % KEYS]) for number, id_ in enumerate(ids)]

    def _wait(self, id_: str, key: str) -> bytes:
        path = f"/api/confirmations/{id_}?wait={self.many.wait}"
        return get(path, self.cast.as_program(key))


@contextmanager
def gathered(server: Running, many: Many) -> Generator[Crowd]:
    """Give a fresh server its approver and its keys, and a process of those who will wait."""
    cast = registered(server, pending=2 * (many.held + many.samples))
    admin = server.command("apikey", "create", "--name", "admin", "--scope", "admin")
    request = post("/api/keys", json.dumps({"name": APPROVER}).encode(), cast.as_program(admin))
    made = send(server.port, [request] * KEYS, status=201).bodies
    with Holders() as holders:
        yield Crowd(cast, [json.loads(body)["key"] for body in made], holders, many)
