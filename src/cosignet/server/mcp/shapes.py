"""What tools take and answer, and the JSON Schemas of both.

Arguments are named as agents name things, answers exactly as the REST API names them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from cosignet.core.confirmation import (
    ACTION_CHARACTERS_MAX,
    CONSUME_TOKEN_CHARACTERS,
    TTL_SECONDS_DEFAULT,
    TTL_SECONDS_MAX,
    WAIT_SECONDS_MAX,
)
from cosignet.core.idempotency import IDEMPOTENCY_KEY_CHARACTERS
from cosignet.server.web.call import Body
from cosignet.server.web.schemas import Answer, Status, Summary

Id = Annotated[str, Field(max_length=200, description="The id that request_human_approval gave.")]
Wait = Annotated[
    int,
    Field(
        ge=0,
        le=WAIT_SECONDS_MAX,
        description="How long to wait for the decision before this answers `pending`.",
    ),
]
Payload = Annotated[
    Any,
    Field(
        description="The exact operation with all its parameters, as a JSON object.",
        json_schema_extra={"type": "object", "additionalProperties": True},
    ),
]


class RequestHumanApproval(Body):
    """Of `request_human_approval`."""

    action: Annotated[
        str,
        StringConstraints(min_length=1, max_length=ACTION_CHARACTERS_MAX),
        Field(description='The title the human reads first, such as "Deploy to production".'),
    ]
    payload: Payload
    approver_username: Annotated[
        str, Field(max_length=200, description="The Cosignet username of who decides.")
    ]
    wait_seconds: Wait = 0
    ttl_seconds: Annotated[
        int, Field(ge=1, le=TTL_SECONDS_MAX, description="How long the human has.")
    ] = TTL_SECONDS_DEFAULT
    risk: Annotated[
        Literal["normal", "high"],
        Field(description="`high` gives a matchCode, which the human compares with your words."),
    ] = "normal"
    private: Annotated[
        bool, Field(description="Whether the link shows nothing before a passkey unlocks it.")
    ] = False
    idempotency_key: (
        Annotated[
            str,
            StringConstraints(
                min_length=IDEMPOTENCY_KEY_CHARACTERS[0],
                max_length=IDEMPOTENCY_KEY_CHARACTERS[1],
                pattern="^[!-~]([ -~]*[!-~])?$",
            ),
            Field(
                description="Made for this request; the same again finds it instead of asking anew."
            ),
        ]
        | None
    ) = None


class GetApprovalStatus(Body):
    """Of `get_approval_status`."""

    id: Id
    wait_seconds: Wait = 0


class ConsumeApproval(Body):
    """Of `consume_approval`."""

    id: Id
    token: Annotated[
        str,
        StringConstraints(
            min_length=CONSUME_TOKEN_CHARACTERS[0], max_length=CONSUME_TOKEN_CHARACTERS[1]
        ),
        Field(description="Random, made for this one run; keep it until the run is over."),
    ]


class VerifyApproval(Body):
    """Of `verify_approval`."""

    id: Id
    payload: Payload


class Approval(Summary):
    """A confirmation as its agent sees it."""

    match_code: str | None = Field(description="Show it to the human, at high risk.")
    payload: dict[str, Any] = Field(description="What was signed, or is to be: run only this.")


class Verified(Answer):
    """What the server can say of a payload."""

    id: str
    status: Status
    payload_matches: bool = Field(description="Whether it is the one that was asked for.")
    may_run: bool = Field(description="Approved, this payload, by this key, and not used up.")
    payload_hash: str = Field(description="Of the payload that was asked for.")
    signed_at: str | None
    consumed_at: str | None
    evidence_id: str | None
    evidence_url: str | None = Field(description="Where anybody can verify it, once it is logged.")


def input_schema(model: type[Body]) -> dict[str, Any]:
    """Return the JSON Schema of a tool's arguments: what may be left out need not be null."""
    schema = model.model_json_schema()
    properties: dict[str, dict[str, Any]] = schema["properties"]
    for name, described in properties.items():
        properties[name] = _named(described)
    return {"type": "object", "additionalProperties": False} | {
        part: schema[part] for part in ("properties", "required")
    }


def _named(described: dict[str, Any]) -> dict[str, Any]:
    """Leave out the null that every optional field takes, and pydantic's titles."""
    arms = [arm for arm in described.get("anyOf", ()) if arm != {"type": "null"}]
    rest = {key: described[key] for key in described if key not in ("anyOf", "title")}
    while len(arms) == 1:
        rest = {key: arms[0][key] for key in arms[0] if key not in ("anyOf", "title")} | rest
        arms = [arm for arm in arms[0].get("anyOf", ()) if arm != {"type": "null"}]
    if rest.get("default", ...) is None:
        del rest["default"]
    return rest


def output_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of what a tool answers."""
    return model.model_json_schema(mode="serialization")
