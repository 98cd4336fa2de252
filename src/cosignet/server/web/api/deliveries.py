"""`/api/webhook-deliveries`: what webhooks were told, and telling them again."""

from typing import Any

from starlette.responses import Response

from cosignet.core.confirmation import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from cosignet.core.delivery import INTERRUPTED, Attempt, Delivery, DeliveryStatus
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldInvalid
from cosignet.core.wire import time_or_null
from cosignet.server.services import redeliver
from cosignet.server.services.redeliver import Told
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Call, Nothing
from cosignet.server.web.cursor import format_cursor, parse_cursor


async def list_(call: Call) -> Response:
    """List the organisation's deliveries, newest first, with their attempts."""
    page = await redeliver.page(
        call.runtime,
        call.api_key.organisation_id,
        webhook_id=call.query("webhookId"),
        confirmation_id=call.query("confirmationId"),
        status=_status(call.query("status")),
        before=parse_cursor(call.query("cursor")),
        limit=call.query_number("limit", default=PAGE_SIZE_DEFAULT, low=1, high=PAGE_SIZE_MAX),
    )
    items = [describe(told) for told in page.items]
    cursor = None if page.next_before is None else format_cursor(page.next_before)
    return json_answer({"items": items, "nextCursor": cursor})


async def read(call: Call) -> Response:
    """Read a delivery, with what each attempt has sent and got."""
    told = await redeliver.get_delivery(call.runtime, call.api_key.organisation_id, call.path("id"))
    return json_answer(describe(told, with_heads=True))


async def again(call: Call, _: Nothing) -> Response:
    """Send a delivery now, whatever became of it."""
    told = await redeliver.redeliver(call.runtime, call.api_key.organisation_id, call.path("id"))
    return json_answer(describe(told))


def describe(told: Told, *, with_heads: bool = False) -> dict[str, Any]:
    """Return what is shown of a delivery; heads of requests and answers only where asked for."""
    found = told.delivery
    return {
        "id": found.id,
        "webhookId": found.webhook_id,
        "confirmationId": found.confirmation_id,
        "event": found.event,
        "status": found.status,
        "occurredAt": rfc3339(found.occurred_at),
        "attempts": [_attempt(found, one, with_heads=with_heads) for one in told.attempts],
        "nextAttemptAt": time_or_null(found.next_attempt_at),
    }


def _attempt(delivery: Delivery, made: Attempt, *, with_heads: bool) -> dict[str, Any]:
    heads = {"request": made.request, "response": made.response} if with_heads else {}
    return {
        "at": rfc3339(made.at),
        "status": made.status,
        "durationMs": made.duration_ms,
        "error": INTERRUPTED if delivery.has_lost(made) else made.error,
    } | heads


def _status(text: str | None) -> DeliveryStatus | None:
    if text is None:
        return None
    if text not in list(DeliveryStatus):
        raise FieldInvalid("one of " + ", ".join(DeliveryStatus), field="status")
    return DeliveryStatus(text)
