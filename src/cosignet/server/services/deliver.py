"""Delivering: claim what is due, commit, post, and write down how that went.

A crash after the claim leaves a lease that ends by itself, and the delivery is sent again: at least
once, never lost. The receiver tells by the delivery's id that it was the same.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from cosignet import __version__
from cosignet.core.confirmation import Confirmation
from cosignet.core.delivery import Attempt, Claim, DeliveryStatus, DisabledReason, Webhook
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldInvalid
from cosignet.core.webhook import (
    DISABLED_AFTER_SECONDS,
    GONE,
    delay_seconds,
    retry_after_seconds,
    sign,
)
from cosignet.core.webhook_url import Target, parse_webhook_url
from cosignet.core.wire import decision
from cosignet.server.outbound.http import Answered, NotSent
from cosignet.server.runtime import Runtime
from cosignet.server.secret import webhook_purpose
from cosignet.server.store import attempts, confirmations, deliveries, webhooks
from cosignet.server.store.db import Transaction
from cosignet.server.store.webhooks import Due

ENDED = "the webhook was revoked or disabled"
_JITTER_BYTES = 4
log = logging.getLogger("cosignet")


@dataclass(frozen=True, slots=True)
class _Letter:
    """What one attempt sends."""

    target: Target
    headers: dict[str, str]
    body: bytes

    @property
    def head(self) -> str:
        """The request's head, to be kept."""
        lines = [f"POST {self.target.path} HTTP/1.1", f"Host: {self.target.authority}"]
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in self.headers.items())])


async def due(rt: Runtime) -> list[Due]:
    """Return the webhooks that have deliveries to be made."""
    return await webhooks.due(rt.database.reader)


async def claim(rt: Runtime, shares: Mapping[Due, int]) -> list[Claim]:
    """Claim deliveries that are due, durably, no more of each webhook than its share."""
    # At once, so that they share a commit.
    claiming = (_claim_of(rt, *share) for share in shares.items() if share[1] > 0)
    return [claim for claims in await asyncio.gather(*claiming) for claim in claims]


async def _claim_of(rt: Runtime, due: Due, limit: int) -> list[Claim]:
    async with rt.database.transaction() as tx:
        await tx.lock("webhooks", due.id)
        if not due.live:
            await deliveries.bury(tx, due.id)
            return []
        lease_ms = round(rt.limits.lease_seconds * 1000)
        claims = await deliveries.claim(tx, due.id, limit=limit, lease_ms=lease_ms)
        for one in claims:
            attempts.append(tx, one)
    return claims


async def attempt(rt: Runtime, claim: Claim) -> None:
    """Make the attempt that was claimed, and write down how it went.

    Raises:
        Unavailable: that could not be written down; the delivery will be sent again.
    """
    owed = claim.delivery
    webhook = await webhooks.get(rt.database.reader, owed.organisation_id, owed.webhook_id)
    if webhook is None or not webhook.live:
        async with rt.database.transaction() as tx:
            await attempts.record(tx, claim, _made(claim, error=ENDED))
            await deliveries.end(tx, claim, DeliveryStatus.DEAD_LETTER)
        return
    started = time.monotonic()
    letter = answered = error = None
    try:
        letter = await _write(rt, claim, webhook)
        answered = await rt.outside.post(letter.target, letter.headers, letter.body)
    except NotSent as failure:
        error = str(failure)
    except FieldInvalid as failure:
        # The operator has forbidden meanwhile what was allowed when it was registered.
        error = f"its URL is not accepted: {failure.detail}"
    made = _made(
        claim,
        answered=answered,
        error=error,
        duration_ms=round((time.monotonic() - started) * 1000),
        request=None if letter is None else letter.head,
    )
    await _record(rt, claim, webhook, made, answered)


async def _write(rt: Runtime, claim: Claim, webhook: Webhook) -> _Letter:
    owed = claim.delivery
    target = parse_webhook_url(webhook.url, allow_private=rt.outside.allow_private)
    about = None
    if owed.confirmation_id is not None:
        found = await confirmations.get(rt.database.reader, owed.confirmation_id)
        about = None if found is None else _told(found, rt.public_url)
    body = orjson.dumps(
        {
            "id": owed.id,
            "event": owed.event,
            "timestamp": rfc3339(claim.at),
            "occurredAt": rfc3339(owed.occurred_at),
            "confirmation": about,
        }
    )
    headers = {
        "User-Agent": f"Cosignet/{__version__}",
        "Content-Type": "application/json",
        **sign(
            delivery_id=owed.id,
            event=owed.event,
            at=claim.at,
            body=body,
            secrets=await _secrets(rt, webhook.id),
        ),
    }
    return _Letter(target, headers, body)


def _told(confirmation: Confirmation, public_url: str) -> dict[str, Any]:
    """Return what any key reads of it, but for the payload: it stays where it was asked for."""
    signature = confirmation.signature
    return decision(confirmation, public_url) | {
        "matchCode": None,
        "rawAssertion": None if signature is None else orjson.Fragment(signature.raw_assertion),
    }


async def _secrets(rt: Runtime, webhook_id: str) -> list[str]:
    """Return the present secret, and the one before while that counts."""
    sealed = await webhooks.secrets(rt.database.reader, webhook_id)
    purpose = webhook_purpose(webhook_id)
    return [rt.sealer.unseal(one, purpose=purpose).decode() for one in sealed]


async def _record(
    rt: Runtime, claim: Claim, webhook: Webhook, made: Attempt, answered: Answered | None
) -> None:
    succeeded = answered is not None and 200 <= answered.status < 300
    async with rt.database.transaction() as tx:
        if not succeeded or webhook.failing_since is not None:
            # Whoever changes the webhook locks it before its deliveries.
            await tx.lock("webhooks", webhook.id)
        await attempts.record(tx, claim, made)
        if not succeeded:
            await _put_off(rt, tx, claim, answered)
        elif await deliveries.end(tx, claim, DeliveryStatus.DELIVERED) and webhook.failing_since:
            await webhooks.note_success(tx, webhook.id)


async def _put_off(rt: Runtime, tx: Transaction, claim: Claim, answered: Answered | None) -> None:
    """Try again later, if there is a later; give the endpoint up, if it is gone or long dead."""
    owed = claim.delivery
    failing_ms = await webhooks.note_failure(tx, owed.webhook_id)
    delay = delay_seconds(
        owed.event,
        failures=owed.failures + 1,
        asked_for=answered and retry_after_seconds(answered.retry_after, now_ms=rt.clock()),
        jitter=int.from_bytes(rt.random(_JITTER_BYTES)) / 256**_JITTER_BYTES,
    )
    if delay is None:
        await deliveries.end(tx, claim, DeliveryStatus.DEAD_LETTER)
    else:
        await deliveries.put_off(tx, claim, delay_ms=round(delay * 1000))
    if answered is not None and answered.status == GONE:
        await _give_up(tx, owed.webhook_id, "gone")
    elif failing_ms >= DISABLED_AFTER_SECONDS * 1000:
        await _give_up(tx, owed.webhook_id, "failing")


async def _give_up(tx: Transaction, webhook_id: str, reason: DisabledReason) -> None:
    if await webhooks.disable(tx, webhook_id, reason):
        log.warning("webhook %s is disabled: %s", webhook_id, reason)
    await deliveries.bury(tx, webhook_id)


def _made(
    claim: Claim,
    *,
    answered: Answered | None = None,
    error: str | None = None,
    duration_ms: int = 0,
    request: str | None = None,
) -> Attempt:
    return Attempt(
        number=claim.number,
        at=claim.at,
        status=None if answered is None else answered.status,
        duration_ms=duration_ms,
        error=error,
        request=request,
        response=None if answered is None else answered.head,
    )
