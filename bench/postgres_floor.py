"""The floor on PostgreSQL: bare Starlette over bare asyncpg, with the store's own statements.

    python -m bench.postgres_floor PORT URL CONFIRMATION ANSWER

CONFIRMATION is the id of one that is stored; created ones are like it. ANSWER is a file with the
constant answer. Routes and bodies are those of Cosignet, and so is the server around them.
"""

import sys
import uuid
from asyncio import LifoQueue
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cosignet.core.confirmation import Confirmation
from cosignet.core.limits import Limits
from cosignet.server.app import uvicorn_for
from cosignet.server.secret import digest
from cosignet.server.store import api_keys, approvers, confirmations, pending
from cosignet.server.store.additions import one_row
from cosignet.server.store.db import Room
from cosignet.server.store.postgres import PostgresDatabase
from cosignet.server.store.postgres_wire import spelled

CONNECTIONS = 10
"""As many as asyncpg's own pool would open; that one asks a question more each time."""


class Dictation:
    """Takes statements down instead of running them: a reader and a database in one."""

    def __init__(self) -> None:
        self.sql = ""
        self.values: tuple[Any, ...] = ()

    async def find(self, make: object, sql: str, *values: Any) -> None:
        """Take a question down."""
        self.sql, self.values = spelled(sql), values

    async def fetch(self, sql: str, *values: Any) -> list[tuple[int]]:
        """Take a question after a number down."""
        self.sql, self.values = spelled(sql), values
        return [(1,)]

    async def append(self, insertion: str, *values: Any, room: Room | None) -> bool:
        """Take a row down."""
        self.sql, self.values = one_row(insertion, len(values)), values
        return True


async def dictated(ask: Callable[[Any], Awaitable[object]]) -> Dictation:
    """Return the statement that some function of the store runs."""
    taken = Dictation()
    await ask(taken)
    return taken


class Floor:
    """What both routes do: the statements, one after the other, on one connection."""

    def __init__(self, url: str, like: Confirmation, answer: bytes) -> None:
        self._url, self._like, self._answer = url, like, answer
        self._idle: LifoQueue[Any] = LifoQueue()

    async def open(self) -> None:
        """Open the connections, and take the statements down."""
        for _ in range(CONNECTIONS):
            self._idle.put_nowait(await asyncpg.connect(self._url, server_settings={"jit": "off"}))
        like = self._like
        self._key = (await dictated(lambda to: api_keys.by_hash(to, b""))).sql
        self._approver = await dictated(
            lambda to: approvers.by_username(to, like.organisation_id, like.approver)
        )
        room = pending.room(like.approver_id, like.api_key_id, Limits())
        self._room = await dictated(lambda to: pending.has_room(to, room))
        self._row = await dictated(lambda to: confirmations.insert(to, like, room))
        self._read = (await dictated(lambda to: confirmations.get(to, ""))).sql
        self._id = self._row.values.index(like.id)

    @asynccontextmanager
    async def _connection(self, request: Request) -> Any:
        connection = await self._idle.get()
        try:
            # Whoever asks is looked at first, as everywhere.
            await connection.fetch(self._key, digest(request.headers["x-api-key"]))
            yield connection
        finally:
            self._idle.put_nowait(connection)

    async def create(self, request: Request) -> Response:
        """Read the body as JSON, look the approver and the room up, insert a row all the same."""
        await request.json()
        values = list(self._row.values)
        values[self._id] = str(uuid.uuid4())
        async with self._connection(request) as connection:
            await connection.fetch(self._approver.sql, *self._approver.values)
            await connection.fetch(self._room.sql, *self._room.values)
            await connection.execute(self._row.sql, *values)
        return Response(self._answer, 201, media_type="application/json")

    async def read(self, request: Request) -> Response:
        """Look a confirmation up."""
        async with self._connection(request) as connection:
            await connection.fetch(self._read, request.path_params["id"])
        return Response(self._answer, media_type="application/json")

    async def healthz(self, _: Request) -> Response:
        """Say that it is up."""
        return Response(b"{}", media_type="application/json")

    @property
    def application(self) -> Starlette:
        """The application, with the routes that it needs."""
        routes = [
            Route("/healthz", self.healthz),
            Route("/api/confirmations", self.create, methods=["POST"]),
            Route("/api/confirmations/{id}", self.read),
        ]
        return Starlette(routes=routes)


async def main(port: str, url: str, confirmation: str, answer: bytes) -> None:
    """Serve until terminated."""
    database = PostgresDatabase(url)
    like = await confirmations.get(database.reader, confirmation)
    await database.close()
    assert like is not None
    floor = Floor(url, like, answer)
    await floor.open()
    await uvicorn.Server(uvicorn_for(floor.application, "127.0.0.1", int(port))).serve()


if __name__ == "__main__":
    *place, file = sys.argv[1:]
    uvloop.run(main(*place, Path(file).read_bytes()))
