"""Who is told, what they are owed, and how telling them went. Times are unix milliseconds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from cosignet.core.errors import Conflict
from cosignet.core.webhook import Event

DisabledReason: TypeAlias = Literal["gone", "failing"]


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD_LETTER = "dead_letter"


INTERRUPTED = "the sender ended before it knew"


class TooManyWebhooks(Conflict, code="too_many_webhooks"):
    """Your organisation has as many webhooks as it may. Revoke one that you no longer need."""


class WebhookEnded(Conflict, code="webhook_ended"):
    """This webhook is revoked or disabled. Enable it, or register another one."""


class RotationUnderWay(Conflict, code="rotation_under_way"):
    """The secret before is still in use. Wait for its end, or end it now: overlapSeconds 0."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint of an organisation, and how it is doing. Times are unix milliseconds."""

    id: str
    organisation_id: str
    url: str
    events: tuple[str, ...]
    created_at: int
    rotated_at: int | None
    old_secret_ends_at: int | None
    """Until then `Cosignet-Signature` is made with the secret before."""
    failing_since: int | None
    """Since when no attempt has succeeded, if the last one has not."""
    disabled_at: int | None
    disabled_reason: DisabledReason | None
    revoked_at: int | None

    @property
    def live(self) -> bool:
        """Whether it is sent anything."""
        return self.revoked_at is None and self.disabled_at is None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver; without status and error it is under way."""

    number: int
    at: int
    """Unix milliseconds."""
    status: int | None
    """The HTTP status, if there was an answer."""
    duration_ms: int | None
    error: str | None
    request: str | None
    """Its head, as it was sent."""
    response: str | None
    """Its head, as far as it is kept."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event that one webhook is owed."""

    id: str
    """Constant over all attempts."""
    organisation_id: str
    webhook_id: str
    confirmation_id: str | None
    """None: a test."""
    event: Event
    status: DeliveryStatus
    occurred_at: int
    failures: int
    """Attempts that failed, since it was last asked for."""
    next_attempt_at: int | None
    """While an attempt is under way, when it is taken to have ended with whoever made it."""
    attempts_made: int

    def has_lost(self, made: Attempt) -> bool:
        """Whether nobody will ever say how an attempt went: whoever made it has ended."""
        is_open = made.status is None and made.error is None
        return is_open and (made.number < self.attempts_made or self.next_attempt_at is None)


def owed(
    id_: str,
    *,
    organisation_id: str,
    webhook_id: str,
    confirmation_id: str | None,
    event: Event,
    at: int,
) -> Delivery:
    """Return a delivery that is due at once."""
    return Delivery(
        id=id_,
        organisation_id=organisation_id,
        webhook_id=webhook_id,
        confirmation_id=confirmation_id,
        event=event,
        status=DeliveryStatus.PENDING,
        occurred_at=at,
        failures=0,
        next_attempt_at=at,
        attempts_made=0,
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that whoever holds this, and nobody else, may make now."""

    delivery: Delivery
    at: int

    @property
    def number(self) -> int:
        """Of the attempt; a claim whose number is not the delivery's last any more has lapsed."""
        return self.delivery.attempts_made
