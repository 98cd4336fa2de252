"""What answers look like, for the API's description. The answers themselves are built by hand,
so that signed bytes are embedded verbatim; a test holds them against these models.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Status = Literal["pending", "approved", "rejected", "expired"]


class Answer(BaseModel):
    """An answer; names are camelCase on the wire, times RFC 3339 UTC, hashes lowercase hex."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Problem(BaseModel):
    """An RFC 9457 problem document; nothing was approved."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    type: str
    title: str
    status: int
    code: str = Field(description="Stable; what programs should look at.")
    request_id: str
    detail: str | None = None
    field: str | None = Field(None, description="Path of what is wrong in what you sent.")
    cure: str | None = Field(None, description="What to do about it.")


class Created(Answer):
    """A new pending confirmation."""

    id: str
    url: str = Field(description="What to send to the approver.")
    status: Literal["pending"]
    risk: Literal["normal", "high"] = Field(description="May be higher than you asked.")
    match_code: str | None = Field(description="Show it where the action was asked for.")
    payload_hash: str
    created_at: str
    expires_at: str
    notified: bool


class Rejection(Answer):
    """How a confirmation was rejected."""

    signed: bool = Field(description="By passkey; false: a tap on the page.")
    reason: Literal["wrong_details", "unexpected", "not_now"] | None


class Outcome(Answer):
    """What became of the action, as its requester says."""

    result: Literal["executed", "failed", "unknown"]
    note: str | None
    at: str


class Summary(Answer):
    """A confirmation in a list."""

    id: str
    url: str
    status: Status
    action: str
    approver: str
    requester: str
    payload_hash: str
    risk: Literal["normal", "high", "critical"]
    created_at: str
    expires_at: str
    decided_at: str | None
    cancelled_at: str | None
    signed_at: str | None
    rejection: Rejection | None
    evidence_id: str | None
    evidence_url: str | None = Field(description="Where the log shows it, once it is included.")
    verify_url: str | None = Field(description="The page on which a person checks it.")
    consumed_at: str | None
    outcome: Outcome | None


class Credential(Answer):
    """The key that signed."""

    id: str = Field(description="WebAuthn credential id, base64url.")
    algorithm: int = Field(description="COSE algorithm number.")
    public_key_spki: str = Field(description="SubjectPublicKeyInfo DER, base64url.")


class Full(Summary):
    """A confirmation with all that is needed to verify its decision alone."""

    payload: dict[str, Any]
    payload_text: str = Field(description="The canonical text whose SHA-256 is signed.")
    context: str = Field(description="What else is signed, verbatim.")
    private: bool
    reveal: bool
    match_code: str | None = Field(description="For the key that asked, at high risk.")
    credential_id: str | None
    credential: Credential | None
    raw_assertion: dict[str, Any] | None = Field(
        description="AuthenticationResponseJSON, on `approved` only."
    )


class Page(Answer):
    """Confirmations, newest first."""

    items: list[Summary]
    next_cursor: str | None


class Consumed(Answer):
    """An approval that has been used up."""

    id: str
    consumed_at: str
    consumed_by: str = Field(description="Id of the API key.")


class Reported(Answer):
    """An outcome that has been recorded."""

    id: str
    outcome: Outcome


class Invite(Answer):
    """An invite."""

    code: str
    register_url: str
    note: str | None
    max_uses: int
    uses: int
    pinned_username: str | None
    needs_activation: bool
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class RevokedInvite(Answer):
    """An invite that has been ended."""

    code: str
    note: str | None
    max_uses: int
    uses: int
    pinned_username: str | None
    needs_activation: bool
    created_at: str
    expires_at: str | None
    revoked_at: str


class Invites(Answer):
    """All invites, newest first."""

    items: list[Invite]


class Key(Answer):
    """An API key without its secret."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: str
    revoked_at: str | None
    rotated_at: str | None = Field(description="When it got its present secret, if later.")
    old_secret_ends_at: str | None = Field(description="When those before end, or ended.")


class MintedKey(Key):
    """An API key with a new secret."""

    key: str = Field(description="The secret; shown in this answer only.")


class Keys(Answer):
    """All API keys, newest first."""

    items: list[Key]


class Shown(Answer):
    """What the approver's page verifies and shows."""

    id: str
    status: Status
    action: str
    payload: dict[str, Any]
    payload_text: str
    payload_hash: str
    context: str
    reject_context: str
    approver: str
    requester: str
    risk: str
    private: bool
    match_choices: list[str] | None = Field(description="While pending, at high risk.")
    created_at: str
    expires_at: str
    signed_at: str | None
    decided_at: str | None
    cancelled_at: str | None
    rejection: Rejection | None
    takes_reason: bool = Field(description="Whether this browser rejected, and may still say why.")
    evidence_id: str | None
    rp_id: str
    server_time: str


class Decided(Answer):
    """A decision that has just been made durable."""

    id: str
    status: Status
    payload_hash: str
    context_hash: str | None = Field(description="Of the context that was signed, if any.")
    signed_at: str | None
    decided_at: str
    rejection: Rejection | None
    evidence_id: str | None


class Explained(Answer):
    """A rejection with the reason that was just given."""

    id: str
    rejection: Rejection


class Enrolled(Answer):
    """An approver with a new passkey."""

    username: str
    credential_id: str
    activated: bool
    role: Literal["owner", "admin", "approver", "auditor"]


class FirstKey(Answer):
    """An organisation's first API key."""

    id: str
    name: str
    key: str
    scopes: list[str]


class Practised(Enrolled):
    """A passkey that has proven itself; the first owner gets an API key, once."""

    api_key: FirstKey | None
    curl: str | None


class PasskeyOptions(BaseModel):
    """Options for the browser's passkey prompt (WebAuthn Level 3, section 5.1)."""

    model_config = ConfigDict(extra="allow")

    challenge: str
    timeout: int


class Unlocked(Answer):
    """A private confirmation that this browser may see now; the cookie says so."""


class Spoken(Answer):
    """An answer of the Model Context Protocol (JSON-RPC 2.0): `result` or `error`."""

    jsonrpc: Literal["2.0"]
    id: str | int | None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class State(Answer):
    """Whether the server works."""

    status: Literal["ok", "ready"]
