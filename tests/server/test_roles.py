"""Roles, which the operator gives: what they let people do at once, and that an owner stays."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live import Live
from tests.people import Person
from tests.server.rows import check, opened

from cosignet.core.access import Approver, Role, Scope
from cosignet.core.access_errors import LastOwner, RoleMissing
from cosignet.core.errors import ApproverNotActivated, ApproverRevoked, NotFound, Refusal
from cosignet.server.ledger import require_may_decide
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, decide
from cosignet.server.store import confirmations


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A server where a key's invite lets nobody decide at once."""
    with Live(tmp_path / "data", {"COSIGNET_API_INVITES": "activate"}) as running:
        yield running
    with opened(running.data_dir / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def ada(live: Live) -> Person:
    """The owner."""
    person = Person(live.url)
    person.register(live.owner_link(), "ada")
    return person


@pytest.fixture
def olga(live: Live) -> Person:
    """Somebody whom an API key invited, and nobody has activated."""
    person = Person(live.url)
    code = live.program(Scope.ADMIN).post("/api/invites", {}).json()["code"]
    person.register(code, "olga")
    return person


def set_role(live: Live, name: str, role: Role) -> Approver:
    async def work(rt: Runtime) -> Approver:
        organisation = await access.default_organisation(rt)
        return await access.set_role(rt, organisation.id, name, role)

    return live.run(work)


def revoke(live: Live, name: str) -> None:
    async def work(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_approver(rt, organisation.id, name)

    live.run(work)


def roles(live: Live) -> dict[str, str]:
    async def work(rt: Runtime) -> dict[str, str]:
        organisation = await access.default_organisation(rt)
        found = await access.list_approvers(rt, organisation.id)
        return {one.username: one.role.value for one in found}

    return live.run(work)


def refuses(live: Live, name: str, role: Role, refusal: type[Refusal]) -> None:
    before = roles(live)
    with pytest.raises(refusal):
        set_role(live, name, role)
    assert roles(live) == before


@pytest.mark.parametrize("role", Role)
def test_an_active_approver_gets_any_role_and_a_second_time_nothing_changes(
    live: Live, ada: Person, role: Role
) -> None:
    alex = live.person("alex")
    for _ in range(2):
        assert set_role(live, "alex", role).role is role
        assert roles(live) == {"ada": "owner", "alex": role.value}
    assert alex.sign_in()["role"] == role.value


def test_an_admin_activates_from_then_on_and_an_approver_no_more(
    live: Live, ada: Person, olga: Person
) -> None:
    alex = live.person("alex")
    alex.sign_in()
    target = live.run(lambda rt: _id_of(rt, "olga"))
    assert alex.activate(target).json()["code"] == "role_missing"
    set_role(live, "alex", Role.ADMIN)
    set_role(live, "alex", Role.APPROVER)
    assert alex.activate(target).json()["code"] == "role_missing"
    set_role(live, "alex", Role.ADMIN)
    assert alex.activate(target).is_success


async def _id_of(rt: Runtime, name: str) -> str:
    organisation = await access.default_organisation(rt)
    found = await access.list_approvers(rt, organisation.id)
    return next(one.id for one in found if one.username == name)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OWNER}))
def test_the_only_owner_stays_one_until_there_is_another(
    live: Live, ada: Person, olga: Person, role: Role
) -> None:
    live.person("alex")
    refuses(live, "ada", role, LastOwner)
    set_role(live, "ada", Role.OWNER)
    set_role(live, "alex", Role.OWNER)
    set_role(live, "ada", role)
    refuses(live, "alex", role, LastOwner)


def test_where_nobody_owns_others_get_roles_all_the_same(live: Live) -> None:
    alex = live.person("alex")
    for role in (Role.ADMIN, Role.APPROVER, Role.OWNER):
        assert set_role(live, alex.username, role).role is role
    refuses(live, "alex", Role.ADMIN, LastOwner)


@pytest.mark.parametrize("standing", ["revoked", "not activated", "of another organisation"])
def test_an_owner_who_can_do_nothing_is_no_other_owner(
    live: Live, ada: Person, standing: str
) -> None:
    live.person("alex")
    set_role(live, "alex", Role.OWNER)
    change = {
        "revoked": "revoked_at = 1",
        "not activated": "activated_at = NULL",
        "of another organisation": "organisation_id ="
        " (SELECT id FROM organisations WHERE slug = 'demo')",
    }[standing]

    async def work(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            await tx.execute(f"UPDATE approvers SET {change} WHERE username = 'alex'")

    live.run(work)
    refuses(live, "ada", Role.ADMIN, LastOwner)


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_who_was_not_activated_becomes_neither_owner_nor_admin(
    live: Live, ada: Person, olga: Person, role: Role
) -> None:
    refuses(live, "olga", role, ApproverNotActivated)
    set_role(live, "olga", Role.AUDITOR)
    refuses(live, "olga", role, ApproverNotActivated)


def test_a_revoked_name_and_one_that_is_nobodys_get_no_role(live: Live, ada: Person) -> None:
    live.person("alex")
    revoke(live, "alex")
    refuses(live, "alex", Role.APPROVER, ApproverRevoked)
    refuses(live, "nobody", Role.ADMIN, NotFound)


def test_two_owners_who_leave_at_once_leave_one(live: Live, ada: Person) -> None:
    live.person("alex")
    for _ in range(5):
        for name in ("ada", "alex"):
            set_role(live, name, Role.OWNER)

        async def work(rt: Runtime) -> list[object]:
            organisation = await access.default_organisation(rt)
            return await asyncio.gather(
                *(
                    access.set_role(rt, organisation.id, name, Role.APPROVER)
                    for name in ("ada", "alex") * 3
                ),
                return_exceptions=True,
            )

        assert any(isinstance(one, LastOwner) for one in live.run(work))
        assert sorted(roles(live).values()) == ["approver", "owner"]


# --- An auditor only reads ------------------------------------------------------------------------


def test_who_became_an_auditor_decides_nothing_that_was_asked_before(
    live: Live, ada: Person
) -> None:
    alex, program = live.person("alex"), live.program()
    asked = program.ask("alex")["id"]
    signed, rejection = alex.sign(asked), alex.sign(asked, "reject")
    set_role(live, "alex", Role.AUDITOR)
    path = f"/confirm/{asked}"
    answers = [
        alex.post_approval(asked, signed),
        alex.http.post(f"{path}/reject", json={"credential": rejection}),
        *(alex.http.post(f"{path}/options", json={"purpose": p}) for p in ("approve", "reject")),
    ]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(403, "role_missing")}
    assert program.read(asked)["status"] == "pending"
    body = {"username": "alex", "action": "x", "payload": {}}
    assert program.post("/api/confirmations", body).json()["code"] == "approver_unknown"
    set_role(live, "alex", Role.APPROVER)
    assert alex.post_approval(asked, signed).is_success


def test_who_became_an_auditor_while_it_was_looked_at_is_told_so(
    live: Live, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    alex, program = live.person("alex"), live.program()
    asked = program.ask("alex")["id"]
    signed = alex.sign(asked)
    looked: list[str] = []

    async def look_early(*given: object) -> None:
        await require_may_decide(*given)  # pyright: ignore[reportArgumentType]
        if not looked:
            looked.append(asked)
            organisation = await access.default_organisation(live.runtime)
            await access.set_role(live.runtime, organisation.id, "alex", Role.AUDITOR)

    monkeypatch.setattr(decide, "require_may_decide", look_early)
    answer = alex.post_approval(asked, signed)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")
    assert looked
    assert program.read(asked)["status"] == "pending"


def test_the_words_for_somebody_who_waits_are_others(live: Live, ada: Person, olga: Person) -> None:
    asked = live.program().ask("olga")["id"]

    async def work(rt: Runtime) -> None:
        found = await confirmations.get(rt.database.reader, asked)
        assert found is not None
        await require_may_decide(rt.database.reader, found)

    with pytest.raises(ApproverNotActivated):
        live.run(work)
    set_role(live, "olga", Role.AUDITOR)
    with pytest.raises(ApproverNotActivated):
        live.run(work)
    live.run(_activate_olga)
    with pytest.raises(RoleMissing):
        live.run(work)


async def _activate_olga(rt: Runtime) -> None:
    organisation = await access.default_organisation(rt)
    await access.activate_approver(rt, organisation.id, "olga")
