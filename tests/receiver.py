"""A webhook's endpoint, for tests: real sockets on this machine, and every manner of answering.

It keeps what came, in order. What it answers is said beforehand, as often as it shall be so: from a
status to hanging, hanging up, redirecting, dripping, lying about lengths, and pouring.
"""

import asyncio
import gzip
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import cast

Send = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Answers on an open connection, whatever it likes."""


@dataclass(frozen=True)
class Request:
    """What somebody posted."""

    line: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


def status(code: int, *fields: str, body: bytes = b"ok") -> Send:
    """Answer like an orderly server."""
    head = "\r\n".join([f"HTTP/1.1 {code} So", f"Content-Length: {len(body)}", *fields])
    return raw(head.encode() + b"\r\n\r\n" + body)


def redirect(to: str) -> Send:
    return status(307, f"Location: {to}")


def raw(data: bytes) -> Send:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return send


async def hang(writer: asyncio.StreamWriter) -> None:
    """Say nothing, until whoever asked has gone."""
    await writer.wait_closed()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def drip(data: bytes, pause: float = 0.05) -> Send:
    """Say it a byte at a time."""

    async def send(writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause)

    return send


def pour(head: bytes, chunk: bytes = b"x" * 65_536) -> Send:
    """Never come to an end."""

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(chunk)
            await writer.drain()

    return send


def gzip_bomb() -> Send:
    """A hundred megabytes in a hundred kilobytes."""
    body = gzip.compress(bytes(100_000_000))
    return status(200, "Content-Encoding: gzip", body=body)


@dataclass
class Receiver:
    """An endpoint on a thread of its own."""

    host: str = "127.0.0.1"
    answers: list[Send] = field(default_factory=list[Send])
    """What comes next, one for each request."""
    otherwise: Send = field(default_factory=lambda: status(200))
    """What comes when nothing is left of those."""
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list[Request])
    connections: int = 0
    port: int = field(init=False)

    def __enter__(self) -> "Receiver":
        self._arrived = threading.Condition()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[started])
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://localhost:{self.port}/hook"

    def wait_for(self, count: int, seconds: float = 20) -> list[Request]:
        """Return all requests once there are so many."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: len(self.requests) >= count, seconds)
        assert came, f"{len(self.requests)} of {count} came"
        return self.requests

    def wait_for_more(self, seconds: float) -> None:
        """Return when another request comes, or after so many seconds."""
        with self._arrived:
            before = len(self.requests)
            self._arrived.wait_for(lambda: len(self.requests) > before, seconds)

    def wait_for_a_connection(self, seconds: float = 20) -> None:
        """Return when somebody has connected, whether or not they say anything."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.connections > 0, seconds)

    def answer(self, *answers: Send, otherwise: Send | None = None) -> None:
        """Say what comes next."""
        self.answers.extend(answers)
        self.otherwise = otherwise or self.otherwise

    def choose(self, request: Request) -> Send:
        """Return how this one is answered."""
        return self.answers.pop(0) if self.answers else self.otherwise

    def _run(self, started: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, self.host, 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()
        # Who has just come in is let in, so that everybody is shown out.
        for _ in range(5):
            await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with self._arrived:
            self._arrived.notify_all()
        # The loop itself would forget who only waits.
        here = cast("asyncio.Task[None]", asyncio.current_task())
        self._serving.add(here)
        here.add_done_callback(self._serving.discard)
        try:
            request = await _read(reader)
            send = self.choose(request)
            with self._arrived:
                self.requests.append(request)
                self._arrived.notify_all()
            await send(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = {name.lower(): value for name, _, value in _fields(lines)}
    return Request(line, headers, await reader.readexactly(int(headers["content-length"])))


def _fields(lines: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    for one in lines:
        yield one.partition(": ")
