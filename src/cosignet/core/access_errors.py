"""Refusals about who somebody is: signing in, accounts, invites that lead nowhere.

Like those in `core/errors.py`: the docstring is the message and the cure.
"""

from cosignet.core.errors import Conflict, Forbidden, InviteUnusable, InviteUsed, Unauthenticated


class SignInNeeded(Unauthenticated, code="sign_in_needed"):
    """You are not signed in, or not any more. Sign in with your passkey at /login."""


class DemoCannotSignIn(Forbidden, code="demo_cannot_sign_in"):
    """This passkey belongs to the demo. Sign in with the passkey of your organisation."""


class RoleMissing(Forbidden, code="role_missing"):
    """Your role does not allow this. Ask an owner of your organisation."""


class KeyRevoked(Conflict, code="key_revoked"):
    """This API key has been revoked and stays so. Make another one."""


class OwnerExists(InviteUsed, code="owner_exists"):
    """This Cosignet has an owner already. Ask them, or its operator, for an invite."""


class InviteNameTaken(InviteUnusable, code="invite_name_taken"):
    """The name this invite is for belongs to somebody by now. Ask for a new invite."""


class InviteNameRevoked(InviteUnusable, code="invite_name_revoked"):
    """The name this invite is for was revoked for ever. Ask for an invite under another name."""


class LastPasskey(Conflict, code="last_passkey"):
    """This is your only passkey. Add another one before you revoke it."""


class LastOwner(Conflict, code="last_owner"):
    """This is the only owner. Make somebody else an owner first."""


class NothingToChange(Conflict, code="nothing_to_change"):
    """That has been changed already. Load the page again to see how it stands."""
