"""Which refusal is which HTTP status: one table. The answer is an RFC 9457 problem document."""

import orjson
from starlette.responses import Response

from cosignet.core.access_errors import SignInNeeded
from cosignet.core.errors import (
    CeremonyRefused,
    Conflict,
    Forbidden,
    InvalidInput,
    Limited,
    NotFound,
    Refusal,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from cosignet.core.idempotency import IN_PROGRESS_RETRY_SECONDS, IdempotencyInProgress
from cosignet.core.request_errors import (
    HeadTooLarge,
    HostMissing,
    MetricsTokenMissing,
    Misdirected,
    RequestMalformed,
    TooSlow,
)

STATUS: tuple[tuple[type[Refusal], int], ...] = (
    (RequestMalformed, 400),
    (HostMissing, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (CeremonyRefused, 403),
    (NotFound, 404),
    (TooSlow, 408),
    (Conflict, 409),
    (TooLarge, 413),
    (Misdirected, 421),
    (InvalidInput, 422),
    (Limited, 429),
    (HeadTooLarge, 431),
    (Unavailable, 503),
)
RETRY_AFTER_SECONDS = 2
TYPE_PREFIX = "urn:cosignet:error:"


class MethodNotAllowed(Refusal, code="method_not_allowed"):
    """This address does not take that method. Look it up in /api/openapi.json."""


class Defect(Refusal, code="internal_error"):
    """This server made a mistake. Nothing was approved; tell its operator the request id."""


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status of a refusal's family."""
    if isinstance(refusal, MethodNotAllowed):
        return 405
    return next((status for family, status in STATUS if isinstance(refusal, family)), 500)


def problem(refusal: Refusal, *, request_id: str) -> Response:
    """Return the problem document of a refusal (RFC 9457)."""
    return Response(
        orjson.dumps(problem_document(refusal, request_id)),
        status_of(refusal),
        headers=headers_of(refusal),
        media_type="application/problem+json",
    )


def problem_document(refusal: Refusal, request_id: str) -> dict[str, object]:
    """Return what programs are told of a refusal."""
    document: dict[str, object] = {
        "type": TYPE_PREFIX + refusal.code,
        "title": refusal.title(),
        "status": status_of(refusal),
        "code": refusal.code,
    }
    details = {
        "requestId": request_id,
        "detail": refusal.detail,
        "field": refusal.field,
        "cure": refusal.cure(),
    }
    document |= {name: value for name, value in details.items() if value}
    return document | refusal.members


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return the headers a refusal's status asks for (RFC 9110, section 15.5 and 15.6)."""
    status = status_of(refusal)
    if status == 405:
        return {"Allow": refusal.detail}
    if isinstance(refusal, SignInNeeded):
        return {"WWW-Authenticate": 'Passkey realm="cosignet"'}
    if isinstance(refusal, MetricsTokenMissing):
        return {"WWW-Authenticate": 'Bearer realm="cosignet"'}
    if status == 401:
        return {"WWW-Authenticate": 'ApiKey realm="cosignet"'}
    if isinstance(refusal, IdempotencyInProgress):
        return {"Retry-After": str(IN_PROGRESS_RETRY_SECONDS)}
    if status in (429, 503):
        seconds = refusal.members.get("retryAfterSeconds", RETRY_AFTER_SECONDS)
        return {"Retry-After": str(seconds)}
    return {}
