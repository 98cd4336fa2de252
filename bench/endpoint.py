"""A webhook's endpoint that costs little: it answers at once, or hangs, and tells what came when.

    python -m bench.endpoint PORT

`POST /fast` is answered 204, or 410 between `GET /gone` and `GET /here`; `POST /hanging` never is.
`GET /arrivals` gives the milliseconds between each event and its arrival at `/fast`, and forgets
them.
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
        elif self._path == b"/arrivals":
            self._tell(json.dumps(_arrivals).encode())
            _arrivals.clear()
        elif self._path != b"/hanging":
            _state["is_gone"] = self._path == b"/gone"
            self._tell(b"{}")

    def _take(self, body: bytes) -> None:
        if _state["is_gone"]:
            self._transport.write(GONE)
            return
        occurred = datetime.fromisoformat(json.loads(body)["occurredAt"]).timestamp()
        _arrivals.append((time.time() - occurred) * 1000)
        self._transport.write(TAKEN)

    def _tell(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
