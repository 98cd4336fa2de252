"""Sequencing: one node numbers pending leaves and lets the tree grow; nothing is signed here."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cosignet.core.errors import Unavailable
from cosignet.core.log_errors import LogRefuses
from cosignet.core.merkle import HASH_BYTES, leaf_hash
from cosignet.core.tile import Tile, edge_of, grow, width_of
from cosignet.server.runtime import Runtime
from cosignet.server.store import leaves, log_state, log_tiles
from cosignet.server.store.db import Claim, Reader, Transaction
from cosignet.server.tree import require_remembered

BATCH_MAX = 256
"""Leaves that one transaction takes; whoever else writes waits for it. Four times as many go in
hardly faster."""
TURN_SECONDS = 0.005
"""Once that is over no other batch begins, so that others come to write between them."""
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
        before, until = self.size, self._rt.monotonic() + TURN_SECONDS

        async def step(tx: Transaction) -> bool:
            taken = await self._take_batch(tx)
            return taken == BATCH_MAX and self._rt.monotonic() < until

        await self._rt.database.repeat(step)
        # Durable. A crash before a batch's end leaves its leaves pending, and no tile of them; a
        # crash from here on leaves them in the tree, and the next publishing signs it.
        return self.size - before

    async def _take_batch(self, tx: Transaction) -> int:
        found = await leaves.oldest(tx, BATCH_MAX)
        new = self.size + len(found)
        # The fence: whoever was overtaken changes nothing, and nobody else does from here on. The
        # size is the one we know, so nobody has numbered since, and what was found is pending.
        if not await log_state.advance(tx, self.epoch, old=self.size, new=new):
            await self._require_ours(tx)
            return 0  # the operator has frozen it
        await leaves.number(tx, found, start=self.size)
        tiles, edge = grow(self.size, self._edge, [leaf_hash(leaf.entry) for leaf in found])
        if not await log_tiles.put(tx, tiles):
            raise LogRefuses("the tree has tiles that it cannot have yet")
        self.size, self._edge = new, edge
        return len(found)

    async def _require_ours(self, reader: Reader) -> None:
        state = await log_state.get(reader)
        if state.epoch != self.epoch:
            raise Unavailable("another node keeps the log by now")
        if state.size != self.size:
            raise LogRefuses("the tree has grown, and nobody has taken it over")


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
