"""Webhook deliveries. Written with the decision they tell of; sent later, from these rows.

A claim is the row's own: it counts the attempt, and sets the time at which the delivery is due
again if whoever claimed it says nothing. What they say later counts only while that attempt is
still the last one.
"""

from cosignet.core.delivery import Claim, Delivery, DeliveryStatus
from cosignet.core.webhook import Event
from cosignet.server.store.db import Reader, Row, Transaction

TOPIC = "delivery"
"""Notified with a webhook's id when there is something to be sent to it."""
_SELECT = """
SELECT id, organisation_id, webhook_id, confirmation_id, event, status, occurred_at, failures,
       next_attempt_at, attempts
FROM deliveries
"""


async def subscribed(reader: Reader, organisation_id: str, event: str) -> list[str]:
    """Return ids of the webhooks an event goes to; disabled ones, too: theirs is a dead letter."""
    rows = await reader.fetch(
        "SELECT id FROM webhooks WHERE organisation_id = $1 AND revoked_at IS NULL"
        " AND events LIKE '% ' || $2 || ' %' ORDER BY id",
        organisation_id,
        event,
    )
    return [row["id"] for row in rows]


def append(tx: Transaction, delivery: Delivery) -> None:
    """Owe a delivery."""
    tx.append(
        "INSERT INTO deliveries (id, organisation_id, webhook_id, confirmation_id, event, status,"
        " occurred_at, next_attempt_at)",
        delivery.id,
        delivery.organisation_id,
        delivery.webhook_id,
        delivery.confirmation_id,
        delivery.event,
        delivery.status,
        delivery.occurred_at,
        delivery.next_attempt_at,
    )
    tx.notify(TOPIC, delivery.webhook_id)


async def claim(tx: Transaction, webhook_id: str, *, limit: int, lease_ms: int) -> list[Claim]:
    """Begin an attempt at each of the deliveries that are due; the webhook is locked."""
    rows = await tx.fetch(
        "UPDATE deliveries SET leased = TRUE, attempts = attempts + 1,"
        " next_attempt_at = clock_ms() + $3 WHERE id IN (SELECT id FROM deliveries"
        "  WHERE webhook_id = $1 AND status = 'pending' AND next_attempt_at <= clock_ms()"
        "  ORDER BY next_attempt_at LIMIT $2)"
        " RETURNING id, organisation_id, webhook_id, confirmation_id, event, status, occurred_at,"
        "  failures, next_attempt_at, attempts",
        webhook_id,
        limit,
        lease_ms,
    )
    deliveries = [_delivery(row) for row in rows]
    return [Claim(one, (one.next_attempt_at or 0) - lease_ms) for one in deliveries]


async def end(tx: Transaction, claim: Claim, status: DeliveryStatus) -> bool:
    """End a delivery; whether the claim still counted."""
    changed = await tx.execute(
        "UPDATE deliveries SET status = $3, leased = FALSE, next_attempt_at = NULL,"
        " ended_at = clock_ms(), failures = failures + $4"
        " WHERE id = $1 AND attempts = $2 AND status = 'pending'",
        claim.delivery.id,
        claim.delivery.attempts_made,
        status,
        int(status is DeliveryStatus.DEAD_LETTER),
    )
    return changed == 1


async def put_off(tx: Transaction, claim: Claim, *, delay_ms: int) -> bool:
    """Try a delivery again later; whether the claim still counted."""
    changed = await tx.execute(
        "UPDATE deliveries SET leased = FALSE, next_attempt_at = clock_ms() + $3,"
        " failures = failures + 1 WHERE id = $1 AND attempts = $2 AND status = 'pending'",
        claim.delivery.id,
        claim.delivery.attempts_made,
        delay_ms,
    )
    return changed == 1


async def bury(tx: Transaction, webhook_id: str) -> int:
    """End what a webhook that is not live was owed, but for attempts that are under way."""
    return await tx.execute(
        "UPDATE deliveries SET status = 'dead_letter', leased = FALSE, next_attempt_at = NULL,"
        " ended_at = clock_ms() WHERE webhook_id = $1 AND status = 'pending'"
        " AND (NOT leased OR next_attempt_at <= clock_ms())",
        webhook_id,
    )


async def revive(tx: Transaction, delivery: Delivery) -> None:
    """Make a delivery due now, with all its attempts again if it had ended.

    One whose attempt is under way stays as it is.
    """
    await tx.execute(
        "UPDATE deliveries SET failures = CASE status WHEN 'pending' THEN failures ELSE 0 END,"
        " status = 'pending', leased = FALSE, ended_at = NULL, next_attempt_at = clock_ms()"
        " WHERE id = $1 AND (NOT leased OR next_attempt_at <= clock_ms())",
        delivery.id,
    )
    tx.notify(TOPIC, delivery.webhook_id)


async def revive_failed(tx: Transaction, webhook_id: str, *, since: int) -> int:
    """Make every decision due again that became a dead letter since a time; return how many."""
    count = await tx.execute(
        "UPDATE deliveries SET failures = 0, status = 'pending', ended_at = NULL,"
        " next_attempt_at = clock_ms() WHERE webhook_id = $1 AND status = 'dead_letter'"
        " AND ended_at >= $2 AND event <> 'test'",
        webhook_id,
        since,
    )
    tx.notify(TOPIC, webhook_id)
    return count


async def page(
    reader: Reader,
    organisation_id: str,
    *,
    webhook_id: str | None,
    confirmation_id: str | None,
    status: DeliveryStatus | None,
    before: tuple[int, str] | None,
    limit: int,
) -> list[Delivery]:
    """Return an organisation's deliveries, newest first, older than `before` (time, id)."""
    at, last = before or (2**62, "")
    rows = await reader.fetch(
        _SELECT + "WHERE organisation_id = $1 AND (occurred_at, id) < ($2, $3)"
        " AND (webhook_id = $4 OR $4 = '') AND (confirmation_id = $5 OR $5 = '')"
        " AND (status = $6 OR $6 = '') ORDER BY occurred_at DESC, id DESC LIMIT $7",
        organisation_id,
        at,
        last,
        webhook_id or "",
        confirmation_id or "",
        status or "",
        limit,
    )
    return [_delivery(row) for row in rows]


async def get(reader: Reader, organisation_id: str, delivery_id: str) -> Delivery | None:
    """Return a delivery by id."""
    row = await reader.fetch_one(
        _SELECT + "WHERE organisation_id = $1 AND id = $2", organisation_id, delivery_id
    )
    return None if row is None else _delivery(row)


def _delivery(row: Row) -> Delivery:
    id_, organisation_id, webhook_id, confirmation_id, event, status, *rest = row
    return Delivery(
        id_,
        organisation_id,
        webhook_id,
        confirmation_id,
        Event(event),
        DeliveryStatus(status),
        *rest,
    )
