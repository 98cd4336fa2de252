"""Decisions are made while whoever sends is killed, again and again; every one has to arrive.

python -m tests.server.killing sqlite 10000 50
"""

import asyncio
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx2
from tests.engines import Engine, engines
from tests.live import Live, Process
from tests.people import JSON, Person, Program, raise_for
from tests.receiver import Receiver, Request, Send, drip, hang, hang_up, raw, redirect, status
from tests.server.rows import opened

from cosignet.core.access import Scope
from cosignet.core.webhook import NotGenuine, verify
from cosignet.server.app import now_ms

SETTINGS = {"COSIGNET_ALLOW_PRIVATE_WEBHOOKS": "yes"}
AT_ONCE = 16
PAUSE_SECONDS = (0.2, 1.2)
SETTLE_SECONDS = 120
KILL_AFTER_SECONDS = 5.0
"""For so long at most something is waited for before a kill."""
FAULTS: Sequence[Send] = (
    status(500),
    status(429, "Retry-After: 1"),
    hang,
    hang_up,
    redirect("http://localhost:1/"),
    raw(b"not http\r\n\r\n"),
    drip(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 99, 0.1),
)
FAULTY = 0.06
FAULTS_MAX = 4
"""Of one delivery: two of its attempts are left to be killed, or to succeed."""


@dataclass
class Checking(Receiver):
    """Verifies everything it gets, and fails now and then, in every way it knows."""

    secret: str = ""
    told: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Which deliveries, by their ids, told of each confirmation."""
    refused: list[str] = field(default_factory=list[str])
    times: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])

    def choose(self, request: Request) -> Send:
        try:
            received = verify(request.headers, request.body, secret=self.secret, now_ms=now_ms())
        except NotGenuine as error:
            self.refused.append(str(error))
            return status(400)
        assert received.confirmation is not None
        if received.event != received.confirmation["status"]:
            self.refused.append(received.event)
        self.told[received.confirmation["id"]].add(received.id)
        self.times[received.id] += 1
        if random.random() < FAULTY and self.faults[received.id] < FAULTS_MAX:
            self.faults[received.id] += 1
            return random.choice(FAULTS)
        return status(200)


class Senders:
    """Processes that send, each of which is killed and started again."""

    def __init__(self, start: Callable[[], "subprocess.Popen[bytes]"], count: int) -> None:
        self._start = start
        self.running = [start() for _ in range(count)]
        self.kills = 0

    def kill_one(self) -> None:
        place = random.randrange(len(self.running))
        self.running[place].kill()
        self.running[place].wait()
        self.running[place] = self._start()
        self.kills += 1

    def stop(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.wait(30)


def survive(engine: Engine, decisions: int, kills: int, folder: Path) -> str:
    """Let it happen; return what happened, in words. Raises if a decision got lost."""
    random.seed(decisions)
    with ExitStack() as stack:
        stack.enter_context(engines.used(engine))
        receiver = stack.enter_context(Checking())
        url, keys, senders = stack.enter_context(_system(engine, folder))
        hooks = Program(url, keys["hooks"])
        receiver.secret = raise_for(hooks.post("/api/webhooks", {"url": receiver.url}))["secret"]
        ids: list[str] = []
        deciding = threading.Thread(
            target=lambda: asyncio.run(_decide(url, keys["program"], decisions, ids))
        )
        began = time.monotonic()
        deciding.start()
        while deciding.is_alive() or senders.kills < kills:
            time.sleep(random.uniform(*PAUSE_SECONDS))
            if senders.kills < kills:
                # Whoever sends is hit while sending: right after something has come.
                receiver.wait_for_more(KILL_AFTER_SECONDS)
                senders.kill_one()
        deciding.join()
        _settle(folder)
        senders.stop()
        return _judge(folder, receiver, ids, senders.kills, time.monotonic() - began)


@contextmanager
def _system(engine: Engine, folder: Path) -> Iterator[tuple[str, dict[str, str], Senders]]:
    """Run what decides and what sends: on SQLite the same process, on PostgreSQL others."""
    if engine == "sqlite":
        server = Process(folder / "data", program="tests.server.hasty", settings=SETTINGS)
        with server:
            Person(server.url).register(server.owner_link(), "alex")
            keys = {"program": _key(server), "hooks": _key(server, "--scope", "webhooks")}

            def restarted() -> "subprocess.Popen[bytes]":
                if server.process.poll() is not None:
                    server.__enter__()
                return server.process

            yield server.url, keys, Senders(restarted, 1)
        return
    with Live(folder / "data", SETTINGS) as live:
        live.person()
        program, hooks = live.program(), live.program(Scope.WEBHOOKS)
        environ = Process(folder / "data", public_url=live.url, settings=SETTINGS).environ

        def started() -> "subprocess.Popen[bytes]":
            command = [sys.executable, "-m", "tests.server.hasty", "worker"]
            return subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)

        yield live.url, {"program": program.key, "hooks": hooks.key}, Senders(started, 2)


def _key(server: Process, *options: str) -> str:
    return server.command("apikey", "create", "--name", "agent", *options).stdout.strip()


async def _decide(url: str, key: str, decisions: int, ids: list[str]) -> None:
    """Have so many confirmations end, by a cancel or by themselves, whoever is killed meanwhile."""
    numbers = iter(range(decisions))
    async with httpx2.AsyncClient(base_url=url, headers={"X-Api-Key": key}, timeout=20) as http:

        async def work() -> None:
            for number in numbers:
                ttl = 1 if number % 2 else 3600
                asked = {"username": "alex", "action": "x", "payload": {"n": number}}
                body = {**asked, "ttlSeconds": ttl}
                headers = {"Idempotency-Key": f"decision {number}"}
                made = await _insist(http, "/api/confirmations", body, headers)
                ids.append(made["id"])
                if ttl > 1:
                    await _insist(http, f"/api/confirmations/{made['id']}/cancel", {}, {})

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _insist(http: httpx2.AsyncClient, path: str, body: JSON, headers: dict[str, str]) -> JSON:
    for _ in count():
        try:
            answer = await http.post(path, json=body, headers=headers)
        except httpx2.TransportError:
            await asyncio.sleep(0.05)
            continue
        if answer.is_success or answer.json()["code"] == "already_decided":
            return answer.json()
        assert answer.status_code in (409, 503), answer.text
        await asyncio.sleep(0.05)
    raise AssertionError


def _settle(folder: Path) -> None:
    """Return when nothing is pending any more."""
    until = time.monotonic() + SETTLE_SECONDS
    sql = (
        "SELECT (SELECT count(*) FROM deliveries WHERE status = 'pending')"
        " + (SELECT count(*) FROM confirmations WHERE status = 'pending')"
    )
    while time.monotonic() < until:
        with opened(folder / "data" / "cosignet.db") as rows:
            [[left]] = rows.execute(sql)
        if not left:
            return
        time.sleep(0.2)
    raise AssertionError(f"{left} are left")


def _judge(folder: Path, receiver: Checking, ids: list[str], kills: int, seconds: float) -> str:
    with opened(folder / "data" / "cosignet.db") as rows:
        owed = {
            row[0]: row[1:]
            for row in rows.execute(
                "SELECT confirmation_id, id, status, attempts, failures FROM deliveries"
            )
        }
        [[interrupted]] = rows.execute("SELECT count(*) FROM attempts WHERE duration_ms IS NULL")
        [[attempts]] = rows.execute("SELECT count(*) FROM attempts")
    assert receiver.refused == []
    assert len(ids) == len(set(ids))
    assert set(owed) == set(ids), "a decision that is not owed"
    assert {row[1] for row in owed.values()} == {"delivered"}
    assert set(receiver.told) == set(ids), "a decision that did not arrive"
    assert all(receiver.told[id_] == {owed[id_][0]} for id_ in ids), "an id that changed"
    again = sum(times - 1 for times in receiver.times.values())
    faults = sum(receiver.faults.values())
    return (
        f"{len(ids)} decisions, {kills} kills, {seconds:.0f} s: none missing; {attempts} attempts,"
        f" {interrupted} of them interrupted, {faults} answered with a fault, {again} arrived again"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(survive(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(name)))  # type: ignore[arg-type]
    engines.close()
