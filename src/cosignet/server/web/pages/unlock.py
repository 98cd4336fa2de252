"""`/confirm/:id/unlock`: the named approver's passkey opens a private confirmation in one browser.

Both cookies belong to one confirmation's path: two private ones can be open side by side.
"""

from starlette.responses import Response

from cosignet.core.private_view import PRIVATE_VIEW_MS
from cosignet.server.services import unlock as unlock_
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Body, Call, Nothing, optional_json
from cosignet.server.web.cookies import cookie
from cosignet.server.web.passkey_bodies import Assertion

PROMPT_COOKIE = "cosignet_cvc"
"""Ties a prompt to the browser it was opened in."""
PROMPT_COOKIE_SECONDS = 300
VIEW_COOKIE = "cosignet_cvs"
"""Opens one private confirmation in the browser in which it was unlocked."""


class Unlock(Body):
    """A passkey's answer: AuthenticationResponseJSON of WebAuthn Level 3."""

    credential: Assertion


async def options(call: Call, _: Nothing) -> Response:
    """Give the browser what opens a private confirmation: PublicKeyCredentialRequestOptionsJSON."""
    prompt = await unlock_.begin(call.runtime, call.path("id"))
    answer = json_answer(prompt.options)
    _set_cookie(call, answer, PROMPT_COOKIE, prompt.browser, PROMPT_COOKIE_SECONDS)
    return answer


async def unlock(call: Call, body: Unlock) -> Response:
    """Open a private confirmation in this browser, for its approver."""
    browser = call.request.cookies.get(PROMPT_COOKIE)
    secret = await unlock_.complete(
        call.runtime, call.path("id"), browser, optional_json(body.credential)
    )
    answer = json_answer({})
    _set_cookie(call, answer, VIEW_COOKIE, secret, PRIVATE_VIEW_MS // 1000)
    _set_cookie(call, answer, PROMPT_COOKIE, "", 0)
    return answer


def view_of(call: Call) -> str | None:
    """Return the secret that this browser has for the confirmation in the path, if any."""
    return cookie(call, VIEW_COOKIE)


def _set_cookie(call: Call, answer: Response, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path=f"/confirm/{call.path('id')}",
        httponly=True,
        samesite="lax",
        secure=call.runtime.public_url.startswith("https://"),
    )
