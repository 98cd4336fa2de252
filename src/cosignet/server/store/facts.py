"""What a database says of itself; asked by the doctor, and never needed for deciding."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import apsw

from cosignet.core.errors import SetupError
from cosignet.server.store.connect import is_shared, sqlite_path
from cosignet.server.store.db import Database, Reader
from cosignet.server.store.postgres import CLAIMS, READERS, WRITERS, PostgresDatabase
from cosignet.server.store.postgres_wire import check_server, connect, disconnect, setting_up
from cosignet.server.store.sqlite import SqliteDatabase

CONNECTIONS_PER_PROCESS = READERS + WRITERS + CLAIMS + 1


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a PostgreSQL server is set to."""

    version: str
    settings: dict[str, str]
    connections_max: int
    standby: bool


@asynccontextmanager
async def looked_into(url: str, *, clock: Callable[[], int]) -> AsyncGenerator[Database]:
    """Open a database as it is, without migrating it.

    Raises:
        SetupError: it cannot be used like this.
    """
    if is_shared(url):
        with setting_up():
            wire = await connect(url, "looks")
            try:
                await check_server(wire)
            finally:
                await disconnect(wire)
    try:
        database = _opened(url, clock)
    except apsw.Error as error:
        raise SetupError(f"It cannot be opened: {error}.") from error
    try:
        yield database
    finally:
        await database.close()


def _opened(url: str, clock: Callable[[], int]) -> Database:
    if is_shared(url):
        return PostgresDatabase(url)
    return SqliteDatabase(sqlite_path(url), clock=clock)


async def last_migrated(reader: Reader) -> int:
    """Return when the schema was changed last (unix milliseconds, by the clock of that time)."""
    row = await reader.fetch_one("SELECT max(applied_at) AS at FROM schema_migrations")
    return 0 if row is None else row["at"] or 0


async def of_server(reader: Reader) -> ServerFacts:
    """Ask a PostgreSQL server; what our own connections set for themselves does not count."""
    rows = await reader.fetch(
        "SELECT name, reset_val FROM pg_settings WHERE name IN ('server_version',"
        " 'max_connections', 'fsync', 'full_page_writes', 'synchronous_commit')"
    )
    standby = await reader.fetch_one("SELECT pg_is_in_recovery() AS standby")
    settings = {row["name"]: row["reset_val"] for row in rows}
    return ServerFacts(
        version=settings.pop("server_version"),
        connections_max=int(settings.pop("max_connections")),
        settings=settings,
        standby=standby is not None and standby["standby"],
    )
