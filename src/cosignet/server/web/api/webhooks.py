"""`/api/webhooks`: endpoints that are told of decisions."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response

from cosignet.core.delivery import Webhook
from cosignet.core.encoding import rfc3339
from cosignet.core.idempotency import Kept
from cosignet.core.webhook import (
    DECISION_EVENTS,
    ROTATION_SECONDS_DEFAULT,
    ROTATION_SECONDS_MAX,
    URL_CHARACTERS_MAX,
    parse_events,
)
from cosignet.core.wire import time_or_null
from cosignet.server.services import redeliver, webhook
from cosignet.server.services.webhook import MintedWebhook
from cosignet.server.web.answers import json_answer
from cosignet.server.web.api.deliveries import describe as describe_delivery
from cosignet.server.web.call import Body, Call, Nothing
from cosignet.server.web.idempotency import kept_answer
from cosignet.server.web.times import parse_time


def _all_events() -> list[str]:
    return [str(event) for event in DECISION_EVENTS]


class RegisterWebhook(Body):
    """Where to send what."""

    url: Annotated[str, Field(max_length=URL_CHARACTERS_MAX, description="https, and public.")]
    events: Annotated[
        list[str],
        Field(
            max_length=len(DECISION_EVENTS),
            default_factory=_all_events,
            json_schema_extra={
                "minItems": 1,
                "items": {"type": "string", "enum": [*DECISION_EVENTS]},
            },
        ),
    ]


class RotateWebhook(Body):
    """How a webhook's secret is replaced."""

    overlapSeconds: Annotated[
        int,
        Field(ge=0, le=ROTATION_SECONDS_MAX, description="How long the old secret signs, too."),
    ] = ROTATION_SECONDS_DEFAULT


class RedeliverFailed(Body):
    """What is sent again."""

    since: Annotated[
        str,
        Field(
            max_length=40,
            description="Dead letters since then, RFC 3339.",
            json_schema_extra={"format": "date-time"},
        ),
    ]


async def register(call: Call, body: RegisterWebhook) -> Response:
    """Register a webhook; its secret is in this answer and in no other."""
    minted = await webhook.register(
        call.runtime,
        call.api_key.organisation_id,
        url=body.url,
        events=parse_events(body.events, field="events"),
        keeping=call.keeping(_kept),
    )
    return json_answer(with_secret(minted), 201)


async def list_(call: Call) -> Response:
    """List the organisation's webhooks; secrets are never shown again."""
    found = await webhook.list_all(call.runtime, call.api_key.organisation_id)
    return json_answer({"items": [describe(one) for one in found]})


async def revoke(call: Call, _: Nothing) -> Response:
    """End a webhook at once, for ever."""
    return json_answer(describe(await webhook.revoke(call.runtime, *_which(call))))


async def enable(call: Call, _: Nothing) -> Response:
    """Send to a disabled webhook again."""
    return json_answer(describe(await webhook.enable(call.runtime, *_which(call))))


async def rotate(call: Call, body: RotateWebhook) -> Response:
    """Give a webhook another secret; the old one signs, too, for as long as you say."""
    minted = await webhook.rotate(
        call.runtime,
        *_which(call),
        overlap_seconds=body.overlapSeconds,
        keeping=call.keeping(partial(_kept, status=200)),
    )
    return json_answer(with_secret(minted))


async def test(call: Call, _: Nothing) -> Response:
    """Send a webhook a delivery that tells of no confirmation."""
    told = await redeliver.test(
        call.runtime,
        *_which(call),
        call.keeping(lambda told: kept_answer(describe_delivery(told))),
    )
    return json_answer(describe_delivery(told), 201)


async def redeliver_failed(call: Call, body: RedeliverFailed) -> Response:
    """Send all again that became a dead letter since a time."""
    since = parse_time(body.since, field="since")
    count = await redeliver.redeliver_failed(call.runtime, *_which(call), since=since)
    return json_answer({"redelivered": count})


def describe(found: Webhook) -> dict[str, Any]:
    """Return what may be shown of a webhook at any time."""
    return {
        "id": found.id,
        "url": found.url,
        "events": found.events,
        "createdAt": rfc3339(found.created_at),
        "rotatedAt": time_or_null(found.rotated_at),
        "oldSecretEndsAt": time_or_null(found.old_secret_ends_at),
        "failingSince": time_or_null(found.failing_since),
        "disabledAt": time_or_null(found.disabled_at),
        "disabledReason": found.disabled_reason,
        "revokedAt": time_or_null(found.revoked_at),
    }


def with_secret(minted: MintedWebhook) -> dict[str, Any]:
    """Return a webhook with its new secret, which is shown once."""
    return describe(minted.webhook) | {"secret": minted.secret}


def _kept(minted: MintedWebhook, status: int = 201) -> Kept:
    return kept_answer(with_secret(minted), status, omitted=("secret",))


def _which(call: Call) -> tuple[str, str]:
    return call.api_key.organisation_id, call.path("id")
