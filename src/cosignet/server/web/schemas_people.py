"""What answers about sessions, accounts and who may look like, too; as in `schemas.py`."""

from typing import Literal

from pydantic import Field

from cosignet.server.web.schemas import Answer, FirstKey, Key


class Done(Answer):
    """It has been done; there is nothing more to say."""


class SignedIn(Answer):
    """Who has just signed in."""

    username: str
    role: Literal["owner", "admin", "approver", "auditor"]


class AddedPasskey(Answer):
    """Another passkey of the same person."""

    credential_id: str


class Activated(Answer):
    """An approver who may decide from now on."""

    username: str


class Reinvited(Answer):
    """A link for somebody who needs another passkey."""

    username: str
    register_url: str
    expires_at: str


class FirstKeyShown(Answer):
    """The first API key; it is in this answer and in no other."""

    api_key: FirstKey
    curl: str


class ReplayedInvite(Answer):
    """An invite whose creation was repeated with its Idempotency-Key; the link was told once."""

    omitted: list[str] = Field(description="What only the first answer had.")
    note: str | None
    max_uses: int
    uses: int
    pinned_username: str | None
    needs_activation: bool
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class ReplayedKey(Key):
    """A key whose creation was repeated with its Idempotency-Key; the secret was told once."""

    omitted: list[str] = Field(description="What only the first answer had.")
