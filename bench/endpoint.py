"""A webhook's endpoint that costs little: it answers at once, or hangs, and tells what came when.

    python -m bench.endpoint PORT

`POST /fast` is answered 204, or 410 between `GET /gone` and `GET /here`; `POST /hanging` never is.
`GET /arrivals/COUNT` is answered when so many have come to `/fast`: with the milliseconds between
each event and its arrival. Then they are forgotten.
"""

import asyncio
import json
import sys
import time
from datetime import datetime
from typing import cast

import httptools
import uvloop

TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
_state = {"is_gone": False}
_arrivals: list[float] = []
_waiting: list[tuple[int, asyncio.Transport]] = []
"""Who wants to know of how many."""


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_body(self, chunk: bytes) -> None:
        self._body.append(chunk)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        self._body.clear()
        if self._path == b"/fast":
            self._take(body)
        elif self._path.startswith(b"/arrivals/"):
            _waiting.append((int(self._path.removeprefix(b"/arrivals/")), self._transport))
            _tell_who_waits()
        elif self._path != b"/hanging":
            _state["is_gone"] = self._path == b"/gone"
            _tell(self._transport, b"{}")

    def _take(self, body: bytes) -> None:
        if _state["is_gone"]:
            self._transport.write(GONE)
            return
        occurred = datetime.fromisoformat(json.loads(body)["occurredAt"]).timestamp()
        _arrivals.append((time.time() - occurred) * 1000)
        self._transport.write(TAKEN)
        _tell_who_waits()


def _tell_who_waits() -> None:
    if _waiting and len(_arrivals) >= _waiting[0][0]:
        _tell(_waiting.pop()[1], json.dumps(_arrivals).encode())
        _arrivals.clear()


def _tell(transport: asyncio.Transport, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
    transport.write(head.encode() + body)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "localhost", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
