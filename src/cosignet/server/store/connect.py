"""From a database URL to an open, migrated database."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import apsw

from cosignet.core.errors import SetupError
from cosignet.server.store.db import Database
from cosignet.server.store.migrate import migrate
from cosignet.server.store.postgres import PostgresDatabase
from cosignet.server.store.postgres_wire import check_server, connect, disconnect, setting_up
from cosignet.server.store.sqlite import SqliteDatabase
from cosignet.server.store.sqlite_driver import stop_counting_memory
from cosignet.server.store.sqlite_file import hold_exclusively

OPENING_ATTEMPTS = 100
OPENING_PAUSE_SECONDS = 0.05
_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


def sqlite_path(url: str) -> Path:
    """Return the file a `sqlite:///relative` or `sqlite:////absolute` URL names.

    Raises:
        SetupError: the URL names another engine.
    """
    if not url.startswith(_SQLITE) or len(url) == len(_SQLITE):
        raise SetupError(
            "COSIGNET_DATABASE_URL must be sqlite:////absolute/path, sqlite:///relative/path or "
            "postgresql://user:password@host/database."
        )
    return Path(url.removeprefix(_SQLITE))


def is_shared(url: str) -> bool:
    """Whether several nodes may serve the database: whether it is PostgreSQL."""
    return url.startswith(_POSTGRES)


async def store_exists(url: str) -> bool:
    """Whether the database has been made, and migrated at least once.

    Raises:
        SetupError: nobody can tell, as it cannot be reached or the URL is wrong.
    """
    if not is_shared(url):
        return sqlite_path(url).exists()
    with setting_up():
        wire = await connect(url, "looks")
    try:
        [row] = await wire.fetch("SELECT to_regclass('schema_migrations') IS NOT NULL AS found")
        return row["found"]
    finally:
        await disconnect(wire)


def prepare(url: str) -> None:
    """Prepare this process for serving a database, before anything is opened."""
    if not is_shared(url):
        stop_counting_memory()


def lock_for_serving(url: str) -> int | None:
    """Take the database for one server process, if it cannot have several.

    See `hold_exclusively`.
    """
    if is_shared(url):
        return None
    path = sqlite_path(url)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return hold_exclusively(path)


async def open_database(url: str, *, clock: Callable[[], int]) -> tuple[Database, list[str]]:
    """Open and migrate; return the database and the migrations that were applied.

    Raises:
        SetupError: the URL or the schema is not this program's, or the database is away.
    """
    if is_shared(url):
        return await _open_shared(url)
    path = sqlite_path(url)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    try:
        database = await _open(path, clock)
    except apsw.Error as error:
        raise SetupError(f"{path} cannot be opened as a database: {error}.") from error
    try:
        return database, await migrate(database)
    except BaseException:
        await database.close()
        raise


async def _open(path: Path, clock: Callable[[], int]) -> SqliteDatabase:
    # Two that make the same file at once cannot both wait: SQLite tells one to begin again.
    for _ in range(OPENING_ATTEMPTS):
        with contextlib.suppress(apsw.BusyError):
            return SqliteDatabase(path, clock=clock)
        await asyncio.sleep(OPENING_PAUSE_SECONDS)
    return SqliteDatabase(path, clock=clock)


async def _open_shared(url: str) -> tuple[Database, list[str]]:
    with setting_up():
        wire = await connect(url, "looks")
        try:
            await check_server(wire)
        finally:
            await disconnect(wire)
        patient = PostgresDatabase(url, patient=True)
        try:
            async with patient.alone():
                applied = await migrate(patient)
        finally:
            await patient.close()
    return PostgresDatabase(url), applied
