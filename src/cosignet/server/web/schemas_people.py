"""What answers about sessions and accounts look like; as in `schemas.py`."""

from typing import Literal

from cosignet.server.web.schemas import Answer, FirstKey


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
