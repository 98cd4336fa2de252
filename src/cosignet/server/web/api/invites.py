"""`/api/invites`: let people register a passkey."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from starlette.responses import Response

from cosignet.core.access import (
    INVITE_NOTE_CHARACTERS_MAX,
    INVITE_USES_MAX,
    USERNAME_IN_ANY_CASE,
    Invite,
    parse_username,
)
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldInvalid
from cosignet.core.idempotency import Kept
from cosignet.core.wire import time_or_null
from cosignet.server.services import invite as inviting
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Body, Call, Nothing
from cosignet.server.web.idempotency import kept_answer
from cosignet.server.web.times import parse_time


class CreateInvite(Body):
    """An invite; everything about it is optional."""

    note: Annotated[str, StringConstraints(max_length=INVITE_NOTE_CHARACTERS_MAX)] | None = None
    maxUses: Annotated[int, Field(ge=1, le=INVITE_USES_MAX)] = 1
    pinnedUsername: (
        Annotated[str, Field(json_schema_extra={"pattern": USERNAME_IN_ANY_CASE})] | None
    ) = None
    expiresAt: (
        Annotated[
            str,
            Field(
                description="RFC 3339; by default in seven days.",
                json_schema_extra={"format": "date-time"},
            ),
        ]
        | None
    ) = None


async def create(call: Call, body: CreateInvite) -> Response:
    """Create an invite and the link to send."""
    terms = inviting.Terms(
        note=body.note,
        max_uses=body.maxUses,
        pinned_username=None
        if body.pinnedUsername is None
        else parse_username(body.pinnedUsername, field="pinnedUsername"),
        expires_at=_end(body.expiresAt, now=call.runtime.clock()),
    )
    keeping = call.keeping(partial(_kept, call))
    invite = await inviting.by_key(call.runtime, call.api_key, terms, keeping)
    return json_answer(_answer(invite, call), 201)


async def list_(call: Call) -> Response:
    """List the invites that API keys made, with how often each was used."""
    found = await inviting.list_by_keys(call.runtime, call.api_key.organisation_id)
    return json_answer({"items": [_answer(invite, call) for invite in found]})


async def revoke(call: Call, _: Nothing) -> Response:
    """End an invite at once."""
    code = call.path("code")
    invite = await inviting.revoke(call.runtime, call.api_key.organisation_id, code)
    return json_answer(_describe(invite) | {"code": code})


def _answer(coded: inviting.CodedInvite, call: Call) -> dict[str, Any]:
    link = coded.register_url(call.runtime.public_url)
    return {"code": coded.code, "registerUrl": link} | _describe(coded.invite)


def _kept(call: Call, coded: inviting.CodedInvite) -> Kept:
    return kept_answer(_answer(coded, call), omitted=("code", "registerUrl"))


def _describe(invite: Invite) -> dict[str, Any]:
    return {
        "note": invite.note,
        "maxUses": invite.max_uses,
        "uses": invite.uses,
        "pinnedUsername": invite.pinned_username,
        "needsActivation": not invite.trusted,
        "createdAt": rfc3339(invite.created_at),
        "expiresAt": time_or_null(invite.expires_at),
        "revokedAt": time_or_null(invite.revoked_at),
    }


def _end(text: str | None, *, now: int) -> int | None:
    if text is None:
        return None
    at = parse_time(text, field="expiresAt")
    if not now < at <= now + inviting.TTL_MS_MAX:
        raise FieldInvalid("a time to come, within a year", field="expiresAt")
    return at
