"""Webhooks: who is told of decisions."""

from dataclasses import dataclass, field, replace

from cosignet.core.delivery import RotationUnderWay, TooManyWebhooks, Webhook, WebhookEnded
from cosignet.core.errors import NotFound
from cosignet.core.idempotency import Keeping
from cosignet.core.webhook import SECRET_BYTES, WEBHOOKS_MAX, mint_secret
from cosignet.core.webhook_url import parse_webhook_url
from cosignet.server.ledger import keep_answer
from cosignet.server.runtime import Runtime
from cosignet.server.secret import webhook_purpose
from cosignet.server.store import deliveries, installation, webhooks
from cosignet.server.store.db import Reader


@dataclass(frozen=True, slots=True)
class MintedWebhook:
    """A webhook with a new secret, which is shown now and never again."""

    webhook: Webhook
    secret: str = field(repr=False)


async def register(
    rt: Runtime,
    organisation_id: str,
    *,
    url: str,
    events: tuple[str, ...],
    keeping: Keeping[MintedWebhook] | None = None,
) -> MintedWebhook:
    """Tell an endpoint of every decision that is made after this has returned.

    Raises:
        FieldInvalid: the URL is none, or leads where webhooks do not go.
        TooManyWebhooks: the organisation has as many as it may.
        IdempotencyInProgress: the same request has registered it already.
    """
    parse_webhook_url(url, allow_private=rt.outside.allow_private)
    minted = _mint(rt, organisation_id, url, events)
    async with rt.database.transaction() as tx:
        await keep_answer(tx, keeping, minted)
        # Two at once would each see room for one more.
        await tx.lock("organisations", organisation_id)
        if await webhooks.count(tx, organisation_id) >= WEBHOOKS_MAX:
            raise TooManyWebhooks
        sealed = _seal(rt, minted.webhook.id, minted.secret)
        await webhooks.insert(tx, minted.webhook, sealed=sealed)
    # Committed: whatever is decided from now on sees it. What had begun before ends before this
    # returns, so that whoever looks then at what is pending misses nothing.
    async with rt.database.transaction() as tx:
        await webhooks.outlast_decisions(tx, organisation_id)
    return minted


def _mint(rt: Runtime, organisation_id: str, url: str, events: tuple[str, ...]) -> MintedWebhook:
    webhook = Webhook(
        id=rt.new_id(),
        organisation_id=organisation_id,
        url=url,
        events=events,
        created_at=rt.clock(),
        rotated_at=None,
        old_secret_ends_at=None,
        failing_since=None,
        disabled_at=None,
        disabled_reason=None,
        revoked_at=None,
    )
    return MintedWebhook(webhook, mint_secret(rt.random(SECRET_BYTES)))


def _seal(rt: Runtime, webhook_id: str, secret: str) -> bytes:
    return rt.seal(secret.encode(), purpose=webhook_purpose(webhook_id))


async def list_all(rt: Runtime, organisation_id: str) -> list[Webhook]:
    """Return an organisation's webhooks, newest first, revoked ones included."""
    return await webhooks.all_of(rt.database.reader, organisation_id)


async def rotate(
    rt: Runtime,
    organisation_id: str,
    webhook_id: str,
    *,
    overlap_seconds: int,
    keeping: Keeping[MintedWebhook] | None = None,
) -> MintedWebhook:
    """Give a webhook another secret; the one before signs, too, for `overlap_seconds`.

    Raises:
        NotFound: the organisation has no such webhook.
        WebhookEnded: it was revoked.
        RotationUnderWay: there are two secrets already, and this would make a third.
        IdempotencyInProgress: the same request has rotated it already.
    """
    secret = mint_secret(rt.random(SECRET_BYTES))
    sealed = _seal(rt, webhook_id, secret)
    async with rt.database.transaction() as tx:
        found = await _own(tx, organisation_id, webhook_id)
        now = await installation.now(tx)
        ends_at = now + overlap_seconds * 1000
        minted = MintedWebhook(replace(found, rotated_at=now, old_secret_ends_at=ends_at), secret)
        await keep_answer(tx, keeping, minted)
        if not await webhooks.rotate(tx, webhook_id, sealed=sealed, now=now, old_ends_at=ends_at):
            raise WebhookEnded if found.revoked_at is not None else RotationUnderWay
    return minted


async def revoke(rt: Runtime, organisation_id: str, webhook_id: str) -> Webhook:
    """Send an endpoint nothing more, for ever; doing it again changes nothing.

    Raises:
        NotFound: the organisation has no such webhook.
    """
    async with rt.database.transaction() as tx:
        await _own(tx, organisation_id, webhook_id)
        await webhooks.revoke(tx, webhook_id)
        await deliveries.bury(tx, webhook_id)
        return await _own(tx, organisation_id, webhook_id)


async def enable(rt: Runtime, organisation_id: str, webhook_id: str) -> Webhook:
    """Send to an endpoint again that was given up; what it missed is redelivered on demand.

    Raises:
        NotFound: the organisation has no such webhook.
        WebhookEnded: it was revoked.
    """
    async with rt.database.transaction() as tx:
        await _own(tx, organisation_id, webhook_id)
        if not await webhooks.enable(tx, webhook_id):
            raise WebhookEnded
        return await _own(tx, organisation_id, webhook_id)


async def _own(reader: Reader, organisation_id: str, webhook_id: str) -> Webhook:
    found = await webhooks.get(reader, organisation_id, webhook_id)
    if found is None:
        raise NotFound
    return found
