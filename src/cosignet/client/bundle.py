"""What a verifier is given: the evidence, from a file or a server, and whom somebody trusts."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from cosignet.client.api import Unheard, send
from cosignet.core.checkpoint import LOG_PATH
from cosignet.core.confirmation import EVIDENCE_KINDS
from cosignet.core.errors import SetupError

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OK, _ACCEPTED = 200, 202
_SECONDS = 30.0
"""How long a server may take."""


@dataclass
class Trust:
    """Whom somebody trusts, as `verifiers/verify.py` takes it."""

    kind: str
    origin: str | None = None
    payload: str | None = None
    """In its canonical form."""
    vkeys: list[str] = field(default_factory=list[str])
    """Verifier keys of the log (c2sp.org/signed-note)."""
    keys: list[str] = field(default_factory=list[str])
    """SHA-256 of each approver's SubjectPublicKeyInfo DER, lowercase hex."""

    def add_pins(self, path: Path) -> None:
        """Trust what a file names as well; its `pins` of another origin are left out.

        `{"version": 1, "logs": [vkey, …], "pins": [{"origin", "key"}, …]}`, where `key` is a DER
        SubjectPublicKeyInfo in base64url. Other members are not looked at.

        Raises:
            SetupError: it is no such file, or names several origins and none was given.
        """
        logs, pins = _read_pins(path)
        origins = {origin for origin, _ in pins}
        if self.origin is None and len(origins) > 1:
            raise SetupError(f"{path} names several origins. Say which one: --origin ORIGIN.")
        self.origin = self.origin or next(iter(origins), None)
        self.vkeys += logs
        self.keys += [_hash(key) for origin, key in pins if origin == self.origin]


def read_evidence(where: str, *, base_url: str, kind: str) -> bytes:
    """Return a bundle as it was written: from a file, a link, or by its id from a server.

    Raises:
        SetupError: it is none of these.
        Unheard: the server did not answer, has no such evidence, or not yet.
        OSError: the file cannot be read.
    """
    path = Path(where)
    if path.is_file():
        return path.read_bytes()
    url = _address(where, base_url, kind)
    answer = send("GET", url, headers={"Accept": "application/json"}, seconds=_SECONDS)
    if answer.status == _ACCEPTED:
        raise Unheard("It is recorded, and the log has not signed it yet. Try again in a moment.")
    if answer.status != _OK:
        raise Unheard(_words(answer.status, answer.data))
    return answer.data


def _address(where: str, base_url: str, kind: str) -> str:
    """Return where the server shows the evidence that an id or a link names."""
    url = urlsplit(where)
    found = _ID.search(f"{url.path}?{url.query}".lower())
    is_link = url.scheme in ("http", "https")
    if found is None or not (is_link or found[0] == where.lower()):
        raise SetupError(f"{where!r} is no file, no link to evidence, and no evidence id.")
    server = f"{url.scheme}://{url.netloc}" if is_link else base_url
    # The decision is what a server shows by default; the others have to be asked for.
    query = f"?kind={kind}" if kind in EVIDENCE_KINDS[2:] else ""
    return f"{server}{LOG_PATH}/entries/{found[0]}/verification{query}"


def _words(status: int, body: bytes) -> str:
    try:
        said = json.loads(body)
        return f"{said['title']} {said['cure']}"
    except (ValueError, KeyError, TypeError):
        return f"The server answered {status}."


def _read_pins(path: Path) -> tuple[Sequence[str], Sequence[tuple[str, str]]]:
    try:
        said = cast("dict[str, Any]", json.loads(path.read_text("utf-8")))
        pins = [(str(pin["origin"]), str(pin["key"])) for pin in said.get("pins", [])]
        return [str(log) for log in said.get("logs", [])], pins
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SetupError(f"{path} is no file of pins. Repair it, or leave --pins out.") from None


def _hash(key: str) -> str:
    try:
        return hashlib.sha256(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))).hexdigest()
    except ValueError:
        raise SetupError(f"{key!r} is no key in base64url.") from None
