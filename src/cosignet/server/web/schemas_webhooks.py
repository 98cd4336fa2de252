"""What answers about webhooks look like; as in `schemas.py`."""

from typing import Literal

from pydantic import Field

from cosignet.server.web.schemas import Answer


class Webhook(Answer):
    """A webhook without its secret."""

    id: str
    url: str
    events: list[Literal["approved", "rejected", "expired"]]
    created_at: str
    rotated_at: str | None
    old_secret_ends_at: str | None = Field(description="Until then both secrets sign.")
    failing_since: str | None = Field(description="Since when no attempt has succeeded.")
    disabled_at: str | None
    disabled_reason: Literal["gone", "failing"] | None
    revoked_at: str | None


class MintedWebhook(Webhook):
    """A webhook with a new secret."""

    secret: str = Field(description="Shown in this answer only.")


class ReplayedWebhook(Webhook):
    """A webhook whose creation was repeated with its Idempotency-Key; the secret was told once."""

    omitted: list[str] = Field(description="What only the first answer had.")


class Webhooks(Answer):
    """All webhooks, newest first."""

    items: list[Webhook]


class Attempt(Answer):
    """One try to deliver."""

    at: str
    status: int | None = Field(description="The HTTP status, if there was an answer.")
    duration_ms: int | None
    error: str | None = Field(description="Why there was none.")


class FullAttempt(Attempt):
    """One try, with what was sent and answered."""

    request: str | None = Field(description="Its head.")
    response: str | None = Field(description="Its head, up to 4,096 characters.")


class _Delivery(Answer):
    id: str
    webhook_id: str
    confirmation_id: str | None
    event: Literal["approved", "rejected", "expired", "test"]
    status: Literal["pending", "delivered", "dead_letter"]
    occurred_at: str
    next_attempt_at: str | None


class Delivery(_Delivery):
    """What a webhook is owed, or was."""

    attempts: list[Attempt]


class FullDelivery(_Delivery):
    """A delivery with all that is known of it."""

    attempts: list[FullAttempt]


class Deliveries(Answer):
    """Deliveries, newest first."""

    items: list[Delivery]
    next_cursor: str | None


class Redelivered(Answer):
    """How many are sent again."""

    redelivered: int
