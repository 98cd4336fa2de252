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
from cosignet.server.ledger import current
from cosignet.server.runtime import Runtime
from cosignet.server.secret import digest
from cosignet.server.store import confirmations


async def consume(rt: Runtime, key: ApiKey, confirmation: Confirmation, token: str) -> Confirmation:
    """Give the approval to the first token, and again to the same token.

    Raises:
        NotTheCreator: another key asked for it.
        NotApproved: it is not approved.
        AlreadyConsumed: another token was first; says when, and by which key.
    """
    if confirmation.api_key_id != key.id:
        raise NotTheCreator
    if confirmation.status is not Status.APPROVED:
        raise NotApproved(f"It is {confirmation.status}.", confirmationStatus=confirmation.status)
    token_hash = digest(token)
    async with rt.database.transaction() as tx:
        first = await confirmations.consume(
            tx, confirmation.id, api_key_id=key.id, token_hash=token_hash
        )
        same = first or await confirmations.consumed_with(tx, confirmation.id, token_hash)
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
        NotTheCreator, NotConsumed, OutcomeRecorded.
    """
    if confirmation.api_key_id != key.id:
        raise NotTheCreator
    if confirmation.consumed_at is None:
        raise NotConsumed
    async with rt.database.transaction() as tx:
        await confirmations.record_outcome(tx, confirmation.id, result=result, note=note)
    found = await current(rt, confirmation.id)
    if found.outcome is None or (found.outcome.result, found.outcome.note) != (result, note):
        raise OutcomeRecorded
    return found
