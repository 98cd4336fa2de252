"""A confirmation: its statuses, every change they allow, and its limits. All in this file."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from cosignet.core.match_code import MatchCode

ACTION_CHARACTERS_MAX = 200
TTL_SECONDS_DEFAULT = 180
TTL_SECONDS_MAX = 86_400
WAIT_SECONDS_MAX = 25
OUTCOME_NOTE_CHARACTERS_MAX = 1_000
CONSUME_TOKEN_CHARACTERS = (8, 200)
PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 200
EVIDENCE_KINDS = ("approval", "rejection", "consumption", "outcome")
"""What a confirmation leaves in the log; the first two are its decision."""

Risk: TypeAlias = Literal["normal", "high", "critical"]
RejectReason: TypeAlias = Literal["wrong_details", "unexpected", "not_now"]
OutcomeResult: TypeAlias = Literal["executed", "failed", "unknown"]


class Status(StrEnum):
    """The four words of the wire. All but `pending` are terminal."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.PENDING: frozenset({Status.APPROVED, Status.REJECTED, Status.EXPIRED}),
        Status.APPROVED: frozenset(),
        Status.REJECTED: frozenset(),
        Status.EXPIRED: frozenset(),
    }
)
"""Every change of status there is. A cancel is an expiry with `cancelled_at` set."""
_OPEN = frozenset(status for status, changes in TRANSITIONS.items() if changes)


@dataclass(frozen=True, slots=True)
class Signature:
    """An approver's signature over a confirmation, as it was verified and stored."""

    approver_id: str
    credential_id: bytes
    """The WebAuthn credential id."""
    algorithm: int
    """COSE algorithm number."""
    public_key_spki: bytes
    context_hash: bytes
    raw_assertion: str
    """The AuthenticationResponseJSON as received, as JSON text."""
    assertion_hash: bytes
    signed_at: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """How a confirmation was rejected; an unsigned one is a tap on the page without passkey."""

    signed: bool
    reason: RejectReason | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the requester says became of the approved action."""

    result: OutcomeResult
    note: str | None
    at: int


class Confirmation(NamedTuple):
    """One action somebody asked a named approver to decide. Times are unix milliseconds."""

    # A frozen dataclass of so many fields takes four times as long to make.

    id: str
    organisation_id: str
    api_key_id: str
    requester: str
    approver_id: str
    approver: str
    action: str
    payload: str
    """Canonical text, verbatim."""
    payload_hash: bytes
    context: str
    reject_context: str
    risk: Risk
    private: bool
    """Seen by nobody but the approver, who unlocks it by passkey."""
    status: Status
    created_at: int
    expires_at: int
    match: MatchCode | None
    """Of high risk only."""
    decided_at: int | None = None
    cancelled_at: int | None = None
    evidence_id: str | None = None
    consumed_at: int | None = None
    consumed_by: str | None = None
    """Id of the API key that consumed it."""
    rejection: Rejection | None = None
    outcome: Outcome | None = None
    signature: Signature | None = None
    """Present only once the confirmation is approved."""

    def __repr__(self) -> str:
        # Neither payload nor contexts may get into a log.
        return f"Confirmation(id={self.id!r}, status={self.status!r})"

    @property
    def decided(self) -> bool:
        """Whether the status is terminal."""
        return self.status not in _OPEN


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which confirmations a list shows; None: whatever theirs is."""

    status: Status | None = None
    approver: str | None = None
    """A username."""
    requester: str | None = None
    """An API key's name."""
    since: int | None = None
    """Created then or later (unix milliseconds)."""
    until: int | None = None
    """Created before then (unix milliseconds)."""


class Decision(NamedTuple):
    """What has just been recorded of a confirmation, durably."""

    confirmation: Confirmation
    """As it was a moment before."""
    status: Status
    at: int
    """Unix milliseconds."""
    evidence_id: str | None
    context_hash: bytes | None
    """Of the context that was signed. None of both: nobody signed."""
    rejection: Rejection | None
