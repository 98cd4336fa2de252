"""Explaining a rejection: why somebody said no, told afterwards, once, where they said it."""

from cosignet.core.confirmation import Confirmation, RejectReason
from cosignet.core.reject_reason import NotRejectedHere, ReasonGiven, ReasonLate
from cosignet.server.ledger import current, visible
from cosignet.server.runtime import Runtime
from cosignet.server.secret import digest_for
from cosignet.server.store import reject_reasons


async def give_reason(
    rt: Runtime,
    confirmation_id: str,
    reason: RejectReason,
    *,
    browser: str,
    view: str | None = None,
) -> Confirmation:
    """Give a rejection the reason it lacks, and return it as it is then.

    `browser` is the secret of the page's cookie, whose holder the door has checked; it has to be
    the one that rejected. Nothing that was signed or logged changes: neither says why.

    Raises:
        NotFound, Locked, Unavailable.
        NotRejectedHere: it is not rejected, or was in another browser.
        ReasonGiven: there is one already.
        ReasonLate: it was rejected longer ago than REJECT_REASON_MS.
    """
    found = await visible(rt, confirmation_id, view)
    browser_hash = digest_for(found.id, browser)
    async with rt.database.transaction() as tx:
        given = await reject_reasons.give(tx, found.id, reason, browser_hash=browser_hash)
    # Durable here, or nothing was changed.
    found = await current(rt, found.id)
    if given:
        return found
    if not await reject_reasons.was_in(rt.database.reader, found.id, browser_hash):
        raise NotRejectedHere
    if found.rejection is not None and found.rejection.reason is not None:
        raise ReasonGiven
    raise ReasonLate


async def takes_reason(rt: Runtime, confirmation: Confirmation, browser: str | None) -> bool:
    """Whether `give_reason` would take a reason from this browser now."""
    rejection = confirmation.rejection
    if rejection is None or rejection.reason is not None or browser is None:
        return False  # without a look at the rows, which would say the same
    browser_hash = digest_for(confirmation.id, browser)
    return await reject_reasons.is_wanted(rt.database.reader, confirmation.id, browser_hash)
