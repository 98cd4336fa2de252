"""Running: whether this node can do its work."""

import asyncio

from cosignet.core.errors import Unavailable
from cosignet.core.log_errors import LogStalled
from cosignet.server import exposition
from cosignet.server.runtime import Runtime
from cosignet.server.store import approvers, figures, installation, organisations


async def probe(rt: Runtime) -> None:
    """Prove that the database can be written.

    Raises:
        Unavailable: it cannot.
    """
    async with rt.database.transaction() as tx:
        await installation.probe(tx)


async def ready(rt: Runtime) -> None:
    """Tell whether the database can be written: as it was found a moment ago, or by trying now.

    However many ask, one transaction in `readiness_seconds` is begun.

    Raises:
        Unavailable: it cannot.
        LogStalled: nobody publishes what waits for the log.
        LogFull, DiskLow: nothing can be decided.
    """
    if rt.log.stalled:
        raise LogStalled
    rt.log.require_room()
    last, now = rt.readiness, asyncio.get_running_loop().time()
    fresh = now < last.begun_at + rt.limits.readiness_seconds
    if last.proof is None or (last.proof.done() and not fresh):
        last.proof, last.begun_at = asyncio.create_task(probe(rt)), now
    # Whoever leaves does not end it for the others.
    await asyncio.shield(last.proof)


async def expose(rt: Runtime, *, accept: str) -> tuple[bytes, str]:
    """Return the figures of all processes of this node, and their media type.

    It never fails because the database does, nor because another process of the node is stuck.
    """
    ours = await _figures(rt)
    others = rt.place.gather()
    return exposition.expose([ours, *others], accept=accept)


async def leave_figures(rt: Runtime) -> None:
    """Let the other processes of this node know this one's figures.

    Raises:
        OSError: they cannot be written.
    """
    rt.place.leave(await _figures(rt))


async def _figures(rt: Runtime) -> list[exposition.Family]:
    try:
        waiting = await figures.waiting(rt.database.reader)
    except Unavailable:
        waiting = None
    rt.meter.looked(held=rt.waiters.held, waiting=waiting, connections=rt.database.connections)
    return exposition.families(rt.meter.registry, worker=rt.place.number)


async def has_owner(rt: Runtime, slug: str) -> bool:
    """Whether somebody owns the organisation of that slug."""
    organisation = await organisations.by_slug(rt.database.reader, slug)
    return organisation is not None and await approvers.owner_exists(
        rt.database.reader, organisation.id
    )
