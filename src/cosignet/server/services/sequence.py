"""Sequencing: one node numbers pending leaves and lets the tree grow; nothing is signed here."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cosignet.core.errors import Unavailable
from cosignet.core.log_errors import LogRefuses
from cosignet.core.merkle import HASH_BYTES, leaf_hash
from cosignet.core.tile import Tile, edge_of, grow, width_of
from cosignet.server.runtime import Runtime
from cosignet.server.store import leaves, log_state, log_tiles
from cosignet.server.store.db import Claim, Transaction
from cosignet.server.tree import require_remembered

BATCH_MAX = 1_000
"""Leaves that one transaction takes. On SQLite all of it runs on the event loop: five times as many
hold everybody else up for five times as long, and go in hardly faster."""
DUTY = 0x6C6F67  # "log"


class Sequencer:
    """One node's turn: its epoch, and the tree's right edge as it has written it itself.

    After any error it is thrown away; the next one reads everything again.
    """

    def __init__(
        self, rt: Runtime, claim: Claim, *, epoch: int, size: int, edge: dict[Tile, bytes]
    ) -> None:
        self._rt = rt
        self._claim = claim
        self.epoch = epoch
        self.size = size
        self._edge = edge

    async def take(self) -> int:
        """Number the oldest pending leaves; return how many.

        Raises:
            Unavailable: this is not the sequencer any more, or the database is away.
            LogRefuses: what is stored is not what we wrote.
        """
        if self._claim.lost:
            raise Unavailable("another node keeps the log by now")
        if await leaves.pending(self._rt.database.reader, 1) == 0:
            return 0
        async with self._rt.database.transaction() as tx:
            if not await log_state.hold(tx, self.epoch):
                await self._require_frozen()
                return 0
            count = await self._number(tx)
        # Durable. A crash before the block's end leaves all of these leaves pending, and no tile
        # of them; a crash from here on leaves them in the tree, and the next publishing signs it.
        return count

    async def _number(self, tx: Transaction) -> int:
        taken = await leaves.number(tx, start=self.size, limit=BATCH_MAX)
        new = self.size + len(taken)
        if [index for index, _ in taken] != list(range(self.size, new)):
            raise LogRefuses("the numbers of new leaves have a gap")
        hashes = [leaf_hash(entry) for _, entry in taken]
        tiles, edge = grow(self.size, self._edge, hashes)
        if not await log_tiles.put(tx, tiles):
            raise LogRefuses("the tree has tiles that it cannot have yet")
        # The fence: whoever was overtaken meanwhile changes nothing.
        if not await log_state.advance(tx, self.epoch, old=self.size, new=new):
            raise Unavailable("another node keeps the log by now")
        self.size, self._edge = new, edge
        return len(taken)

    async def _require_frozen(self) -> None:
        state = await log_state.get(self._rt.database.reader)
        if state.epoch != self.epoch:
            raise Unavailable("another node keeps the log by now")


@asynccontextmanager
async def elected(rt: Runtime) -> AsyncGenerator[Sequencer | None]:
    """Keep the log while the block runs; None: another node does.

    Raises:
        LogRefuses: the tree does not extend what this node remembers, or is damaged.
        Unavailable.
    """
    claim = await rt.database.claim(DUTY)
    if claim is None:
        yield None
        return
    try:
        yield await _begin(rt, claim)
    finally:
        await claim.release()


async def _begin(rt: Runtime, claim: Claim) -> Sequencer:
    before = await log_state.get(rt.database.reader)
    await require_remembered(rt.database.reader, rt.log, before.size)
    async with rt.database.transaction() as tx:
        state = await log_state.take_over(tx)
    # A crash here leaves an epoch in which nothing happened.
    edge = await log_tiles.get(rt.database.reader, edge_of(state.size))
    for tile in edge_of(state.size):
        if len(edge.get(tile, b"")) != width_of(tile, state.size) * HASH_BYTES:
            raise LogRefuses(f"tile {tile.number} of level {tile.level} is damaged")
    return Sequencer(rt, claim, epoch=state.epoch, size=state.size, edge=edge)
