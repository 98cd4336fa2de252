"""The log's keys: another one signs from now on, the old ones beside it for a while."""

from cosignet.core.errors import Conflict
from cosignet.core.note import VerifierKey
from cosignet.server import entries, tree
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SECRET_BYTES, SigningKey
from cosignet.server.store import installation, log_keys
from cosignet.server.store.log_keys import LogKey

OVERLAP_DAYS_MAX = 365
DAY_MS = 86_400_000


async def rotate(rt: Runtime, *, overlap_days: int) -> VerifierKey:
    """Make another key; those before sign beside it for so many days. A log entry says so.

    Raises:
        Conflict: somebody else rotated at the same moment.
    """
    seed = rt.random(SECRET_BYTES)
    sealed = rt.seal(seed, purpose=tree.LOG_KEY_PURPOSE)
    async with rt.database.transaction() as tx:
        known = await log_keys.list_(tx)
        made = LogKey(known[-1].number + 1, SigningKey(seed).public_key, sealed)
        now = await installation.now(tx)
        if not await log_keys.insert(tx, made):
            raise Conflict("The log's key was rotated at the same moment. Look at its keys.")
        await log_keys.retire(tx, below=made.number, until=now + overlap_days * DAY_MS)
        key = tree.verifier_key(rt, made)
        await entries.record_log_key(rt, tx, vkey=key.text, at=now)
    # Durable: the next head is signed by both.
    return key


async def list_(rt: Runtime) -> list[VerifierKey]:
    """Return all keys of the log, oldest first."""
    return await tree.verifier_keys(rt)
