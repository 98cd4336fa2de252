"""`python -m tests.kills`: what was acknowledged is there, once, whatever is killed, and when.

Programs create, and approvers decide, from several threads; every request that gets no answer is
sent again, as it was. Meanwhile a server is killed (SIGKILL) at random moments and started again
on the same store; or, with `--what database`, PostgreSQL is stopped as by a crash and started
again, under a node that stays up. After every kill the rows are held against what anybody had been
told; nobody may have been told anything that is not there, or is there twice.
"""

import argparse
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from tests.engines import ENGINES, Engine, engines
from tests.people import Person, Program, close_clients, raise_for
from tests.server.crashing import Crashing
from tests.server.rows import check, opened
from tests.server.test_crashes import World

THREADS = 4
ALIVE_SECONDS = (0.02, 0.4)
AWAY_SECONDS = 0.3
RETRY_SECONDS = 0.02
DECISIONS = (
    ("approved", "/confirm/{}/approve", "approve"),
    ("rejected", "/confirm/{}/reject", "reject"),
    ("rejected", "/confirm/{}/reject", None),
    ("expired", "/api/confirmations/{}/cancel", None),
)
"""How it ends, where that is posted, and what is signed for it."""
CHECK_EVERY = 25
"""Kills between two looks at all that must never be in the rows."""


@dataclass
class Told:
    """What anybody was told: statuses by id; `pending` stands for created."""

    statuses: dict[str, str] = field(default_factory=dict[str, str])
    counts: Counter[str] = field(default_factory=Counter[str])

    def note(self, confirmation: str, status: str) -> None:
        """Remember it."""
        before = self.statuses.get(confirmation, "pending")
        assert before in ("pending", status), f"{confirmation} was {before} and is {status}"
        self.statuses[confirmation] = status
        self.counts[status] += 1

    def check(self, data_dir: Path) -> None:
        """Hold the rows against what was told before they are looked at."""
        told = dict(self.statuses)
        with opened(data_dir / "cosignet.db") as rows:
            there = {row[0]: row[1] for row in rows.execute("SELECT id, status FROM confirmations")}
        for confirmation, status in told.items():
            found = there.get(confirmation)
            assert found is not None, f"{confirmation} was created, and is lost"
            assert status in ("pending", found), f"{confirmation} was {status}, and is {found}"


class Client(threading.Thread):
    """One who creates and decides, again and again, until told to stop."""

    def __init__(self, program: Program, person: Person, told: Told, over: threading.Event) -> None:
        super().__init__()
        self._program, self._person, self._told, self._over = program, person, told, over
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._over.is_set():
                self._round()
        except BaseException as error:
            self.failure = error

    def _round(self) -> None:
        nonce = uuid4().hex
        body = {"username": "person0", "action": "Deploy", "payload": {"nonce": nonce}}
        headers = {"Idempotency-Key": nonce}
        created = self._insist(
            lambda: self._program.post("/api/confirmations", body, headers=headers)
        )
        if created is None:
            return
        asked = raise_for(created)["id"]
        self._told.note(asked, "pending")
        status, path, signs = random.choice(DECISIONS)
        decided = self._decide(asked, path.format(asked), signs)
        if decided is None:
            return
        if not decided.is_success:
            # Sent again, after the answer to the first was lost.
            assert decided.json()["code"] == "already_decided", decided.text
            assert decided.json()["confirmationStatus"] == status
        self._told.note(asked, status)

    def _decide(self, asked: str, path: str, signs: str | None) -> httpx2.Response | None:
        if path.startswith("/api/"):
            return self._insist(lambda: self._program.post(path))
        http = self._person.http
        if signs is None:
            return self._insist(lambda: http.post(path, json={"token": self._person.page_token}))
        options = {"purpose": signs}
        prompt = self._insist(lambda: http.post(f"/confirm/{asked}/options", json=options))
        if prompt is None:
            return None
        credential = self._person.passkey.sign(raise_for(prompt), origin=self._person.url)
        return self._insist(lambda: http.post(path, json={"credential": credential}))

    def _insist(self, post: Callable[[], httpx2.Response]) -> httpx2.Response | None:
        """Send until there is an answer that says what happened; None: it is over."""
        while not self._over.is_set():
            with suppress(httpx2.TransportError):
                answer = post()
                if answer.status_code != 503:
                    return answer
            time.sleep(RETRY_SECONDS)
        return None


class Trial:
    """A server under load, which is killed again and again."""

    def __init__(self, server: Crashing) -> None:
        self.server = server
        self.told = Told()
        self._world = World(server)
        self._world.approver.http.get("/confirm/" + self._world.ask())  # gives the page's cookie

    @contextmanager
    def under_load(self) -> Generator[list[Client]]:
        """Let clients come while the block runs.

        Raises:
            AssertionError: one of them was told what never may be told.
        """
        over = threading.Event()
        clients = [self._client(over) for _ in range(THREADS)]
        for client in clients:
            client.start()
        try:
            yield clients
        finally:
            over.set()
            for client in clients:
                client.join()
        for client in clients:
            if client.failure is not None:
                raise client.failure

    def _client(self, over: threading.Event) -> Client:
        url, approver = self.server.url, self._world.approver
        person = Person(url, approver.passkey, approver.username)
        person.http.cookies.update(approver.http.cookies)
        return Client(Program(url, self._world.program.key), person, self.told, over)

    def kill(self, what: str, away: float) -> None:
        """Kill a server or the database after a while, and bring it back.

        The database stays away for so many seconds, or if 0, for a moment.
        """
        time.sleep(random.uniform(*ALIVE_SECONDS))
        if what == "server":
            self.server.kill()
            assert self.server.start()
        else:
            engines.server.stop()
            time.sleep(away or random.uniform(0, AWAY_SECONDS))
            engines.server.start()

    def check(self) -> None:
        """Look at all that must never be in the rows, and that nothing is there twice."""
        self.told.check(self.server.data_dir)
        with opened(self.server.database) as rows:
            check(rows)
            twice = "SELECT payload FROM confirmations WHERE payload LIKE '%nonce%'"
            payloads = Counter(row[0] for row in rows.execute(twice))
        assert set(payloads.values()) <= {1}, "created twice"


def run(
    engine: Engine,
    kills: int,
    what: str,
    folder: Path,
    said: Callable[[str], Any],
    *,
    away: float = 0,
) -> Told:
    """Kill so often, and return what was told meanwhile.

    Raises:
        AssertionError: something that was acknowledged is lost, or doubled.
    """
    with ExitStack() as stack:
        stack.enter_context(engines.used(engine))
        stack.callback(close_clients)
        trial = Trial(stack.enter_context(Crashing(folder / "data")))
        stack.callback(trial.check)
        clients = stack.enter_context(trial.under_load())
        for number in range(1, kills + 1):
            trial.kill(what, away)
            failures = [client.failure for client in clients if client.failure is not None]
            if failures:
                raise failures[0]
            trial.told.check(trial.server.data_dir)
            if number % CHECK_EVERY == 0:
                trial.check()
            said(f"\r{number:,} kills of the {what} on {engine}")
    return trial.told


def main() -> None:
    """Kill, and print what was acknowledged meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description="Kill, and look.")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--what", choices=["server", "database"], default="server")
    parser.add_argument("--away", type=float, default=0, help="seconds without the database")
    options = parser.parse_args()
    if (options.engine, options.what) == ("sqlite", "database"):
        parser.error("SQLite's database is a file; kill the server")
    began = time.monotonic()

    def say(words: str) -> None:
        print(words, end="", flush=True)

    try:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            told = run(options.engine, options.kills, options.what, place, say, away=options.away)
    finally:
        engines.close()
    print(f"; {dict(told.counts)} acknowledged, 0 lost, 0 doubled", end="")
    print(f"; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
