"""On which engine the servers of a test keep their store.

A store is named by its data directory on both: on PostgreSQL that stands for a database.
"""

import base64
import itertools
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import apsw
import asyncpg
from tests import postgres

from cosignet.server.store.connect import open_database

Engine = Literal["sqlite", "postgres"]
EMPTY, SCHEMA = "template0", "schema"
"""Databases that others are copies of."""
ENGINES: tuple[Engine, ...] = ("sqlite", "postgres")
Refused = (apsw.ConstraintError, asyncpg.IntegrityConstraintViolationError)
"""What a database raises where a table's own rules forbid a row."""

Wrong = (apsw.SQLError, asyncpg.SyntaxOrAccessError)
"""What a database raises where a statement means nothing to it."""


class Engines:
    """Which one is in use, the server that PostgreSQL's databases are on, and which those are."""

    def __init__(self) -> None:
        self.current: Engine = "sqlite"
        self._server: postgres.Server | None = None
        self._databases: dict[Path, str] = {}
        self._has_schema = False
        self._numbers = itertools.count()
        self._key, self._log_key = (
            base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2)
        )

    @property
    def server(self) -> postgres.Server:
        """The server, which the first who asks for it starts."""
        if self._server is None:
            self._server = postgres.Server()
        return self._server

    @contextmanager
    def used(self, engine: Engine) -> Iterator[None]:
        """Keep new stores on an engine while the block runs; on PostgreSQL they end with it."""
        before, self.current = self.current, engine
        kept = set(self._databases)
        try:
            yield
        finally:
            self.current = before
            for data_dir in self._databases.keys() - kept:
                self.server.drop(self._databases.pop(data_dir))

    def settings(self, data_dir: Path, *, migrated: bool = False) -> dict[str, str]:
        """Return what makes a server keep its store here, beside its data directory.

        A new one is empty, or has been `migrated`, which takes less time than to migrate it.
        """
        if self.current == "postgres" and data_dir not in self._databases:
            name = f"test_{next(self._numbers)}"
            self.server.create(name, copy_of=self._migrated() if migrated else EMPTY)
            self._databases[data_dir] = name
        if data_dir not in self._databases:
            return {}
        return {
            "COSIGNET_DATABASE_URL": self.url(data_dir),
            "COSIGNET_ENCRYPTION_KEY": self._key,
            "COSIGNET_LOG_KEY": self._log_key,
        }

    def _migrated(self) -> str:
        """Return a database that has the schema and nothing else."""
        if not self._has_schema:

            async def migrate() -> None:
                url = self.server.url(SCHEMA)
                database, _ = await open_database(url, clock=lambda: 0)
                await database.close()

            self.server.create(SCHEMA, copy_of=EMPTY)
            self.server.wait_for(migrate())
            self._has_schema = True
        return SCHEMA

    def url(self, data_dir: Path) -> str:
        """Return the URL of a store on PostgreSQL."""
        return self.server.url(self._databases[data_dir])

    def set_clock(self, data_dir: Path, *, stopped_at: int | None, offset_ms: int) -> None:
        """Let a store's clock go as a test's does (unix milliseconds)."""
        database = self._databases.get(data_dir)
        if database is None:
            return  # SQLite asks the test's clock itself
        now = (
            "pg_catalog.clock_timestamp()"
            if stopped_at is None
            else f"to_timestamp({stopped_at} / 1000.0)"
        )
        self.server.set_clock(database, f"{now} + interval '{offset_ms} milliseconds'")

    def spelled(self, sql: str) -> str:
        """Return a statement in SQLite's words as the engine in use says it."""
        return postgres.spelled(sql) if self.current == "postgres" else sql

    def opened(self, data_dir: Path) -> AbstractContextManager[Any] | None:
        """Open a store on PostgreSQL; None: it is not there."""
        database = self._databases.get(data_dir)
        return None if database is None else self.server.opened(database)

    def close(self) -> None:
        """Stop the server, if there is one."""
        if self._server is not None:
            self._server.remove()
            self._server = None
            self._databases.clear()
            self._has_schema = False


engines = Engines()
