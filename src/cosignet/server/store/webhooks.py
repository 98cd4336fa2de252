"""Webhooks. Whoever changes a webhook and its deliveries locks the webhook first."""

from typing import NamedTuple

from cosignet.core.delivery import DisabledReason, Webhook
from cosignet.server.store.db import Reader, Row, Transaction

_SELECT = """
SELECT id, organisation_id, url, events, created_at, rotated_at, old_secret_ends_at, failing_since,
       disabled_at, disabled_reason, revoked_at
FROM webhooks
"""


class Due(NamedTuple):
    """A webhook that has deliveries to be made."""

    id: str
    live: bool
    failing: bool


async def insert(tx: Transaction, webhook: Webhook, *, sealed: bytes) -> None:
    """Store a webhook."""
    await tx.execute(
        "INSERT INTO webhooks (id, organisation_id, url, events, secret_sealed, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        webhook.id,
        webhook.organisation_id,
        webhook.url,
        f" {' '.join(webhook.events)} ",
        sealed,
        webhook.created_at,
    )


async def outlast_decisions(tx: Transaction, organisation_id: str) -> None:
    """Return when every decision has ended that may have begun before what is committed by now.

    SQLite has one writer: there none is under way.
    """
    await tx.fetch(
        "SELECT id FROM confirmations WHERE status = 'pending' AND organisation_id = $1 FOR SHARE",
        organisation_id,
    )


async def count(reader: Reader, organisation_id: str) -> int:
    """Return how many an organisation has, revoked ones not counted."""
    [row] = await reader.fetch(
        "SELECT count(*) AS found FROM webhooks WHERE organisation_id = $1 AND revoked_at IS NULL",
        organisation_id,
    )
    return row["found"]


async def all_of(reader: Reader, organisation_id: str) -> list[Webhook]:
    """Return an organisation's webhooks, newest first, revoked ones included."""
    rows = await reader.fetch(
        _SELECT + "WHERE organisation_id = $1 ORDER BY created_at DESC, id", organisation_id
    )
    return [_webhook(row) for row in rows]


async def get(reader: Reader, organisation_id: str, webhook_id: str) -> Webhook | None:
    """Return a webhook by id."""
    row = await reader.fetch_one(
        _SELECT + "WHERE organisation_id = $1 AND id = $2", organisation_id, webhook_id
    )
    return None if row is None else _webhook(row)


async def secrets(reader: Reader, webhook_id: str) -> list[bytes]:
    """Return what a webhook's attempts are signed with now, sealed: the newest first."""
    rows = await reader.fetch(
        "SELECT secret_sealed, CASE WHEN old_secret_ends_at > clock_ms() THEN old_secret_sealed END"
        " AS before FROM webhooks WHERE id = $1",
        webhook_id,
    )
    return [secret for row in rows for secret in row if secret is not None]


async def rotate(
    tx: Transaction, webhook_id: str, *, sealed: bytes, now: int, old_ends_at: int
) -> bool:
    """Replace the secret; whether it was not revoked, and the one before that has ended.

    If the old one ends now, all before it do.
    """
    changed = await tx.execute(
        "UPDATE webhooks SET secret_sealed = $2, old_secret_sealed = secret_sealed,"
        " rotated_at = $3, old_secret_ends_at = $4 WHERE id = $1 AND revoked_at IS NULL"
        " AND (CAST($4 AS BIGINT) <= $3 OR old_secret_ends_at IS NULL OR old_secret_ends_at <= $3)",
        webhook_id,
        sealed,
        now,
        old_ends_at,
    )
    return changed == 1


async def revoke(tx: Transaction, webhook_id: str) -> None:
    """End a webhook, for ever; doing it again changes nothing."""
    await tx.execute(
        "UPDATE webhooks SET revoked_at = clock_ms() WHERE id = $1 AND revoked_at IS NULL",
        webhook_id,
    )


async def enable(tx: Transaction, webhook_id: str) -> bool:
    """Send to a disabled webhook again; whether it is not revoked."""
    changed = await tx.execute(
        "UPDATE webhooks SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL"
        " WHERE id = $1 AND revoked_at IS NULL",
        webhook_id,
    )
    return changed == 1


async def disable(tx: Transaction, webhook_id: str, reason: DisabledReason) -> bool:
    """Send a webhook nothing more until it is enabled; whether it was live."""
    changed = await tx.execute(
        "UPDATE webhooks SET disabled_at = clock_ms(), disabled_reason = $2"
        " WHERE id = $1 AND disabled_at IS NULL AND revoked_at IS NULL",
        webhook_id,
        reason,
    )
    return changed == 1


async def note_success(tx: Transaction, webhook_id: str) -> None:
    """Note that an attempt has succeeded."""
    await tx.execute("UPDATE webhooks SET failing_since = NULL WHERE id = $1", webhook_id)


async def note_failure(tx: Transaction, webhook_id: str) -> int:
    """Note that an attempt has failed; return for how long (ms) all of them have."""
    [row] = await tx.fetch(
        "UPDATE webhooks SET failing_since = COALESCE(failing_since, clock_ms()) WHERE id = $1"
        " RETURNING clock_ms() - failing_since AS failing_ms",
        webhook_id,
    )
    return row["failing_ms"]


async def due(reader: Reader) -> list[Due]:
    """Return the webhooks that have deliveries to be made."""
    rows = await reader.fetch(
        "SELECT w.id, w.revoked_at IS NULL AND w.disabled_at IS NULL AS live,"
        " w.failing_since IS NOT NULL AS failing FROM webhooks w"
        " WHERE EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = w.id"
        "  AND d.status = 'pending' AND d.next_attempt_at <= clock_ms())"
    )
    return [Due(row["id"], bool(row["live"]), bool(row["failing"])) for row in rows]


async def disabled(reader: Reader) -> int:
    """Return how many webhooks of all organisations are disabled."""
    [row] = await reader.fetch(
        "SELECT count(*) AS found FROM webhooks"
        " WHERE disabled_at IS NOT NULL AND revoked_at IS NULL"
    )
    return row["found"]


def _webhook(row: Row) -> Webhook:
    id_, organisation_id, url, events, *rest = row
    return Webhook(id_, organisation_id, url, tuple(events.split()), *rest)
