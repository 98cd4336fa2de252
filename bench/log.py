"""The log's own figures, without HTTP: leaves a second, how soon one is included, proofs."""

import asyncio
import contextlib
import hashlib
import secrets
import sqlite3
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Cost, Load
from bench.load import Slice
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
from cosignet.server.store import leaves, log_heads, log_tiles, organisations
from cosignet.server.worker import keep_log

ENTRY_BYTES = 150
"""About as much as an approval's entry has."""
INCLUDED_PER_SECOND = 200
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


async def add(rt: Runtime, count: int) -> None:
    """Record pending leaves, as decisions do."""
    organisation = await organisations.by_slug(rt.database.reader, "default")
    assert organisation is not None
    async with rt.database.transaction() as tx:
        for _ in range(count):
            entry = secrets.token_hex(ENTRY_BYTES // 2).encode()
            new = leaves.NewLeaf(
                organisation.id, secrets.token_hex(16), "approval", entry, "{}", now_ms()
            )
            leaves.append(tx, new)


def numbered(folder: Path, *, batch: int, batches: int, pairs: int) -> Load:
    """Leaves that get a number, hashes and tiles, durably; the floor inserts the same bytes.

    Each batch is one transaction and one synced commit, here as there.
    """

    async def work() -> Load:
        load = Load(0.5, [], [])
        async with opened(folder) as rt, sequence.elected(rt) as sequencer:
            assert sequencer is not None
            for _ in range(pairs):
                await add(rt, batch * batches)
                load.ours.append(await _numbered(sequencer, batch, batches))
                load.floor.append(_inserted(folder, batch, batches))
        return load

    return asyncio.run(work())


async def _numbered(sequencer: Sequencer, batch: int, batches: int) -> Slice:
    before, sequence.BATCH_MAX = sequence.BATCH_MAX, batch
    began = time.perf_counter()
    for _ in range(batches):
        assert await sequencer.take() == batch
    seconds = time.perf_counter() - began
    sequence.BATCH_MAX = before
    return Slice([b""] * (batch * batches), seconds, 0)


def _inserted(folder: Path, batch: int, batches: int) -> Slice:
    with TemporaryDirectory(dir=folder, prefix="bare-") as own:
        bare = sqlite3.connect(Path(own) / "bare.db", isolation_level=None)
        bare.execute("PRAGMA journal_mode = WAL")
        bare.execute("PRAGMA synchronous = FULL")
        bare.execute("CREATE TABLE bare (entry BLOB NOT NULL)")
        rows = [(secrets.token_hex(ENTRY_BYTES // 2).encode(),) for _ in range(batch)]
        began = time.perf_counter()
        for _ in range(batches):
            bare.execute("BEGIN IMMEDIATE")
            bare.executemany("INSERT INTO bare VALUES (?)", rows)
            bare.execute("COMMIT")
        seconds = time.perf_counter() - began
        bare.close()
    return Slice([b""] * (batch * batches), seconds, 0)


def published(folder: Path, *, batch: int, batches: int, pairs: int) -> Load:
    """The same with a signed head over each batch, all checks made; the floor as before."""

    async def work() -> Load:
        load = Load(0.05, [], [])
        async with opened(folder) as rt, sequence.elected(rt) as sequencer:
            assert sequencer is not None
            for _ in range(pairs):
                await add(rt, batch * batches)
                began = time.perf_counter()
                seconds = 0.0
                for _ in range(batches):
                    seconds += (await _numbered(sequencer, batch, 1)).seconds
                    began = time.perf_counter()
                    assert await publish(rt, sequencer.epoch) == batch
                    seconds += time.perf_counter() - began
                load.ours.append(Slice([b""] * (batch * batches), seconds, 0))
                load.floor.append(_inserted(folder, batch, batches))
        return load

    return asyncio.run(work())


def included(folder: Path, *, seconds: float) -> Cost:
    """How long until a signed head covers a leaf, 200 coming a second: the 99th percentile.

    Beside it stands the median.
    """

    async def work() -> list[float]:
        taken: list[float] = []
        async with opened(folder) as rt:
            keeping = asyncio.create_task(keep_log(rt))
            waiting = [
                asyncio.create_task(_until_included(rt, number, taken))
                for number in range(int(seconds * INCLUDED_PER_SECOND))
            ]
            await asyncio.gather(*waiting)
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
        return taken

    taken = sorted(asyncio.run(work()))
    return Cost(1, "s", [_percentile(taken, 99)], [statistics.median(taken)])


async def _until_included(rt: Runtime, number: int, taken: list[float]) -> None:
    await asyncio.sleep(number / INCLUDED_PER_SECOND)
    await add(rt, 1)
    began = time.perf_counter()
    while True:
        head = await log_heads.latest(rt.database.reader)
        # Leaves get their numbers in the order in which they came.
        if head is not None and head.size > number:
            taken.append(time.perf_counter() - began)
            return
        await asyncio.sleep(0.01)


def proofs(folder: Path, *, size: int) -> tuple[Cost, Cost]:
    """Inclusion proofs in a tree: the 99th percentile beside the median; bytes of hashes a leaf."""

    async def work() -> tuple[Cost, Cost]:
        async with opened(folder) as rt:
            await _grow_to(rt, size)
            taken = sorted([await _proven(rt, size) for _ in range(PROOFS)])
            [row] = await rt.database.reader.fetch(
                "SELECT sum(length(hashes)) AS found FROM log_tiles"
            )
        proof = Cost(1, "ms", [_percentile(taken, 99)], [statistics.median(taken)])
        return proof, Cost(35, "B", [row["found"] / size], [float(HASH_BYTES)])

    return asyncio.run(work())


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
