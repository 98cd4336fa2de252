"""`python -m tests.races`: everybody races to decide, thousands of times, from two processes.

On SQLite at one server, on PostgreSQL at two; all are started as people start them, and the racers
are HTTP clients of two operating-system processes. Everything is judged that the small versions
judge (`tests/server/test_races.py`, `test_postgres_nodes.py`): one winner each, whom all losers
name, and no read that goes back. Half of the confirmations run out of time while they are raced.
"""

import argparse
import math
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.engines import ENGINES, engines
from tests.live import Process
from tests.people import Person, Program, close_clients
from tests.server.barrage import Barrage
from tests.server.rows import add_webhook, check, opened
from tests.server.test_races import Contest

BATCH = 100
TTL_SECONDS = 300
"""Of those that are decided by somebody; a batch takes some seconds."""
BEFORE_DEADLINE_SECONDS = 0.1


@dataclass
class Arena:
    """Where they race."""

    programs: list[Program]
    person: Person
    barrage: Barrage
    signing_seconds: float = 10
    """How long it took to sign for the last batch."""

    def race(self, count: int, *, expiring: bool) -> Counter[str]:
        """Race for some confirmations; return how they ended.

        Raises:
            AssertionError: somebody was told what never may be told.
        """
        here = self.programs[0]
        ttl = math.ceil(self.signing_seconds) + 1 if expiring else TTL_SECONDS
        began = time.monotonic()
        contests = [Contest(here, self.person, ttl_seconds=ttl) for _ in range(count)]
        self.signing_seconds = time.monotonic() - began
        if expiring:
            self._await_deadline(contests[count // 2])
        shots = [shot for contest in contests for shot in contest.shots]
        hits = {id(hit.shot): hit for hit in self.barrage.fire(shots)}
        ended: Counter[str] = Counter()
        for contest in contests:
            found = self._final(contest)
            won = contest.judge(hits, found["status"])
            ended[found["status"] + ("" if won else ", by time")] += 1
        return ended

    def _await_deadline(self, contest: Contest) -> None:
        ends = datetime.fromisoformat(self.programs[0].read(contest.id)["expiresAt"]).timestamp()
        time.sleep(max(0.0, ends - time.time() - BEFORE_DEADLINE_SECONDS))

    def _final(self, contest: Contest) -> dict[str, Any]:
        """Return what every node tells, once the last one's time is over."""
        found = [program.read(contest.id) for program in self.programs]
        assert all(one == found[0] for one in found)
        return found[0]


@contextmanager
def arena(folder: Path, nodes: int) -> Generator[Arena]:
    """Start the servers, register somebody, and look at the rows after the block."""
    data_dir = folder / "data"
    url = None if nodes == 1 else "https://approve.example"
    with ExitStack() as stack:
        servers = [stack.enter_context(Process(data_dir, public_url=url)) for _ in range(nodes)]
        first = servers[0]
        person = Person(first.url, base_url=first.listens_at)
        person.register(first.command("invite", "create").stdout.strip(), "alex")
        key = first.command("apikey", "create", "--name", "deployer").stdout.strip()
        programs = [Program(one.listens_at, key, first.url) for one in servers]
        person.http.get("/confirm/" + programs[0].ask("alex")["id"])  # gives the page's cookie
        with opened(data_dir / "cosignet.db") as rows:
            add_webhook(rows)
        barrage = stack.enter_context(Barrage(*(one.port for one in servers)))
        yield Arena(programs, person, barrage)
        close_clients()
    with opened(data_dir / "cosignet.db") as rows:
        check(rows)


def main() -> None:
    """Race, and print how the confirmations ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.races", description="Race, and judge.")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--confirmations", type=int, default=10_000)
    options = parser.parse_args()
    nodes = 1 if options.engine == "sqlite" else 2
    ended: Counter[str] = Counter()
    began = time.monotonic()
    try:
        with (
            engines.used(options.engine),
            tempfile.TemporaryDirectory() as folder,
            arena(Path(folder), nodes) as place,
        ):
            while (done := ended.total()) < options.confirmations:
                count = min(BATCH, options.confirmations - done)
                ended += place.race(count, expiring=done // BATCH % 2 == 1)
                print(f"\r{ended.total():,} on {options.engine}", end="", flush=True)
    finally:
        engines.close()
    seconds = time.monotonic() - began
    print(f": one winner each, no read went back; {dict(ended)}; {seconds:.0f} s")


if __name__ == "__main__":
    main()
