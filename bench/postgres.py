"""The figures on PostgreSQL; their floor runs the same statements on the same server."""

import base64
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.postgres import Server

from bench.figures import POLLED, Bench, Load
from bench.load import send
from bench.servers import postgres_floor

GOAL = 0.6
DATABASE = "bench"


@dataclass(frozen=True, slots=True)
class Database:
    """A database on a server that syncs what it commits."""

    server: Server

    @property
    def settings(self) -> dict[str, str]:
        """What lets a node of Cosignet keep its store there."""
        return {
            "COSIGNET_DATABASE_URL": self.url,
            "COSIGNET_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
            "COSIGNET_LOG_KEY": base64.b64encode(bytes(32)).decode(),
        }

    @property
    def url(self) -> str:
        """Where it is."""
        return self.server.url(DATABASE)


@contextmanager
def database() -> Generator[Database]:
    """Run a server with an empty database while the block runs."""
    server = Server(fsync="on", full_page_writes="on")
    try:
        server.create(DATABASE, copy_of="template0")
        yield Database(server)
    finally:
        server.remove()


def creations(bench: Bench, url: str) -> Load:
    """Durable creations."""
    cast = bench.cast
    [answer] = send(cast.server.port, [cast.example()], status=201).bodies
    floor = postgres_floor(bench.folder, url, json.loads(answer)["id"], answer)
    return bench.load(GOAL, floor, lambda: cast.creations(bench.size.creations), status=201)


def reads(bench: Bench, url: str) -> Load:
    """Reads of some confirmations, as programs poll them."""
    cast = bench.cast
    ids = cast.create(POLLED)
    [answer] = send(cast.server.port, cast.reads(ids, 1)).bodies
    floor = postgres_floor(bench.folder, url, ids[0], answer)
    return bench.load(GOAL, floor, lambda: cast.reads(ids, bench.size.reads))
