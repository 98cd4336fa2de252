"""A real server for tests: in a thread of this process, or as the program people start."""

import asyncio
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import httpx2
from tests.engines import Engine, engines
from tests.people import Person, Program

from cosignet.core.access import Scope
from cosignet.core.limits import Limits, parse_limits
from cosignet.server import app
from cosignet.server.config import Config, read_config
from cosignet.server.install import open_installation
from cosignet.server.ledger import MONITOR_KEY_PURPOSE
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, invite
from cosignet.server.store import organisations
from cosignet.server.store.organisations import Organisation
from cosignet.server.store.sqlite import SqliteDatabase

Answer = TypeVar("Answer")
START_SECONDS = 30
ROOMY = (
    "pending_per_approver=100000 pending_per_approver_and_key=100000 rejections=100000/1"
    " prompts_per_invite=1000/1"
)
"""Races ask one person for more than anybody would; what is about limits says which it wants."""
OWNER_LINK = re.compile(r"https?://\S+/register\?invite=\S+")


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Clock:
    """The system clock, moved by a test."""

    stopped_at: int | None = None
    """Unix milliseconds; None: it goes on."""

    def __init__(self) -> None:
        self._offset_ms = 0
        self.moved: Callable[[], None] = lambda: None
        """Called when it was moved: an engine with a clock of its own follows."""

    def __call__(self) -> int:
        return (app.now_ms() if self.stopped_at is None else self.stopped_at) + self.offset_ms

    @property
    def offset_ms(self) -> int:
        """How far it was moved."""
        return self._offset_ms

    @offset_ms.setter
    def offset_ms(self, offset_ms: int) -> None:
        self._offset_ms = offset_ms
        self.moved()

    def advance(self, seconds: float) -> None:
        """Move it forward, or back if negative."""
        self.offset_ms += int(seconds * 1000)


@dataclass
class Live:
    """A server in a thread: real HTTP, a real store; its clock and database are at hand."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict[str, str])
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(
        default_factory=lambda: replace(parse_limits(ROOMY), readiness_seconds=0)
    )
    processors: int = 1
    """How many it takes it has for itself."""
    works: bool = False
    """Whether it does its background work, too: else nothing happens by itself."""
    runtime: Runtime = field(init=False)
    engine: Engine = field(init=False)
    loop: asyncio.AbstractEventLoop = field(init=False)
    config: Config = field(init=False)

    def __enter__(self) -> "Live":
        port = self.port = free_port()
        self.engine = engines.current
        environ = {
            "COSIGNET_DATA_DIR": str(self.data_dir),
            "COSIGNET_PUBLIC_URL": f"http://localhost:{port}",
        }
        self.config = read_config(
            environ | engines.settings(self.data_dir, migrated=True) | self.settings
        )
        self._set_clock()
        self.clock.moved = self._set_clock
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)))
        self._thread.start()
        assert started.wait(START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.clock.moved = lambda: None

    def _set_clock(self) -> None:
        clock = self.clock
        engines.set_clock(self.data_dir, stopped_at=clock.stopped_at, offset_ms=clock.offset_ms)

    async def _serve(self, started: threading.Event) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        opened = await open_installation(
            self.config,
            clock=self.clock,
            random=secrets.token_bytes,
            monotonic=time.monotonic,
            processors=self.processors,
        )
        self.runtime = replace(opened.runtime, limits=self.limits)
        listening = asyncio.Event()

        async def on_start(_: Runtime) -> None:
            listening.set()

        uvicorn_config = app.uvicorn_config(self.runtime, "127.0.0.1", self.port)
        server = app.Server(uvicorn_config, self.runtime, on_start)
        serving = asyncio.create_task(server._serve())
        await listening.wait()
        beside = asyncio.create_task(
            app.background(self.runtime) if self.works else asyncio.sleep(0)
        )
        started.set()
        await self._stop.wait()
        server.should_exit = True
        await serving
        beside.cancel()
        await asyncio.wait([beside])
        await self.runtime.verifier.close()
        await self.runtime.database.close()

    @property
    def url(self) -> str:
        """Its public URL."""
        return self.config.public_url

    @property
    def listens_at(self) -> str:
        """Where it listens, which a proxy would be in front of."""
        return f"http://localhost:{self.port}"

    @property
    def database(self) -> SqliteDatabase:
        """Its SQLite database, to hold or fail commits."""
        assert isinstance(self.runtime.database, SqliteDatabase)
        return self.runtime.database

    def run(self, work: Callable[[Runtime], Coroutine[Any, Any, Answer]]) -> Answer:
        """Run something on the server's own loop."""
        return asyncio.run_coroutine_threadsafe(work(self.runtime), self.loop).result(60)

    def program(self, *scopes: Scope, name: str = "deployer") -> Program:
        """Return a client with a new key; without scopes it is the default ones."""

        async def work(rt: Runtime) -> str:
            organisation = await access.default_organisation(rt)
            minted = await access.create_api_key(
                rt,
                organisation_id=organisation.id,
                name=name,
                scopes=frozenset(scopes or access.DEFAULT_SCOPES),
            )
            return minted.secret

        return Program(self.listens_at, self.run(work), self.url)

    def invite(self, terms: invite.Terms | None = None) -> str:
        """Return an operator's invite code."""

        async def work(rt: Runtime) -> str:
            organisation = await access.default_organisation(rt)
            found = await invite.by_operator(rt, organisation, terms or invite.Terms())
            return found.code

        return self.run(work)

    def owner_link(self) -> str:
        """Return a fresh link for the first owner."""

        async def work(rt: Runtime) -> str:
            found = await invite.for_owner(rt, await access.default_organisation(rt))
            assert found is not None
            return found.register_url(rt.public_url)

        return self.run(work)

    def person(self, username: str = "alex") -> Person:
        """Return a registered approver."""
        person = Person(self.url, base_url=self.listens_at)
        person.register(self.invite(), username)
        return person

    def newcomer(self) -> Person:
        """Return a registered approver of a name nobody had."""
        return self.person(f"alex{secrets.token_hex(4)}")

    def stranger(self, *scopes: Scope) -> Program:
        """Return a client of another organisation."""

        async def work(rt: Runtime) -> str:
            other = Organisation(
                rt.new_id(),
                f"other-{secrets.token_hex(4)}",
                "Another organisation",
                rt.seal(rt.random(32), purpose=MONITOR_KEY_PURPOSE),
                True,
            )
            async with rt.database.transaction() as tx:
                await organisations.insert(tx, other)
            minted = await access.create_api_key(
                rt,
                organisation_id=other.id,
                name="stranger",
                scopes=frozenset(scopes or access.DEFAULT_SCOPES),
            )
            return minted.secret

        return Program(self.listens_at, self.run(work), self.url)


class Process:
    """The server as people start it: `cosignet serve`, a process of its own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        program: str = "cosignet",
        options: Sequence[str] = (),
        public_url: str | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
    ):
        self.settings = settings
        self.port = port or free_port()
        self.listens_at = f"http://localhost:{self.port}"
        self.url = public_url or self.listens_at
        self.data_dir = data_dir
        self.program = program
        self.options = [*options, *(() if public_url is None else ("--port", str(self.port)))]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every command on this installation."""
        own = {
            "COSIGNET_DATA_DIR": str(self.data_dir),
            "COSIGNET_PUBLIC_URL": self.url,
            "COSIGNET_LIMITS": ROOMY,
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("COSIGNET_")}
        return inherited | own | engines.settings(self.data_dir) | dict(self.settings)

    def __enter__(self) -> "Process":
        self.stderr = self.data_dir.with_name(f"{self.data_dir.name}.{self.port}.stderr")
        with self.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.program, "serve", *self.options],
                env=self.environ,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
            )
        self.wait_until_up()
        return self

    def wait_until_up(self) -> None:
        """Return when it answers."""
        with httpx2.Client() as http:
            while self.process.poll() is None:
                try:
                    http.get(f"{self.listens_at}/healthz")
                    return
                except httpx2.TransportError:
                    threading.Event().wait(0.02)
        raise AssertionError(self.stderr.read_text())

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run another command on the same installation."""
        return subprocess.run(
            [sys.executable, "-m", "cosignet", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=check,
        )

    @property
    def said(self) -> str:
        """What it has written to standard error."""
        return self.stderr.read_text()

    def owner_link(self) -> str:
        """Return the link it printed."""
        # The port is open a moment before the words are written, of which these are the last.
        for _ in range(START_SECONDS * 50):
            found = OWNER_LINK.search(self.said)
            if found is not None and "invite create" in self.said:
                return found[0]
            threading.Event().wait(0.02)
        raise AssertionError(self.said)
