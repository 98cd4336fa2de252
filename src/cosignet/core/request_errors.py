"""Refusals of a request before anybody looks at what it wants: too slow, too large, too many.

Like those in `core/errors.py`: the docstring is the message and the cure.
"""

from cosignet.core.errors import Limited, Refusal, Unauthenticated, Unavailable


class TooSlow(Refusal, code="request_timeout"):
    """The request did not arrive in time. Send it again, all of it, over a new connection."""


class RequestMalformed(Refusal, code="request_malformed"):
    """That is not a well-formed HTTP request. Send it with a library that speaks HTTP/1.1."""


class MetricsTokenMissing(Unauthenticated, code="metrics_token_missing"):
    """The token for metrics is missing or wrong. Send Authorization: Bearer and the token."""


class HeadTooLarge(Refusal, code="head_too_large"):
    """The request's headers are too large or too many. Send fewer, or clear this site's cookies."""


class HostMissing(Refusal, code="host_missing"):
    """The request does not name one host. Send one Host header."""


class Misdirected(Refusal, code="misdirected"):
    """This server has another name. Use its public URL; a proxy has to pass Host on as it came."""


class TooManyWaiting(Limited, code="too_many_waiting"):
    """Too many requests wait for decisions already. Wait as long as Retry-After says, ask again."""


class NodeFull(Unavailable, code="node_full"):
    """This node holds as many waiting requests as it can. Wait as long as Retry-After says."""


class TooManyConnections(Unavailable, code="too_many_connections"):
    """This node has as many connections as it can. Wait as long as Retry-After says."""


class TooManyRequests(Limited, code="too_many_requests"):
    """Too many requests have come from you lately. Wait as long as Retry-After says."""


class TooManyAttempts(Limited, code="too_many_attempts"):
    """Too many attempts from your address have failed. Wait as long as Retry-After says."""


class TooManyPending(Limited, code="too_many_pending"):
    """Too many confirmations wait for this approver. Wait until some of them have ended."""


class TooManyPendingOfKey(Limited, code="too_many_pending_of_key"):
    """Too many confirmations of yours wait for this approver. Cancel some, or wait for them."""


class RejectedRepeatedly(Limited, code="rejected_repeatedly"):
    """This approver has rejected several of yours. Talk to them before you ask them again."""
