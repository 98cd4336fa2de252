"""Webhooks: events, headers, signatures, delays: everything that both ends of one agree on.

Each attempt is signed twice over. `Cosignet-Signature` covers the body alone, so the body names its
delivery, its event and the attempt's time; what the headers say of them has to be the same. The
`webhook-` headers are those of Standard Webhooks 1.0.0 (standardwebhooks.com), for whoever has a
library for it.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, cast

from cosignet.core.confirmation import Status
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldInvalid

EVENT_HEADER = "Cosignet-Event"
DELIVERY_HEADER = "Cosignet-Delivery-Id"
TIMESTAMP_HEADER = "Cosignet-Timestamp"
SIGNATURE_HEADER = "Cosignet-Signature"
STANDARD_ID_HEADER = "webhook-id"
STANDARD_TIMESTAMP_HEADER = "webhook-timestamp"
STANDARD_SIGNATURE_HEADER = "webhook-signature"

PREFIX = "whsec_"
SECRET_BYTES = 32
TOLERANCE_SECONDS = 300
"""How far an attempt's time may be from the receiver's clock."""

RETRY_DELAYS = (0, 30, 120, 600, 3_600, 21_600)
"""Seconds before each attempt, counted from the end of the one before."""
ATTEMPTS_MAX = len(RETRY_DELAYS)
JITTER_PART = 0.1
"""A delay is longer by up to this part of itself, so that what failed together comes apart."""
RETRY_AFTER_SECONDS_MAX = 86_400
"""What an endpoint's Retry-After may ask for."""
ATTEMPT_SECONDS_MAX = 10
"""For everything: resolving, connecting, TLS, sending, and the head of the answer."""
RESPONSE_BYTES_MAX = 64 * 1024
DISABLED_AFTER_SECONDS = 5 * 86_400
"""An endpoint that has answered nothing with success for that long is given up."""
GONE = 410
"""The status by which an endpoint says that it wants no more (RFC 9110, section 15.5.11)."""
WEBHOOKS_MAX = 20
"""Of one organisation, revoked ones not counted: every decision writes a delivery for each."""
URL_CHARACTERS_MAX = 2_000
ROTATION_SECONDS_MAX = 86_400
ROTATION_SECONDS_DEFAULT = 86_400


class Event(StrEnum):
    """What a delivery tells of: the three ends of a confirmation, and a test."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    TEST = "test"
    """Somebody tries the endpoint out; it is told of no confirmation."""


DECISION_EVENTS = tuple(Event(status) for status in Status if status is not Status.PENDING)
"""What a webhook can be registered for."""


class NotGenuine(Exception):
    """This did not come from whoever knows the secret, or not now. Do not act on it."""


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery whose signature was verified."""

    id: str
    event: str
    timestamp: str
    occurred_at: str
    confirmation: Mapping[str, Any] | None


def mint_secret(random: bytes) -> str:
    """Write 32 random bytes as a webhook's secret."""
    return PREFIX + base64.b64encode(random).decode()


def sign(
    *, delivery_id: str, event: str, at: int, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """Return the headers that an attempt carries.

    Args:
        delivery_id: constant over all attempts.
        event: one of `Event`.
        at: the attempt's time, unix milliseconds; the body says the same as RFC 3339.
        body: exactly what is sent.
        secrets: the present one, and while it is being rotated the one before, in that order.
    """
    seconds = str(at // 1000)
    standard = (_standard(secret, delivery_id, seconds, body) for secret in secrets)
    return {
        EVENT_HEADER: event,
        DELIVERY_HEADER: delivery_id,
        TIMESTAMP_HEADER: rfc3339(at),
        # A receiver knows one secret: the old one, until it ends.
        SIGNATURE_HEADER: _plain(secrets[-1], body),
        STANDARD_ID_HEADER: delivery_id,
        STANDARD_TIMESTAMP_HEADER: seconds,
        STANDARD_SIGNATURE_HEADER: " ".join(standard),
    }


def verify(headers: Mapping[str, str], body: bytes, *, secret: str, now_ms: int) -> Received:
    """Verify what a webhook's receiver was sent, by `Cosignet-Signature`.

    Args:
        headers: of the request, by any spelling of their names.
        body: its exact bytes.
        secret: the webhook's, as it was shown.
        now_ms: the receiver's clock, unix milliseconds.

    Raises:
        NotGenuine: the signature is not the secret's, or the time too far away; nothing of the body
            may be used.
    """
    sent = MappingProxyType({name.lower(): value for name, value in headers.items()})
    signature = sent.get(SIGNATURE_HEADER.lower(), "")
    if not hmac.compare_digest(signature.encode(), _plain(secret, body).encode()):
        raise NotGenuine("the signature is not this secret's")
    told = _parse(body)
    # The signature covers the body alone: headers only count where they say the same.
    for name, header in (
        ("id", DELIVERY_HEADER),
        ("event", EVENT_HEADER),
        ("timestamp", TIMESTAMP_HEADER),
    ):
        if told[name] != sent.get(header.lower()):
            raise NotGenuine(f"{header} is not what was signed")
    if abs(_milliseconds(told["timestamp"]) - now_ms) > TOLERANCE_SECONDS * 1000:
        raise NotGenuine("it was not sent just now")
    return Received(
        told["id"], told["event"], told["timestamp"], told["occurredAt"], told["confirmation"]
    )


def delay_seconds(
    event: Event, *, failures: int, asked_for: int | None, jitter: float
) -> float | None:
    """Return how long to wait after the latest failure, or None: no attempt is left.

    Args:
        event: a test is sent once.
        failures: how many attempts have failed by now, one at least.
        asked_for: seconds that the endpoint's Retry-After named, if it did.
        jitter: a random number from 0 to 1.
    """
    if failures >= ATTEMPTS_MAX or event is Event.TEST:
        return None
    delay = max(RETRY_DELAYS[failures], min(asked_for or 0, RETRY_AFTER_SECONDS_MAX))
    return delay * (1 + JITTER_PART * jitter)


def retry_after_seconds(text: str | None, *, now_ms: int) -> int | None:
    """Read a Retry-After header: seconds or a date (RFC 9110, section 10.2.3); None: neither."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return int(text[:9])
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0, round(at - now_ms / 1000))


def parse_events(names: Sequence[str], *, field: str) -> tuple[str, ...]:
    """Return the events a webhook is registered for, in their own order.

    Raises:
        FieldInvalid: one is none of them, or there is none.
    """
    if not names or set(names) - set(DECISION_EVENTS):
        raise FieldInvalid("one or more of " + ", ".join(DECISION_EVENTS), field=field)
    return tuple(event for event in DECISION_EVENTS if event in names)


def _plain(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _standard(secret: str, delivery_id: str, seconds: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = f"{delivery_id}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _parse(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        raise NotGenuine("the body is not JSON") from None
    names = {"id", "event", "timestamp", "occurredAt", "confirmation"}
    if not isinstance(told, dict) or names - told.keys():
        raise NotGenuine("the body is not a delivery's")
    return cast(dict[str, Any], told)


def _milliseconds(text: object) -> int:
    try:
        return round(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except ValueError:
        raise NotGenuine("the time is none") from None
