"""`/login`: who you are, shown with a passkey; and out again."""

from starlette.responses import RedirectResponse, Response

from cosignet.server.services import session
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Body, Call, Nothing, optional_json
from cosignet.server.web.cookies import (
    LOGIN_COOKIE,
    SESSION_COOKIE,
    cookie,
    set_cookie,
    set_session,
)
from cosignet.server.web.passkey_bodies import Assertion
from cosignet.server.web.rendering import page

NEXT = ("/account",)
"""Where signing in may lead to; nothing else that a link says is believed."""


class SignIn(Body):
    """A passkey's answer: AuthenticationResponseJSON of WebAuthn Level 3."""

    credential: Assertion


async def show(call: Call) -> Response:
    """Ask for a passkey."""
    wanted = call.query("next") or ""
    return page(
        "login.html",
        next=wanted if wanted in NEXT else NEXT[0],
        rp_id=call.runtime.relying_party.id,
    )


async def options(call: Call, _: Nothing) -> Response:
    """Give the browser what its passkey signs to sign in."""
    prompt = await session.begin(call.runtime)
    answer = json_answer(prompt.options)
    seconds = session.PROMPT_MS // 1000
    set_cookie(call, answer, LOGIN_COOKIE, prompt.token, path="/login", seconds=seconds)
    return answer


async def sign_in(call: Call, body: SignIn) -> Response:
    """Open a session for whoever's passkey answered."""
    opened = await session.sign_in(
        call.runtime,
        prompt=cookie(call, LOGIN_COOKIE),
        credential=optional_json(body.credential),
        replaces=cookie(call, SESSION_COOKIE),
    )
    answer = json_answer({"username": opened.approver.username, "role": opened.approver.role})
    set_session(call, answer, opened.token)
    set_cookie(call, answer, LOGIN_COOKIE, "", path="/login", seconds=0)
    return answer


async def sign_out(call: Call, _: Nothing) -> Response:
    """End the browser's session, if it has one."""
    await session.sign_out(call.runtime, cookie(call, SESSION_COOKIE))
    answer = RedirectResponse("/login", 303) if call.wants_page else json_answer({})
    set_cookie(call, answer, SESSION_COOKIE, "", path="/", seconds=0)
    return answer
