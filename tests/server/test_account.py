"""An account's changes: each needs a fresh assertion of its own, whoever is signed in."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.live import Live
from tests.people import Person, Program, raise_for
from tests.server.rows import check, opened

from cosignet.core.access import Scope
from cosignet.core.errors import ApproverRevoked
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, people, practice, session
from cosignet.server.services.invite import Terms
from cosignet.server.store import approvers
from cosignet.server.web import schemas_people

HTML = {"Accept": "text/html,application/xhtml+xml"}
DAY = 86_400


@pytest.fixture
def settings() -> dict[str, str]:
    """By a key's invite nobody may decide at once."""
    return {"COSIGNET_API_INVITES": "activate"}


@pytest.fixture
def live(tmp_path: Path, settings: dict[str, str]) -> Iterator[Live]:
    """A server nobody owns yet, whose rows are checked after the test."""
    with Live(tmp_path / "data", settings) as running:
        yield running
    with opened(running.data_dir / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def owner(live: Live) -> Person:
    """The owner, signed in."""
    person = Person(live.url)
    person.register(live.owner_link(), "ada")
    person.sign_in()
    return person


@pytest.fixture
def waiting(live: Live) -> Person:
    """Somebody whom an API key invited, signed in."""
    person = Person(live.url)
    code = live.program(Scope.ADMIN, name="inviter").post("/api/invites", {}).json()["code"]
    person.register(code, "olga")
    person.sign_in()
    return person


def row(live: Live, sql: str, *values: object) -> Any:
    with opened(live.data_dir / "cosignet.db") as connection:
        (found,) = connection.execute(sql, values).fetchall()
    return found


def id_of(live: Live, person: Person) -> str:
    return row(live, "SELECT id FROM approvers WHERE username = ?", person.username)[0]


def key_row(live: Live, person: Person) -> str:
    sql = "SELECT id FROM credentials WHERE credential_id = ?"
    return row(live, sql, person.passkey.credential_id)[0]


def refused(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def set_role(live: Live, person: Person, role: str) -> None:
    async def work(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            sql = "UPDATE approvers SET role = $1 WHERE username = $2"
            assert await tx.execute(sql, role, person.username) == 1

    live.run(work)


def revoke_approver(live: Live, person: Person) -> None:
    async def work(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_approver(rt, organisation.id, person.username)

    live.run(work)


def account_page(person: Person) -> str:
    answer = person.http.get("/account", headers=HTML)
    assert answer.status_code == 200
    return answer.text


# --- Activation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_an_owner_or_admin_activates_with_a_passkey(
    live: Live, owner: Person, waiting: Person, role: str
) -> None:
    set_role(live, owner, role)
    page = account_page(owner)
    assert "olga" in page
    assert "inviter" in page
    activated = owner.activate(id_of(live, waiting)).json()
    schemas_people.Activated.model_validate(activated)
    assert activated == {"username": "olga"}
    assert "Waiting for activation" not in account_page(owner)
    assert "You wait for activation" not in account_page(waiting)
    assert waiting.approve(live.program().ask("olga")["id"]).is_success


def test_activating_twice_says_that_it_was_done(live: Live, owner: Person, waiting: Person) -> None:
    target = id_of(live, waiting)
    assert owner.activate(target).is_success
    assert refused(owner.activate(target)) == (409, "nothing_to_change")


@pytest.mark.parametrize("role", ["approver", "auditor"])
def test_nobody_else_activates(live: Live, owner: Person, waiting: Person, role: str) -> None:
    set_role(live, owner, role)
    assert "olga" not in account_page(owner)
    assert refused(owner.activate(id_of(live, waiting))) == (403, "role_missing")
    assert refused(waiting.activate(id_of(live, waiting))) == (403, "role_missing")
    assert activated_at(live, waiting) is None


def test_an_admin_who_waits_activates_nobody(live: Live, owner: Person, waiting: Person) -> None:
    set_role(live, waiting, "admin")
    assert "Waiting for activation" not in account_page(waiting)
    assert refused(waiting.activate(id_of(live, waiting))) == (409, "nothing_to_change")
    assert activated_at(live, waiting) is None


def test_somebody_of_another_organisation_looks_missing(
    live: Live, owner: Person, waiting: Person
) -> None:
    async def move(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            await tx.execute(
                "UPDATE approvers SET organisation_id ="
                " (SELECT id FROM organisations WHERE slug = 'demo') WHERE username = 'olga'"
            )

    live.run(move)
    assert "olga" not in account_page(owner)
    target = id_of(live, waiting)
    assert refused(owner.activate(target)) == (404, "not_found")
    assert refused(owner.reinvite(target)) == (404, "not_found")
    assert refused(owner.activate("nobody")) == (404, "not_found")
    assert activated_at(live, waiting) is None


def test_who_was_revoked_is_never_activated(live: Live, owner: Person, waiting: Person) -> None:
    revoke_approver(live, waiting)
    assert "olga" not in account_page(owner)
    assert refused(owner.activate(id_of(live, waiting))) == (403, "approver_revoked")
    assert refused(owner.reinvite(id_of(live, waiting))) == (403, "approver_revoked")


def activated_at(live: Live, person: Person) -> object:
    return row(live, "SELECT activated_at FROM approvers WHERE username = ?", person.username)[0]


# --- What a fresh assertion is good for -----------------------------------------------------------


def test_an_assertion_is_good_for_the_change_it_was_asked_for_alone(
    live: Live, owner: Person, waiting: Person
) -> None:
    target, own = id_of(live, waiting), key_row(live, owner)
    paths: dict[tuple[str, str], str] = {
        ("activate", target): f"/account/approvers/{target}/activate",
        ("reinvite", target): f"/account/approvers/{target}/invite",
        ("revoke_passkey", own): f"/account/passkeys/{own}/revoke",
        ("add_passkey", ""): "/account/passkeys/options",
        ("first_key", ""): "/account/key",
        ("activate", "x"): "/account/approvers/x/activate",
    }
    for asked in paths:
        for meant, path in paths.items():
            if asked == meant:
                continue
            owner.confirm(*meant)  # a prompt for the other change is open, too
            body = {"credential": owner.confirm(*asked)}
            assert refused(owner.http.post(path, json=body)) == (403, "challenge_not_ours")
            assert refused(owner.http.post(path, json=body)) == (409, "ceremony_gone")
    assert activated_at(live, waiting) is None


def test_an_assertion_is_good_once_and_for_five_minutes(
    live: Live, owner: Person, waiting: Person
) -> None:
    target = id_of(live, waiting)
    path = f"/account/approvers/{target}/activate"
    late = owner.confirm("activate", target)
    live.clock.advance(300)
    assert refused(owner.http.post(path, json={"credential": late})) == (409, "ceremony_gone")
    credential = owner.confirm("activate", target)
    assert owner.http.post(path, json={"credential": credential}).is_success
    assert refused(owner.http.post(path, json={"credential": credential})) == (409, "ceremony_gone")


def test_an_assertion_is_good_in_its_own_session_alone(
    live: Live, owner: Person, waiting: Person
) -> None:
    target = id_of(live, waiting)
    credential = owner.confirm("activate", target)
    elsewhere = Person(live.url, owner.passkey, "ada")
    elsewhere.sign_in()
    path = f"/account/approvers/{target}/activate"
    assert refused(elsewhere.http.post(path, json={"credential": credential})) == (
        409,
        "ceremony_gone",
    )
    owner.http.post("/logout")
    assert refused(owner.http.post(path, json={"credential": credential})) == (
        401,
        "sign_in_needed",
    )
    assert activated_at(live, waiting) is None


def test_somebody_elses_passkey_confirms_nothing(
    live: Live, owner: Person, waiting: Person
) -> None:
    target = id_of(live, waiting)
    asked = {"change": "activate", "target": target}
    options = raise_for(owner.http.post("/account/confirm", json=asked))
    credential = waiting.passkey.sign(options, origin=live.url)
    answer = owner.http.post(
        f"/account/approvers/{target}/activate", json={"credential": credential}
    )
    assert refused(answer) == (403, "credential_not_yours")


@pytest.mark.parametrize(
    "tamper", [{"flags_off": 0x04}, {"client_data": {"origin": "https://evil.example"}}]
)
def test_an_assertion_that_is_not_right_confirms_nothing(
    live: Live, owner: Person, waiting: Person, tamper: dict[str, Any]
) -> None:
    target = id_of(live, waiting)
    credential = owner.confirm("activate", target, **tamper)
    answer = owner.http.post(
        f"/account/approvers/{target}/activate", json={"credential": credential}
    )
    assert answer.status_code == 403
    assert activated_at(live, waiting) is None


def test_an_unknown_change_is_refused(owner: Person) -> None:
    answer = owner.http.post("/account/confirm", json={"change": "approve"})
    assert (refused(answer), answer.json()["field"]) == ((422, "field_invalid"), "change")


# --- Passkeys -------------------------------------------------------------------------------------


def test_a_second_passkey_decides_and_its_leaf_says_who_added_it(live: Live, owner: Person) -> None:
    second = owner.add_passkey()
    assert account_page(owner).count("Created ") == 2
    program = live.program()
    assert second.approve(program.ask("ada")["id"]).is_success
    assert owner.approve(program.ask("ada")["id"]).is_success
    live.clock.advance(900)
    live.run(practice.log_unproven)
    with opened(live.data_dir / "cosignet.db") as connection:
        leaves = connection.execute("SELECT opening FROM leaves WHERE kind = 'credential'")
        by = sorted(json.loads(leaf[0])["enrolledBy"] for leaf in leaves)
    assert by == [f"member:{id_of(live, owner)}", "operator"]


def test_a_second_passkey_practises_like_the_first(live: Live, owner: Person) -> None:
    second = owner.add_passkey()
    assert second.practise()["username"] == "ada"


def test_the_options_for_a_second_passkey_name_the_live_ones(live: Live, owner: Person) -> None:
    second = owner.add_passkey()
    options = raise_for(owner.begin_passkey())
    known = [one["id"] for one in options["excludeCredentials"]]
    assert sorted(known) == sorted([owner.credential_id, second.credential_id])
    assert owner.revoke_passkey(key_row(live, second)).is_success
    options = raise_for(owner.begin_passkey())
    assert [one["id"] for one in options["excludeCredentials"]] == [owner.credential_id]


def test_a_passkey_is_added_once_in_its_session_and_in_time(live: Live, owner: Person) -> None:
    other = Person(live.url)
    credential = other.passkey.register(raise_for(owner.begin_passkey()), origin=live.url)
    body = {"credential": credential}
    elsewhere = Person(live.url, owner.passkey, "ada")
    elsewhere.sign_in()
    assert refused(elsewhere.http.post("/account/passkeys", json=body)) == (409, "ceremony_gone")
    live.clock.advance(300)
    assert refused(owner.http.post("/account/passkeys", json=body)) == (409, "ceremony_gone")
    credential = other.passkey.register(raise_for(owner.begin_passkey()), origin=live.url)
    added = raise_for(owner.http.post("/account/passkeys", json={"credential": credential}))
    schemas_people.AddedPasskey.model_validate(added)
    again = owner.http.post("/account/passkeys", json={"credential": credential})
    assert refused(again) == (409, "ceremony_gone")


def test_somebody_elses_registered_passkey_is_not_added(live: Live, owner: Person) -> None:
    kim = live.person("kim")
    options = raise_for(owner.begin_passkey())
    credential = kim.passkey.register(options, origin=live.url)
    answer = owner.http.post("/account/passkeys", json={"credential": credential})
    assert refused(answer) == (409, "credential_taken")


def test_who_waits_adds_no_passkey(live: Live, waiting: Person) -> None:
    assert refused(waiting.begin_passkey()) == (403, "approver_not_activated")
    assert "To add one" not in account_page(waiting)


def test_a_passkey_without_user_verification_is_not_added(live: Live, owner: Person) -> None:
    options = raise_for(owner.begin_passkey())
    credential = Person(live.url).passkey.register(options, origin=live.url, flags_off=0x04)
    answer = owner.http.post("/account/passkeys", json={"credential": credential})
    assert refused(answer) == (403, "user_not_verified")


def test_revoking_a_passkey_ends_it_and_the_sessions_it_opened(live: Live, owner: Person) -> None:
    second = owner.add_passkey()
    second.sign_in()
    assert owner.revoke_passkey(key_row(live, second)).json() == {}
    assert second.http.get("/account").status_code == 401
    asked = live.program().ask("ada")["id"]
    assert refused(second.approve(asked)) == (403, "credential_revoked")
    assert owner.approve(asked).is_success
    assert refused(owner.revoke_passkey(key_row(live, second))) == (404, "not_found")


def test_the_last_passkey_stays(live: Live, owner: Person) -> None:
    assert "Revoke" not in account_page(owner)
    assert refused(owner.revoke_passkey(key_row(live, owner))) == (409, "last_passkey")
    second = owner.add_passkey()
    assert owner.revoke_passkey(key_row(live, owner)).is_success
    assert owner.http.get("/account").status_code == 401, "the session of a revoked passkey"
    second.sign_in()
    assert refused(second.revoke_passkey(key_row(live, owner))) == (404, "not_found")
    assert refused(second.revoke_passkey(key_row(live, second))) == (409, "last_passkey")


def test_somebody_elses_passkey_cannot_be_revoked(live: Live, owner: Person) -> None:
    kim = live.person("kim")
    owner.add_passkey()
    kim.sign_in()
    kim.add_passkey()
    assert refused(owner.revoke_passkey(key_row(live, kim))) == (404, "not_found")
    assert kim.approve(live.program().ask("kim")["id"]).is_success


# --- Recovery -------------------------------------------------------------------------------------


def test_an_owner_invites_somebody_again_who_lost_a_passkey(live: Live, owner: Person) -> None:
    kim = live.person("kim")
    invited = raise_for(owner.reinvite(id_of(live, kim)))
    schemas_people.Reinvited.model_validate(invited)
    assert invited["username"] == "kim"
    page = Person(live.url).http.get(invited["registerUrl"], headers=HTML).text
    assert "A new passkey for kim" in page
    again = Person(live.url)
    assert again.register(invited["registerUrl"], "kim")["activated"] is True
    assert again.approve(live.program().ask("kim")["id"]).is_success
    live.clock.advance(900)
    live.run(practice.log_unproven)
    sql = "SELECT opening FROM leaves WHERE subject = ?"
    leaf = json.loads(row(live, sql, key_row(live, again))[0])
    assert leaf["enrolledBy"] == f"member:{id_of(live, owner)}"
    assert refused_registration(live, invited["registerUrl"], "kim") == "invite_used"


def refused_registration(live: Live, link: str, username: str) -> str:
    who = {"invite": link.rpartition("=")[2], "username": username}
    return Person(live.url).http.post("/register/options", json=who).json()["code"]


@pytest.mark.parametrize("role", ["admin", "approver", "auditor"])
def test_nobody_but_an_owner_invites_again(live: Live, owner: Person, role: str) -> None:
    kim = live.person("kim")
    set_role(live, owner, role)
    assert "again</button>" not in account_page(owner)
    assert refused(owner.reinvite(id_of(live, kim))) == (403, "role_missing")


def test_a_reinvite_is_for_its_name_and_ends_with_its_owner(live: Live, owner: Person) -> None:
    kim = live.person("kim")
    link = raise_for(owner.reinvite(id_of(live, kim)))["registerUrl"]
    assert refused_registration(live, link, "eve") == "invite_pinned"
    revoke_approver(live, owner)
    assert refused_registration(live, link, "kim") == "invite_revoked"


def test_an_api_key_does_not_read_an_owners_reinvite(live: Live, owner: Person) -> None:
    kim = live.person("kim")
    link = raise_for(owner.reinvite(id_of(live, kim)))["registerUrl"]
    listed = live.program(Scope.ADMIN).get("/api/invites").text
    assert link.rpartition("=")[2] not in listed


def test_after_a_reinvite_the_lost_passkey_can_be_revoked(live: Live, owner: Person) -> None:
    kim = live.person("kim")
    link = raise_for(owner.reinvite(id_of(live, kim)))["registerUrl"]
    again = Person(live.url)
    again.register(link, "kim")
    again.sign_in()
    assert again.revoke_passkey(key_row(live, kim)).is_success
    assert refused(kim.approve(live.program().ask("kim")["id"])) == (403, "credential_revoked")


# --- The first key --------------------------------------------------------------------------------


def first_key(person: Person) -> httpx2.Response:
    return person.change("first_key", "", "/account/key")


def works(live: Live, key: str) -> bool:
    return Program(live.url, key).get("/api/confirmations").is_success


def test_who_reloads_before_practice_gets_the_first_key_from_the_account(
    live: Live, owner: Person
) -> None:
    assert "Show my first API key" in account_page(owner)
    answer = raise_for(first_key(owner))
    schemas_people.FirstKeyShown.model_validate(answer)
    assert works(live, answer["apiKey"]["key"])
    assert answer["apiKey"]["key"] in answer["curl"]
    assert owner.practise()["apiKey"] is None, "a second first key"


def test_who_lost_the_first_key_after_practice_gets_another_in_its_place(
    live: Live, owner: Person
) -> None:
    lost = owner.practise()["apiKey"]["key"]
    kept = raise_for(first_key(owner))["apiKey"]["key"]
    assert not works(live, lost)
    assert works(live, kept)
    assert row(live, "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL")[0] == 1


def asks(live: Live, owner: Person, key: str) -> None:
    Program(live.url, key).ask("ada")


def waits_a_day(live: Live, owner: Person, key: str) -> None:
    live.clock.advance(DAY)
    owner.sign_in()


def revokes(live: Live, owner: Person, key: str) -> None:
    found = live.program(Scope.ADMIN)
    for one in found.get("/api/keys").json()["items"]:
        if one["name"] == "first key":
            assert found.post(f"/api/keys/{one['id']}/revoke").is_success


@pytest.mark.parametrize("ends", [asks, waits_a_day, revokes])
def test_a_first_key_that_was_used_or_is_old_or_was_revoked_is_not_replaced(
    live: Live, owner: Person, ends: Callable[[Live, Person, str], None]
) -> None:
    key = owner.practise()["apiKey"]["key"]
    ends(live, owner, key)
    assert "Show my first API key" not in account_page(owner)
    assert refused(first_key(owner)) == (409, "nothing_to_change")
    assert works(live, key) == (ends is not revokes)


def test_where_there_is_a_key_already_there_is_no_first_one(live: Live, owner: Person) -> None:
    program = live.program()
    assert "Show my first API key" not in account_page(owner)
    assert refused(first_key(owner)) == (409, "nothing_to_change")
    assert program.get("/api/confirmations").is_success


def test_the_first_key_is_the_owners(live: Live, owner: Person) -> None:
    kim = live.person("kim")
    kim.sign_in()
    assert "API key" not in account_page(kim)
    assert refused(first_key(kim)) == (403, "role_missing")


# --- Invites that lead nowhere --------------------------------------------------------------------


def invite_page(live: Live, link: str) -> tuple[int, str]:
    answer = Person(live.url).http.get(link, headers=HTML)
    return answer.status_code, answer.text


def test_a_reloaded_owners_link_leads_on_by_signing_in(live: Live) -> None:
    link = live.owner_link()
    Person(live.url).register(link, "ada")
    status, page = invite_page(live, link)
    assert status == 403
    assert "has an owner already" in page
    assert 'href="/login"' in page
    problem = Person(live.url).http.get(link, headers={"Accept": "application/json"})
    assert refused(problem) == (403, "owner_exists")


def test_an_invite_whose_name_was_taken_or_revoked_says_so(live: Live) -> None:
    admin = live.program(Scope.ADMIN)
    link = admin.post("/api/invites", {"pinnedUsername": "kim"}).json()["registerUrl"]
    operators = f"/register?invite={live.invite(Terms(pinned_username='kim'))}"
    kim = live.person("kim")
    assert "belongs to somebody by now" in invite_page(live, link)[1]
    assert refused_registration(live, link, "kim") == "invite_name_taken"
    assert "A new passkey for kim" in invite_page(live, operators)[1]
    revoke_approver(live, kim)
    for one in (link, operators):
        status, page = invite_page(live, one)
        assert (status, "was revoked for ever" in page) == (403, True)
        assert refused_registration(live, one, "kim") == "invite_name_revoked"


def test_who_has_another_name_than_the_invite_is_for_gets_a_page_of_its_own(live: Live) -> None:
    code = live.invite(Terms(pinned_username="kim"))
    link = f"/register?invite={code}"
    for name in ("eve", "", "kim2", "x" * 300, "<b>"):
        status, page = invite_page(live, f"{link}&username={name}")
        assert (status, "This invite is for kim alone." in page) == (403, True)
        assert "the invite has not been used" in page
        assert f'href="{link}"' in page
        assert "<b>" not in page
        problem = Person(live.url).http.get(f"{link}&username={name}")
        assert refused(problem) == (403, "invite_pinned")
    for name in ("kim", "Kim"):
        assert invite_page(live, f"{link}&username={name}")[0] == 200
    assert "See what to do" in invite_page(live, link)[1]
    live.person("kim")
    status, page = invite_page(live, f"{link}&username=eve")
    assert (status, "This invite is for kim alone." in page) == (403, True)
    open_one = f"/register?invite={live.invite()}"
    assert invite_page(live, f"{open_one}&username=eve")[0] == 200
    assert "See what to do" not in invite_page(live, open_one)[1]


def test_the_pages_name_the_organisation_as_the_card_does(live: Live, owner: Person) -> None:
    pages = [invite_page(live, f"/register?invite={live.invite()}")[1], account_page(owner)]
    asked = live.program().ask("ada")["id"]
    pages.append(owner.http.get(f"/confirm/{asked}", headers=HTML).text)
    for page in pages:
        fact = page.partition("<dt>Organisation</dt>")[2].partition("</dd>")[0]
        assert "default" in fact
        assert "Your organisation" not in page


# --- The condition in the statement itself, whatever was checked before it ------------------------


@pytest.mark.parametrize(
    ("change", "activates"),
    [
        ("role = 'owner'", True),
        ("role = 'admin'", True),
        ("role = 'approver'", False),
        ("role = 'auditor'", False),
        ("activated_at = NULL", False),
        ("revoked_at = 1", False),
        ("organisation_id = (SELECT id FROM organisations WHERE slug = 'demo')", False),
    ],
)
def test_activating_asks_in_its_own_statement_who_does_it(
    live: Live, owner: Person, waiting: Person, change: str, activates: bool
) -> None:
    async def work(rt: Runtime) -> bool:
        member = await approvers.get(rt.database.reader, id_of(live, owner))
        assert member is not None
        async with rt.database.transaction() as tx:
            await tx.execute(f"UPDATE approvers SET {change} WHERE id = $1", member.id)
            return await approvers.activate_by(tx, member, id_of(live, waiting))

    assert live.run(work) is activates
    assert (activated_at(live, waiting) is not None) is activates


def test_who_is_revoked_between_creating_a_passkey_and_enrolling_it_gets_none(
    live: Live, owner: Person
) -> None:
    options = raise_for(owner.begin_passkey())
    credential = Person(live.url).passkey.register(options, origin=live.url)

    async def work(rt: Runtime) -> None:
        found = await session.get(rt, owner.http.cookies["cosignet_sid"])
        await access.revoke_approver(rt, found.approver.organisation_id, "ada")
        with pytest.raises(ApproverRevoked):
            await people.complete_passkey(rt, found, credential)

    live.run(work)
    assert row(live, "SELECT count(*) FROM credentials")[0] == 1
