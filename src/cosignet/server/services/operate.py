"""Running: whether this node can do its work."""

from cosignet.core.log_errors import LogStalled
from cosignet.server.runtime import Runtime
from cosignet.server.store import approvers, installation, organisations


async def probe(rt: Runtime) -> None:
    """Prove that the database can be written, and that the log goes on.

    Raises:
        Unavailable: it cannot.
        LogStalled: it does not.
        LogFull, DiskLow: nothing can be decided.
    """
    if rt.log.stalled:
        raise LogStalled
    rt.log.require_room()
    async with rt.database.transaction() as tx:
        await installation.probe(tx)


async def clocks_apart_ms(rt: Runtime) -> int:
    """Return by how many milliseconds this node's clock is ahead of the database's, or behind."""
    return rt.clock() - await installation.now(rt.database.reader)


async def has_owner(rt: Runtime, slug: str) -> bool:
    """Whether somebody owns the organisation of that slug."""
    organisation = await organisations.by_slug(rt.database.reader, slug)
    return organisation is not None and await approvers.owner_exists(
        rt.database.reader, organisation.id
    )
