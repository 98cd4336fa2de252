"""`Idempotency-Key`: a request that comes again is answered again, and creates nothing again."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.responses import Response

from cosignet.core.errors import FieldInvalid
from cosignet.core.idempotency import (
    IDEMPOTENCY_KEY_HEADER,
    REPLAYED_HEADER,
    IdempotencyInProgress,
    Kept,
    Once,
    once,
)
from cosignet.server.services import repeat
from cosignet.server.web.answers import stored_answer
from cosignet.server.web.call import Call


async def answer_once(call: Call, create: Callable[[], Awaitable[Response]]) -> Response:
    """Create, unless a request with the same key has done so: then answer as it was answered.

    Raises:
        FieldInvalid: the header is malformed.
        IdempotencyKeyReused: it was another request.
        IdempotencyInProgress: it takes longer than anybody should wait here.
    """
    call.once = await _recognise(call)
    kept = await repeat.find_answer(call.runtime, call.once)
    if kept is not None:
        return _again(kept)
    try:
        return await create()
    except IdempotencyInProgress:
        # A twin was quicker. What it made is durable by now, or still open.
        kept = await repeat.find_answer(call.runtime, call.once)
        if kept is None:
            raise
        return _again(kept)


def kept_answer(
    value: dict[str, Any],
    status: int = 201,
    *,
    location: str | None = None,
    omitted: tuple[str, ...] = (),
) -> Kept:
    """Return a creation's answer as it is kept: without secrets, and with a word that says so."""
    told = value | {"omitted": omitted} if omitted else value
    body = orjson.dumps({name: item for name, item in told.items() if name not in omitted})
    return Kept(status, body, location)


async def _recognise(call: Call) -> Once:
    headers = call.headers(b"idempotency-key")
    if len(headers) > 1:
        raise FieldInvalid("more than one of them", field=IDEMPOTENCY_KEY_HEADER)
    return once(
        call.api_key,
        headers[0],
        method=call.scope["method"],
        path=call.scope["path"],
        body=await call.keep_body(),
    )


def _again(kept: Kept) -> Response:
    response = stored_answer(kept.body, kept.status, location=kept.location)
    response.raw_headers.append((REPLAYED_HEADER.lower().encode(), b"true"))
    return response
