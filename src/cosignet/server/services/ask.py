"""Asking: a program names an action, its exact payload, and who decides."""

import asyncio
from typing import NamedTuple, cast

from cosignet.core.access import DECIDING_ROLES, ApiKey, Approver
from cosignet.core.card import is_odd, is_plain
from cosignet.core.challenge import Context
from cosignet.core.confirmation import Confirmation, Risk, Status
from cosignet.core.encoding import base64url, rfc3339
from cosignet.core.errors import ApproverUnknown, Limited, NotTheCreator
from cosignet.core.idempotency import Keeping
from cosignet.core.match_code import MATCH_RANDOM_BYTES, draw_match_code
from cosignet.core.payload import payload_hash
from cosignet.core.request_errors import RejectedRepeatedly, TooManyPending, TooManyPendingOfKey
from cosignet.server.ledger import (
    after_refusal,
    already_decided,
    current,
    keep_answer,
    owe_deliveries,
)
from cosignet.server.runtime import Runtime
from cosignet.server.store import approvers, confirmations, pending
from cosignet.server.store.db import Room
from cosignet.server.store.pending import Standing

SALT_BYTES = 32
PENDING_RETRY_SECONDS_MAX = 30
"""Whoever finds no room looks again after this at the latest: somebody may decide at any time."""


class Request(NamedTuple):
    """What a program asks for, already checked for form."""

    username: str
    action: str
    payload: str
    """Canonical text."""
    ttl_seconds: int
    risk: Risk
    """At least; what a person could misread is never of normal risk."""
    private: bool


async def create(
    rt: Runtime, key: ApiKey, request: Request, keeping: Keeping[Confirmation] | None = None
) -> Confirmation:
    """Record a pending confirmation, durably, and return it.

    Raises:
        TooManyRequests: the key asks too often.
        ApproverUnknown: no such approver can decide in the key's organisation.
        TooManyPending, TooManyPendingOfKey: as many as may wait for them already.
        RejectedRepeatedly: they have rejected too many of the key's.
        IdempotencyInProgress: the same request has asked already.
        Unavailable: it could not be recorded; nothing exists to approve.
    """
    rt.take(f"creations {key.id}", rt.limits.creations_per_key)
    approver = await approvers.by_username(
        rt.database.reader, key.organisation_id, request.username
    )
    if approver is None or approver.revoked_at is not None or approver.role not in DECIDING_ROLES:
        raise ApproverUnknown(field="username")
    now = rt.clock()
    context = _context(rt, key, approver, request, now)
    texts = context.texts(base64url(rt.random(SALT_BYTES)))
    if request.risk == "normal" and await _misleads(request.payload, texts[0]):
        context = context._replace(risk="high")
        texts = context.texts(base64url(rt.random(SALT_BYTES)))
    confirmation = _new(rt, key, request, context, texts, now)
    room = pending.room(approver.id, key.id, rt.limits)
    if keeping is not None:
        await _insert_once(rt, confirmation, keeping, room)
    elif not await confirmations.insert(rt.database, confirmation, room):
        raise _no_room(await pending.standing(rt.database.reader, room))
    rt.meter.created()
    return confirmation


async def _insert_once(
    rt: Runtime, confirmation: Confirmation, keeping: Keeping[Confirmation], room: Room
) -> None:
    async with rt.database.transaction() as tx:
        await keep_answer(tx, keeping, confirmation)
        if not await pending.has_room(tx, room):
            raise _no_room(await pending.standing(tx, room))
        confirmations.append(tx, confirmation)


def _no_room(standing: Standing) -> Limited:
    if standing.cools_down_ms is not None:
        return RejectedRepeatedly(retryAfterSeconds=_seconds(standing.cools_down_ms))
    wait = min(PENDING_RETRY_SECONDS_MAX, _seconds(standing.first_ends_ms))
    full = TooManyPending if standing.room <= 0 else TooManyPendingOfKey
    return full(retryAfterSeconds=wait)


def _seconds(ms: int) -> int:
    return max(1, -(-ms // 1000))


async def cancel(rt: Runtime, key: ApiKey, confirmation: Confirmation) -> Confirmation:
    """End a pending confirmation as `expired`, with `cancelled_at` set.

    Raises:
        NotTheCreator: another key asked for it.
        AlreadyDecided: it was no longer pending; it tells which status won.
    """
    if confirmation.api_key_id != key.id:
        raise NotTheCreator
    async with rt.database.transaction() as tx:
        at = await confirmations.cancel(tx, confirmation.id)
        if at is not None:
            await owe_deliveries(rt, tx, confirmation, Status.EXPIRED, at=at)
    if at is None:
        raise already_decided(await after_refusal(rt, confirmation.id))
    rt.meter.decided("cancelled")
    return await current(rt, confirmation.id)


async def _misleads(payload: str, context: str) -> bool:
    # Few actions are looked at closely; it takes up to a tenth of a second, so not on the loop.
    return not is_plain(payload, context) and await asyncio.to_thread(is_odd, payload, context)


def _context(rt: Runtime, key: ApiKey, approver: Approver, request: Request, now: int) -> Context:
    # In order: so many names would take three times as long, here and below.
    return Context(
        "approve",
        rt.new_id(),
        key.organisation_slug,
        request.action,
        approver.username,
        approver.id,
        key.name,
        key.id,
        rt.relying_party.id,
        rt.relying_party.origin,
        rfc3339(now),
        rfc3339(now + request.ttl_seconds * 1000),
        1,  # quorum
        None,  # policy
        request.risk,
        False,  # reveal
        base64url(rt.random(SALT_BYTES)),
    )


def _new(
    rt: Runtime,
    key: ApiKey,
    request: Request,
    context: Context,
    texts: tuple[str, str],
    now: int,
) -> Confirmation:
    risk = cast(Risk, context.risk)
    match = None if risk == "normal" else draw_match_code(rt.random(MATCH_RANDOM_BYTES))
    return Confirmation(
        context.confirmation,
        key.organisation_id,
        key.id,
        key.name,
        context.approver_id,
        context.approver,
        request.action,
        request.payload,
        payload_hash(request.payload),
        *texts,
        risk,
        request.private,
        Status.PENDING,
        now,
        now + request.ttl_seconds * 1000,
        match,
    )
