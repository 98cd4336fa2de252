"""Asking twice and creating once: what a request is recognised by, and what its answer was.

The header and the meaning of 409 and 422 are those of draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cosignet.core.access import ApiKey
from cosignet.core.confirmation import TTL_SECONDS_MAX
from cosignet.core.errors import Conflict, FieldInvalid, InvalidInput

IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
"""The draft names no header for this; it is what clients of other services look for already."""
IDEMPOTENCY_KEY_CHARACTERS = (1, 255)
IDEMPOTENCY_MS = TTL_SECONDS_MAX * 1000
"""How long an answer is kept: whatever was asked for has ended by then."""
IN_PROGRESS_RETRY_SECONDS = 1
_PRINTABLE = re.compile(r"[ -~]+")

Made = TypeVar("Made")


class IdempotencyKeyReused(InvalidInput, code="idempotency_key_reused"):
    """This Idempotency-Key came with another request before. Give each request a key of its own."""


class IdempotencyInProgress(Conflict, code="idempotency_in_progress"):
    """The first request with this Idempotency-Key has no answer yet. Repeat it after a moment."""


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is carried out once, however often it is sent."""

    api_key_id: str
    organisation_id: str
    key_hash: bytes = field(repr=False)
    """SHA-256 of the header's value."""
    request_hash: bytes = field(repr=False)
    """SHA-256 of method, path and raw body."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is given again."""

    status: int
    body: bytes = field(repr=False)
    location: str | None


@dataclass(frozen=True, slots=True)
class Keeping(Generic[Made]):
    """What is recorded beside what a request makes: the request, and how it is answered again."""

    once: Once
    answer: Callable[[Made], Kept]
    """Leaves secrets out: they are shown once, and stored nowhere."""


def once(key: ApiKey, header: str, *, method: str, path: str, body: bytes) -> Once:
    """Recognise a request by its header, for one API key.

    Raises:
        FieldInvalid: the header is none that can be kept.
    """
    value = header.strip(" \t")
    low, high = IDEMPOTENCY_KEY_CHARACTERS
    if not (low <= len(value) <= high and _PRINTABLE.fullmatch(value)):
        raise FieldInvalid(
            f"{low} to {high} printable ASCII characters", field=IDEMPOTENCY_KEY_HEADER
        )
    return Once(
        api_key_id=key.id,
        organisation_id=key.organisation_id,
        key_hash=hashlib.sha256(value.encode()).digest(),
        request_hash=hashlib.sha256(f"{method} {path}\n".encode() + body).digest(),
    )
