"""The files that this release serves to browsers, said once in the log."""

from collections.abc import Mapping

from cosignet import __version__
from cosignet.server import entries
from cosignet.server.runtime import Runtime
from cosignet.server.store import installation, leaves, organisations

KIND = "asset_manifest"


async def record(rt: Runtime, files: Mapping[str, str]) -> bool:
    """Log which files those are, by path and SHA-256 in hexadecimal; whether that is done.

    It waits until something else is logged: as long as nothing is, the public URL may change.

    Raises:
        Unavailable.
    """
    subject = entries.assets_subject(__version__, files)
    if await leaves.get(rt.database.reader, subject, KIND) is not None:
        return True
    if not await leaves.any_at_all(rt.database.reader):
        return False
    async with rt.database.transaction() as tx:
        own = await organisations.by_slug(tx, entries.LOGS_OWN)
        if own is None:
            return False
        # Nodes of a new release start together.
        await tx.lock("organisations", own.id)
        if await leaves.get(tx, subject, KIND) is None:
            at = await installation.now(tx)
            await entries.record_assets(rt, tx, release=__version__, files=files, at=at)
    return True
