"""Who may call a route. Every route names one of these; none has no guard."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from secrets import compare_digest

from cosignet.core.access import ApiKey, Scope
from cosignet.core.errors import (
    CrossSite,
    KeyInQuery,
    NotFound,
    Refusal,
    ScopeMissing,
    Unauthenticated,
)
from cosignet.core.request_errors import MetricsTokenMissing
from cosignet.server.secret import API_KEY_START
from cosignet.server.services import access, session
from cosignet.server.web.call import Call
from cosignet.server.web.cookies import SESSION_COOKIE, cookie
from cosignet.server.web.limiting import (
    count_failed_ceremony,
    take_for_address,
    take_for_ceremony,
    take_for_failed_key,
    take_for_key,
)

API_KEY_HEADER = "X-Api-Key"
_API_KEY = API_KEY_HEADER.lower().encode()
_LIKE_A_KEY = re.compile(r"(x-?)?api[-_]?key|key|token|access_token|authorization", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guard:
    """A check in front of an endpoint; raises a refusal or lets the call through."""

    name: str
    check: Callable[[Call], Awaitable[None]]
    scope: Scope | None = None
    takes_key: bool = False
    """Whether it asks for an API key."""
    refused: Callable[[Call, Refusal], None] = lambda _, __: None
    """Is told what a call that was let through was refused with, or why it was not."""


def api_key(scope: Scope) -> Guard:
    """Let programs in whose API key has a scope."""

    async def check(call: Call) -> None:
        key = await _authenticated(call, call.header(_API_KEY))
        require_scope(key, scope)
        call.key = key

    return Guard("api_key", check, scope, takes_key=True)


async def _authenticated(call: Call, secret: str | None) -> ApiKey:
    if not secret:
        raise Unauthenticated
    try:
        key = await access.authenticate(call.runtime, secret)
    except Unauthenticated:
        take_for_failed_key(call)
        raise
    take_for_key(call, key)
    return key


def require_scope(key: ApiKey, scope: Scope) -> None:
    """Let a key through that may do this.

    Raises:
        ScopeMissing: it may not; says which scope that needs.
    """
    if not key.allows(scope):
        raise ScopeMissing(f"It needs {scope}.", scope=str(scope))


async def _check_agent(call: Call) -> None:
    # No web page speaks MCP to this server: a browser that sends Origin was led here by another
    # site, or by a name that was made to lead here (MCP, "Streamable HTTP", Security Warning).
    if call.header(b"origin") not in (None, call.runtime.relying_party.origin):
        raise CrossSite("The Origin header names another site.")
    call.key = await _authenticated(call, call.header(_API_KEY) or _bearer(call))


def _bearer(call: Call) -> str | None:
    """Return the token of an Authorization header (RFC 6750, section 2.1)."""
    scheme, _, token = (call.header(b"authorization") or "").partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else None


async def _check_same_origin(call: Call) -> None:
    # Browsers send Origin with every POST and Sec-Fetch-Site with every request (Fetch, sections
    # 3.1 and "Fetch Metadata" 2.4); other clients send neither and hold no ambient credentials.
    origin = call.header(b"origin")
    if origin is not None and origin != call.runtime.relying_party.origin:
        raise CrossSite("The Origin header names another site.")
    if call.header(b"sec-fetch-site") not in (None, "same-origin", "none"):
        raise CrossSite("The browser says that another site sent this.")


async def _check_ceremony(call: Call) -> None:
    take_for_address(call)
    take_for_ceremony(call)
    await _check_same_origin(call)


async def _check_session(call: Call) -> None:
    take_for_address(call)
    # A session is an ambient credential: what changes something must come from our own pages.
    if call.scope["method"] not in ("GET", "HEAD"):
        await _check_same_origin(call)
    call.session = await session.get(call.runtime, cookie(call, SESSION_COOKIE))


async def _let_through(_: Call) -> None:
    pass


async def _check_page(call: Call) -> None:
    take_for_address(call)


CEREMONY = Guard("ceremony", _check_ceremony, refused=count_failed_ceremony)
"""State-changing calls of our own pages; what they carry (link, passkey) is their authority."""

SESSION = Guard("session", _check_session)
"""What somebody sees and changes who has signed in; changes need a passkey's answer besides."""

PAGE = Guard("page", _check_page)
"""Pages and their data: whoever has the link may look."""

PUBLIC = Guard("public", _let_through)
"""Says nothing about anybody."""


AGENT = Guard("agent", _check_agent, takes_key=True)
"""Agents, by their API key; what its scopes let them do is looked at with each tool."""

LOG = Guard("log", _check_page)
"""The transparency log: anybody, from any site, as often as an address may ask."""


async def _check_metrics_token(call: Call) -> None:
    wanted = call.runtime.metrics_token
    if wanted is None:
        raise NotFound
    take_for_address(call)
    given = call.header(b"authorization") or ""
    # Hashed first: comparing takes as long whatever was sent, its length included.
    hashes = (sha256(text.encode("utf-8")).digest() for text in (given, f"Bearer {wanted}"))
    if not compare_digest(*hashes):
        raise MetricsTokenMissing


METRICS = Guard("metrics", _check_metrics_token)
"""The operator's monitoring, by a token of its own; without one set, nothing is there."""


def refuse_key_in_query(call: Call, guard: Guard) -> None:
    """Refuse a URL that holds an API key, whoever sends it: URLs are kept in logs and histories.

    On every route that is what looks like a key of ours; where a key is asked for, also what is
    only called one.

    Raises:
        KeyInQuery: it names the parameter.
    """
    for name, value in call.request.query_params.multi_items():
        is_named_so = guard.takes_key and _LIKE_A_KEY.fullmatch(name)
        if is_named_so or value.startswith(API_KEY_START):
            raise KeyInQuery(field=name)
