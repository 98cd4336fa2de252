"""The one door through which webhooks leave: to the address that was looked at, or not at all.

Names are resolved and judged when a connection is made, and the connection goes to that address,
not to the name: whatever a name stands for a moment later changes nothing (rebinding). Redirects
are not followed, proxies of the environment not used, nothing is decompressed. One deadline covers
all of it, and no more of an answer is read than is worth keeping.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import httpcore2
from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

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
        self._resolve = resolve or self._ask_system
        self._seconds = seconds

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading all authorities takes a while, and few processes post anything.
        return self._own_tls or httpcore2.default_ssl_context()

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answered:
        """Post once, over a connection of its own.

        Raises:
            NotSent: there was no answer: it may have arrived all the same.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchange(target, headers, body)
        except TimeoutError:
            raise NotSent(f"no answer within {self._seconds:g} seconds") from None
        except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
            raise NotSent(_words(error)) from None
        except httpcore2.ProtocolError as error:
            raise NotSent(f"the answer is not HTTP/1.1: {error}") from None

    async def _exchange(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answered:
        url = httpcore2.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        door = _Door(target, self._resolve, allow_private=self.allow_private)
        everything = [("Host", target.authority), *headers.items(), ("Connection", "close")]
        connection = httpcore2.AsyncHTTPConnection(
            url.origin, ssl_context=self._tls, network_backend=door
        )
        async with (
            connection,
            connection.stream("POST", url, headers=everything, content=body) as response,
        ):
            with suppress(TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
                # The endpoint has answered. It may finish, but what it says is not for us.
                async with asyncio.timeout(REST_SECONDS_MAX):
                    async for _ in response.aiter_stream():
                        pass
            return _answered(response)

    async def _ask_system(self, host: str, port: int) -> list[str]:
        # Not on the loop's own threads: few, and the database's commits need them.
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _look_up, host, port
        )
        return [str(entry[4][0]) for entry in found]


class _Door(AsyncNetworkBackend):
    """Connects to addresses that may be connected to."""

    def __init__(self, target: Target, resolve: Resolve, *, allow_private: bool) -> None:
        self._target = target
        self._resolve = resolve
        self._allow_private = allow_private
        self._inner = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to one of the host's addresses, if all of them may be connected to."""
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} has no address: {error.strerror}") from None
        for address in addresses:
            self._check(address)
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses[:ADDRESSES_TRIED_MAX]:
            try:
                stream = await self._inner.connect_tcp(address, port, CONNECT_SECONDS_MAX)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            try:
                # Where it has really led.
                self._check(stream.get_extra_info("server_addr")[0])
            except httpcore2.ConnectError:
                await stream.aclose()
                raise
            return _Bounded(stream)
        raise failure

    def _check(self, address: str) -> None:
        # An IPv6 address may name an interface after `%`; no such one is public.
        parsed = ipaddress.ip_address(address)
        if not may_connect(self._target, parsed, allow_private=self._allow_private):
            raise httpcore2.ConnectError(
                f"{self._target.host} leads to {address}, where webhooks are not sent"
            )


class _Bounded(AsyncNetworkStream):
    """A connection of which only so much is read."""

    def __init__(self, inner: AsyncNetworkStream) -> None:
        self._inner = inner
        self._left = RESPONSE_BYTES_MAX

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Read, as long as there is something left to be read."""
        if self._left <= 0:
            raise httpcore2.ReadError(f"the answer is longer than {RESPONSE_BYTES_MAX} bytes")
        data = await self._inner.read(min(max_bytes, self._left), timeout)
        self._left -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Write."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> AsyncNetworkStream:
        """Go on in TLS, for the name in the URL."""
        return _Bounded(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Tell of the connection beneath."""
        return self._inner.get_extra_info(info)


def _look_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _answered(response: httpcore2.Response) -> Answered:
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
    lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in fields)]
    asked = next((value for name, value in fields if name.lower() == "retry-after"), None)
    return Answered(response.status, "\n".join(lines)[:HEAD_CHARACTERS_KEPT], asked)


def _words(error: BaseException) -> str:
    """Say what went wrong, as the innermost cause has it."""
    inner = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {inner.verify_message}"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or "the connection ended"
