"""`/api/keys`: API keys of programs."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints, WithJsonSchema
from starlette.responses import Response

from cosignet.core.access import (
    DEFAULT_SCOPES,
    KEY_NAME_CHARACTERS_MAX,
    OVERLAP_SECONDS_DEFAULT,
    OVERLAP_SECONDS_MAX,
    ApiKey,
    MintedKey,
    Scope,
)
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldInvalid
from cosignet.core.idempotency import Kept
from cosignet.core.wire import time_or_null
from cosignet.server.services import access
from cosignet.server.services import rotate as rotating
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Body, Call, Nothing
from cosignet.server.web.idempotency import kept_answer

_SCOPES: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "enum": [*map(str, Scope)]},
    "minItems": 1,
    "maxItems": len(Scope),
}


def _default_scopes() -> list[str]:
    return [str(scope) for scope in DEFAULT_SCOPES]


class CreateKey(Body):
    """A key; its name is what approvers read and sign as the requester."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=KEY_NAME_CHARACTERS_MAX)]
    scopes: Annotated[
        list[str],
        Field(min_length=1, max_length=len(Scope), default_factory=_default_scopes),
        # Told, and checked below in our own words.
        WithJsonSchema(_SCOPES),
    ]


class RotateKey(Body):
    """How a key's secret is replaced."""

    overlapSeconds: Annotated[
        int,
        Field(ge=0, le=OVERLAP_SECONDS_MAX, description="How long the old secret goes on at most."),
    ] = OVERLAP_SECONDS_DEFAULT


async def create(call: Call, body: CreateKey) -> Response:
    """Create a key; its secret is in this answer and in no other."""
    key = await access.create_api_key(
        call.runtime,
        organisation_id=call.api_key.organisation_id,
        name=body.name,
        scopes=frozenset(_scope(scope) for scope in body.scopes),
        keeping=call.keeping(_kept),
    )
    return json_answer(with_secret(key), 201)


async def list_(call: Call) -> Response:
    """List the organisation's keys; secrets are never shown again."""
    keys = await access.list_api_keys(call.runtime, call.api_key.organisation_id)
    return json_answer({"items": [describe(key) for key in keys]})


async def revoke(call: Call, _: Nothing) -> Response:
    """End a key at once."""
    key = await access.revoke_api_key(call.runtime, call.api_key.organisation_id, call.path("id"))
    return json_answer(describe(key))


async def rotate(call: Call, body: RotateKey) -> Response:
    """Give a key another secret; the old one goes on for as long as you say."""
    key = await rotating.rotate(
        call.runtime,
        call.api_key.organisation_id,
        call.path("id"),
        overlap_seconds=body.overlapSeconds,
        keeping=call.keeping(partial(_kept, status=200)),
    )
    return json_answer(with_secret(key))


def describe(key: ApiKey) -> dict[str, Any]:
    """Return what may be shown of a key at any time."""
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "createdAt": rfc3339(key.created_at),
        "revokedAt": time_or_null(key.revoked_at),
        "rotatedAt": time_or_null(key.rotated_at),
        "oldSecretEndsAt": time_or_null(key.old_secret_ends_at),
    }


def with_secret(minted: MintedKey) -> dict[str, Any]:
    """Return a new key with its secret, which is shown once."""
    return describe(minted.key) | {"key": minted.secret}


def _kept(minted: MintedKey, status: int = 201) -> Kept:
    return kept_answer(with_secret(minted), status, omitted=("key",))


def _scope(name: str) -> Scope:
    if name not in list(Scope):
        raise FieldInvalid("one of " + ", ".join(Scope), field="scopes")
    return Scope(name)
