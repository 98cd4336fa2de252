"""A crowd that waits, in a process of its own: `python -m bench.holders`, and its control.

Each of its requests is held on a connection of its own, and asked again when the wait is over. It
reads orders on standard input, lines of JSON, and answers each with a line:

    {"hold": [port, [request, …], seconds]}   ask them, spread over so many seconds
    {"quiet": true}                           ask nothing again from now on
    {"drop": true}                            hang up on the server, all at once
    {"report": true}                          count what has come, and forget it

Times are monotonic seconds, the same for all processes of a machine.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import IO, Any, cast

import httptools
import uvloop

SETTLE_SECONDS = 0.5
"""After the last request was sent."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came since the last one."""

    statuses: dict[str, int]
    """Answers, by HTTP status and the confirmation's."""
    last: float
    """When the last one came."""
    latest: float
    """Most seconds between a confirmation's deadline and an answer that tells its end."""
    lost: int
    """Connections that the server has closed."""

    @property
    def answers(self) -> int:
        """How many came."""
        return sum(self.statuses.values())


class Holders:
    """The control of one such process."""

    def __enter__(self) -> "Holders":
        self._stack = ExitStack()
        command = [sys.executable, "-m", "bench.holders"]
        self._process = self._stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._stack.close()

    def hold(self, port: int, requests: Sequence[bytes], seconds: float) -> None:
        """Ask all of these; return when they have been sent."""
        self._order(hold=[port, [request.decode() for request in requests], seconds])
        time.sleep(SETTLE_SECONDS)

    def quiet(self) -> None:
        """Ask nothing again."""
        self._order(quiet=True)

    def drop(self) -> None:
        """Hang up."""
        self._order(drop=True)

    def report(self) -> Report:
        """Return what came since the last report."""
        return Report(**self._order(report=True))

    def await_answers(self, count: int, seconds: float) -> Report:
        """Return a report as soon as that many answers have come.

        Raises:
            TimeoutError: they do not.
        """
        found = self.report()
        deadline = time.monotonic() + seconds
        while found.answers < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found.answers} answers instead of {count}")
            time.sleep(0.05)
            more = self.report()
            statuses = Counter(found.statuses) + Counter(more.statuses)
            found = Report(
                dict(statuses),
                max(found.last, more.last),
                max(found.latest, more.latest),
                found.lost + more.lost,
            )
        return found

    def _order(self, **order: object) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(order).encode() + b"\n")
        stdin.flush()
        return json.loads(stdout.readline())


# --- Inside the process ---------------------------------------------------------------------------


class _Crowd:
    """All who wait, and what they were told."""

    def __init__(self) -> None:
        self.asks_again = True
        self.transports: set[asyncio.Transport] = set()
        self._statuses: Counter[str] = Counter()
        self._last = self._latest = 0.0
        self._lost = 0

    def take(self, status: int, body: bytes) -> bool:
        """Note an answer; whether it is asked again."""
        self._last = time.monotonic()
        found = json.loads(body)
        word = found.get("status", "") if status == 200 else found["code"]
        self._statuses[f"{status} {word}"] += 1
        if status == 200 and word != "pending":
            late = time.time() - datetime.fromisoformat(found["expiresAt"]).timestamp()
            self._latest = max(self._latest, late)
        return self.asks_again and word == "pending"

    def lose(self, transport: asyncio.Transport) -> None:
        """Note a connection that has ended."""
        if transport in self.transports:
            self._lost += 1
            self.transports.discard(transport)

    def report(self) -> dict[str, Any]:
        """Return what was noted, and forget it."""
        noted = {
            "statuses": dict(self._statuses),
            "last": self._last,
            "latest": self._latest,
            "lost": self._lost,
        }
        self._statuses.clear()
        self._last = self._latest = 0.0
        self._lost = 0
        return noted

    def drop(self) -> None:
        """Hang up on the server."""
        dropped, self.transports = self.transports, set()
        for transport in dropped:
            transport.abort()

    async def hold(self, port: int, requests: Sequence[str], seconds: float) -> None:
        """Open a connection for each request, and send it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, request in enumerate(requests):
            await asyncio.sleep(max(0, began + seconds * number / len(requests) - loop.time()))
            wanted = request.encode()
            await loop.create_connection(lambda w=wanted: _Held(self, w), "127.0.0.1", port)


class _Held(asyncio.Protocol):
    """One who waits."""

    def __init__(self, crowd: _Crowd, request: bytes) -> None:
        self._crowd, self._request = crowd, request
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
        self._crowd.transports.add(self._transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        body = b"".join(self._chunks)
        self._chunks.clear()
        if self._crowd.take(self._parser.get_status_code(), body):
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.lose(self._transport)


async def _obey(orders: IO[bytes]) -> None:
    crowd = _Crowd()
    reader = asyncio.StreamReader(limit=1 << 26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), orders)
    while line := await reader.readline():
        order = json.loads(line)
        answer: object = None
        if "hold" in order:
            await crowd.hold(*order["hold"])
        elif "quiet" in order:
            crowd.asks_again = False
        elif "drop" in order:
            crowd.drop()
        else:
            answer = crowd.report()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_obey(sys.stdin.buffer))
