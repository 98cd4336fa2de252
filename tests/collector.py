"""A collector of traces (OTLP over HTTP) that can also refuse, hang, lie, and be cut off."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Mood = Literal["takes", "refuses", "hangs", "lies", "cuts off", "asks to wait"]
HANG_SECONDS = 60.0


class Collector:
    """Listens on a port of its own while its block runs."""

    def __init__(self, mood: Mood = "takes") -> None:
        self.mood = mood
        self.asked = threading.Event()
        """Set once somebody has brought something."""
        self.bodies: list[bytes] = []
        self._leaving = threading.Event()

    def __enter__(self) -> "Collector":
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Take what somebody brings, as the mood is."""
        body = request.rfile.read(int(request.headers["content-length"]))
        self.bodies.append(body)
        self.asked.set()
        if self.mood == "hangs":
            self._leaving.wait(HANG_SECONDS)
        if self.mood in ("hangs", "cuts off"):
            request.close_connection = True
            return
        request.send_response({"refuses": 400, "asks to wait": 503}.get(self.mood, 200))
        if self.mood == "asks to wait":
            request.send_header("Retry-After", "3600")
        sent = b"<html>not protobuf" * 1000 if self.mood == "lies" else b""
        request.send_header("Content-Length", str(len(sent)))
        request.end_headers()
        request.wfile.write(sent)

    def spans(self) -> list[Any]:
        """Return the spans that were brought."""
        found: list[Any] = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
        return found
