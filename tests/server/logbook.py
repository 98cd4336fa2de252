"""A log without HTTP: an installation in this process whose leaves are the entries 0, 1, 2 …

Whatever happened to it, `check` says whether its tree is the one that another implementation
computed, with no leaf twice, no gap, and one root for every size that was signed.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.engines import engines
from tests.test_vectors import CASES

from cosignet.core.checkpoint import parse_checkpoint
from cosignet.core.merkle import leaf_hash
from cosignet.core.note import parse_note, verify_note
from cosignet.core.tile import Tile, grow
from cosignet.server import tree
from cosignet.server.app import now_ms
from cosignet.server.config import read_config
from cosignet.server.install import open_installation
from cosignet.server.runtime import Runtime
from cosignet.server.secret import check_ed25519
from cosignet.server.services import sequence
from cosignet.server.services.publish import publish
from cosignet.server.store import leaves, log_heads, log_state, log_tiles, organisations
from cosignet.server.store.db import Step, Transaction

ROOTS = [bytes.fromhex(root) for root in CASES["inclusion"]["all"]["want"]["roots"]]
"""Of the trees of 1, 2, … of these entries, by Node."""
Work = Callable[["Book"], Awaitable[Any]]


class Book:
    """An open log."""

    def __init__(self, rt: Runtime) -> None:
        self.rt = rt

    async def add(self, *numbers: int) -> None:
        """Record leaves whose entries are these numbers."""
        organisation = await organisations.by_slug(self.rt.database.reader, "default")
        assert organisation is not None
        async with self.rt.database.transaction() as tx:
            for one in numbers:
                entry = str(one).encode()
                leaf = leaves.NewLeaf(organisation.id, f"s{one}", "approval", entry, "{}", one)
                leaves.append(tx, leaf)

    async def keep(self, *, turns: int = 1_000) -> int:
        """Sequence and publish until nothing is left; return how many leaves were published."""
        published = 0
        async with sequence.elected(self.rt) as sequencer:
            assert sequencer is not None
            for _ in range(turns):
                taken = await sequencer.take()
                count = await publish(self.rt, sequencer.epoch)
                published += count
                if not taken + count:
                    return published
        return published

    async def heads(self) -> list[log_heads.Head]:
        """Return all heads, oldest first."""
        return (await log_heads.before(self.rt.database.reader, 2**40, 10_000))[::-1]

    async def check(self) -> int:
        """See that everything is as it has to be; return the newest head's size."""
        state = await log_state.get(self.rt.database.reader)
        rows = await self.rt.database.reader.fetch(
            "SELECT leaf_index, entry FROM leaves WHERE leaf_index IS NOT NULL ORDER BY leaf_index"
        )
        assert [row["leaf_index"] for row in rows] == list(range(len(rows)))
        entries = [row["entry"] for row in rows]
        assert sorted(entries) == sorted(str(n).encode() for n in range(len(entries)))
        assert len(entries) == state.size
        keys = await tree.verifier_keys(self.rt)
        heads = await self.heads()
        for head in heads:
            verify_note(parse_note(head.note), keys, check_ed25519)
            said = parse_checkpoint(parse_note(head.note).text)
            assert (said.size, said.root) == (head.size, head.root)
            assert said.origin == self.rt.log.origin
            assert head.root == await tree.root(self.rt.database.reader, head.size)
            if entries == [str(n).encode() for n in range(len(entries))]:
                assert head.root == ROOTS[head.size - 1]
        wanted, _ = grow(0, {}, [leaf_hash(entry) for entry in entries])
        assert await log_tiles.get(self.rt.database.reader, [*wanted, Tile(9, 0)]) == wanted
        return heads[-1].size if heads else 0


@asynccontextmanager
async def opened(folder: Path, **settings: str) -> AsyncGenerator[Book]:
    """Open a log in a folder, on the engine in use. A setting that is empty is left out."""
    own = {"COSIGNET_DATA_DIR": str(folder)} | engines.settings(folder, migrated=True) | settings
    found = await open_installation(
        read_config({name: value for name, value in own.items() if value}),
        clock=now_ms,
        random=secrets.token_bytes,
        monotonic=time.monotonic,
    )
    try:
        yield Book(found.runtime)
    finally:
        await found.runtime.database.close()


def on_log(folder: Path, work: Work, **settings: str) -> Any:
    """Open a log, do something with it, close it."""

    async def run() -> Any:
        async with opened(folder, **settings) as book:
            return await work(book)

    return asyncio.run(run())


class Stop(Exception):
    """The process ended here."""


def stop() -> None:
    """End what is going on, as an error does."""
    raise Stop


async def stopped_at(
    book: Book, step: int, work: Callable[[], Awaitable[Any]], end: Callable[[], None] = stop
) -> bool:
    """Do something that ends at a statement, around a commit or what is remembered.

    Whether it came to its own end.
    """
    count = 0

    def pass_() -> None:
        nonlocal count
        count += 1
        if count == step:
            end()

    database = book.rt.database
    transaction, repeat = database.transaction, database.repeat

    class Watched:
        def __init__(self) -> None:
            self.block = transaction()

        async def __aenter__(self) -> Any:
            return watched(await self.block.__aenter__(), pass_)

        async def __aexit__(self, *error: Any) -> None:
            if error[0] is None:
                try:
                    pass_()  # before the commit
                except Stop as stop:
                    await self.block.__aexit__(Stop, stop, None)
                    raise
            await self.block.__aexit__(*error)
            if error[0] is None:
                pass_()  # after it

    async def watched_repeat(step: Step) -> None:
        async def watched_step(tx: Transaction) -> bool:
            is_more = await step(watched(tx, pass_))
            pass_()  # before the commit
            return is_more

        await repeat(watched_step)
        pass_()  # after it

    remember = book.rt.log.remembered.write

    def remember_step(note: str) -> None:
        pass_()
        remember(note)
        pass_()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "transaction", lambda **_: Watched())
        patch.setattr(database, "repeat", watched_repeat)
        patch.setattr(book.rt.log.remembered, "write", remember_step)
        try:
            await work()
        except Stop:
            return False
    return True


def watched(tx: Any, pass_: Callable[[], None]) -> Any:
    """Return the transaction, which from here on passes a step with each statement."""
    for name in ("execute", "execute_each", "fetch"):
        setattr_step(tx, name, pass_)
    return tx


def setattr_step(tx: Any, name: str, pass_: Callable[[], None]) -> None:
    original = getattr(tx, name)

    async def stepped(*arguments: Any) -> Any:
        pass_()
        return await original(*arguments)

    setattr(tx, name, stepped)
