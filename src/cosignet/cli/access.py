"""`cosignet apikey`, `invite`, `approver`: who may ask and who decides."""

import argparse
from typing import Any

from cosignet.cli.output import print_secret, print_table, say, with_runtime
from cosignet.core.access import (
    DEFAULT_SCOPES,
    INVITE_NOTE_CHARACTERS_MAX,
    INVITE_USES_MAX,
    KEY_NAME_CHARACTERS_MAX,
    OVERLAP_SECONDS_MAX,
    ApiKey,
    Approver,
    MintedKey,
    Role,
    Scope,
    check_length,
    parse_username,
)
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import FieldInvalid
from cosignet.server.entries import enrolled_by
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, invite, rotate
from cosignet.server.store.credentials import StoredCredential


async def _organisation_id(rt: Runtime) -> str:
    return (await access.default_organisation(rt)).id


def create_api_key(options: argparse.Namespace) -> int:
    """Mint an API key."""
    scopes = frozenset(Scope(scope) for scope in options.scope or DEFAULT_SCOPES)
    name = check_length(options.name, low=1, high=KEY_NAME_CHARACTERS_MAX, field="--name")

    async def work(rt: Runtime) -> MintedKey:
        return await access.create_api_key(
            rt, organisation_id=await _organisation_id(rt), name=name, scopes=scopes
        )

    minted = with_runtime(work)
    print_secret(options, minted.secret, _key(minted.key) | {"key": minted.secret})
    say("Keep it: it is stored as a hash only and not shown again.")
    return 0


def list_api_keys(options: argparse.Namespace) -> int:
    """List API keys."""

    async def work(rt: Runtime) -> list[ApiKey]:
        return await access.list_api_keys(rt, await _organisation_id(rt))

    print_table(options, [_key(key) for key in with_runtime(work)])
    return 0


def rotate_api_key(options: argparse.Namespace) -> int:
    """Give an API key another secret."""
    overlap = options.overlap
    if not 0 <= overlap <= OVERLAP_SECONDS_MAX:
        raise FieldInvalid(f"0 to {OVERLAP_SECONDS_MAX} seconds", field="--overlap")

    async def work(rt: Runtime) -> MintedKey:
        organisation_id = await _organisation_id(rt)
        return await rotate.rotate(rt, organisation_id, options.id, overlap_seconds=overlap)

    minted = with_runtime(work)
    print_secret(options, minted.secret, _key(minted.key) | {"key": minted.secret})
    say("Keep it: it is stored as a hash only and not shown again.")
    say(f"The old one ends at {_time(minted.key.old_secret_ends_at)}.")
    return 0


def revoke_api_key(options: argparse.Namespace) -> int:
    """End an API key."""

    async def work(rt: Runtime) -> ApiKey:
        return await access.revoke_api_key(rt, await _organisation_id(rt), options.id)

    print_table(options, [_key(with_runtime(work))])
    return 0


def create_invite(options: argparse.Namespace) -> int:
    """Invite an approver."""
    note = check_length(options.note or "", high=INVITE_NOTE_CHARACTERS_MAX, field="--note")
    terms = invite.Terms(
        note=note or None, max_uses=_uses(options.max_uses), pinned_username=_name(options.username)
    )

    async def work(rt: Runtime) -> tuple[invite.CodedInvite, str]:
        organisation = await access.default_organisation(rt)
        return await invite.by_operator(rt, organisation, terms), rt.public_url

    coded, public_url = with_runtime(work)
    link = coded.register_url(public_url)
    print_secret(options, link, _invite(coded) | {"registerUrl": link})
    say("Send this link to the person. It ends after seven days.")
    return 0


def list_invites(options: argparse.Namespace) -> int:
    """List invites."""

    async def work(rt: Runtime) -> list[invite.CodedInvite]:
        return await invite.list_all(rt, await _organisation_id(rt))

    print_table(options, [_invite(coded) for coded in with_runtime(work)])
    return 0


def revoke_invite(options: argparse.Namespace) -> int:
    """End an invite."""

    async def work(rt: Runtime) -> None:
        await invite.revoke(rt, await _organisation_id(rt), options.code)

    with_runtime(work)
    say("Revoked.")
    return 0


def list_approvers(options: argparse.Namespace) -> int:
    """List approvers."""

    async def work(rt: Runtime) -> list[Approver]:
        return await access.list_approvers(rt, await _organisation_id(rt))

    print_table(options, [_approver(approver) for approver in with_runtime(work)])
    return 0


def activate_approver(options: argparse.Namespace) -> int:
    """Let an approver decide."""

    async def work(rt: Runtime) -> Approver:
        return await access.activate_approver(rt, await _organisation_id(rt), options.username)

    print_table(options, [_approver(with_runtime(work))])
    say(f"See whose passkeys these are: cosignet approver passkeys {options.username}")
    return 0


ROLE_WORDS = {
    Role.OWNER: "An owner decides, activates people, and invites them again.",
    Role.ADMIN: "An admin decides, and activates people whom an API key invited.",
    Role.APPROVER: "An approver decides what programs ask them.",
    Role.AUDITOR: "An auditor only reads. Nobody can ask them, and what waits for them expires.",
}


def set_role(options: argparse.Namespace) -> int:
    """Give an approver another role."""
    role = Role(options.role)

    async def work(rt: Runtime) -> Approver:
        return await access.set_role(rt, await _organisation_id(rt), options.username, role)

    print_table(options, [_approver(with_runtime(work))])
    say(ROLE_WORDS[role])
    return 0


def revoke_approver(options: argparse.Namespace) -> int:
    """End an approver's say."""

    async def work(rt: Runtime) -> Approver:
        return await access.revoke_approver(rt, await _organisation_id(rt), options.username)

    print_table(options, [_approver(with_runtime(work))])
    return 0


def list_passkeys(options: argparse.Namespace) -> int:
    """List an approver's passkeys."""

    async def work(rt: Runtime) -> list[StoredCredential]:
        return await access.list_passkeys(rt, await _organisation_id(rt), options.username)

    print_table(options, [_passkey(passkey) for passkey in with_runtime(work)])
    return 0


def revoke_passkey(options: argparse.Namespace) -> int:
    """End one passkey."""
    try:
        credential_id = bytes.fromhex(options.id)
    except ValueError:
        raise FieldInvalid("not an id that `passkeys` lists", field="id") from None

    async def work(rt: Runtime) -> None:
        await access.revoke_passkey(rt, await _organisation_id(rt), credential_id)

    with_runtime(work)
    say("Revoked. What it signed before stays valid.")
    return 0


def _name(username: str | None) -> str | None:
    return None if username is None else parse_username(username, field="--username")


def _uses(count: int) -> int:
    if not 1 <= count <= INVITE_USES_MAX:
        raise FieldInvalid(f"1 to {INVITE_USES_MAX}", field="--max-uses")
    return count


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "createdAt": rfc3339(key.created_at),
        "revokedAt": _time(key.revoked_at),
        "rotatedAt": _time(key.rotated_at),
        "oldSecretEndsAt": _time(key.old_secret_ends_at),
    }


def _invite(coded: invite.CodedInvite) -> dict[str, Any]:
    terms = coded.invite
    return {
        "code": coded.code,
        "username": terms.pinned_username,
        "uses": f"{terms.uses}/{terms.max_uses}",
        "expiresAt": _time(terms.expires_at),
        "revokedAt": _time(terms.revoked_at),
        "note": terms.note,
    }


def _approver(approver: Approver) -> dict[str, Any]:
    return {
        "username": approver.username,
        "role": str(approver.role),
        "activatedAt": _time(approver.activated_at),
        "revokedAt": _time(approver.revoked_at),
    }


def _passkey(passkey: StoredCredential) -> dict[str, Any]:
    return {
        "id": passkey.webauthn.id.hex(),
        "createdAt": rfc3339(passkey.created_at),
        "backedUp": passkey.backed_up,
        "enrolledBy": enrolled_by(passkey),
        "flagged": _time(passkey.flagged_at),
        "revoked": passkey.webauthn.revoked,
    }


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
