"""Deliveries: what webhooks were told, and telling them again."""

from collections.abc import Iterable
from dataclasses import dataclass

from cosignet.core.delivery import Attempt, Delivery, DeliveryStatus, WebhookEnded, owed
from cosignet.core.errors import NotFound
from cosignet.core.idempotency import Keeping
from cosignet.core.webhook import Event
from cosignet.server.ledger import keep_answer
from cosignet.server.runtime import Runtime
from cosignet.server.store import attempts, deliveries, installation, webhooks
from cosignet.server.store.db import Reader, Transaction


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery and the attempts at it, in order."""

    delivery: Delivery
    attempts: Iterable[Attempt]


@dataclass(frozen=True, slots=True)
class Page:
    """Some deliveries, newest first, and where the next page begins."""

    items: list[Told]
    next_before: tuple[int, str] | None


async def test(
    rt: Runtime, organisation_id: str, webhook_id: str, keeping: Keeping[Told] | None = None
) -> Told:
    """Send an endpoint a delivery that tells of no confirmation, once.

    Raises:
        NotFound: the organisation has no such webhook.
        WebhookEnded: it is revoked or disabled.
        IdempotencyInProgress: the same request has sent one already.
    """
    async with rt.database.transaction() as tx:
        delivery = owed(
            rt.new_id(),
            organisation_id=organisation_id,
            webhook_id=webhook_id,
            confirmation_id=None,
            event=Event.TEST,
            at=await installation.now(tx),
        )
        await keep_answer(tx, keeping, Told(delivery, ()))
        await _require_live(tx, organisation_id, webhook_id)
        deliveries.append(tx, delivery)
    return Told(delivery, ())


async def page(
    rt: Runtime,
    organisation_id: str,
    *,
    webhook_id: str | None,
    confirmation_id: str | None,
    status: DeliveryStatus | None,
    before: tuple[int, str] | None,
    limit: int,
) -> Page:
    """Return a page of an organisation's deliveries."""
    found = await deliveries.page(
        rt.database.reader,
        organisation_id,
        webhook_id=webhook_id,
        confirmation_id=confirmation_id,
        status=status,
        before=before,
        limit=limit + 1,
    )
    some = found[:limit]
    made = await attempts.of(rt.database.reader, [one.id for one in some])
    last = some[-1] if len(found) > limit else None
    return Page(
        [Told(one, made.get(one.id, ())) for one in some],
        None if last is None else (last.occurred_at, last.id),
    )


async def get_delivery(rt: Runtime, organisation_id: str, delivery_id: str) -> Told:
    """Return a delivery with all that is known of its attempts.

    Raises:
        NotFound: the organisation has no such delivery.
    """
    found = await _own(rt.database.reader, organisation_id, delivery_id)
    made = await attempts.of(rt.database.reader, [found.id])
    return Told(found, made.get(found.id, ()))


async def redeliver(rt: Runtime, organisation_id: str, delivery_id: str) -> Told:
    """Send a delivery now, with all its attempts again if it had ended.

    One whose attempt is under way stays as it is.

    Raises:
        NotFound: the organisation has no such delivery.
        WebhookEnded: its webhook is revoked or disabled.
    """
    async with rt.database.transaction() as tx:
        found = await _own(tx, organisation_id, delivery_id)
        await _require_live(tx, organisation_id, found.webhook_id)
        await deliveries.revive(tx, found)
    return await get_delivery(rt, organisation_id, delivery_id)


async def redeliver_failed(
    rt: Runtime, organisation_id: str, webhook_id: str, *, since: int
) -> int:
    """Send all again that became a dead letter since then (unix ms); return how many.

    Raises:
        NotFound: the organisation has no such webhook.
        WebhookEnded: it is revoked or disabled.
    """
    async with rt.database.transaction() as tx:
        await _require_live(tx, organisation_id, webhook_id)
        return await deliveries.revive_failed(tx, webhook_id, since=since)


async def _own(reader: Reader, organisation_id: str, delivery_id: str) -> Delivery:
    found = await deliveries.get(reader, organisation_id, delivery_id)
    if found is None:
        raise NotFound
    return found


async def _require_live(tx: Transaction, organisation_id: str, webhook_id: str) -> None:
    """Let a webhook through that is sent something. If it ends meanwhile, its sender sees that."""
    found = await webhooks.get(tx, organisation_id, webhook_id)
    if found is None:
        raise NotFound
    if not found.live:
        raise WebhookEnded
