"""Who may do what: roles of people, scopes of API keys, invites."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from cosignet.core.errors import FieldInvalid

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,38}")
"""Usernames, after lower-casing; `demo-` names exist in the demo organisation alone."""
USERNAME_IN_ANY_CASE = "^[A-Za-z0-9][A-Za-z0-9._-]{1,38}$"
"""What is a username once it is lower-cased; ECMAScript's spelling, as JSON Schema has it."""
DEMO_PREFIX = "demo-"
DEMO_ORGANISATION = "demo"
"""Its passkeys never open a session."""
KEY_NAME_CHARACTERS_MAX = 80
OVERLAP_SECONDS_MAX = 86_400
OVERLAP_SECONDS_DEFAULT = 0
"""Who says nothing may have lost the secret to somebody else: it ends at once."""
INVITE_NOTE_CHARACTERS_MAX = 200
INVITE_USES_MAX = 1_000


def parse_username(text: str, *, field: str) -> str:
    """Return a username as it is stored: lower case.

    Raises:
        FieldInvalid: it is out of the rule; only ASCII is lowered, so that no other letter turns
            into one (U+212A KELVIN SIGN lowers to `k`).
    """
    name = text.lower() if text.isascii() else ""
    if not USERNAME.fullmatch(name):
        raise FieldInvalid("2 to 39 of a–z, 0–9, dot, underscore and hyphen", field=field)
    if name.startswith(DEMO_PREFIX):
        raise FieldInvalid("Names that begin with “demo-” are the demo's.", field=field)
    return name


def check_length(text: str, *, low: int = 0, high: int, field: str) -> str:
    """Return a text whose length is within bounds.

    Raises:
        FieldInvalid: it is not.
    """
    if not low <= len(text) <= high:
        raise FieldInvalid(f"{low} to {high} characters", field=field)
    return text


class Role(StrEnum):
    """What a person may do in an organisation. An auditor only reads."""

    OWNER = "owner"
    ADMIN = "admin"
    APPROVER = "approver"
    AUDITOR = "auditor"


ACTIVATING_ROLES = frozenset({Role.OWNER, Role.ADMIN})
"""Who may let an approver decide whom an API key invited; they are activated themselves."""
DECIDING_ROLES = frozenset({Role.OWNER, Role.ADMIN, Role.APPROVER})


class Scope(StrEnum):
    """What an API key may do. `admin` includes the others: it can mint a key with any of them."""

    CREATE = "confirmations:create"
    READ = "confirmations:read"
    CONSUME = "confirmations:consume"
    WEBHOOKS = "webhooks"
    ADMIN = "admin"


DEFAULT_SCOPES = (Scope.CREATE, Scope.READ, Scope.CONSUME)


class Enroller(StrEnum):
    """Who enrolled a credential; stands in the credential's log entry."""

    OPERATOR = "operator"
    API_KEY = "api_key"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a program that asks. The key itself is stored as a hash only."""

    id: str
    organisation_id: str
    organisation_slug: str
    name: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: int
    revoked_at: int | None
    rotated_at: int | None = None
    """When it got the secret that it has now; None: at its creation."""
    old_secret_ends_at: int | None = None
    """When the last of the secrets before that ends, or ended."""

    def allows(self, scope: Scope) -> bool:
        """Whether this key has a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class MintedKey:
    """An API key with a new secret, which is shown now and never again."""

    key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Approver:
    """A named human who decides."""

    id: str
    organisation_id: str
    username: str
    role: Role
    user_handle: bytes = field(repr=False)
    created_at: int
    activated_at: int | None
    """None: registered by an API key's invite; decides nothing until somebody activates them."""
    revoked_at: int | None

    @property
    def may_decide(self) -> bool:
        """Whether this person's passkey can decide anything at all."""
        return (
            self.activated_at is not None
            and self.revoked_at is None
            and self.role in DECIDING_ROLES
        )


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in with a passkey; it lets them see their account, and no more."""

    id: str
    """Hash of what the browser holds, hex."""
    approver: Approver
    organisation_slug: str
    credential_id: str
    """The credential that signed in (its row)."""
    expires_at: int


ChangeKind: TypeAlias = Literal[
    "add_passkey", "revoke_passkey", "activate", "reinvite", "first_key"
]


@dataclass(frozen=True, slots=True)
class Change:
    """What a fresh assertion is asked for: a kind, and whom or what it is about (may be empty)."""

    kind: ChangeKind
    target: str = ""


@dataclass(frozen=True, slots=True)
class Invite:
    """A code that lets somebody register a passkey."""

    id: str
    organisation_id: str
    organisation_slug: str
    role: Role
    note: str | None
    pinned_username: str | None
    max_uses: int
    uses: int
    enroller: Enroller
    enroller_id: str | None
    trusted: bool
    """Whether approvers who register with it are activated at once."""
    created_at: int
    expires_at: int | None
    revoked_at: int | None
