"""The log's figures: leaves a second and proofs, without HTTP; and how soon one is included."""

import hashlib
import json
import secrets
import statistics
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import astuple
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import uvloop

from bench.figures import Bench, Cost, Load
from bench.load import Slice, get, send
from cosignet.core.merkle import HASH_BYTES
from cosignet.core.tile import Tile, grow
from cosignet.server import tree
from cosignet.server.app import now_ms
from cosignet.server.config import read_config
from cosignet.server.install import open_installation
from cosignet.server.runtime import Runtime
from cosignet.server.services import sequence
from cosignet.server.services.publish import publish
from cosignet.server.services.sequence import Sequencer
from cosignet.server.store import leaves, log_tiles, organisations

ENTRY_BYTES, OPENING_BYTES = 150, 600
"""About as much as an approval's have."""
INCLUDED_PER_SECOND = 200
CHUNK_OF_APPROVALS = 10
SETTLED_SECONDS = 1.0
CHUNK = 50_000
PROOFS = 2_000


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Runtime]:
    """Open a fresh log on SQLite, beside everything else that is measured."""
    with TemporaryDirectory(dir=folder, prefix="log-") as own:
        config = read_config({"COSIGNET_DATA_DIR": own})
        found = await open_installation(
            config, clock=now_ms, random=secrets.token_bytes, monotonic=time.monotonic
        )
        try:
            yield found.runtime
        finally:
            await found.runtime.database.close()


def new_leaves(organisation_id: str, count: int) -> list[leaves.NewLeaf]:
    """Return leaves as decisions make them."""
    return [
        leaves.NewLeaf(
            organisation_id,
            secrets.token_hex(16),
            "approval",
            secrets.token_hex(ENTRY_BYTES // 2).encode(),
            secrets.token_hex(OPENING_BYTES // 2),
            now_ms(),
        )
        for _ in range(count)
    ]


async def add(rt: Runtime, count: int) -> None:
    """Record pending leaves, as decisions do."""
    organisation = await organisations.by_slug(rt.database.reader, "default")
    assert organisation is not None
    async with rt.database.transaction() as tx:
        for leaf in new_leaves(organisation.id, count):
            leaves.append(tx, leaf)


def numbered(folder: Path, *, batch: int, batches: int, pairs: int) -> Load:
    """Leaves that get a number, hashes and tiles, durably; the floor only inserts such leaves.

    Each batch is one transaction and one synced commit, here as there, in files that have as much
    in them. Many are pending, and the sequencer takes one after the other.
    """

    async def work() -> Load:
        load = Load(0.5, [], [])
        async with opened(folder) as rt, sequence.elected(rt) as sequencer:
            assert sequencer is not None
            with bare(folder) as floor:
                for _ in range(pairs):
                    await add(rt, batch * batches)
                    load.ours.append(await _numbered(sequencer, batch, batches))
                    load.floor.append(_inserted(floor, batch, batches))
        return load

    return uvloop.run(work())


async def _numbered(sequencer: Sequencer, batch: int, batches: int) -> Slice:
    before, sequence.BATCH_MAX = sequence.BATCH_MAX, batch
    end = sequencer.size + batch * batches
    began = time.perf_counter()
    while sequencer.size < end:
        assert await sequencer.take()
    seconds = time.perf_counter() - began
    sequence.BATCH_MAX = before
    assert sequencer.size == end
    return Slice([b""] * (batch * batches), seconds, 0)


@contextmanager
def bare(folder: Path) -> Generator[apsw.Connection]:
    """Open a file with one table for the same rows, under the same key."""
    with TemporaryDirectory(dir=folder, prefix="bare-") as own:
        opened = apsw.Connection(str(Path(own) / "bare.db"))
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("PRAGMA synchronous = FULL")
        opened.execute(
            "CREATE TABLE bare (organisation_id TEXT, subject TEXT, kind TEXT, entry BLOB,"
            " opening TEXT, created_at BIGINT, PRIMARY KEY (subject, kind))"
        )
        try:
            yield opened
        finally:
            opened.close()


def _inserted(floor: apsw.Connection, batch: int, batches: int) -> Slice:
    rows = [astuple(leaf) for leaf in new_leaves("default", batch * batches)]
    began = time.perf_counter()
    for start in range(0, len(rows), batch):
        floor.execute("BEGIN IMMEDIATE")
        floor.executemany("INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?)", rows[start : start + batch])
        floor.execute("COMMIT")
    seconds = time.perf_counter() - began
    return Slice([b""] * len(rows), seconds, 0)


def published(folder: Path, *, batch: int, batches: int, pairs: int) -> Load:
    """The same with a signed head over each batch, all checks made; the floor as before."""

    async def work() -> Load:
        load = Load(0.05, [], [])
        async with opened(folder) as rt, sequence.elected(rt) as sequencer:
            assert sequencer is not None
            with bare(folder) as floor:
                for _ in range(pairs):
                    seconds = 0.0
                    for _ in range(batches):
                        await add(rt, batch)
                        seconds += (await _numbered(sequencer, batch, 1)).seconds
                        began = time.perf_counter()
                        assert await publish(rt, sequencer.epoch) == batch
                        seconds += time.perf_counter() - began
                    load.ours.append(Slice([b""] * (batch * batches), seconds, 0))
                    load.floor.append(_inserted(floor, batch, batches))
        return load

    return uvloop.run(work())


def included(bench: Bench) -> Cost:
    """How long until a signed head covers an approval, 200 coming a second over HTTP: the 99th
    percentile, from the moment in which its signature is sent. Beside it stands the median.
    """
    port, size = bench.cast.server.port, bench.size
    ids = bench.cast.create(int(size.log_seconds * INCLUDED_PER_SECOND))
    requests = iter(bench.cast.approvals(ids))
    before = _settled(port)
    sent: list[float] = []
    taken: list[float] = []
    every = CHUNK_OF_APPROVALS / INCLUDED_PER_SECOND
    began = time.perf_counter()
    while len(taken) < len(ids):
        if chunk := list(islice(requests, CHUNK_OF_APPROVALS)):
            sent += [time.perf_counter()] * len(chunk)
            send(port, chunk)
        # Leaves get their numbers in the order in which they came, and nothing else comes.
        covered = _logged(port) - before
        now = time.perf_counter()
        taken += [now - at for at in sent[len(taken) : covered]]
        began += every
        time.sleep(max(0.0, began - time.perf_counter()))
    taken.sort()
    return Cost(1, "s", [_percentile(taken, 99)], [statistics.median(taken)])


def _settled(port: int) -> int:
    """Return the size of the newest signed head, once nothing is on its way into the log."""
    size = -1
    while size != (size := _logged(port)):
        time.sleep(SETTLED_SECONDS)
    return size


def _logged(port: int) -> int:
    [body] = send(port, [get("/public/log/tree-head", {})]).bodies
    return json.loads(body)["treeSize"]


def proofs(folder: Path, size: int) -> Cost:
    """Inclusion proofs in a tree of a size: the 99th percentile beside the median."""

    async def work() -> list[float]:
        async with opened(folder) as rt:
            await _grow_to(rt, size)
            return sorted([await _proven(rt, size) for _ in range(PROOFS)])

    taken = uvloop.run(work())
    return Cost(1, "ms", [_percentile(taken, 99)], [statistics.median(taken)])


def hash_bytes(folder: Path, size: int) -> Cost:
    """Bytes of hashes that are stored for each leaf; the floor's is one hash."""

    async def work() -> int:
        async with opened(folder) as rt:
            await _grow_to(rt, size)
            rows = await rt.database.reader.fetch("SELECT hashes FROM log_tiles")
            return sum(len(row["hashes"]) for row in rows)

    return Cost(35, "B", [uvloop.run(work()) / size], [float(HASH_BYTES)])


async def _grow_to(rt: Runtime, size: int) -> None:
    edge: dict[Tile, bytes] = {}
    for start in range(0, size, CHUNK):
        end = min(size, start + CHUNK)
        hashes = [hashlib.sha256(b"%d" % number).digest() for number in range(start, end)]
        tiles, edge = grow(start, edge, hashes)
        async with rt.database.transaction() as tx:
            assert await log_tiles.put(tx, tiles)


async def _proven(rt: Runtime, size: int) -> float:
    index = secrets.randbelow(size)
    began = time.perf_counter()
    await tree.prove_inclusion(rt.database.reader, index, size)
    return (time.perf_counter() - began) * 1000


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
