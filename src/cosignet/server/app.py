"""The only place where things are wired: configuration, store, clock, randomness, HTTP."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeAlias

import uvicorn
import uvloop
from starlette.types import ASGIApp

from cosignet.core.errors import SetupError
from cosignet.core.limits import within
from cosignet.server import logs, process
from cosignet.server.application import application
from cosignet.server.config import Config
from cosignet.server.connection import protocol_of
from cosignet.server.exposition import Place
from cosignet.server.install import open_installation
from cosignet.server.runtime import Runtime
from cosignet.server.secret import Randomness
from cosignet.server.store.connect import lock_for_serving, prepare
from cosignet.server.web.static_files import fingerprints
from cosignet.server.web.unheard import refusal_in_bytes
from cosignet.server.worker import work_on

KEEP_ALIVE_SECONDS = 75
SHUTDOWN_SECONDS = 10
BACKLOG = 2048
Wrapping: TypeAlias = Callable[[ASGIApp], AbstractContextManager[ASGIApp]]
"""Puts something around an application, in the process that serves it, for as long as it does."""
OpenPort: TypeAlias = socket.socket
"""A port that is listened on, to be handed to the processes that serve it."""


def now_ms() -> int:
    """Return the system clock in unix milliseconds."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def opened(config: Config, *, processors: int = 1) -> AsyncGenerator[Runtime]:
    """Open the installation for as long as the block runs; `processors` are this node's own.

    Raises:
        SetupError: it cannot be opened like this.
    """
    found = await open_installation(
        config,
        clock=now_ms,
        random=Randomness(os.urandom),
        monotonic=time.monotonic,
        processors=processors,
    )
    try:
        yield found.runtime
    finally:
        await found.runtime.verifier.close()
        await found.runtime.database.close()


class Server(uvicorn.Server):
    """Uvicorn that lets held requests answer before it waits for them to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        runtime: Runtime,
        on_start: Callable[[Runtime], Awaitable[None]],
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._on_stop = on_stop
        self._runtime = runtime
        self._on_start = on_start

    async def startup(self, sockets: Any = None) -> None:
        """Open the port, then say so."""
        await super().startup(sockets)
        if self.started:
            await self._on_start(self._runtime)

    async def shutdown(self, sockets: Any = None) -> None:
        """Answer everybody who waits with what there is, then stop."""
        self._runtime.waiters.release()
        await super().shutdown(sockets)
        # Here, because uvicorn then ends the process by the very signal that told it to stop.
        self._on_stop()


def run(
    config: Config,
    *,
    host: str,
    port: int,
    on_start: Callable[[Runtime], Awaitable[None]],
    wrapped: Wrapping = nullcontext,
) -> None:
    """Serve on uvloop until told to stop; raises as `serve` does."""
    logs.set_up(config.log_format, config.log_level)
    prepare(config.database_url)
    uvloop.run(serve(config, host=host, port=port, on_start=on_start, wrapped=wrapped))


async def serve(
    config: Config,
    *,
    host: str,
    port: int,
    on_start: Callable[[Runtime], Awaitable[None]],
    wrapped: Wrapping = nullcontext,
) -> None:
    """Serve until told to stop; `on_start` runs once the port is open.

    Raises:
        SetupError: another server runs on the same database, or it cannot be opened like this.
    """
    # Held until the process ends.
    lock_for_serving(config.database_url)
    await _require_port(host, port)
    await _serve(config, host, port, on_start, None, wrapped=wrapped)


def run_background(config: Config) -> None:
    """Do background work until told to stop.

    Raises:
        SetupError: the database cannot be opened like this.
    """
    uvloop.run(_work_until_told(config))


async def _work_until_told(config: Config) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    async with opened(config) as runtime, _background_work(runtime):
        await told.wait()


@asynccontextmanager
async def _background_work(runtime: Runtime) -> AsyncGenerator[None]:
    """Do background work as long as the block runs."""
    working = asyncio.ensure_future(background(runtime))
    try:
        yield
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


def work(
    config: Config,
    listening: OpenPort,
    *,
    lifeline: int,
    place: Place | None = None,
    wrapped: Wrapping = nullcontext,
) -> None:
    """Serve on a port that is open already, as one of several processes, until told to stop.

    It stops, too, as soon as `lifeline`, a descriptor, reads as ended: then nobody supervises it.

    Raises:
        SetupError: the database cannot be opened like this.
    """

    logs.set_up(config.log_format, config.log_level)

    async def on_start(_: Runtime) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(lifeline, _stop_alone, lifeline)

    host, port = listening.getsockname()[:2]
    uvloop.run(_serve(config, host, port, on_start, [listening], place, wrapped))


def _stop_alone(lifeline: int) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    os.kill(os.getpid(), signal.SIGTERM)


async def listen(host: str, port: int) -> OpenPort:
    """Open the port that several processes will serve.

    Raises:
        SetupError: it cannot be opened.
    """
    await _require_port(host, port)
    listening = uvicorn.Config("", host=host, port=port, log_level="warning").bind_socket()
    listening.listen(BACKLOG)
    return listening


async def _serve(
    config: Config,
    host: str,
    port: int,
    on_start: Callable[[Runtime], Awaitable[None]],
    sockets: list[socket.socket] | None,
    place: Place | None = None,
    wrapped: Wrapping = nullcontext,
) -> None:
    descriptors = process.raise_descriptor_limit()
    # One of several processes has its neighbours on the other processors.
    processors = process.processors() if sockets is None else 1
    async with opened(config, processors=processors) as found:
        limits = within(found.limits, descriptors)
        runtime = replace(found, limits=limits, place=place or found.place)
        with ExitStack() as until_stopped:
            around = until_stopped.enter_context(wrapped(application(runtime)))
            served = uvicorn_config(runtime, host, port, around)
            server = Server(served, runtime, on_start, until_stopped.close)
            await _until_told(server, runtime, sockets)


async def _until_told(
    server: Server, runtime: Runtime, sockets: list[socket.socket] | None
) -> None:
    """Serve, with background work beside, until told to stop."""
    process.settle()
    async with _background_work(runtime):
        await server.serve(sockets)


async def background(runtime: Runtime) -> None:
    """Do all that happens by itself, until cancelled."""
    await work_on(runtime, files=fingerprints())


async def _require_port(host: str, port: int) -> None:
    """See that the port is free before a store is made that belongs to its URL."""
    try:
        probe = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        raise SetupError(
            f"{host}:{port} cannot be listened on: {os.strerror(error.errno or 0)}. "
            "Stop what uses it, or choose another one: COSIGNET_PUBLIC_URL=http://localhost:8080."
        ) from None
    probe.close()
    await probe.wait_closed()


def uvicorn_config(
    runtime: Runtime, host: str, port: int, wrapped: ASGIApp | None = None
) -> uvicorn.Config:
    """Return how uvicorn serves one node; `wrapped` is its application with something around."""
    http = protocol_of(runtime.limits, partial(refusal_in_bytes, runtime))
    return uvicorn_for(wrapped or application(runtime), host, port, http=http)


def uvicorn_for(
    application: ASGIApp,
    host: str,
    port: int,
    *,
    http: Literal["httptools"] | type[asyncio.Protocol] = "httptools",
) -> uvicorn.Config:
    """Return how uvicorn serves any application; what ours is measured against is served alike."""
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http=http,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,  # paths are capabilities: whoever reads a log must not be able to decide
        log_config=None,
        log_level="warning",
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
