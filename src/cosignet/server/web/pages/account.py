"""`/account`: who you are, your passkeys, and the people you answer for.

A session shows this page. Everything it changes takes a fresh passkey's answer besides, which is
good for that one change.
"""

from typing import Annotated

from pydantic import StringConstraints
from starlette.responses import Response

from cosignet.core.access import Change, ChangeKind
from cosignet.core.encoding import base64url, rfc3339
from cosignet.core.wire import time_or_null
from cosignet.server.services import access, invite, people
from cosignet.server.web.answers import json_answer
from cosignet.server.web.call import Body, Call, optional_json
from cosignet.server.web.first_key import first_key as shown_first_key
from cosignet.server.web.passkey_bodies import Assertion, Registration
from cosignet.server.web.rendering import page


class BeginChange(Body):
    """Which change a passkey is to confirm, and whom or what it is about."""

    change: ChangeKind
    target: Annotated[str, StringConstraints(max_length=200)] = ""


class Confirm(Body):
    """A fresh answer of a passkey to a change: AuthenticationResponseJSON of WebAuthn Level 3."""

    credential: Assertion


class AddPasskey(Body):
    """A new passkey: RegistrationResponseJSON of WebAuthn Level 3."""

    credential: Registration


async def show(call: Call) -> Response:
    """Show somebody their account."""
    session = call.signed_in
    found = await people.account(call.runtime, session)
    return page(
        "account.html",
        member=session.approver,
        organisation=session.organisation_slug,
        passkeys=[
            {
                "id": one.row_id,
                "credential_id": base64url(one.webauthn.id),
                "created_at": rfc3339(one.created_at),
                "last_used_at": time_or_null(one.last_used_at),
                "is_synced": one.backed_up,
                "is_flagged": one.flagged_at is not None,
                "is_this": one.row_id == session.credential_id,
            }
            for one in found.passkeys
        ],
        waiting=[
            {
                "id": one.approver.id,
                "username": one.approver.username,
                "invited_by": one.invited_by,
                "created_at": rfc3339(one.approver.created_at),
            }
            for one in found.waiting
        ],
        colleagues=found.colleagues,
        first_key=await access.first_key_is_due(call.runtime, session.approver),
    )


async def confirm(call: Call, body: BeginChange) -> Response:
    """Give the browser what its passkey signs to confirm one change."""
    change = Change(body.change, body.target)
    return json_answer(await people.begin(call.runtime, call.signed_in, change))


async def begin_passkey(call: Call, body: Confirm) -> Response:
    """Give the browser what it needs to make another passkey, once a present one confirms it."""
    credential = optional_json(body.credential)
    return json_answer(await people.begin_passkey(call.runtime, call.signed_in, credential))


async def add_passkey(call: Call, body: AddPasskey) -> Response:
    """Enrol another passkey of the same person."""
    credential = optional_json(body.credential)
    id_ = await people.complete_passkey(call.runtime, call.signed_in, credential)
    return json_answer({"credentialId": base64url(id_)})


async def revoke_passkey(call: Call, body: Confirm) -> Response:
    """End one of one's own passkeys; the last one stays."""
    credential = optional_json(body.credential)
    await people.revoke_passkey(call.runtime, call.signed_in, call.path("id"), credential)
    return json_answer({})


async def activate(call: Call, body: Confirm) -> Response:
    """Let an approver decide whom an API key invited."""
    credential = optional_json(body.credential)
    found = await people.activate(call.runtime, call.signed_in, call.path("id"), credential)
    return json_answer({"username": found.username})


async def reinvite(call: Call, body: Confirm) -> Response:
    """Make a link for somebody of the organisation who needs another passkey."""
    credential = optional_json(body.credential)
    coded = await invite.by_member(call.runtime, call.signed_in, call.path("id"), credential)
    return json_answer(
        {
            "username": coded.invite.pinned_username,
            "registerUrl": coded.register_url(call.runtime.public_url),
            "expiresAt": time_or_null(coded.invite.expires_at),
        }
    )


async def first_key(call: Call, body: Confirm) -> Response:
    """Give the owner the first API key, or another one for a first key that was not kept."""
    credential = optional_json(body.credential)
    minted = await access.confirm_first_key(call.runtime, call.signed_in, credential)
    return json_answer(shown_first_key(call, minted, call.signed_in.approver.username))
