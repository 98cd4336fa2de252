"""Running: whether this node can do its work."""

from cosignet.server.runtime import Runtime
from cosignet.server.store import approvers, installation, organisations


async def probe(rt: Runtime) -> None:
    """Prove that the database can be written.

    Raises:
        Unavailable: it cannot.
    """
    async with rt.database.transaction() as tx:
        await installation.probe(tx)


async def has_owner(rt: Runtime, slug: str) -> bool:
    """Whether somebody owns the organisation of that slug."""
    organisation = await organisations.by_slug(rt.database.reader, slug)
    return organisation is not None and await approvers.owner_exists(
        rt.database.reader, organisation.id
    )
