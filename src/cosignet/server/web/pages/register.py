"""`/register`: an invite becomes an approver with a passkey, who tries it once."""

from typing import Annotated

from pydantic import Field, StringConstraints
from starlette.responses import Response

from cosignet.core.access import USERNAME_IN_ANY_CASE
from cosignet.core.encoding import base64url
from cosignet.core.errors import InviteUnusable
from cosignet.server.services import access, enroll, session
from cosignet.server.services import practice as practice_
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Body, Call, optional_json
from cosignet.server.web.cookies import SESSION_COOKIE, cookie, set_session
from cosignet.server.web.errors import status_of
from cosignet.server.web.first_key import first_key
from cosignet.server.web.passkey_bodies import Assertion, Registration
from cosignet.server.web.rendering import page


class Begin(Body):
    """Who wants to register, with which invite."""

    invite: Annotated[str, StringConstraints(max_length=200)]
    username: Annotated[
        str,
        StringConstraints(max_length=200),
        Field(json_schema_extra={"pattern": USERNAME_IN_ANY_CASE}),
    ]


class Register(Begin):
    """A new passkey: RegistrationResponseJSON of WebAuthn Level 3."""

    credential: Registration


class BeginPractice(Body):
    """Whose practice."""

    credentialId: Annotated[str, StringConstraints(max_length=2_000)]


class Practise(BeginPractice):
    """A practice approval: AuthenticationResponseJSON of WebAuthn Level 3."""

    credential: Assertion


async def show(call: Call) -> Response:
    """Show an invite and how to accept it; to who has another name than it is for, why not."""
    code = call.query("invite") or ""
    pinned = None
    try:
        invite = await enroll.check_invite(call.runtime, code)
        pinned = invite.pinned_username
        existing = await enroll.check_name(call.runtime, invite)
        username = call.query("username")
        if username is not None:
            enroll.check_pin(invite, username)
    except InviteUnusable as refusal:
        if not call.wants_page:
            raise
        status = status_of(refusal)
        return page("invite.html", status, refusal=refusal, invite=code, pinned_username=pinned)
    return page(
        "register.html",
        invite=code,
        organisation=invite.organisation_slug,
        role=invite.role if existing is None else existing.role,
        note=invite.note,
        pinned_username=invite.pinned_username,
        is_reinvite=existing is not None,
        needs_activation=not enroll.activates(call.runtime, invite),
        rp_id=call.runtime.relying_party.id,
    )


async def options(call: Call, body: Begin) -> Response:
    """Give the browser what it needs to make a passkey: PublicKeyCredentialCreationOptionsJSON."""
    return json_answer(await enroll.begin(call.runtime, body.invite, body.username))


async def register(call: Call, body: Register) -> Response:
    """Enrol the new passkey."""
    enrolled = await enroll.complete(
        call.runtime, body.invite, body.username, optional_json(body.credential)
    )
    return json_answer(_enrolled(enrolled))


async def practice_options(call: Call, body: BeginPractice) -> Response:
    """Give the browser what a new passkey signs to show that it works."""
    return json_answer(await practice_.begin(call.runtime, body.credentialId))


async def practice(call: Call, body: Practise) -> Response:
    """Check the practice approval, which signs in; the first owner gets a first API key."""
    enrolled = await practice_.complete(
        call.runtime, body.credentialId, optional_json(body.credential)
    )
    opened = await session.after_practice(
        call.runtime,
        enrolled.approver,
        enrolled.row_id,
        replaces=cookie(call, SESSION_COOKIE),
    )
    minted = await access.mint_first_key(call.runtime, enrolled.approver)
    first = (
        {"apiKey": None, "curl": None}
        if minted is None
        else first_key(call, minted, enrolled.approver.username)
    )
    answer = json_answer(_enrolled(enrolled) | first)
    if opened is not None:
        set_session(call, answer, opened.token)
    return answer


def _enrolled(enrolled: enroll.Enrolled | practice_.Practised) -> dict[str, object]:
    approver = enrolled.approver
    return {
        "username": approver.username,
        "credentialId": base64url(enrolled.credential_id),
        "activated": approver.activated_at is not None,
        "role": approver.role,
    }
