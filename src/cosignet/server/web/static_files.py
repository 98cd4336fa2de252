"""The few files browsers load: read and compressed once, served from memory.

Pages are not compressed: they carry a token beside what others chose (BREACH, 2013). These files
are the same for everybody.
"""

import gzip
import hashlib
from importlib import resources
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class StaticFile:
    """One file."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._plain = content
        self._compressed = gzip.compress(content, mtime=0)
        self._headers = {
            "etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
            # Always asked again: after an update, no page runs with an old script.
            "cache-control": "no-cache",
            "content-type": MEDIA_TYPES[PurePath(name).suffix],
            "vary": "accept-encoding",
        }

    async def answer(self, scope: Scope, _: Receive) -> Response:
        """Return the file, or nothing if the browser has it."""
        request = Request(scope)
        if request.headers.get("if-none-match") == self._headers["etag"]:
            return Response(status_code=304, headers=self._headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self._compressed, headers={**self._headers, "content-encoding": "gzip"})
        return Response(self._plain, headers=self._headers)


def static_files() -> list[StaticFile]:
    """Return each file; nothing on the disk is reachable by name."""
    folder = resources.files("cosignet.server.web") / "static"
    return [
        StaticFile(file.name, file.read_bytes())
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if PurePath(file.name).suffix in MEDIA_TYPES
    ]
