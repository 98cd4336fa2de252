"""The cookies of people's browsers: out of scripts' reach, not sent along by other sites' forms."""

from starlette.responses import Response

from cosignet.server.services.session import SESSION_MS
from cosignet.server.web.call import Call

SESSION_COOKIE = "cosignet_sid"
LOGIN_COOKIE = "cosignet_lc"
"""Ties a sign-in prompt to the browser that opened it."""


def cookie(call: Call, name: str) -> str | None:
    """Return a cookie's value, if the browser sent one."""
    if call.header(b"cookie") is None:
        return None
    return call.request.cookies.get(name) or None


def set_cookie(
    call: Call, answer: Response, name: str, value: str, *, path: str, seconds: int
) -> None:
    """Let the browser keep a value for so long; for 0 seconds, forget it."""
    answer.set_cookie(
        name,
        value,
        path=path,
        max_age=seconds,
        httponly=True,
        samesite="lax",
        secure=call.runtime.public_url.startswith("https://"),
    )


def set_session(call: Call, answer: Response, token: str) -> None:
    """Sign the browser in."""
    set_cookie(call, answer, SESSION_COOKIE, token, path="/", seconds=SESSION_MS // 1000)
