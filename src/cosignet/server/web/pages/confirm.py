"""`/confirm/:id`: where a person sees the exact action and signs it, or rejects it."""

from typing import Annotated, Literal, TypeVar

from pydantic import StringConstraints, ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cosignet.core.card import exact, render
from cosignet.core.confirmation import (
    WAIT_SECONDS_MAX,
    Confirmation,
    Decision,
    RejectReason,
    Status,
)
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import PageTokenMissing
from cosignet.core.match_code import MATCH_CODE_PATTERN
from cosignet.core.private_view import Locked
from cosignet.core.reject_reason import ReasonGiven
from cosignet.core.wire import rejection
from cosignet.server.secret import mint_code, prove, proves
from cosignet.server.services import decide, explain, watch
from cosignet.server.web.answers import json_answer, shown
from cosignet.server.web.call import Body, Call, optional_json, refusal_of
from cosignet.server.web.cookies import cookie
from cosignet.server.web.markup import to_html
from cosignet.server.web.pages.unlock import view_of
from cosignet.server.web.passkey_bodies import Assertion
from cosignet.server.web.rendering import compressed, page
from cosignet.server.web.waiting import unless_gone

PAGE_COOKIE = "cosignet_page"
"""Shows that an unsigned rejection, and the reason for any, comes from a browser with the page."""
PAGE_TOKEN_BYTES = 32
_FORM = "application/x-www-form-urlencoded"


PickedCode = Annotated[str, StringConstraints(pattern=f"^{MATCH_CODE_PATTERN}$")]


class Options(Body):
    """What a prompt is for."""

    purpose: Literal["approve", "reject"]
    matchCode: PickedCode | None = None


class Approve(Body):
    """A passkey's answer: AuthenticationResponseJSON of WebAuthn Level 3."""

    credential: Assertion
    matchCode: PickedCode | None = None


class Reject(Body):
    """A rejection; with a passkey's answer it is signed, else it needs the page's token."""

    credential: Assertion | None = None
    reason: RejectReason | None = None
    token: str | None = None


class Reason(Body):
    """Why it was rejected; needs the page's token."""

    reason: RejectReason
    token: str | None = None


AnyForm = TypeVar("AnyForm", Reject, Reason)


async def show(call: Call) -> Response:
    """Show what is to be signed, or what has been decided."""
    try:
        confirmation = await watch.get(call.runtime, call.path("id"), view=view_of(call))
    except Locked:
        rp_id = call.runtime.relying_party.id
        return page("confirm_locked.html", confirmation_id=call.path("id"), rp_id=rp_id)
    return await _with_token(call, "confirm.html", confirmation)


async def show_reject(call: Call) -> Response:
    """Ask once more before rejecting, where no script runs."""
    try:
        confirmation = await watch.get(call.runtime, call.path("id"), view=view_of(call))
    except Locked:
        return RedirectResponse(f"/confirm/{call.path('id')}", 303)
    if confirmation.decided:
        return RedirectResponse(f"/confirm/{confirmation.id}", 303)
    return await _with_token(call, "confirm_reject.html", confirmation)


async def data(call: Call) -> Response:
    """Give the page's script everything that is signed; with `wait`, once it is decided."""
    seconds = call.query_number("wait", default=0, low=0, high=WAIT_SECONDS_MAX)
    reading = watch.get(
        call.runtime,
        call.path("id"),
        view=view_of(call),
        wait_seconds=seconds,
        address=call.address if seconds else None,
    )
    found = await unless_gone(call.receive, reading, waits=seconds > 0)
    return json_answer(await _shown(call, found))


async def options(call: Call, body: Options) -> Response:
    """Give the browser what it is to sign: PublicKeyCredentialRequestOptionsJSON."""
    found = await decide.options(
        call.runtime,
        call.path("id"),
        body.purpose,
        view=view_of(call),
        match_code=body.matchCode,
    )
    return json_answer(found)


async def approve(call: Call, body: Approve) -> Response:
    """Approve with a passkey's signature."""
    found = await decide.approve(
        call.runtime,
        call.path("id"),
        optional_json(body.credential),
        view=view_of(call),
        match_code=body.matchCode,
    )
    call.runtime.meter.decided(found.status)
    return json_answer(_decided(found))


async def reject(call: Call) -> Response:
    """Reject, signed or with a tap on the page."""
    body = await _read(call, Reject)
    if body.credential is None:
        _check_token(call, body.token)
    credential = None if body.credential is None else optional_json(body.credential)
    found = await decide.reject(
        call.runtime,
        call.path("id"),
        credential=credential,
        reason=body.reason,
        browser=cookie(call, PAGE_COOKIE),
        view=view_of(call),
    )
    call.runtime.meter.decided(found.status)
    if _is_form(call):
        return RedirectResponse(f"/confirm/{found.confirmation.id}", 303)
    return json_answer(_decided(found))


async def give_reason(call: Call) -> Response:
    """Take the reason for a rejection that was made in this browser a moment ago."""
    body = await _read(call, Reason)
    browser = _check_token(call, body.token)
    try:
        found = await explain.give_reason(
            call.runtime, call.path("id"), body.reason, browser=browser, view=view_of(call)
        )
    except ReasonGiven:
        if not _is_form(call):
            raise
        # A second tap on a slow line: the page says which one was recorded.
        return RedirectResponse(f"/confirm/{call.path('id')}", 303)
    if _is_form(call):
        return RedirectResponse(f"/confirm/{found.id}", 303)
    return json_answer({"id": found.id, "rejection": rejection(found.rejection)})


def _is_form(call: Call) -> bool:
    return (call.header(b"content-type") or "").startswith(_FORM)


async def _read(call: Call, model: type[AnyForm]) -> AnyForm:
    """Read a body that comes as JSON, or from a page without script as a form."""
    if not _is_form(call):
        return await call.body(model)
    fields = await call.form()
    try:
        return model.model_validate({name: value or None for name, value in fields.items()})
    except ValidationError as error:
        raise refusal_of(error) from None


def _check_token(call: Call, token: str | None) -> str:
    """Return the secret of the cookie, if what was posted shows that the page is known, too."""
    secret = cookie(call, PAGE_COOKIE)
    if secret is None or token is None or not proves(token, secret):
        raise PageTokenMissing
    return secret


async def _with_token(call: Call, template: str, confirmation: Confirmation) -> HTMLResponse:
    runtime = call.runtime
    token = cookie(call, PAGE_COOKIE) or mint_code(runtime.random(PAGE_TOKEN_BYTES))
    answer = page(
        template,
        confirmation=await _shown(call, confirmation),
        region_html=to_html(render(confirmation.payload, confirmation.context)),
        exact_html=to_html(exact(confirmation.payload)),
        byte_count=len(confirmation.payload.encode()),
        page_token=prove(token, runtime.random(PAGE_TOKEN_BYTES)),
    )
    answer.set_cookie(
        PAGE_COOKIE,
        token,
        path="/confirm/",
        httponly=True,
        samesite="lax",
        secure=runtime.public_url.startswith("https://"),
    )
    return compressed(answer, call.header(b"accept-encoding"))


async def _shown(call: Call, confirmation: Confirmation) -> dict[str, object]:
    runtime = call.runtime
    takes_reason = await explain.takes_reason(runtime, confirmation, cookie(call, PAGE_COOKIE))
    return shown(
        confirmation,
        rp_id=runtime.relying_party.id,
        now=runtime.clock(),
        takes_reason=takes_reason,
    )


def _decided(decision: Decision) -> dict[str, object]:
    at = rfc3339(decision.at)
    signed = decision.context_hash
    return {
        "id": decision.confirmation.id,
        "status": decision.status,
        "payloadHash": decision.confirmation.payload_hash.hex(),
        "contextHash": None if signed is None else signed.hex(),
        "signedAt": at if decision.status is Status.APPROVED else None,
        "decidedAt": at,
        "rejection": rejection(decision.rejection),
        "evidenceId": decision.evidence_id,
    }
