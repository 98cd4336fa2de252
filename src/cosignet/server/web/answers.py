"""Answers in JSON; what all programs are told of a confirmation stands in `core/wire.py`."""

from functools import lru_cache
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cosignet.core.confirmation import Confirmation
from cosignet.core.encoding import rfc3339
from cosignet.core.wire import decision, rejection, time_or_null
from cosignet.server.web.exchange import LINES, WHOLE

ANSWERS_KEPT = 256
"""How many answers to those who poll are kept; each as long as what it tells of is the same."""


class JsonAnswer(Response):
    """A response of JSON, with a type, a length, and perhaps a location."""

    lines = b""
    """Further header fields, as `exchange.written` writes them."""

    def __init__(self, body: bytes, status: int, location: str | None) -> None:
        # What Starlette's own does for any content and any headers, for just these.
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = [
            (b"content-length", str(len(self.body)).encode()),
            (b"content-type", b"application/json"),
        ]
        if location is not None:
            self.raw_headers.append((b"location", location.encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI)."""
        await send(
            {
                "type": WHOLE,
                "status": self.status_code,
                "headers": self.raw_headers,
                LINES: self.lines,
                "body": self.body,
            }
        )


def json_answer(value: object, status: int = 200, *, location: str | None = None) -> Response:
    """Return a JSON response; `orjson.Fragment` parts are embedded verbatim."""
    return JsonAnswer(orjson.dumps(value), status, location)


def stored_answer(body: bytes, status: int = 200, *, location: str | None = None) -> Response:
    """Return a JSON response of bytes that were kept."""
    return JsonAnswer(body, status, location)


def created(confirmation: Confirmation, public_url: str) -> dict[str, Any]:
    """Return what the creation of a confirmation answers."""
    return {
        "id": confirmation.id,
        "url": f"{public_url}/confirm/{confirmation.id}",
        "status": confirmation.status,
        "risk": confirmation.risk,
        "matchCode": None if confirmation.match is None else confirmation.match.code,
        "payloadHash": confirmation.payload_hash.hex(),
        "createdAt": rfc3339(confirmation.created_at),
        "expiresAt": rfc3339(confirmation.expires_at),
        "notified": False,
    }


@lru_cache(maxsize=ANSWERS_KEPT)
def full(confirmation: Confirmation, public_url: str, *, is_asker: bool) -> bytes:
    """Return what a key reads, as JSON: enough to verify the decision alone.

    The match code is the requester's to show; other keys do not read it.
    """
    match = confirmation.match if is_asker else None
    signature = confirmation.signature
    answer = decision(confirmation, public_url)
    answer |= {
        "payload": orjson.Fragment(confirmation.payload),
        "payloadText": confirmation.payload,
        "matchCode": None if match is None else match.code,
        "rawAssertion": None if signature is None else orjson.Fragment(signature.raw_assertion),
    }
    return orjson.dumps(answer)


def shown(
    confirmation: Confirmation, *, rp_id: str, now: int, takes_reason: bool
) -> dict[str, Any]:
    """Return what the approver's page reads: everything that is signed, nothing secret."""
    c = confirmation
    match = None if c.decided else c.match
    return {
        "id": c.id,
        "status": c.status,
        "action": c.action,
        "payload": orjson.Fragment(c.payload),
        "payloadText": c.payload,
        "payloadHash": c.payload_hash.hex(),
        "context": c.context,
        "rejectContext": c.reject_context,
        "approver": c.approver,
        "requester": c.requester,
        "risk": c.risk,
        "private": c.private,
        "matchChoices": None if match is None else match.choices,
        "createdAt": rfc3339(c.created_at),
        "expiresAt": rfc3339(c.expires_at),
        "signedAt": None if c.signature is None else rfc3339(c.signature.signed_at),
        "decidedAt": time_or_null(c.decided_at),
        "cancelledAt": time_or_null(c.cancelled_at),
        "rejection": rejection(c.rejection),
        "takesReason": takes_reason,
        "evidenceId": c.evidence_id,
        "rpId": rp_id,
        "serverTime": rfc3339(now),
    }
