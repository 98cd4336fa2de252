"""From an invite to an approver with a passkey whose leaf is in the log's queue."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.authenticator import Authenticator, unbase64url
from tests.live import Live
from tests.people import Person, Program, raise_for

from cosignet.core.access import Scope
from cosignet.core.leaf import assertion_hash
from cosignet.server.runtime import Runtime
from cosignet.server.services import practice
from cosignet.server.services.invite import Terms


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Live]:
    """A server nobody owns yet."""
    with Live(tmp_path / "data") as running:
        yield running


def openings(live: Live) -> list[dict[str, Any]]:
    async def work(rt: Runtime) -> list[dict[str, Any]]:
        rows = await rt.database.reader.fetch("SELECT entry, opening FROM leaves ORDER BY subject")
        for row in rows:
            commitment = hashlib.sha256(row["opening"].encode()).digest()
            assert unbase64url(json.loads(row["entry"])["c"]) == commitment
        return [json.loads(row["opening"]) for row in rows]

    return live.run(work)


def begin(live: Live, invite: str, username: str) -> Any:
    return Person(live.url).http.post(
        "/register/options", json={"invite": invite, "username": username}
    )


def test_the_first_owner_practises_and_gets_the_first_key_once(fresh: Live) -> None:
    owner = Person(fresh.url)
    registered = owner.register(fresh.owner_link(), "Ada")
    assert registered == {
        "username": "ada",
        "credentialId": owner.credential_id,
        "activated": True,
        "role": "owner",
    }
    practised = owner.practise()
    assert practised["apiKey"]["scopes"] == [
        "confirmations:consume",
        "confirmations:create",
        "confirmations:read",
    ]
    ran = subprocess.run(
        ["bash", "-c", practised["curl"]], capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout)["status"] == "pending"
    again = owner.http.post(
        "/register/practice/options", json={"credentialId": owner.credential_id}
    )
    assert (again.status_code, again.json()["code"]) == (409, "ceremony_gone")


def test_an_owners_link_ends_with_the_first_owner_and_with_a_newer_link(fresh: Live) -> None:
    older, newer = fresh.owner_link(), fresh.owner_link()
    assert begin(fresh, older.rpartition("=")[2], "ada").json()["code"] == "invite_revoked"
    Person(fresh.url).register(newer, "ada")
    assert begin(fresh, newer.rpartition("=")[2], "eve").json()["code"] == "owner_exists"


def test_two_who_race_with_the_owners_link_make_one_owner(fresh: Live) -> None:
    code = fresh.owner_link().rpartition("=")[2]
    people = [Person(fresh.url) for _ in range(2)]
    bodies = []
    for number, person in enumerate(people):
        who = {"invite": code, "username": f"ada{number}"}
        options = raise_for(person.http.post("/register/options", json=who))
        credential = person.passkey.register(options, origin=fresh.url)
        bodies.append(who | {"credential": credential})
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda pair: pair[0].http.post("/register", json=pair[1]),
                zip(people, bodies, strict=True),
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200, 403]


def test_an_owners_link_lasts_an_hour(fresh: Live) -> None:
    code = fresh.owner_link().rpartition("=")[2]
    fresh.clock.advance(3_599)
    assert begin(fresh, code, "ada").is_success
    fresh.clock.advance(1)
    assert begin(fresh, code, "ada").json()["code"] == "invite_expired"


def test_the_practice_assertion_is_the_proof_in_the_credentials_leaf(fresh: Live) -> None:
    person = Person(fresh.url)
    person.register(fresh.invite(), "alex")
    assert openings(fresh) == []
    who = {"credentialId": person.credential_id}
    options = raise_for(person.http.post("/register/practice/options", json=who))
    signed = person.passkey.sign(options, origin=fresh.url)
    raise_for(person.http.post("/register/practice", json=who | {"credential": signed}))
    parts = {name: unbase64url(signed["response"][name]) for name in signed["response"]}
    proof = assertion_hash(
        client_data_json=parts["clientDataJSON"],
        authenticator_data=parts["authenticatorData"],
        signature=parts["signature"],
    )
    (opening,) = openings(fresh)
    assert list(opening) == [
        *("v", "kind", "salt", "org", "approver", "approverId", "credentialId"),
        *("credentialKeyHash", "enrolledBy", "at", "proof"),
    ]
    assert opening["proof"] == proof.hex()
    assert opening["credentialKeyHash"] == hashlib.sha256(person.passkey.spki).hexdigest()
    assert (opening["kind"], opening["approver"]) == ("credential", "alex")
    assert opening["enrolledBy"] == "operator"


def test_a_first_decision_brings_the_credential_into_the_log(fresh: Live) -> None:
    alex, program = fresh.person("alex"), fresh.program()
    assert alex.approve(program.ask("alex")["id"]).is_success
    assert alex.approve(program.ask("alex")["id"]).is_success
    kinds = sorted((opening["kind"], opening.get("proof", "")) for opening in openings(fresh))
    assert kinds == [("approval", ""), ("approval", ""), ("credential", None)]


def test_without_practice_the_leaf_is_written_after_a_quarter_of_an_hour(fresh: Live) -> None:
    fresh.person("alex")
    fresh.run(practice.log_unproven)
    assert openings(fresh) == []
    fresh.clock.advance(15 * 60)
    fresh.run(practice.log_unproven)
    fresh.run(practice.log_unproven)
    assert [opening["proof"] for opening in openings(fresh)] == [None]


def test_a_leaf_says_which_api_key_enrolled_the_credential(fresh: Live) -> None:
    admin = fresh.program(Scope.ADMIN)
    (key,) = admin.get("/api/keys").json()["items"]
    person = Person(fresh.url)
    person.register(admin.post("/api/invites", {}).json()["code"], "alex")
    person.practise()
    assert [opening["enrolledBy"] for opening in openings(fresh)] == [f"api_key:{key['id']}"]


def test_the_seeds_quickstart_works_as_written(live: Live, admin: Program) -> None:
    """An invite by API key, a passkey, a confirmation, an approval: on localhost, no more steps."""
    created = admin.post("/api/invites", {"note": "alice", "maxUses": 1}).json()
    assert created["registerUrl"] == f"{live.url}/register?invite={created['code']}"
    person = Person(live.url)
    assert person.register(created["registerUrl"], "alice")["activated"] is True
    assert person.approve(admin.ask("alice")["id"]).is_success
    (listed,) = [
        item for item in admin.get("/api/invites").json()["items"] if item["note"] == "alice"
    ]
    assert (listed["code"], listed["uses"], listed["maxUses"]) == (created["code"], 1, 1)


def test_revoking_an_invite_works_by_its_code(live: Live, admin: Program) -> None:
    code = admin.post("/api/invites", {}).json()["code"]
    other = live.stranger(Scope.ADMIN)
    assert other.post(f"/api/invites/{code}/revoke").status_code == 404
    assert begin(live, code, "zoe").is_success
    assert admin.post(f"/api/invites/{code}/revoke").json()["revokedAt"] is not None
    assert begin(live, code, "zoe").json()["code"] == "invite_revoked"
    assert admin.post("/api/invites/unknown/revoke").status_code == 404


def test_an_invite_is_for_as_many_as_it_says(live: Live) -> None:
    code = live.invite(Terms(max_uses=2))
    for name in ("bo-one", "bo-two"):
        Person(live.url).register(code, name)
    assert begin(live, code, "bo-three").json()["code"] == "invite_used"


def test_a_pinned_invite_is_for_its_name(live: Live) -> None:
    code = live.invite(Terms(pinned_username="carla"))
    assert begin(live, code, "eve").json()["code"] == "invite_pinned"
    assert begin(live, code, "Carla").is_success


@pytest.mark.parametrize(
    "username",
    ["", "a", "-a", "a b", "é", "demo-x", "x" * 40, "a/b", "A\u0301", "a\n", "Kelvin\u212a"],
)
def test_a_username_out_of_the_rule_is_refused(live: Live, username: str) -> None:
    problem = begin(live, live.invite(), username).json()
    assert (problem["code"], problem["field"]) == ("field_invalid", "username")


def test_a_taken_username_is_refused(live: Live, alex: Person) -> None:
    answer = begin(live, live.invite(), alex.username.upper())
    assert (answer.status_code, answer.json()["code"]) == (409, "username_taken")


def test_an_operators_pinned_reinvite_adds_a_passkey(live: Live, alex: Person) -> None:
    code = live.invite(Terms(pinned_username=alex.username))
    options = begin(live, code, alex.username).json()
    assert [known["id"] for known in options["excludeCredentials"]] == [alex.credential_id]
    second = Person(live.url)
    second.register(code, alex.username)
    asked = live.program().ask(alex.username)
    assert second.approve(asked["id"]).is_success


def test_a_registration_challenge_works_once_and_for_its_invite(live: Live) -> None:
    code, other = live.invite(), live.invite()
    person = Person(live.url)
    who = {"invite": code, "username": "dora"}
    options = raise_for(person.http.post("/register/options", json=who))
    credential = person.passkey.register(options, origin=live.url)
    wrong = {"invite": other, "username": "dora", "credential": credential}
    assert person.http.post("/register", json=wrong).json()["code"] == "ceremony_gone"
    garbage = who | {"credential": credential | {"type": "nonsense"}}
    assert person.http.post("/register", json=garbage).status_code == 422
    late = person.http.post("/register", json=who | {"credential": credential})
    assert (late.status_code, late.json()["code"]) == (409, "ceremony_gone")


def test_a_registration_challenge_ends_after_five_minutes(fresh: Live) -> None:
    person = Person(fresh.url)
    who = {"invite": fresh.invite(), "username": "dora"}
    options = raise_for(person.http.post("/register/options", json=who))
    credential = person.passkey.register(options, origin=fresh.url)
    fresh.clock.advance(300)
    late = person.http.post("/register", json=who | {"credential": credential})
    assert late.json()["code"] == "ceremony_gone"


def test_one_passkey_is_registered_once(live: Live, alex: Person) -> None:
    copy = Person(live.url, passkey=alex.passkey)
    who = {"invite": live.invite(), "username": "copy-cat"}
    options = raise_for(copy.http.post("/register/options", json=who))
    credential = copy.passkey.register(options, origin=live.url)
    answer = copy.http.post("/register", json=who | {"credential": credential})
    assert (answer.status_code, answer.json()["code"]) == (409, "credential_taken")
    # The refusal took nothing: the invite and the name are still free.
    Person(live.url).register(who["invite"], "copy-cat")


def test_assertions_of_one_ceremony_never_pass_for_another(live: Live, program: Program) -> None:
    person = Person(live.url, passkey=Authenticator())
    person.register(live.invite(), "finn")
    asked = program.ask("finn")
    who = {"credentialId": person.credential_id}
    practice = raise_for(person.http.post("/register/practice/options", json=who))
    practised = person.passkey.sign(practice, origin=live.url)
    approval, rejection = (person.sign(asked["id"], purpose) for purpose in ("approve", "reject"))

    def refused(path: str, credential: object, **more: Any) -> str:
        answer = person.http.post(path, json={"credential": credential, **more})
        assert answer.status_code == 403
        return answer.json()["code"]

    confirm = f"/confirm/{asked['id']}"
    assert refused(f"{confirm}/approve", practised) == "challenge_not_ours"
    assert refused(f"{confirm}/approve", rejection) == "challenge_not_ours"
    assert refused(f"{confirm}/reject", approval) == "challenge_not_ours"
    assert refused(f"{confirm}/reject", practised) == "challenge_not_ours"
    assert refused("/register/practice", approval, **who) == "challenge_not_ours"
    assert person.post_approval(asked["id"], approval).is_success


def test_invite_pages_say_what_is_wrong_in_words(live: Live, admin: Program) -> None:
    used = live.invite()
    Person(live.url).register(used, "gil")
    revoked = admin.post("/api/invites", {}).json()["code"]
    admin.post(f"/api/invites/{revoked}/revoke")
    browser = {"Accept": "text/html,application/xhtml+xml"}
    for code, words in (
        (used, "has been used"),
        (revoked, "was revoked"),
        ("unknown", "is not known"),
        ("", "carries no invite"),
    ):
        page = program_get(live, f"/register?invite={code}", browser)
        assert page.status_code == 403
        assert words in page.text
        assert page.headers["content-type"].startswith("text/html")


def program_get(live: Live, path: str, headers: dict[str, str]) -> Any:
    return Person(live.url).http.get(path, headers=headers)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"maxUses": 0}, "maxUses"),
        ({"maxUses": 1_001}, "maxUses"),
        ({"note": "x" * 201}, "note"),
        ({"pinnedUsername": "é"}, "pinnedUsername"),
        ({"expiresAt": "tomorrow"}, "expiresAt"),
        ({"expiresAt": "2026-11-20T20:45:25"}, "expiresAt"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "9999-12-31T23:59:59-23:59"}, "expiresAt"),
        ({"expiresAt": "2100-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2027-W01-1T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "20270101T000000Z"}, "expiresAt"),
        ({"pinnedUsername": "demo-x"}, "pinnedUsername"),
        ({"role": "owner"}, "role"),
    ],
)
def test_an_invite_out_of_bounds_names_the_field(
    admin: Program, fields: dict[str, Any], field: str
) -> None:
    answer = admin.post("/api/invites", fields)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_of_two_who_race_for_a_pinned_name_the_second_starts_again(live: Live) -> None:
    invites = [live.invite(Terms(pinned_username="nora")) for _ in range(2)]
    people = [Person(live.url) for _ in invites]
    bodies = []
    for person, invite in zip(people, invites, strict=True):
        who = {"invite": invite, "username": "nora"}
        options = raise_for(person.http.post("/register/options", json=who))
        credential = person.passkey.register(options, origin=live.url)
        bodies.append(who | {"credential": credential})
    answers = [
        person.http.post("/register", json=body)
        for person, body in zip(people, bodies, strict=True)
    ]
    assert [answer.status_code for answer in answers] == [200, 409]
    people[1].register(invites[1], "nora")
    asked = live.program().ask("nora")
    assert people[1].approve(asked["id"]).is_success


def test_an_operators_reinvite_activates(live_https: Live) -> None:
    admin = live_https.program(Scope.ADMIN)
    invite = admin.post("/api/invites", {}).json()["code"]
    first, second = (Person(live_https.url, base_url=live_https.listens_at) for _ in range(2))
    assert first.register(invite, "olga")["activated"] is False
    again = live_https.invite(Terms(pinned_username="olga"))
    assert second.register(again, "olga")["activated"] is True
    assert second.approve(admin.ask("olga")["id"]).is_success
