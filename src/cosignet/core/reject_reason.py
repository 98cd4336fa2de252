"""Why somebody rejected: asked once it is rejected, so that saying no takes one tap."""

from cosignet.core.errors import Conflict, Forbidden

REJECT_REASON_MS = 15 * 60_000
"""How long after a rejection its reason can still be given."""


class NotRejectedHere(Forbidden, code="not_rejected_here"):
    """This was not rejected in this browser. Only where it was rejected can somebody say why."""


class ReasonGiven(Conflict, code="reason_given"):
    """A reason has been given already. It stays; load the page again to see it."""


class ReasonLate(Conflict, code="reason_late"):
    """The time to say why is over. Nothing else is needed."""
