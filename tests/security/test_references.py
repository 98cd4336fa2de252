"""What a body or a query names of another organisation is like what is nowhere; and what roles do.

The paths are in `test_matrix.py`. Changes of an account are confirmed here with real passkeys.
"""

from collections.abc import Callable
from typing import get_args

import httpx2
import pytest
from tests.people import Person, raise_for
from tests.security.test_matrix import NOWHERE, told
from tests.security.world import ASK, World

from cosignet.core.access import ChangeKind, Role

CHANGES: dict[ChangeKind, str] = {
    "activate": "/account/approvers/{}/activate",
    "reinvite": "/account/approvers/{}/invite",
    "revoke_passkey": "/account/passkeys/{}/revoke",
    "add_passkey": "/account/passkeys/options",
    "first_key": "/account/key",
}
BY_ROLE: dict[ChangeKind, frozenset[Role]] = {
    "activate": frozenset({Role.OWNER, Role.ADMIN}),
    "reinvite": frozenset({Role.OWNER}),
    "first_key": frozenset({Role.OWNER}),
    "revoke_passkey": frozenset(Role),
    "add_passkey": frozenset(Role),
}
"""Whose role allows a change; the rest is told `role_missing`, before anything is looked up."""


def signed_in(world: World, role: Role) -> Person:
    """Return somebody of a role at a browser that is signed in."""
    person = world.signed_in[world.by_name(f"a session of an {role}").headers["Cookie"]]
    world.home.session(person)
    return person


def test_every_change_of_an_account_is_in_the_tables() -> None:
    assert set(CHANGES) == set(BY_ROLE) == set(get_args(ChangeKind))


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_takes_the_role_for_it_besides_the_passkey(
    world: World, change: ChangeKind, role: Role
) -> None:
    person = signed_in(world, role)
    abouts = {"reinvite": world.home.asked_id(), "add_passkey": "", "first_key": ""}
    about = abouts.get(change, NOWHERE["id"])
    answer = person.change(change, about, CHANGES[change].format(about))
    if role not in BY_ROLE[change]:
        assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")
    elif change in ("add_passkey", "reinvite"):
        raise_for(answer)
    else:
        code = "nothing_to_change" if change == "first_key" else "not_found"
        assert answer.json()["code"] == code


@pytest.mark.parametrize("change", ["activate", "reinvite", "revoke_passkey"])
def test_whom_another_organisation_has_cannot_be_told_from_nobody_even_with_a_passkey(
    world: World, change: ChangeKind
) -> None:
    owner = signed_in(world, Role.OWNER)
    away = world.away
    theirs = away.asked_passkey() if change == "revoke_passkey" else away.asked_id()
    answers = [
        owner.change(change, about, CHANGES[change].format(about))
        for about in (theirs, NOWHERE["id"])
    ]
    assert told(answers[0]) == told(answers[1])
    assert answers[0].status_code == 404
    assert away.asked.sign_in()["username"] == away.asked.username


@pytest.mark.parametrize(
    "ask",
    [
        lambda world, who: world.home.admin.post("/api/confirmations", ASK | {"username": who}),
        lambda world, who: world.home.admin.get("/api/confirmations", username=who),
        lambda world, who: world.home.admin.post("/api/invites", {"pinnedUsername": who}),
    ],
    ids=["asked", "listed", "invited"],
)
def test_a_name_of_another_organisation_is_a_name_of_nobody(
    world: World, ask: Callable[[World, str], httpx2.Response]
) -> None:
    theirs = world.away.newcomer().username
    found = [told(ask(world, who)) for who in (theirs, "n" * len(theirs))]
    for status, _, body in found:
        assert isinstance(body, dict)
        for varying in ("code", "registerUrl", "createdAt", "expiresAt", "pinnedUsername"):
            if status == 201:
                body.pop(varying)
    assert found[0] == found[1]


def test_a_page_that_begins_at_another_organisations_row_holds_ones_own_alone(world: World) -> None:
    own = world.home.pending()
    theirs = {world.away.pending() for _ in range(2)}
    cursor = raise_for(world.away.admin.get("/api/confirmations", limit=1))["nextCursor"]
    page = raise_for(world.home.admin.get("/api/confirmations", cursor=cursor))
    listed = {item["id"] for item in page["items"]}
    assert own in listed
    assert not theirs & listed
    assert all(world.home.admin.read(id_)["id"] == id_ for id_ in listed)
