"""A private confirmation is seen by nobody but the named approver, who unlocks it by passkey."""

from cosignet.core.errors import Conflict, Forbidden

PRIVATE_VIEW_MS = 15 * 60_000
"""How long one browser sees what was unlocked in it."""


class Locked(Forbidden, code="locked"):
    """This is private. Open its page and unlock it with the passkey of whoever was asked."""


class NotTheApprover(Forbidden, code="not_the_approver"):
    """This passkey belongs to somebody else than the person who was asked. Nothing was shown."""


class NotPrivate(Conflict, code="not_private"):
    """This confirmation is not private. Open its page; there is nothing to unlock."""
