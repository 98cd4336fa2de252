"""Somebody between the server and the browser, who reads and alters whatever passes."""

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
from tests.people import Program

Alter = Callable[[str], str]
HOP_BY_HOP = {"connection", "content-encoding", "content-length", "date", "transfer-encoding"}
SECONDS = 40


class Proxy:
    """Listens on `port` and passes everything on to `target`; altered where a rule says so."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.target = ""
        self.rules: list[tuple[re.Pattern[str], Alter]] = []
        self.altered: set[str] = set()
        self.program: Program
        """Another key's way to ask, which the proxy has as well."""
        self.others: list[str] = []
        """What it asked with it."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.pass_on(self)

            def do_POST(self) -> None:
                proxy.pass_on(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def alter(self, path: str, change: Alter) -> None:
        """Alter the bodies of answers whose path matches a pattern."""
        self.rules.append((re.compile(path), change))

    def replace(self, path: str, old: str, new: str) -> None:
        """Put one text in the place of another, wherever it stands in such an answer."""
        self.alter(path, lambda body: body.replace(old, new))

    def read(self, path: str) -> str:
        """What a browser gets from it."""
        return httpx2.get(self.url + path, timeout=SECONDS).text

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        """Ask the server the same, and answer what it answered, altered."""
        length = int(handler.headers.get("content-length", 0))
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in HOP_BY_HOP}
        headers["accept-encoding"] = "identity"
        with httpx2.Client(timeout=SECONDS) as client:
            answer = client.request(
                handler.command,
                self.target + handler.path,
                headers=headers,
                content=handler.rfile.read(length),
            )
        body = self._altered(handler.path.partition("?")[0], answer.text).encode()
        try:
            handler.send_response_only(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name.lower() not in HOP_BY_HOP | {"etag"}:
                    handler.send_header(name, value)
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except ConnectionError:
            handler.close_connection = True  # the browser has gone meanwhile

    def _altered(self, path: str, body: str) -> str:
        for pattern, change in self.rules:
            if pattern.search(path):
                before, body = body, change(body)
                if body != before:
                    self.altered.add(pattern.pattern)
        return body
