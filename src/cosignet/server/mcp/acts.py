"""What each tool does, by the services that the REST API has."""

import json
from typing import Any, cast

import orjson
from mcp_types import InputRequiredResult

from cosignet.core.access import Scope
from cosignet.core.confirmation import Confirmation, Status
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import ApproverUnknown, FieldInvalid, Limited
from cosignet.core.idempotency import IdempotencyInProgress, Keeping, Kept, once
from cosignet.core.jsontext import JsonValue, parse_json, write_json
from cosignet.core.payload import canonical_payload, payload_hash
from cosignet.core.wire import summary
from cosignet.server.mcp import shapes
from cosignet.server.mcp.texts import advice
from cosignet.server.mcp.turn import Said, Turn
from cosignet.server.services import ask, consume, repeat
from cosignet.server.web.call import optional_json
from cosignet.server.web.guards import require_scope

_ABOUT = ("action", "payload", "approver_username", "ttl_seconds", "risk", "private")
"""What makes it the same request when it comes again; how long to wait does not."""


async def request(turn: Turn, asked: shapes.RequestHumanApproval) -> Said | InputRequiredResult:
    """Ask, and wait as long as was wanted."""
    if asked.wait_seconds:
        require_scope(turn.key, Scope.READ)
    wanted = ask.Request(
        username=_lowered(asked.approver_username),
        action=asked.action,
        payload=canonical_payload(optional_json(asked.payload)),
        ttl_seconds=asked.ttl_seconds,
        risk=asked.risk,
        private=asked.private,
    )
    try:
        found = await _asked(turn, asked, wanted)
    except ApproverUnknown:
        raise ApproverUnknown(field="approver_username") from None
    if turn.opens_pages and not found.decided:
        return turn.to_be_opened(found)
    if asked.wait_seconds and turn.was_opened:
        found = await _awaited(turn, found, asked.wait_seconds)
    return _said(turn, found)


async def _asked(
    turn: Turn, asked: shapes.RequestHumanApproval, wanted: ask.Request
) -> Confirmation:
    if turn.params.request_state is not None:
        return await _resumed(turn, turn.params.request_state, wanted)
    if asked.idempotency_key is None:
        return await ask.create(turn.runtime, turn.key, wanted)
    return await _asked_once(turn, asked.idempotency_key, wanted)


async def _resumed(turn: Turn, confirmation_id: str, wanted: ask.Request) -> Confirmation:
    """Return what was asked before the client was sent to have the page opened."""
    found = await turn.read(confirmation_id)
    same = (found.api_key_id, found.approver, found.action, found.payload_hash) == (
        turn.key.id,
        wanted.username,
        wanted.action,
        payload_hash(wanted.payload),
    )
    if not same:
        raise FieldInvalid("it belongs to another request", field="requestState")
    return found


async def _asked_once(turn: Turn, key: str, wanted: ask.Request) -> Confirmation:
    """Ask, unless a request with the same key has done so: then return what that asked."""
    about = {name: turn.heard.arguments.get(name) for name in _ABOUT}
    recognised = once(
        turn.key, key, method="MCP", path="request_human_approval", body=write_json(about).encode()
    )
    kept = await repeat.find_answer(turn.runtime, recognised)
    if kept is None:
        try:
            return await ask.create(turn.runtime, turn.key, wanted, Keeping(recognised, _kept))
        except IdempotencyInProgress:
            # A twin was quicker. What it made is durable by now, or still open.
            kept = await repeat.find_answer(turn.runtime, recognised)
            if kept is None:
                raise
    return await turn.read(orjson.loads(kept.body)["id"])


def _kept(confirmation: Confirmation) -> Kept:
    return Kept(200, orjson.dumps({"id": confirmation.id}), None)


async def _awaited(turn: Turn, found: Confirmation, seconds: int) -> Confirmation:
    """Wait; where nobody more is held, it is pending: it was asked, and its id must not be lost."""
    try:
        return await turn.read(found.id, seconds)
    except Limited:
        return found


async def status(turn: Turn, asked: shapes.GetApprovalStatus) -> Said:
    """Read, or wait."""
    return _said(turn, await turn.read(asked.id, asked.wait_seconds))


async def use(turn: Turn, asked: shapes.ConsumeApproval) -> Said:
    """Use an approval up."""
    found = await consume.consume(turn.runtime, turn.key, await turn.read(asked.id), asked.token)
    at = None if found.consumed_at is None else rfc3339(found.consumed_at)
    return Said(
        "Used up by this token. Run the approved payload now, once, and nothing else.",
        {"id": found.id, "consumedAt": at, "consumedBy": found.consumed_by},
    )


async def verify(turn: Turn, asked: shapes.VerifyApproval) -> Said:
    """Compare a payload with what was asked for, and say whether it may still run."""
    canonical_payload(optional_json(asked.payload))
    found = await turn.read(asked.id)
    matches = _ordered(asked.payload) == _ordered(_payload(found))
    may_run = (
        matches
        and found.status is Status.APPROVED
        and found.consumed_at is None
        and found.api_key_id == turn.key.id
    )
    told = summary(found, turn.runtime.public_url)
    names = ("id", "status", "payloadHash", "signedAt", "consumedAt", "evidenceId", "evidenceUrl")
    answer = {name: told[name] for name in names}
    return Said(
        _verdict(found, matches=matches, may_run=may_run),
        answer | {"payloadMatches": matches, "mayRun": may_run},
    )


def _verdict(found: Confirmation, *, matches: bool, may_run: bool) -> str:
    if not matches:
        return "This is not the payload that was asked for. Do not run it."
    if found.status is not Status.APPROVED or may_run:
        return advice(found)
    if found.consumed_at is not None:
        return "This payload was approved, and used up already. Do not run it again."
    return "This payload was approved for another API key. Do not run it with this one."


def _ordered(value: JsonValue) -> str:
    """Write a value so that two are the same text if they are the same JSON, types included."""
    return json.dumps(value, sort_keys=True)


def _payload(found: Confirmation) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", parse_json(found.payload.encode()))


def _said(turn: Turn, found: Confirmation) -> Said:
    match = found.match if found.api_key_id == turn.key.id else None
    more: dict[str, Any] = {
        "matchCode": None if match is None else match.code,
        "payload": _payload(found),
    }
    return Said(advice(found), summary(found, turn.runtime.public_url) | more)


def _lowered(username: str) -> str:
    return username.lower() if username.isascii() else username
