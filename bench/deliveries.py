"""Webhooks: deliveries in a second, and how late they are beside an endpoint that hangs.

    python -m bench.deliveries PORT COUNT FILE

posts what is in a file, a head and a body, COUNT times with a bare HTTP client, and prints how many
seconds that took.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpcore2
import uvloop
from tests.live import Process, free_port
from tests.people import Person, Program, close_clients, raise_for

from bench.figures import Cost, Load, Size
from bench.load import Slice, get, post, send
from cosignet.core.limits import SENDING_PER_WEBHOOK_MAX

SETTINGS = {"COSIGNET_ALLOW_PRIVATE_WEBHOOKS": "yes"}
APART_SECONDS = 0.02
"""Between two decisions whose delay is measured."""
GOAL_PER_SECOND = 200


@dataclass(frozen=True, slots=True)
class _Stage:
    """A server, an endpoint, and keys."""

    server: Process
    endpoint: int
    """Its port."""
    key: str
    hooks: Program

    def register(self, path: str) -> str:
        """Register a webhook; return its id."""
        body = {"url": f"http://localhost:{self.endpoint}{path}"}
        return raise_for(self.hooks.post("/api/webhooks", body))["id"]

    def call(self, webhook: str, verb: str, **body: Any) -> Any:
        """Do something with a webhook."""
        return raise_for(self.hooks.post(f"/api/webhooks/{webhook}/{verb}", body))

    def answer_gone(self, is_gone: bool) -> None:
        """Let the endpoint say 410 from now on, or no longer."""
        send(self.endpoint, [get("/gone" if is_gone else "/here", {})])

    def ask(self, count: int) -> list[bytes]:
        """Create confirmations; return requests that each end one."""
        asked = {"username": "alex", "action": "Deploy to production", "payload": {"sha": "abc123"}}
        body = json.dumps({**asked, "ttlSeconds": 3600}).encode()
        key = {"x-api-key": self.key}
        creations = [post("/api/confirmations", body, key)] * count
        made = send(self.server.port, creations, status=201).bodies
        ids = [json.loads(one)["id"] for one in made]
        return [post(f"/api/confirmations/{id_}/cancel", b"{}", key) for id_ in ids]

    def settle(self) -> None:
        """Return when nothing is owed, nor under way."""
        while self.hooks.get("/api/webhook-deliveries", status="pending").json()["items"]:
            time.sleep(0.05)

    def arrivals(self, count: int) -> list[float]:
        """Return how late each of so many events was (ms), once all have come."""
        return json.loads(send(self.endpoint, [get(f"/arrivals/{count}", {})]).bodies[0])


@contextmanager
def _stage(folder: Path) -> Generator[_Stage]:
    port = free_port()
    command = [sys.executable, "-m", "bench.endpoint", str(port)]
    with Process(folder / f"hooks-{port}", settings=SETTINGS) as server:
        endpoint = subprocess.Popen(command)
        try:
            Person(server.url).register(server.owner_link(), "alex")
            minting = ("apikey", "create", "--name", "bench")
            key = server.command(*minting).stdout.strip()
            hooks = server.command(*minting, "--scope", "webhooks").stdout.strip()
            yield _Stage(server, port, key, Program(server.url, hooks))
        finally:
            endpoint.terminate()
            endpoint.wait()
            close_clients()


def deliveries(size: Size, folder: Path) -> Load:
    """Deliveries that are all due at once; the floor posts as much with the bare client."""
    found = Load(0.5, [], [])
    with _stage(folder) as stage:
        webhook = stage.register("/fast")
        for _ in range(size.pairs // 2 + 1):
            found.ours.append(_delivered(stage, webhook, size.deliveries))
            found.floor.append(_posted(stage, folder, size.deliveries))
    slowest = min(one.rate for one in found.ours)
    if size.deliveries >= GOAL_PER_SECOND and slowest < GOAL_PER_SECOND:
        print(f"only {slowest:.0f} deliveries in a second; the goal is {GOAL_PER_SECOND}")
    return found


def _delivered(stage: _Stage, webhook: str, count: int) -> Slice:
    """Let decisions become dead letters of an endpoint that is gone, then send them all."""
    stage.answer_gone(True)
    test = stage.call(webhook, "test")["id"]
    while stage.hooks.get(f"/api/webhook-deliveries/{test}").json()["status"] == "pending":
        time.sleep(0.01)
    send(stage.server.port, stage.ask(count))
    stage.answer_gone(False)
    stage.call(webhook, "enable")
    stage.settle()
    since = "2000-01-01T00:00:00Z"
    began = time.perf_counter()
    assert stage.call(webhook, "redeliver", since=since)["redelivered"] == count
    stage.arrivals(count)
    return Slice([b""] * count, time.perf_counter() - began, 0)


def _posted(stage: _Stage, folder: Path, count: int) -> Slice:
    """Let a bare client post what was just delivered: to the same URL, with the same head."""
    stage.settle()
    query = {"status": "delivered", "limit": 1}
    [one] = stage.hooks.get("/api/webhook-deliveries", **query).json()["items"]
    attempt = stage.hooks.get(f"/api/webhook-deliveries/{one['id']}").json()["attempts"][-1]
    [read] = send(
        stage.server.port,
        [get(f"/api/confirmations/{one['confirmationId']}", {"x-api-key": stage.key})],
    ).bodies
    told = json.loads(read)
    del told["payload"], told["payloadText"]
    body = {"id": one["id"], "event": one["event"], "timestamp": attempt["at"]}
    body |= {"occurredAt": told["decidedAt"], "confirmation": told}
    file = folder / "posted"
    file.write_text(attempt["request"] + "\n\n" + json.dumps(body, separators=(",", ":")))
    command = [sys.executable, "-m", "bench.deliveries", str(stage.endpoint), str(count), str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    stage.arrivals(count)
    return Slice([b""] * count, float(ran.stdout), 0)


def delay_beside_a_hanging_one(size: Size, folder: Path) -> Cost:
    """99 of 100 events are not later than this while another endpoint hangs; the floor: if not."""
    with _stage(folder) as stage:
        stage.register("/fast")
        calm = _delays(stage, size.delays)
        stage.register("/hanging")
        return Cost(50, "ms", [_p99(_delays(stage, size.delays))], [_p99(calm)])


def _delays(stage: _Stage, count: int) -> list[float]:
    for cancel in stage.ask(count):
        send(stage.server.port, [cancel])
        time.sleep(APART_SECONDS)
    return stage.arrivals(count)


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


async def _post(port: int, count: int, posted: str) -> float:
    url = httpcore2.URL(scheme=b"http", host=b"localhost", port=port, target=b"/fast")
    head, _, text = posted.partition("\n\n")
    lines = (line.partition(": ") for line in head.split("\n")[1:])
    headers = [(name, value) for name, _, value in lines]
    body = text.encode()
    numbers = iter(range(count))

    async def work() -> None:
        for _ in numbers:
            async with httpcore2.AsyncHTTPConnection(url.origin) as connection:
                answer = await connection.request("POST", url, headers=headers, content=body)
                assert answer.status == 204

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(SENDING_PER_WEBHOOK_MAX)))
    return time.perf_counter() - began


if __name__ == "__main__":
    print(uvloop.run(_post(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_text())))
