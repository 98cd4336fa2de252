"""Webhook deliveries. Written with the decision they tell of; sent later, from these rows."""

from cosignet.core.confirmation import Confirmation
from cosignet.server.store.db import Reader, Transaction


async def subscribed(reader: Reader, organisation_id: str, event: str) -> list[str]:
    """Return ids of the webhooks an event goes to."""
    rows = await reader.fetch(
        "SELECT id FROM webhooks WHERE organisation_id = $1 AND revoked_at IS NULL"
        " AND events LIKE '% ' || $2 || ' %' ORDER BY id",
        organisation_id,
        event,
    )
    return [row["id"] for row in rows]


def append(
    tx: Transaction, confirmation: Confirmation, *, id_: str, webhook_id: str, event: str, at: int
) -> None:
    """Owe one webhook one event."""
    tx.append(
        "INSERT INTO deliveries (id, organisation_id, webhook_id, confirmation_id, event, status,"
        " occurred_at, next_attempt_at)",
        id_,
        confirmation.organisation_id,
        webhook_id,
        confirmation.id,
        event,
        "pending",
        at,
        at,
    )
