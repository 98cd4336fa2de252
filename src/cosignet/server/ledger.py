"""What several services write and read inside their own transactions.

The truth about a confirmation, and the webhook deliveries that every decision owes, in the same
transaction, so that none is ever missing or doubled. Log leaves are in `entries.py`.
"""

from cosignet.core.access_errors import RoleMissing
from cosignet.core.challenge import CeremonyPurpose, ceremony_challenge
from cosignet.core.confirmation import Confirmation, Status
from cosignet.core.delivery import owed
from cosignet.core.errors import (
    AlreadyDecided,
    ApproverNotActivated,
    ApproverRevoked,
    CeremonyGone,
    NotFound,
    Unavailable,
)
from cosignet.core.idempotency import IdempotencyInProgress, Keeping, Made
from cosignet.core.private_view import Locked
from cosignet.core.webhook import Event
from cosignet.server.runtime import Runtime
from cosignet.server.secret import digest
from cosignet.server.store import (
    approvers,
    ceremonies,
    confirmations,
    deliveries,
    idempotency_keys,
    organisations,
    private_views,
)
from cosignet.server.store.ceremonies import Ceremony
from cosignet.server.store.db import Reader, Transaction
from cosignet.server.store.organisations import Organisation

CEREMONY_MS = 300_000
"""How long a passkey prompt of registration or practice stays open."""
_EVENTS = {status: Event(status) for status in Status if status is not Status.PENDING}
MONITOR_KEY_PURPOSE = "monitor-key"


async def keep_answer(tx: Transaction, keeping: Keeping[Made] | None, made: Made) -> None:
    """Record how a request is answered when it comes again, in the transaction that carries it out.

    Raises:
        IdempotencyInProgress: another one was first, or is about to be.
    """
    if keeping is None:
        return
    if not await idempotency_keys.claim(tx, keeping.once, keeping.answer(made)):
        raise IdempotencyInProgress


async def current(rt: Runtime, confirmation_id: str) -> Confirmation:
    """Return a confirmation as it is; perform its expiry first if that is due.

    Whether it is due is the database's to say: by a node's clock that runs ahead it may be pending
    a moment longer.

    Raises:
        NotFound: there is none.
        Unavailable: the expiry could not be performed; it is never just assumed.
    """
    found = await confirmations.get(rt.database.reader, confirmation_id)
    if found is None:
        raise NotFound
    if found.decided or found.expires_at > rt.clock():
        return found
    await expire(rt, found)
    found = await confirmations.get(rt.database.reader, confirmation_id)
    if found is None:
        raise Unavailable("the expiry could not be performed")
    return found


async def after_refusal(rt: Runtime, confirmation_id: str) -> Confirmation:
    """Return a confirmation as it is after the database refused to change it.

    It may have been too late by the database's clock, and not yet by a node's that is behind it.

    Raises:
        NotFound, Unavailable.
    """
    found = await current(rt, confirmation_id)
    if found.decided:
        return found
    await expire(rt, found)
    return await current(rt, confirmation_id)


async def visible(rt: Runtime, confirmation_id: str, view: str | None) -> Confirmation:
    """Return a confirmation to whoever has its link, a private one in an unlocked browser alone.

    `view` is the secret such a browser has. All that a page shows or does begins here.

    Raises:
        NotFound, Unavailable.
        Locked: it is private, and nothing of it is told, not even whether it is decided.
    """
    found = await current(rt, confirmation_id)
    if found.private and not await private_views.is_open(
        rt.database.reader, found.id, digest(view or "")
    ):
        raise Locked
    return found


async def pending(rt: Runtime, confirmation_id: str, view: str | None) -> Confirmation:
    """Return a confirmation that is visible and can still be decided.

    Raises:
        NotFound, Locked, AlreadyDecided, Unavailable.
    """
    found = await visible(rt, confirmation_id, view)
    if found.decided:
        raise already_decided(found)
    return found


async def require_may_decide(reader: Reader, confirmation: Confirmation) -> None:
    """Let the approver who was asked through, if they may decide at all.

    Raises:
        ApproverRevoked, ApproverNotActivated.
        RoleMissing: they only read, since they were asked.
    """
    approver = await approvers.get(reader, confirmation.approver_id)
    if approver is None or approver.revoked_at is not None:
        raise ApproverRevoked
    if approver.activated_at is None:
        raise ApproverNotActivated
    if not approver.may_decide:
        raise RoleMissing


def already_decided(confirmation: Confirmation) -> AlreadyDecided:
    """Return the refusal that tells a loser which status won."""
    return AlreadyDecided(
        f"It is {confirmation.status}.", confirmationStatus=str(confirmation.status)
    )


async def expire(rt: Runtime, confirmation: Confirmation) -> None:
    """Perform an expiry if it is due and nobody decided first."""
    async with rt.database.transaction() as tx:
        at = await confirmations.expire(tx, confirmation.id)
        if at is not None:
            await owe_deliveries(rt, tx, confirmation, Status.EXPIRED, at=at)
    if at is not None:
        rt.meter.decided(Status.EXPIRED)


async def owe_deliveries(
    rt: Runtime, tx: Transaction, confirmation: Confirmation, status: Status, *, at: int
) -> None:
    """Write one delivery for each webhook that wants this decision (`at` in unix ms)."""
    event, organisation_id = _EVENTS[status], confirmation.organisation_id
    for webhook_id in await deliveries.subscribed(tx, organisation_id, event):
        delivery = owed(
            rt.new_id(),
            organisation_id=organisation_id,
            webhook_id=webhook_id,
            confirmation_id=confirmation.id,
            event=event,
            at=at,
        )
        deliveries.append(tx, delivery)


async def organisation_of(reader: Reader, organisation_id: str) -> Organisation:
    """Return an organisation that has to be there.

    Raises:
        NotFound: it is not.
    """
    found = await organisations.get(reader, organisation_id)
    if found is None:
        raise NotFound
    return found


async def open_ceremony(
    rt: Runtime,
    purpose: CeremonyPurpose,
    subject: str,
    organisation_id: str,
    user_handle: bytes | None,
) -> bytes:
    """Open a passkey prompt other than an approval's and return its challenge."""
    challenge = ceremony_challenge(purpose, rt.random(32))
    ceremony = Ceremony(
        purpose, subject, organisation_id, challenge, user_handle, rt.clock() + CEREMONY_MS
    )
    async with rt.database.transaction() as tx:
        await ceremonies.open_(tx, ceremony)
    return challenge


async def take_ceremony(rt: Runtime, purpose: CeremonyPurpose, subject: str) -> Ceremony:
    """Use an open prompt up, durably, before a byte of its answer is looked at.

    Raises:
        CeremonyGone: there is none, or it is too late.
    """
    async with rt.database.transaction() as tx:
        ceremony = await ceremonies.take(tx, purpose, subject)
    if ceremony is None:
        raise CeremonyGone
    return ceremony
