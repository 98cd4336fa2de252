"""The one door through which webhooks leave: to the address that was looked at, or not at all.

Names are resolved and judged when a connection is made, and the connection goes to that address,
not to the name: whatever a name stands for a moment later changes nothing (rebinding). Redirects
are not followed, proxies of the environment not used, nothing is decompressed. One deadline covers
all of it, and no more of an answer is read than is worth keeping.
"""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import h11

from cosignet.core.webhook import ATTEMPT_SECONDS_MAX, RESPONSE_BYTES_MAX
from cosignet.core.webhook_url import Target, may_connect

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""Gives all addresses of a name, as texts; raises `OSError` if there are none."""
ADDRESSES_TRIED_MAX = 4
CONNECT_SECONDS_MAX = 4.0
"""For one address, so that a dead one leaves time for the next."""
REST_SECONDS_MAX = 1.0
"""How long the rest of an answer is waited for, once its head has come."""
HEAD_CHARACTERS_KEPT = 4_096
NONSENSE_CHARACTERS_KEPT = 200
_READ_BYTES = 16 * 1024
_RESOLVERS = 32
"""Threads: a name whose server is silent holds one far beyond any deadline of ours."""


class NotSent(Exception):
    """Nobody answered; the text says why, in words for whoever owns the endpoint."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an endpoint said."""

    status: int
    head: str
    """Status line and headers, as far as they are kept."""
    retry_after: str | None


@dataclass(frozen=True, slots=True)
class _Line:
    """An open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Outside:
    """What a node posts to the internet with."""

    def __init__(
        self,
        *,
        allow_private: bool,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        seconds: float = ATTEMPT_SECONDS_MAX,
    ) -> None:
        """Trust whom `tls` trusts (the system's authorities), and resolve as the system does."""
        self.allow_private = allow_private
        self._own_tls = tls
        self._threads = ThreadPoolExecutor(_RESOLVERS, "resolver")
        self._asked: dict[tuple[str, int], asyncio.Future[list[Any]]] = {}
        self._resolve = resolve or self._ask_system
        self._seconds = seconds

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading all authorities takes a while, and few processes post anything.
        return self._own_tls or ssl.create_default_context()

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answered:
        """Post once, over a connection of its own.

        Raises:
            NotSent: there was no answer: it may have arrived all the same.
        """
        try:
            async with asyncio.timeout(self._seconds), self._connected(target) as line:
                return await _exchange(line, target, headers, body)
        except TimeoutError:
            raise NotSent(f"no answer within {self._seconds:g} seconds") from None
        except OSError as error:
            raise NotSent(_words(error)) from None
        except h11.RemoteProtocolError as error:
            # It quotes what was said.
            quoted = str(error)[:NONSENSE_CHARACTERS_KEPT]
            raise NotSent(f"the answer is not HTTP/1.1: {quoted}") from None

    @asynccontextmanager
    async def _connected(self, target: Target) -> AsyncGenerator[_Line]:
        line = await self._connect(target)
        try:
            peer = line.writer.get_extra_info("peername")
            if peer is None:
                raise NotSent("the connection ended before there was an answer")
            # Where it has really led.
            self._check(target, peer[0])
            if target.scheme == "https":
                # For the name in the URL.
                await line.writer.start_tls(self._tls, server_hostname=target.host)
            yield line
        finally:
            line.writer.transport.abort()

    async def _connect(self, target: Target) -> _Line:
        """Connect to one of the host's addresses, if all of them may be connected to."""
        try:
            addresses = await self._resolve(target.host, target.port)
        except OSError as error:
            raise NotSent(f"{target.host} has no address: {error.strerror}") from None
        for address in addresses:
            self._check(target, address)
        failure = NotSent(f"{target.host} has no address")
        for address in addresses[:ADDRESSES_TRIED_MAX]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS_MAX):
                    opening = asyncio.open_connection(address, target.port, limit=_READ_BYTES)
                    return _Line(*await opening)
            except TimeoutError:
                failure = NotSent(f"no connection within {CONNECT_SECONDS_MAX:g} seconds")
            except OSError as error:
                failure = NotSent(_words(error))
        raise failure

    def _check(self, target: Target, address: str) -> None:
        # An IPv6 address may name an interface after `%`; no such one is public.
        parsed = ipaddress.ip_address(address)
        if not may_connect(target, parsed, allow_private=self.allow_private):
            raise NotSent(f"{target.host} leads to {address}, where webhooks are not sent")

    async def _ask_system(self, host: str, port: int) -> list[str]:
        """Whoever asks while the same is being asked shares the answer, and the thread."""
        key = (host, port)
        if key not in self._asked:
            # Not on the loop's own threads: few, and the database's commits need them.
            looking_up = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, *key)
            self._asked[key] = looking_up
            looking_up.add_done_callback(lambda done: self._forget(key, done))
        # One who gives up takes nothing from the others.
        found = await asyncio.shield(self._asked[key])
        return [str(entry[4][0]) for entry in found]

    def _forget(self, key: tuple[str, int], done: "asyncio.Future[list[Any]]") -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # heard, even if nobody waits any more


def _look_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _exchange(
    line: _Line, target: Target, headers: Mapping[str, str], body: bytes
) -> Answered:
    talk = h11.Connection(h11.CLIENT)
    line.writer.write(_said(talk, target, headers, body))
    answer = _Answer(talk, line.reader)
    head = await answer.head()
    if not answer.is_whole:
        # The endpoint has answered. It may finish, but what it says is not for us.
        with suppress(OSError, NotSent, h11.RemoteProtocolError):
            async with asyncio.timeout(REST_SECONDS_MAX):
                await answer.finish()
    return _answered(head)


def _said(talk: h11.Connection, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = [("Host", target.authority), *headers.items()]
    fields += [("Content-Length", str(len(body))), ("Connection", "close")]
    request = h11.Request(method="POST", target=target.path, headers=fields)
    parts = (request, h11.Data(body), h11.EndOfMessage())
    return b"".join(talk.send(part) or b"" for part in parts)


class _Answer:
    """An answer, of which only so much is read."""

    def __init__(self, talk: h11.Connection, reader: asyncio.StreamReader) -> None:
        self._talk = talk
        self._reader = reader
        self._left = RESPONSE_BYTES_MAX

    @property
    def is_whole(self) -> bool:
        """Whether nothing more is to come."""
        return self._talk.their_state is not h11.SEND_BODY

    async def head(self) -> h11.Response:
        """Return its head, past all hints before it."""
        while not isinstance(event := await self.next(), h11.Response):
            pass
        return event

    async def next(self) -> object:
        """Return the next of h11's events.

        Raises:
            NotSent: that would be too much, or the connection ended too early.
            OSError: the connection broke.
            h11.RemoteProtocolError: it is none.
        """
        while (event := self._talk.next_event()) is h11.NEED_DATA:
            if not self._left:
                raise NotSent(f"the answer is longer than {RESPONSE_BYTES_MAX} bytes")
            data = await self._reader.read(min(_READ_BYTES, self._left))
            if not data and self._talk.their_state is h11.SEND_RESPONSE:
                raise NotSent("the connection ended before there was an answer")
            self._left -= len(data)
            self._talk.receive_data(data)
        return event

    async def finish(self) -> None:
        """Read the rest, and drop it."""
        while not self.is_whole:
            await self.next()


def _answered(response: h11.Response) -> Answered:
    raw = response.headers.raw_items()
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
    lines = [f"HTTP/1.1 {response.status_code}", *(f"{name}: {value}" for name, value in fields)]
    asked = next((value for name, value in fields if name.lower() == "retry-after"), None)
    return Answered(response.status_code, "\n".join(lines)[:HEAD_CHARACTERS_KEPT], asked)


def _words(error: OSError) -> str:
    """Say what went wrong."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if error.errno is None or isinstance(error, ssl.SSLError):
        return error.strerror or str(error) or "the connection ended"
    return os.strerror(error.errno)  # event loops have words of their own
