"""A door before a server that adds an API key to whatever comes: for programs that send none."""

import re
import socket
import socketserver
import threading
from typing import Any
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"


class Keyed(socketserver.ThreadingTCPServer):
    """Passes connections on, one request each; everything else of a request stays as it is."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, url: str, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.behind, self.key = urlsplit(url), key
        self.netloc = f"localhost:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "Keyed":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def rewritten(self, head: bytes) -> bytes:
        """Return a request's head with the key, and with the server's own name for ours."""
        first, *lines = head.decode("latin-1").split("\r\n")
        kept = [line for line in lines if line and not line.lower().startswith("connection:")]
        kept += [f"X-Api-Key: {self.key}", "Connection: close"]
        text = "\r\n".join([first, *kept]).replace(self.netloc, self.behind.netloc)
        return text.encode("latin-1") + HEAD_END


class _Connection(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        head = b""
        while not head.endswith(HEAD_END):
            if not (line := self.rfile.readline()):
                return
            head += line
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = self.rfile.read(int(length[1])) if length else b""
        where = (self.server.behind.hostname, self.server.behind.port)
        with socket.create_connection(where) as behind, behind.makefile("rb") as answer:
            behind.sendall(self.server.rewritten(head) + body)
            while data := answer.read1(65536):
                self.wfile.write(data)
