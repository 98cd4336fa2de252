"""A line between clients and a server that can be cut where a test says."""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Cut = Literal["", "before", "after"]
"""Whole, or cut before the server hears of it, or after it has answered."""
Rule = Callable[[str], Cut]
"""What happens to a request for a path."""
SECONDS = 40
KEPT = ("content-type", "x-api-key", "idempotency-key")


@dataclass(frozen=True)
class Seen:
    """A request, and what became of it."""

    path: str
    body: bytes
    cut: Cut


@dataclass
class Line:
    """Forwards each request over a connection of its own."""

    to_port: int
    rule: Rule = lambda _path: ""
    seen: list[Seen] = field(default_factory=list[Seen])

    def __post_init__(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        """Where clients call."""
        return self._http.server_port

    def __enter__(self) -> "Line":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def forward(self, call: BaseHTTPRequestHandler) -> None:
        """Carry one request there and its answer back, as far as the line reaches."""
        call.close_connection = True
        body = call.rfile.read(int(call.headers.get("Content-Length") or 0))
        cut = self.rule(call.path)
        self.seen.append(Seen(call.path, body, cut))
        if cut == "before":
            return
        there = http.client.HTTPConnection("127.0.0.1", self.to_port, timeout=SECONDS)
        headers = {name: value for name, value in call.headers.items() if name.lower() in KEPT}
        there.request(call.command, call.path, body, headers | {"Host": call.headers["Host"]})
        answer = there.getresponse()
        data = answer.read()
        there.close()
        if cut != "after":
            call.send_response(answer.status)
            call.send_header("Content-Length", str(len(data)))
            call.send_header("Connection", "close")
            call.end_headers()
            call.wfile.write(data)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                line.forward(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler
