"""A load generator that costs less than what it measures: raw sockets kept alive, one parser each.

A usual HTTP client spends more on a request than a bare server does on the answer, and would
measure itself. This one sends bytes made beforehand and reads only what it must.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import httptools
import uvloop

CONNECTIONS = 64
"""How many requests are under way at a time."""
SECONDS_MAX = 60
"""A slice that takes longer has stalled."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What came of one batch of requests."""

    bodies: list[bytes]
    """In the order of the requests."""
    seconds: float
    """From the first byte sent to the last answer."""
    busy: float
    """The generator's own share of a processor meanwhile: near 1 it has measured itself."""

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.bodies) / self.seconds


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Write a POST of JSON."""
    own = {"content-type": "application/json", "content-length": str(len(body))}
    return _head("POST", path, own | headers) + body


def get(path: str, headers: dict[str, str]) -> bytes:
    """Write a GET."""
    return _head("GET", path, headers)


def send(port: int, requests: Sequence[bytes], *, status: int = 200) -> Slice:
    """Send every request once and return the answers, each of which must have that status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send(port, requests, status))


def _head(method: str, path: str, headers: dict[str, str]) -> bytes:
    fields = {"host": "localhost", "accept": "*/*"}
    fields |= {name.lower(): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class _Batch:
    """Requests that connections take from, and the answers they bring back."""

    def __init__(self, requests: Sequence[bytes], status: int) -> None:
        self.waiting: Iterator[tuple[int, bytes]] = iter(enumerate(requests))
        self.bodies = [b""] * len(requests)
        self.left = len(requests)
        self.status = status
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, place: int, status: int, body: bytes) -> None:
        if status != self.status:
            self.fail(f"{status} instead of {self.status}: {body[:400].decode(errors='replace')}")
        self.bodies[place] = body
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def fail(self, words: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(words))


class _Connection(asyncio.Protocol):
    """One connection: asks, reads the answer to its end, asks again."""

    def __init__(self, batch: _Batch) -> None:
        self._batch = batch
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._place = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self.transport = cast(asyncio.Transport, transport)

    def ask(self) -> None:
        self._place, request = next(self._batch.waiting, (0, b""))
        if request:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        body = b"".join(self._chunks)
        self._chunks.clear()
        self._batch.take(self._place, self._parser.get_status_code(), body)
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._batch.fail(f"the server hung up: {exc}")


async def _send(port: int, requests: Sequence[bytes], status: int) -> Slice:
    loop = asyncio.get_running_loop()
    batch = _Batch(requests, status)
    connections: list[_Connection] = []
    for _ in range(min(CONNECTIONS, len(requests))):
        opening = loop.create_connection(lambda: _Connection(batch), "127.0.0.1", port)
        connections.append((await opening)[1])
    wall, processor = time.perf_counter(), time.process_time()
    for connection in connections:
        connection.ask()
    async with asyncio.timeout(SECONDS_MAX):
        await batch.done
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    for connection in connections:
        connection.transport.close()
    return Slice(batch.bodies, wall, processor / wall)
