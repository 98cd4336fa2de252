"""Every figure: what is sent to Cosignet and to its floor, in turns, and how the two compare."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.cast import Cast
from bench.load import Slice, send
from bench.servers import Running, blank, cosignet, floor

POLLED = 100
"""How many confirmations are polled at a time."""
MEMORY_SECONDS = 6.0
"""A server has been idle that long when its memory is read; the process that helps it in a crowd
stays for five."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    pairs: int = 11
    """Slices of each load, the floor's and Cosignet's in turns."""
    creations: int = 2_500
    reads: int = 6_000
    approvals: int = 1_200
    calls: int = 1_000
    passed: int = 50
    """Calls through the gate, one after the other."""
    starts: int = 5
    deliveries: int = 1_500
    delays: int = 300
    log_pairs: int = 5
    log_batches: tuple[int, ...] = (300, 50, 20)
    """Of 1, 100 and 1,000 leaves."""
    log_seconds: float = 10
    log_trees: tuple[int, ...] = (10_000, 1_000_000, 10_000_000)

    @property
    def pending(self) -> int:
        """How many confirmations may be pending at once, warm-ups included."""
        return (self.pairs + 2) * self.creations + self.approvals + 4 * POLLED


TINY = Size(
    pairs=1,
    creations=3,
    reads=3,
    approvals=3,
    calls=3,
    passed=3,
    starts=1,
    deliveries=3,
    delays=3,
    log_pairs=1,
    log_batches=(3, 1, 1),
    log_seconds=0.05,
    log_trees=(300, 1_000),
)
"""Only whether it runs."""


@dataclass(frozen=True, slots=True)
class Load:
    """A load's slices; the goal is a least ratio of Cosignet's rate to its floor's."""

    goal: float
    ours: list[Slice]
    floor: list[Slice]

    @property
    def ratios(self) -> list[float]:
        """Each slice beside the floor's right before or after it, of the same requests."""
        return [ours.rate / below.rate for ours, below in zip(self.ours, self.floor, strict=True)]

    @property
    def met(self) -> bool:
        """Whether the median ratio reaches the goal: one slow moment does not count."""
        return statistics.median(self.ratios) >= self.goal


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds or megabytes beside what the bare counterpart takes; the goal is a most."""

    goal: float
    unit: str
    ours: list[float]
    floor: list[float]

    @property
    def met(self) -> bool:
        """Whether the median is within the goal."""
        return statistics.median(self.ours) <= self.goal


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how much is measured, and with whom."""

    cast: Cast
    size: Size
    folder: Path

    def creations(self) -> Load:
        """Durable creations; the floor reads the same JSON and answers a constant."""
        [answer] = send(self.cast.server.port, self.cast.creations(1), status=201).bodies
        return self.load(
            0.4,
            floor("parse", self.folder, answer=answer),
            lambda: self.cast.creations(self.size.creations),
            status=201,
        )

    def reads(self, status: str) -> Load:
        """Reads of some confirmations, as programs poll them; the floor answers one's bytes."""
        ids = self.cast.create(POLLED)
        if status == "approved":
            send(self.cast.server.port, self.cast.approvals(ids))
        [answer] = send(self.cast.server.port, self.cast.reads(ids, 1)).bodies
        assert f'"status":"{status}"'.encode() in answer
        return self.load(
            0.6,
            floor("constant", self.folder, answer=answer),
            lambda: self.cast.reads(ids, self.size.reads),
        )

    def approvals(self) -> Load:
        """Approvals; the floor verifies the same signatures with a loaded key, keeps nothing."""
        [request] = self.cast.approvals(self.cast.create(1))
        [answer] = send(self.cast.server.port, [request]).bodies
        key = self.cast.person.passkey.private_key.public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return self.load(
            0.5,
            floor("verify", self.folder, answer=answer, key=spki),
            lambda: self.cast.approvals(self.cast.create(self.size.approvals)),
        )

    def used_memory(self) -> Cost:
        """Memory of a server that has been through all of this; the floor's is a fresh one's."""
        time.sleep(MEMORY_SECONDS)
        with floor("constant", self.folder) as bare:
            return Cost(120, "MB", [self.cast.server.memory_mb], [bare.memory_mb])

    def generator(self) -> Slice:
        """What the load generator does against a server that answers without reading."""
        with blank(self.folder) as running:
            return send(running.port, self.cast.reads(["blank"], self.size.reads))

    def load(
        self,
        goal: float,
        serving: AbstractContextManager[Running],
        batch: Callable[[], Sequence[bytes]],
        status: int = 200,
    ) -> Load:
        """Send batches to a floor and to Cosignet in turns; the goal is a least ratio."""
        found = Load(goal, [], [])
        with serving as below:
            sides = [(below.port, found.floor), (self.cast.server.port, found.ours)]
            for port, _ in sides:
                send(port, batch(), status=status)  # warms up; not counted
            for _ in range(self.size.pairs):
                requests = batch()
                for port, slices in sides:
                    slices.append(send(port, requests, status=status))
                sides.reverse()  # or what slows down in between would always hit the same side
        return found


def starts(size: Size, folder: Path) -> Cost:
    """From the start of a process with an empty data directory to its first answer."""
    found = Cost(2.5, "s", [], [])
    for _ in range(size.starts):
        with floor("constant", folder) as running:
            found.floor.append(running.start_seconds)
        with cosignet(folder) as running:
            found.ours.append(running.start_seconds)
    return found


def helps(size: Size) -> Cost:
    """`cosignet --help`; the floor is a Python that does nothing."""
    found = Cost(0.3, "s", [], [])
    for _ in range(size.starts):
        found.floor.append(_seconds("-c", "pass"))
        found.ours.append(_seconds("-m", "cosignet", "--help"))
    return found


def fresh_memory(folder: Path) -> Cost:
    """Memory of a server that has just started."""
    with floor("constant", folder) as bare, cosignet(folder) as ours:
        time.sleep(MEMORY_SECONDS)
        return Cost(120, "MB", [ours.memory_mb], [bare.memory_mb])


def _seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started
