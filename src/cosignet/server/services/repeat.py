"""Repeating: a request that was answered before is answered from what was kept, for a day."""

from cosignet.core.idempotency import IdempotencyKeyReused, Kept, Once
from cosignet.server.runtime import Runtime
from cosignet.server.store import idempotency_keys


async def find_answer(rt: Runtime, once: Once) -> Kept | None:
    """Return the answer that a request has had before, if it has.

    Raises:
        IdempotencyKeyReused: it was another request.
    """
    found = await idempotency_keys.get(rt.database.reader, once)
    if found is None:
        return None
    request_hash, kept = found
    if request_hash != once.request_hash:
        raise IdempotencyKeyReused
    return kept
