"""The id of one request: in its answer, in a problem document, in the log.

A client that has one of its own may send it, and finds its request in our log under that name. It
is taken only if it looks like an id: whatever else a header can hold has no place in a log.
"""

import re
from collections.abc import Callable

from starlette.types import Scope

from cosignet.server.web.fields import fields

REQUEST_ID_HEADER = "X-Request-Id"
REQUEST_ID_BYTES = 8
REQUEST_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]{7,35}$"
"""Eight characters at least, so that ids of different clients seldom meet; room for a UUID, and not
for an API key."""
_OURS = re.compile(REQUEST_ID_PATTERN[1:-1].encode())
REQUEST_ID_FIELD = REQUEST_ID_HEADER.lower().encode()
"""As ASGI spells it."""


def mint_request_id(random: Callable[[int], bytes]) -> str:
    """Return a fresh one."""
    return random(REQUEST_ID_BYTES).hex()


def request_id_of(scope: Scope, random: Callable[[int], bytes]) -> str:
    """Return the client's own, if it sent just one and that is plain; else a fresh one."""
    found = fields(scope, REQUEST_ID_FIELD)
    if len(found) == 1 and _OURS.fullmatch(found[0]):
        return found[0].decode("ascii")
    return mint_request_id(random)
