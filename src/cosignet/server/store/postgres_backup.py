"""Copying a PostgreSQL database by PostgreSQL's own programs, while others use it.

`pg_dump` reads what was committed at one moment; `pg_restore` writes all of it in one transaction.
Both belong to PostgreSQL's client and are at least as new as the server.
"""

import asyncio
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from cosignet.core.errors import SetupError
from cosignet.server.store.installation import Accept, Contents, Installation
from cosignet.server.store.postgres import MIGRATION_LOCK
from cosignet.server.store.postgres_wire import Wire, connect, disconnect, setting_up
from cosignet.server.store.private_file import made_whole

_CHUNK_BYTES = 1 << 20
_PASSED_ON = re.compile(
    "host|port|user|dbname|passfile|service|servicefile|ssl.*|target_session_attrs|krbsrvname|gsslib"
)
"""What our driver and PostgreSQL's own programs both understand in a URL. What else stands there is
a setting of the server's, which a copy does not depend on."""
_ROWS = re.compile(r"^COPY \S*\.(\w+) \((.*)\) FROM stdin;\n((?:.*\n)*?)\\\.$", re.MULTILINE)
_ALONE = (
    "SELECT pg_try_advisory_lock($1) AS held, (SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'cosignet %'"
    " AND pid <> pg_backend_pid()) AS others"
)


async def back_up(url: str, target: Path, *, environ: Mapping[str, str]) -> Contents:
    """Copy a database into a new file, look through the copy, and return what it holds.

    Raises:
        SetupError: it cannot be read, or PostgreSQL's programs are missing or too old.
        FileExistsError, OSError: see `made_whole`.
    """
    with made_whole(target) as draft:
        tables = f'--table="{await _schema(url)}".*'
        await _Programs(url, environ).run(
            *("pg_dump", "--format=custom", "--no-owner", "--no-privileges", tables),
            *(f"--file={draft}", "--dbname"),
        )
        return await _examine(draft, environ)


async def restore(
    source: Path, url: str, *, accept: Accept, replace: bool, environ: Mapping[str, str]
) -> Contents:
    """Fill an empty database from a backup, or overwrite it; all of it or nothing.

    Raises:
        SetupError: a server runs on it; there is something in it, and it is not to be overwritten;
            what is to be restored is damaged, or not accepted.
    """
    contents = await _examine(source, environ)
    accept(contents)
    async with _alone(url) as wire:
        overwriting = await _overwrites(wire, contents, replace=replace)
        # Read from us: should this process end too early, so does what it began.
        await _Programs(url, environ).run(
            *("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner"),
            *("--no-privileges", *overwriting, "--dbname"),
            given=source,
        )
    return contents


async def _overwrites(wire: Wire, contents: Contents, *, replace: bool) -> tuple[str, ...]:
    """Return how to restore into what is there.

    Raises:
        SetupError: nothing may be restored into it.
    """
    rows = await wire.fetch(
        "SELECT relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'p') AND nspname <> 'information_schema' AND nspname !~ '^pg_'"
    )
    if not rows:
        return ()
    if "schema_migrations" not in {row["name"] for row in rows}:
        raise SetupError("The database holds tables of something else. Use one of its own.")
    if not replace:
        raise SetupError(
            "The database is not empty. Make another one, and set COSIGNET_DATABASE_URL to it; or, "
            "if nothing in it is needed any more, say --replace."
        )
    newer = await wire.fetch("SELECT name FROM schema_migrations")
    if {row["name"] for row in newer} - contents.applied.keys():
        raise SetupError(
            "The database was migrated further than the backup. Restore into an empty one: "
            "createdb --encoding=UTF8 NAME."
        )
    return ("--clean", "--if-exists")


@asynccontextmanager
async def _alone(url: str) -> AsyncGenerator[Wire]:
    """Be alone on a database: whoever begins now waits, as while it is migrated.

    Raises:
        SetupError: somebody is there.
    """
    with setting_up():
        wire = await connect(url, "restores", patient=True)
    try:
        [row] = await wire.fetch(_ALONE, MIGRATION_LOCK)
        if not row["held"] or row["others"]:
            raise SetupError(
                "A server is running on this database. Stop every node first, then repeat this."
            )
        yield wire
    finally:
        wire.terminate()  # which gives the lock back


async def _schema(url: str) -> str:
    with setting_up():
        wire = await connect(url, "looks")
    try:
        [row] = await wire.fetch(
            "SELECT nspname::text AS name FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = relnamespace WHERE c.oid = to_regclass('schema_migrations')"
        )
        return row["name"]
    finally:
        await disconnect(wire)


async def _examine(backup: Path, environ: Mapping[str, str]) -> Contents:
    """Read a whole backup and return what it holds.

    Raises:
        SetupError: it is damaged, or no backup of this.
    """
    programs = _Programs("", environ)
    await programs.run("pg_restore", "--file=/dev/null", str(backup))
    wanted = ("--table=schema_migrations", "--table=installation")
    said = await programs.run("pg_restore", "--data-only", *wanted, "--file=-", str(backup))
    tables = _tables(said)
    if "schema_migrations" not in tables:
        raise SetupError(f"{backup} is not a backup of Cosignet's PostgreSQL database.")
    applied = {row["name"]: row["sha256"] for row in tables["schema_migrations"]}
    fields = Installation.__dataclass_fields__
    found = [Installation(**{name: row[name] for name in fields}) for row in tables["installation"]]
    return Contents(found[0] if found else None, applied)


def _tables(script: str) -> dict[str, list[dict[str, str]]]:
    """Return each table's rows in what `pg_restore` writes (postgresql.org/docs, COPY)."""
    found: dict[str, list[dict[str, str]]] = {}
    for table, columns, lines in _ROWS.findall(script):
        names = columns.split(", ")
        found[table] = [dict(zip(names, li.split("\t"), strict=True)) for li in lines.splitlines()]
    return found


class _Programs:
    """PostgreSQL's programs, run on one database."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        self._place, password = _without_password(url)
        # In no list of processes, as an argument would be. What is committed is on the disk then.
        self._environ = {**environ, "PGOPTIONS": "-c synchronous_commit=on"}
        if password:
            self._environ["PGPASSWORD"] = password

    async def run(self, program: str, *arguments: str, given: Path | None = None) -> str:
        """Run one to its end, with a file as its input, and return its output.

        The database follows `--dbname` where that is the last argument.

        Raises:
            SetupError: it is missing, or it failed; the text says why.
        """
        found = shutil.which(program, path=self._environ.get("PATH"))
        if found is None:
            raise SetupError(
                f"{program} is not on the PATH. It comes with PostgreSQL's client, such as "
                "Debian's package postgresql-client, as new as the server or newer."
            )
        if arguments[-1] == "--dbname":
            arguments = (*arguments[:-1], f"--dbname={self._place}")
        process = await asyncio.create_subprocess_exec(
            *(found, *arguments),
            stdin=DEVNULL if given is None else PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._environ,
        )
        feeding = asyncio.create_task(_feed(process, given))
        # Read while it is fed: it may say more than a pipe holds.
        said, complaint = await _outcome(process)
        await feeding
        if process.returncode:
            last = complaint.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
            raise SetupError(f"{program} failed: {last[0]}")
        return said


async def _outcome(process: Process) -> tuple[str, str]:
    if process.stdout is None or process.stderr is None:
        return "", ""
    said, complaint = await asyncio.gather(process.stdout.read(), process.stderr.read())
    await process.wait()
    return said.decode(errors="replace"), complaint.decode(errors="replace")


async def _feed(process: Process, given: Path | None) -> None:
    if process.stdin is None or given is None:
        return
    # One that has failed reads no further; its exit status says so.
    with suppress(BrokenPipeError, ConnectionResetError):
        with given.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                process.stdin.write(chunk)
                await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


def _without_password(url: str) -> tuple[str, str]:
    """Return a URL as PostgreSQL's programs take it, and the password that stood in it."""
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    asked = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in asked if _PASSED_ON.fullmatch(name)])
    place = urlunsplit((parts.scheme, f"{user}{at}{hosts}", parts.path, kept, ""))
    return place, unquote(password) or dict(asked).get("password", "")
