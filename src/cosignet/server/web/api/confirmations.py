"""`/api/confirmations`: ask, read, wait, list, cancel, consume, report the outcome."""

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from starlette.responses import Response

from cosignet.core.confirmation import (
    ACTION_CHARACTERS_MAX,
    CONSUME_TOKEN_CHARACTERS,
    OUTCOME_NOTE_CHARACTERS_MAX,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
    TTL_SECONDS_DEFAULT,
    TTL_SECONDS_MAX,
    WAIT_SECONDS_MAX,
    Confirmation,
    OutcomeResult,
    Risk,
    Status,
    Wanted,
)
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldInvalid, NotSupported
from cosignet.core.idempotency import Kept
from cosignet.core.payload import canonical_payload
from cosignet.core.wire import outcome, summary
from cosignet.server.services import ask, consume, watch
from cosignet.server.web.answers import created, full, json_answer, stored_answer
from cosignet.server.web.call import Body, Call, Nothing, optional_json
from cosignet.server.web.cursor import format_cursor, parse_cursor
from cosignet.server.web.idempotency import kept_answer
from cosignet.server.web.times import parse_time
from cosignet.server.web.waiting import unless_gone

LIST_MAX = 20
Notification = Literal["none", "telegram", "email", "webpush"]


class CreateConfirmation(Body):
    """An action to be decided."""

    username: Annotated[str, Field(max_length=200, description="Who decides.")]
    action: Annotated[
        str,
        StringConstraints(min_length=1, max_length=ACTION_CHARACTERS_MAX),
        Field(description="The title the approver reads first."),
    ]
    # Any: what is no object is refused by the core, with the code that every client knows.
    payload: Annotated[
        Any,
        Field(
            description="The exact action; shown and signed.",
            json_schema_extra={"type": "object", "additionalProperties": True},
        ),
    ]
    ttlSeconds: Annotated[int, Field(ge=1, le=TTL_SECONDS_MAX)] = TTL_SECONDS_DEFAULT
    notify: Notification | Annotated[list[Notification], Field(max_length=LIST_MAX)] = "none"
    risk: Risk = "normal"
    private: bool = False
    reveal: bool = False
    approvers: Annotated[list[str], Field(max_length=LIST_MAX)] | None = None
    quorum: Annotated[int, Field(ge=1)] = 1


class Consume(Body):
    """Who uses the approval up: a random token of one run."""

    token: Annotated[
        str,
        StringConstraints(
            min_length=CONSUME_TOKEN_CHARACTERS[0], max_length=CONSUME_TOKEN_CHARACTERS[1]
        ),
    ]


class Report(Body):
    """What became of the action."""

    result: OutcomeResult
    note: Annotated[str, StringConstraints(max_length=OUTCOME_NOTE_CHARACTERS_MAX)] | None = None


async def create(call: Call, body: CreateConfirmation) -> Response:
    """Ask for an approval of an exact action."""
    _refuse_unsupported(body)
    request = ask.Request(
        username=body.username.lower() if body.username.isascii() else body.username,
        action=body.action,
        payload=canonical_payload(optional_json(body.payload)),
        ttl_seconds=body.ttlSeconds,
        risk=body.risk,
        private=body.private,
    )
    keeping = call.keeping(partial(_kept, call.runtime.public_url))
    confirmation = await ask.create(call.runtime, call.api_key, request, keeping)
    answer = created(confirmation, call.runtime.public_url)
    return json_answer(answer, 201, location=_location(confirmation))


async def read(call: Call) -> Response:
    """Read a confirmation; with `wait`, as soon as it is decided or the seconds are over."""
    seconds = call.query_number("wait", default=0, low=0, high=WAIT_SECONDS_MAX)
    reading = watch.get_own(call.runtime, call.api_key, call.path("id"), wait_seconds=seconds)
    return _answer(call, await unless_gone(call.receive, reading, waits=seconds > 0))


async def list_(call: Call) -> Response:
    """List the organisation's confirmations, newest first."""
    page = await watch.page(
        call.runtime,
        call.api_key,
        Wanted(
            status=_status(call.query("status")),
            approver=call.query("username"),
            requester=call.query("requester"),
            since=_time(call, "since"),
            until=_time(call, "until"),
        ),
        before=parse_cursor(call.query("cursor")),
        limit=call.query_number("limit", default=PAGE_SIZE_DEFAULT, low=1, high=PAGE_SIZE_MAX),
    )
    cursor = None if page.next_before is None else format_cursor(page.next_before)
    items = [summary(item, call.runtime.public_url) for item in page.items]
    return json_answer({"items": items, "nextCursor": cursor})


async def cancel(call: Call, _: Nothing) -> Response:
    """Withdraw a pending confirmation; it ends as `expired` with `cancelledAt`."""
    return _answer(call, await ask.cancel(call.runtime, call.api_key, await _own(call)))


async def use(call: Call, body: Consume) -> Response:
    """Use an approval up, before running the action: once, by one token."""
    found = await consume.consume(call.runtime, call.api_key, await _own(call), body.token)
    at = None if found.consumed_at is None else rfc3339(found.consumed_at)
    return json_answer({"id": found.id, "consumedAt": at, "consumedBy": found.consumed_by})


async def report(call: Call, body: Report) -> Response:
    """Say what became of the action, once, after consuming."""
    found = await consume.record_outcome(
        call.runtime, call.api_key, await _own(call), result=body.result, note=body.note
    )
    return json_answer({"id": found.id, "outcome": outcome(found)})


async def _own(call: Call) -> Confirmation:
    return await watch.get_own(call.runtime, call.api_key, call.path("id"))


def _kept(public_url: str, confirmation: Confirmation) -> Kept:
    return kept_answer(created(confirmation, public_url), location=_location(confirmation))


def _location(confirmation: Confirmation) -> str:
    return f"/api/confirmations/{confirmation.id}"


def _answer(call: Call, confirmation: Confirmation) -> Response:
    is_asker = confirmation.api_key_id == call.api_key.id
    return stored_answer(full(confirmation, call.runtime.public_url, is_asker=is_asker))


def _refuse_unsupported(body: CreateConfirmation) -> None:
    """Never do silently less than was asked for."""
    if body.risk == "critical":
        raise NotSupported(field="risk")
    if body.reveal:
        raise NotSupported(field="reveal")
    if body.approvers is not None and body.approvers != [body.username]:
        raise NotSupported(field="approvers")
    if body.quorum != 1:
        raise NotSupported(field="quorum")


def _status(text: str | None) -> Status | None:
    if text is None:
        return None
    if text not in list(Status):
        raise FieldInvalid("one of " + ", ".join(Status), field="status")
    return Status(text)


def _time(call: Call, name: str) -> int | None:
    text = call.query(name)
    return None if text is None else parse_time(text, field=name)
