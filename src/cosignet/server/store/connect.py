"""From a database URL to an open, migrated database."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from cosignet.core.errors import SetupError
from cosignet.server.store.db import Database
from cosignet.server.store.migrate import migrate
from cosignet.server.store.sqlite import SqliteDatabase
from cosignet.server.store.sqlite_file import hold_exclusively

OPENING_ATTEMPTS = 100
OPENING_PAUSE_SECONDS = 0.05
_SQLITE = "sqlite:///"


def sqlite_path(url: str) -> Path:
    """Return the file a `sqlite:///relative` or `sqlite:////absolute` URL names.

    Raises:
        SetupError: the URL names another engine.
    """
    if not url.startswith(_SQLITE) or len(url) == len(_SQLITE):
        raise SetupError(
            "COSIGNET_DATABASE_URL must be sqlite:////absolute/path or sqlite:///relative/path."
        )
    return Path(url.removeprefix(_SQLITE))


def lock_for_serving(url: str) -> int:
    """Take the database for one server process; see `hold_exclusively`."""
    path = sqlite_path(url)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return hold_exclusively(path)


async def open_database(url: str, *, clock: Callable[[], int]) -> tuple[Database, list[str]]:
    """Open and migrate; return the database and the migrations that were applied.

    Raises:
        SetupError: the URL or the schema is not this program's.
    """
    path = sqlite_path(url)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    try:
        database = await _open(path, clock)
    except sqlite3.Error as error:
        raise SetupError(f"{path} cannot be opened as a database: {error}.") from error
    try:
        return database, await migrate(database)
    except BaseException:
        await database.close()
        raise


async def _open(path: Path, clock: Callable[[], int]) -> SqliteDatabase:
    # Two that make the same file at once cannot both wait: SQLite tells one to begin again.
    for _ in range(OPENING_ATTEMPTS):
        try:
            return SqliteDatabase(path, clock=clock)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        await asyncio.sleep(OPENING_PAUSE_SECONDS)
    return SqliteDatabase(path, clock=clock)
