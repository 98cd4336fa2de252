"""How far the log is, and who may carry it on: one row."""

from dataclasses import dataclass

from cosignet.core.errors import Unavailable
from cosignet.server.store.db import Reader, Transaction


@dataclass(frozen=True, slots=True)
class LogState:
    """How many leaves are numbered, by whom the next are, and whether any will be."""

    epoch: int
    size: int
    frozen_at: int | None


async def get(reader: Reader) -> LogState:
    """Return the row.

    Raises:
        Unavailable: it cannot be read.
    """
    row = await reader.fetch_one("SELECT epoch, size, frozen_at FROM log_state WHERE id = 1")
    if row is None:
        raise Unavailable("the log's state is missing")
    return LogState(*row)


async def take_over(tx: Transaction) -> LogState:
    """Begin another epoch: nobody else carries the log on from here.

    Raises:
        Unavailable: the row is not there.
    """
    await tx.execute("UPDATE log_state SET epoch = epoch + 1 WHERE id = 1")
    return await get(tx)


async def hold(tx: Transaction, epoch: int) -> bool:
    """Keep others from changing the row until the transaction ends; whether it is still ours."""
    changed = await tx.execute(
        "UPDATE log_state SET epoch = epoch WHERE id = 1 AND epoch = $1 AND frozen_at IS NULL",
        epoch,
    )
    return changed == 1


async def advance(tx: Transaction, epoch: int, *, old: int, new: int) -> bool:
    """Note that the tree has grown; whether it was as large as we thought, and still ours."""
    changed = await tx.execute(
        "UPDATE log_state SET size = $3"
        " WHERE id = 1 AND epoch = $1 AND size = $2 AND frozen_at IS NULL",
        epoch,
        old,
        new,
    )
    return changed == 1


async def freeze(tx: Transaction, *, frozen: bool) -> bool:
    """Stop the log, or let it go on; whether that changed anything."""
    sql = {
        True: "UPDATE log_state SET frozen_at = clock_ms() WHERE id = 1 AND frozen_at IS NULL",
        False: "UPDATE log_state SET frozen_at = NULL WHERE id = 1 AND frozen_at IS NOT NULL",
    }[frozen]
    return await tx.execute(sql) == 1
