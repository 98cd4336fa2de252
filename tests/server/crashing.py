"""The real server, killed at a chosen step: `python -m tests.server.crashing`, and its control.

One process loads the program and forks a server for every order it reads, so that a test can kill
and start dozens. What is hooked is hooked here, never in the program:

- A request with `X-Crash-At: 7` kills the server with SIGKILL at the seventh step since its first
  BEGIN, a step being a statement, the moment in a commit, the moment after it, or a part of the
  answer. Instead of a number it may be the beginning of a step's name. In a commit, on SQLite, it
  is written and not synced; on PostgreSQL, it is on its way, and nobody is left to hear of it.
- `X-Fail-Sync: 1` makes the kernel refuse the sync of SQLite's next commit with EIO.
- `X-Clock-Ahead: 60` moves the clock until the next request.

There is no background work in these servers; what runs is what a test asks for.
"""

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import platform
import select
import signal
import struct
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import IO, Any

import apsw
import asyncpg
import httpx2
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.engines import engines
from tests.live import ROOMY, free_port

from cosignet.cli import main
from cosignet.server import app
from cosignet.server.runtime import Runtime
from cosignet.server.store import postgres_wire
from cosignet.server.store.sqlite import SqliteDatabase
from cosignet.server.store.sqlite_driver import Raw

ROOT = Path(__file__).parents[2]
IN_COMMIT = "in COMMIT"
AFTER_COMMIT = "after COMMIT"
APPENDING = "INSERT INTO confirmations"
"""On PostgreSQL a statement that is a transaction of its own."""
LISTENING = "SELECT 1"
"""Asked again and again, whatever is going on."""
START_SECONDS = 30

# --- A kernel that refuses to sync (seccomp, for one thread) --------------------------------------

SYNC_CALLS = {"x86_64": (74, 75), "aarch64": (82, 83)}.get(platform.machine())
"""Numbers of fsync and fdatasync."""
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_FILTER = 38, 22, 2
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD_NUMBER, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def forbid_syncs(action: int = _ERRNO | errno.EIO) -> bool:
    """Let every later sync of this thread fail, for ever; whether this kernel can do that."""
    if sys.platform != "linux" or SYNC_CALLS is None:
        return False
    instructions = (
        (_LOAD_NUMBER, 0, 0, 0),
        (_JUMP_IF_EQUAL, 1, 0, SYNC_CALLS[0]),
        (_JUMP_IF_EQUAL, 0, 1, SYNC_CALLS[1]),
        (_RETURN, 0, 0, action),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in instructions))
    program = _Program(len(instructions), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(program), 0, 0) == 0


def syncs_can_fail() -> bool:
    """Whether this machine can refuse a sync."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(forbid_syncs()))
    thread.start()
    thread.join()
    return found == [True]


def sync_that_fails(connection: Raw) -> None:
    """Commit in a thread whose syncs the kernel refuses; raises what SQLite makes of it."""
    errors: list[Exception] = []

    def commit() -> None:
        forbid_syncs()
        try:
            connection.execute("COMMIT")
        except apsw.Error as error:
            errors.append(error)

    thread = threading.Thread(target=commit)
    thread.start()
    thread.join()
    for error in errors:
        raise error


# --- Inside the server ----------------------------------------------------------------------------


class Steps:
    """Counts what happens since a request, and ends the process at the chosen step."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at: int | str | None = None
        self._begun = False
        self._count = 0
        self.fail_sync = False

    def arm(self, at: str) -> None:
        """Count from the next BEGIN on, up to a step."""
        self._at = int(at) if at.isdigit() else at
        self._begun, self._count = False, 0
        self._log.write_text("")

    def disarm(self) -> None:
        """Count no more: it is over."""
        self._at = None

    def reach(self, name: str) -> bool:
        """Note a step; whether it is the one."""
        self._begun = self._begun or name.startswith(("BEGIN", APPENDING))
        if self._at is None or not self._begun:
            return False
        self._count += 1
        with self._log.open("a") as log:
            log.write(" ".join(name.split()) + "\n")
        return name.startswith(self._at) if isinstance(self._at, str) else self._count == self._at

    def pass_(self, name: str) -> None:
        """Note a step; this is the end if it is the one."""
        if self.reach(name):
            os.kill(os.getpid(), signal.SIGKILL)


class Watched(apsw.Cursor):
    """A cursor whose every statement is a step."""

    steps: Steps

    def execute(self, statements: str, *values: Any, **options: Any) -> apsw.Cursor:
        self.steps.pass_(statements)
        if statements != "COMMIT":
            return super().execute(statements, *values, **options)
        if self.steps.reach(IN_COMMIT):
            # Ends the process inside the commit, with its pages written and not yet synced.
            forbid_syncs(_KILL_PROCESS)
        done = super().execute(statements, *values, **options)
        self.steps.pass_(AFTER_COMMIT)
        return done


class WatchedWire(asyncpg.Connection):
    """A connection to PostgreSQL whose every statement is a step."""

    steps: Steps

    async def fetch(self, query: str, *values: Any, **options: Any) -> Any:
        if query != LISTENING:
            self.steps.pass_(unspelled(query))
        return await super().fetch(query, *values, **options)

    async def execute(self, query: str, *values: Any, **options: Any) -> str:
        alone = not self.is_in_transaction() and query.startswith("INSERT")
        commits = query.endswith("COMMIT")
        self.steps.pass_("COMMIT" if commits else unspelled(query))
        if not (alone or commits):
            return await super().execute(query, *values, **options)
        committing = asyncio.ensure_future(super().execute(query, *values, **options))
        if self.steps.reach(IN_COMMIT):
            # A statement that was prepared before is on its way after one turn.
            await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGKILL)
        tag = await committing
        self.steps.pass_(AFTER_COMMIT)
        return tag


def unspelled(sql: str) -> str:
    """Return a statement as it is without PostgreSQL's look at the time."""
    return sql[sql.index("\n") + 1 :] if sql.startswith("WITH clock AS") else sql


def _watch_requests(application: ASGIApp, steps: Steps, ahead: list[float]) -> ASGIApp:
    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        ahead[0] = float(headers.get("x-clock-ahead", 0))
        steps.fail_sync = "x-fail-sync" in headers
        if "x-crash-at" in headers:
            steps.arm(headers["x-crash-at"])

        async def send_step(message: Message) -> None:
            steps.pass_(message["type"])
            await send(message)

        await application(scope, receive, send_step)
        steps.pass_("answered")
        steps.disarm()

    return watched


def _serve(order: dict[str, Any]) -> None:
    """Run `cosignet serve` with all hooks in place."""
    for name in [name for name in os.environ if name.startswith("COSIGNET_")]:
        del os.environ[name]
    os.environ.update(order["store"])
    os.environ["COSIGNET_DATA_DIR"] = order["data_dir"]
    os.environ["COSIGNET_PUBLIC_URL"] = order["url"]
    os.environ["COSIGNET_LIMITS"] = ROOMY
    steps = Watched.steps = WatchedWire.steps = Steps(Path(order["log"]))
    if order["crash_at"]:
        steps.arm(order["crash_at"])
    ahead = [0.0]
    now_ms, sync = app.now_ms, SqliteDatabase.sync
    application = app.application

    def watch(connection: apsw.Connection) -> None:
        connection.cursor_factory = Watched

    def sync_or_fail(connection: Raw) -> None:
        failing, steps.fail_sync = steps.fail_sync, False
        (sync_that_fails if failing else sync)(connection)

    def application_watched(runtime: Runtime) -> ASGIApp:
        return _watch_requests(application(runtime), steps, ahead)

    async def no_background_work(_: Runtime) -> None:
        await asyncio.Event().wait()

    apsw.connection_hooks.append(watch)
    postgres_wire._connect = partial(asyncpg.connect, connection_class=WatchedWire)
    SqliteDatabase.sync = staticmethod(sync_or_fail)
    app.application = application_watched
    app.now_ms = lambda: now_ms() + int(ahead[0] * 1000)
    app.background = no_background_work
    main.main(["serve"])


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        with Path(order["stderr"]).open("ab") as stderr:
            os.dup2(stderr.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        _serve(order)
    finally:
        os._exit(1)


def obey() -> None:
    """Fork a server for every order on standard input; say how each has ended."""
    for line in sys.stdin:
        pid = _fork(json.loads(line))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(status, flush=True)


# --- In a test ------------------------------------------------------------------------------------


class Crashing:
    """Starts and kills servers on one data directory, always at the same address."""

    def __init__(self, data_dir: Path) -> None:
        self.url = f"http://localhost:{free_port()}"
        self.pid = 0
        self.move_to(data_dir)

    def move_to(self, data_dir: Path) -> None:
        """Use another data directory from the next start on."""
        self.data_dir = data_dir
        self.database = data_dir / "cosignet.db"
        self._log = data_dir.with_name(data_dir.name + ".steps")
        self._stderr = data_dir.with_name(data_dir.name + ".stderr")

    def __enter__(self) -> "Crashing":
        self._launcher = subprocess.Popen(
            [sys.executable, "-m", "tests.server.crashing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=ROOT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        with self._launcher:
            pass

    @property
    def steps(self) -> list[str]:
        """The steps of the last request that was to crash."""
        return self._log.read_text().splitlines()

    @property
    def said(self) -> str:
        """What the servers have written to standard error."""
        return self._stderr.read_text()

    def start(self, *, crash_at: str = "") -> bool:
        """Start a server; whether it lived until it answered."""
        order = {
            "data_dir": str(self.data_dir),
            "store": engines.settings(self.data_dir),
            "url": self.url,
            "log": str(self._log),
            "stderr": str(self._stderr),
            "crash_at": crash_at,
        }
        assert self._launcher.stdin is not None
        self._launcher.stdin.write(json.dumps(order).encode() + b"\n")
        self.pid = int(self._heard.readline())
        return self._wait_until_up()

    @property
    def _heard(self) -> IO[bytes]:
        assert self._launcher.stdout is not None
        return self._launcher.stdout

    def wait_until_dead(self) -> None:
        """Return when the server has ended."""
        if self.pid:
            self._heard.readline()
            self.pid = 0

    def kill(self) -> None:
        """End the server without warning, if there is one."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.wait_until_dead()

    def _wait_until_up(self) -> bool:
        with httpx2.Client(base_url=self.url, timeout=START_SECONDS) as http:
            while not select.select([self._heard], [], [], 0.01)[0]:
                try:
                    http.get("/healthz")
                except httpx2.TransportError:
                    continue
                return True
        self.wait_until_dead()
        return False


if __name__ == "__main__":
    obey()
