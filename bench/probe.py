"""One question at a time, and how long its answer takes: plain blocking sockets."""

import math
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SECONDS_MAX = 30
HEALTHZ = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@dataclass
class Probe:
    """A connection that is kept."""

    port: int
    status: int = 0
    """Of the last answer."""
    _socket: socket.socket | None = field(default=None, init=False)

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the body of its answer."""
        self.send(request)
        return self.hear()

    def send(self, request: bytes) -> None:
        """Send a request."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), SECONDS_MAX)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)

    def hear(self) -> bytes:
        """Return the body of the next answer.

        Raises:
            ConnectionError: there is none.
        """
        assert self._socket is not None
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more(self._socket)
        head, _, body = data.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < length:
            body += self._more(self._socket)
        return body

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @staticmethod
    def _more(connection: socket.socket) -> bytes:
        chunk = connection.recv(1 << 16)
        if not chunk:
            raise ConnectionError("the server hung up")
        return chunk


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds, sorted."""

    ms: Sequence[float]

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.ms)

    @property
    def p99(self) -> float:
        """What 99 of a hundred stay within."""
        return self.ms[math.ceil(len(self.ms) * 0.99) - 1]


def timed(work: Callable[[], object], count: int, pause_seconds: float = 0) -> Times:
    """Time some work so many times."""
    taken: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
        time.sleep(pause_seconds)
    return Times(sorted(taken))


def health(port: int) -> None:
    """Ask on a connection of its own whether the server lives.

    Raises:
        ConnectionError: it does not say so.
    """
    probe = Probe(port)
    probe.ask(HEALTHZ)
    probe.close()
    if probe.status != 200:
        raise ConnectionError(f"/healthz answers {probe.status}")
