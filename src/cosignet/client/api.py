"""The one place where the client opens a connection: one request, one answer, one deadline.

Nothing is followed, guessed or tried again here. Whatever is not one whole JSON object within the
deadline is `Unheard`.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from cosignet import __version__
from cosignet.client.errors import SetupIncomplete
from cosignet.core.characters import visible
from cosignet.core.errors import Refusal
from cosignet.core.idempotency import IDEMPOTENCY_KEY_HEADER
from cosignet.core.jsontext import JsonValue, parse_json

BODY_BYTES_MAX = 1024 * 1024
"""An answer's; more is cut off. A confirmation is about 130 KiB at most."""
_CHUNK = 64 * 1024
QUOTED_MAX = 300
"""How many characters of what is wrong with an answer are told."""
LOCAL = ("localhost", "127.0.0.1", "::1")


class Unheard(Exception):
    """There is no usable answer; the text says why, and may quote the beginning of it."""

    def __init__(self, words: str) -> None:
        super().__init__(visible(words[:QUOTED_MAX]))


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole JSON object, with its status."""

    status: int
    body: dict[str, JsonValue]
    retry_after: float
    """Seconds the server wants to be left alone; 0 if it does not say."""


def is_private(url: str) -> bool:
    """Whether what is sent there is read by nobody between: https, or this machine."""
    parts = urlsplit(url)
    here = parts.scheme == "http" and parts.hostname in LOCAL
    return bool(parts.hostname) and (parts.scheme == "https" or here)


@dataclass(frozen=True, slots=True)
class Door:
    """A server and the key that it knows us by. The key goes to that server alone."""

    base_url: str
    api_key: str = field(repr=False)

    def __post_init__(self) -> None:
        url = urlsplit(self.base_url)
        if not is_private(self.base_url) or "@" in url.netloc or url.query or url.fragment:
            raise SetupIncomplete(
                "COSIGNET_BASE_URL is no server's address. Give an https:// URL without user, query"
                " or fragment; http:// is for localhost alone."
            )
        if not self.api_key or not self.api_key.isascii() or not self.api_key.isprintable():
            raise SetupIncomplete("There is no API key. Set COSIGNET_API_KEY to yours.")

    @property
    def origin(self) -> str:
        """Scheme, host and port as browsers spell them."""
        url = urlsplit(self.base_url)
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        usual = {"https": 443, "http": 80}[url.scheme]
        port = "" if url.port in (None, usual) else f":{url.port}"
        return f"{url.scheme}://{host}{port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        seconds: float,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Send one request and return its answer, within `seconds` from first to last byte.

        Raises:
            Unheard: no connection, no answer in time, or no whole JSON object.
        """
        headers = {
            "X-Api-Key": self.api_key,
            "Accept": "application/json",
            "User-Agent": f"cosignet-python/{__version__}",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        if idempotency_key is not None:
            headers[IDEMPOTENCY_KEY_HEADER] = idempotency_key
        url = self.base_url.rstrip("/") + path
        raw = send(method, url, headers=headers, body=body, seconds=seconds)
        return Answer(raw.status, _object(raw.status, raw.data), raw.retry_after)


@dataclass(frozen=True, slots=True)
class Raw:
    """A whole answer, unread."""

    status: int
    data: bytes
    retry_after: float


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    seconds: float,
) -> Raw:
    """Send one request over a connection of its own.

    Raises:
        Unheard: no connection, or no whole answer in time.
    """
    parts = urlsplit(url)
    kinds = {"http": _Http, "https": _Https}
    if parts.scheme not in kinds or not parts.hostname:
        raise Unheard(f"{url!r} is no http or https URL")
    connection = kinds[parts.scheme](parts.hostname, parts.port, time.monotonic() + seconds)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body, dict(headers))
        return _read(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError) as error:
        # A name or an error text never carries the key: it is in a header alone.
        raise Unheard(str(error) or type(error).__name__) from None
    finally:
        connection.close()
        connection.hang_up()


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that comes bit by bit."""

    status: int
    kind: str
    """Its media type, without parameters."""
    headers: Mapping[str, str]
    """By lower-case name."""
    data: BinaryIO


@contextmanager
def streamed(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, seconds: float
) -> Generator[Stream]:
    """Send one request within `seconds`; yield an answer that may take as long as it wants.

    Raises:
        Unheard: there is no connection, or it broke while the answer was read.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=seconds)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body, dict(headers))
        connection.sock.settimeout(None)
        response = connection.getresponse()
        said = {name.lower(): value for name, value in response.getheaders()}
        kind = response.headers.get_content_type()
        yield Stream(response.status, kind, said, cast(BinaryIO, response))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unheard(str(error) or type(error).__name__) from None
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse) -> Raw:
    data = response.read(BODY_BYTES_MAX + 1)
    if len(data) > BODY_BYTES_MAX:
        raise Unheard("the answer is too long")
    if response.length:
        raise Unheard("the answer was cut off")
    return Raw(response.status, data, _seconds(response))


def _object(status: int, data: bytes) -> dict[str, JsonValue]:
    try:
        value = parse_json(data)
    except Refusal as refusal:
        if status >= http.client.BAD_REQUEST:
            return {}
        raise Unheard(f"HTTP {status} without usable JSON: {refusal}") from None
    if not isinstance(value, dict):
        raise Unheard(f"HTTP {status} without a JSON object")
    return value


def _seconds(response: http.client.HTTPResponse) -> float:
    said = response.getheader("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < 7 else 0


class _Timed(io.RawIOBase):
    """A socket's bytes, none later than the deadline: one byte a second does not prolong it."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read some bytes; OSError once the time is over."""
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)


class _Deadline:
    """What `http.client` needs of a socket."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Timed(self._sock, self._deadline), _CHUNK)

    def close(self) -> None:
        """Leave it open: http.client closes what ends after this answer before that is read."""


class _Http(http.client.HTTPConnection):
    def __init__(self, host: str, port: int | None, deadline: float) -> None:
        super().__init__(host, port)
        self.deadline = deadline
        self.plain: socket.socket | None = None

    def connect(self) -> None:
        self.plain = self._connected()
        self.sock = cast(Any, _Deadline(self.plain, self.deadline))

    def hang_up(self) -> None:
        """Close the socket."""
        if self.plain is not None:
            self.plain.close()

    def _connected(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), _left(self.deadline))


class _Https(_Http):
    default_port = http.client.HTTPS_PORT

    def _connected(self) -> socket.socket:
        plain = super()._connected()
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no whole answer in time")
    return seconds
