"""The few files browsers load: read, freed of their layout, compressed once, served from memory.

Comments and indentation are for those who read the source; no phone needs to load them. The
verifiers are served as they are: whoever takes them reads them first.
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
    ".mjs": "text/javascript; charset=utf-8",
    ".py": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOLDERS = (("cosignet.server.web", "static"), ("cosignet", "verifiers"))


class StaticFile:
    """One file."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.content = content
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
        return Response(self.content, headers=self._headers)


def static_files() -> list[StaticFile]:
    """Return each file; nothing on the disk is reachable by name."""
    files = [f for package, name in _FOLDERS for f in (resources.files(package) / name).iterdir()]
    return [
        StaticFile(file.name, _served(file.name, file.read_bytes()))
        for file in sorted(files, key=lambda file: file.name)
        if PurePath(file.name).suffix in MEDIA_TYPES
    ]


def fingerprints() -> dict[str, str]:
    """Return the SHA-256 of each file as browsers get it, in hexadecimal, by its path."""
    return {
        f"/static/{file.name}": hashlib.sha256(file.content).hexdigest() for file in static_files()
    }


def without_layout(text: str) -> str:
    """Return a script or style sheet without lines of comment, empty lines and indentation.

    Line by line, so that what is left keeps its order and its line ends, and no line is joined to
    another. Texts in backticks stay as they are.

    Raises:
        ValueError: something stands behind the end of a comment of several lines, or a comment or
            a text in backticks never ends. The files are ours, so this is a defect of ours.
    """
    kept: list[str] = []
    in_comment = in_text = False
    for line in text.splitlines():
        bare = line.strip()
        if in_comment:
            in_comment = not _ends_comment(bare)
        elif in_text:
            kept.append(line)
            in_text = _toggles(line) == 0
        elif bare.startswith("/*"):
            in_comment = not _ends_comment(bare)
        elif bare and not bare.startswith("//"):
            kept.append(bare)
            in_text = _toggles(bare) == 1
    if in_comment or in_text:
        raise ValueError("a comment or a text never ends")
    return "".join(f"{line}\n" for line in kept)


def _ends_comment(line: str) -> bool:
    if "*/" in line and line.index("*/") != len(line) - 2:
        raise ValueError(f"behind the end of a comment: {line}")
    return line.endswith("*/")


def _toggles(line: str) -> int:
    """Return 1 if the line opens or closes a text in backticks that goes beyond it, else 0."""
    return line.count("`") % 2


def _served(name: str, content: bytes) -> bytes:
    if PurePath(name).suffix not in (".css", ".js"):
        return content
    return without_layout(content.decode()).encode()
