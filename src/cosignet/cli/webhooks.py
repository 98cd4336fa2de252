"""`cosignet webhook`: who is told of decisions, and what they were told."""

import argparse
from typing import Any

from cosignet.cli.output import print_secret, print_table, say, with_runtime
from cosignet.core.delivery import DeliveryStatus
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldInvalid
from cosignet.core.webhook import DECISION_EVENTS, ROTATION_SECONDS_MAX, parse_events
from cosignet.core.wire import time_or_null
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, redeliver, webhook
from cosignet.server.services.redeliver import Told
from cosignet.server.services.webhook import MintedWebhook, Webhook

KEEP = "Keep it: it is stored encrypted and not shown again."


async def _organisation_id(rt: Runtime) -> str:
    return (await access.default_organisation(rt)).id


def create(options: argparse.Namespace) -> int:
    """Register a webhook."""
    events = parse_events(options.event or DECISION_EVENTS, field="--event")

    async def work(rt: Runtime) -> MintedWebhook:
        return await webhook.register(
            rt, await _organisation_id(rt), url=options.url, events=events
        )

    return _print_minted(options, with_runtime(work))


def list_all(options: argparse.Namespace) -> int:
    """List webhooks."""

    async def work(rt: Runtime) -> list[Webhook]:
        return await webhook.list_all(rt, await _organisation_id(rt))

    print_table(options, [_describe(one) for one in with_runtime(work)])
    return 0


def rotate(options: argparse.Namespace) -> int:
    """Give a webhook another secret."""
    overlap = options.overlap
    if not 0 <= overlap <= ROTATION_SECONDS_MAX:
        raise FieldInvalid(f"0 to {ROTATION_SECONDS_MAX} seconds", field="--overlap")

    async def work(rt: Runtime) -> MintedWebhook:
        organisation_id = await _organisation_id(rt)
        return await webhook.rotate(rt, organisation_id, options.id, overlap_seconds=overlap)

    minted = with_runtime(work)
    _print_minted(options, minted)
    say(f"The old one signs, too, until {time_or_null(minted.webhook.old_secret_ends_at)}.")
    return 0


def revoke(options: argparse.Namespace) -> int:
    """End a webhook."""

    async def work(rt: Runtime) -> Webhook:
        return await webhook.revoke(rt, await _organisation_id(rt), options.id)

    print_table(options, [_describe(with_runtime(work))])
    return 0


def enable(options: argparse.Namespace) -> int:
    """Send to a disabled webhook again."""

    async def work(rt: Runtime) -> Webhook:
        return await webhook.enable(rt, await _organisation_id(rt), options.id)

    print_table(options, [_describe(with_runtime(work))])
    return 0


def test(options: argparse.Namespace) -> int:
    """Have a running server send a test."""

    async def work(rt: Runtime) -> Told:
        return await redeliver.test(rt, await _organisation_id(rt), options.id)

    print_table(options, [_delivery(with_runtime(work))])
    return 0


def deliveries(options: argparse.Namespace) -> int:
    """List the latest deliveries."""

    async def work(rt: Runtime) -> redeliver.Page:
        return await redeliver.page(
            rt,
            await _organisation_id(rt),
            webhook_id=options.webhook,
            confirmation_id=options.confirmation,
            status=None if options.status is None else DeliveryStatus(options.status),
            before=None,
            limit=options.limit,
        )

    print_table(options, [_delivery(told) for told in with_runtime(work).items])
    return 0


def send_again(options: argparse.Namespace) -> int:
    """Have a running server send a delivery again."""

    async def work(rt: Runtime) -> Told:
        return await redeliver.redeliver(rt, await _organisation_id(rt), options.id)

    print_table(options, [_delivery(with_runtime(work))])
    return 0


def _print_minted(options: argparse.Namespace, minted: MintedWebhook) -> int:
    print_secret(options, minted.secret, _describe(minted.webhook) | {"secret": minted.secret})
    say(f"The webhook is {minted.webhook.id}.", KEEP)
    return 0


def _describe(found: Webhook) -> dict[str, Any]:
    return {
        "id": found.id,
        "url": found.url,
        "events": list(found.events),
        "createdAt": rfc3339(found.created_at),
        "failingSince": time_or_null(found.failing_since),
        "disabledAt": time_or_null(found.disabled_at),
        "disabledReason": found.disabled_reason,
        "revokedAt": time_or_null(found.revoked_at),
    }


def _delivery(told: Told) -> dict[str, Any]:
    found, made = told.delivery, list(told.attempts)
    last = made[-1] if made else None
    return {
        "id": found.id,
        "webhookId": found.webhook_id,
        "confirmationId": found.confirmation_id,
        "event": str(found.event),
        "status": str(found.status),
        "occurredAt": rfc3339(found.occurred_at),
        "attempts": len(made),
        "last": last and (last.error or last.status),
        "nextAttemptAt": time_or_null(found.next_attempt_at),
    }
