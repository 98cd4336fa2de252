"""Using an approval up, once, and saying what became of it."""

from cosignet.core.access import ApiKey
from cosignet.core.confirmation import Confirmation, OutcomeResult, Status
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import (
    AlreadyConsumed,
    NotApproved,
    NotConsumed,
    NotTheCreator,
    OutcomeRecorded,
)
from cosignet.server import entries
from cosignet.server.ledger import current
from cosignet.server.runtime import Runtime
from cosignet.server.secret import digest
from cosignet.server.store import consumptions


async def consume(rt: Runtime, key: ApiKey, confirmation: Confirmation, token: str) -> Confirmation:
    """Give the approval to the first token, and again to the same token.

    Raises:
        NotTheCreator: another key asked for it.
        NotApproved: it is not approved.
        AlreadyConsumed: another token was first; says when, and by which key.
        LogFull, DiskLow: the log could not keep it.
    """
    if confirmation.api_key_id != key.id:
        raise NotTheCreator
    if confirmation.status is not Status.APPROVED:
        raise NotApproved(f"It is {confirmation.status}.", confirmationStatus=confirmation.status)
    rt.log.require_room()
    token_hash = digest(token)
    async with rt.database.transaction() as tx:
        first = await consumptions.record(
            tx, confirmation.id, api_key_id=key.id, token_hash=token_hash
        )
        if first is not None:
            await entries.record_consumption(
                rt, tx, confirmation, token_hash=token_hash, key_id=key.id, at=first
            )
        same = first is not None or await consumptions.made_with(tx, confirmation.id, token_hash)
    found = await current(rt, confirmation.id)
    if not same:
        raise AlreadyConsumed(
            consumedAt=None if found.consumed_at is None else rfc3339(found.consumed_at),
            consumedBy=found.consumed_by,
        )
    return found


async def record_outcome(
    rt: Runtime,
    key: ApiKey,
    confirmation: Confirmation,
    *,
    result: OutcomeResult,
    note: str | None,
) -> Confirmation:
    """Record what became of the action, once; saying the same again changes nothing.

    Raises:
        NotTheCreator, NotConsumed, OutcomeRecorded, LogFull, DiskLow.
    """
    if confirmation.api_key_id != key.id:
        raise NotTheCreator
    if confirmation.consumed_at is None:
        raise NotConsumed
    rt.log.require_room()
    async with rt.database.transaction() as tx:
        at = await consumptions.record_outcome(tx, confirmation.id, result=result, note=note)
        if at is not None:
            await entries.record_outcome(rt, tx, confirmation, result=result, at=at)
    found = await current(rt, confirmation.id)
    if found.outcome is None or (found.outcome.result, found.outcome.note) != (result, note):
        raise OutcomeRecorded
    return found
