"""What API keys and invites are worth. Who calls which route: `tests/security/test_matrix.py`."""

from pathlib import Path

import pytest
from tests.authenticator import base64url
from tests.live import Live
from tests.people import JSON, Person, Program

from cosignet.core.access import Scope
from cosignet.core.challenge import Purpose, challenge
from cosignet.server.runtime import Runtime
from cosignet.server.services import access
from cosignet.server.services.invite import Terms
from cosignet.server.web.guards import CEREMONY, LOG, METRICS, PAGE, PUBLIC, SESSION
from cosignet.server.web.routes import ROUTES

KEYED = [row for row in ROUTES if row.guard.scope is not None]
OPEN = [row for row in ROUTES if not row.guard.takes_key]


def test_only_pages_ceremonies_and_public_facts_need_no_key() -> None:
    assert {row.guard for row in OPEN} == {PAGE, CEREMONY, SESSION, PUBLIC, METRICS, LOG}
    assert all(row.path.startswith("/api/") for row in KEYED)
    public = {row.path for row in OPEN if row.path.startswith("/api/")}
    assert public == {"/api/openapi.json"}


@pytest.mark.parametrize("key", [b"", b"nonsense", "é".encode(), b"cosk_" + b"A" * 5_000])
def test_what_cannot_be_a_key_is_no_key(live: Live, key: bytes) -> None:
    program = Program(live.url, "")
    answer = program.http.get("/api/confirmations", headers={"X-Api-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("parameter", ["key", "api_key", "apikey", "X-Api-Key", "token"])
def test_what_is_called_a_key_in_a_query_is_refused_whatever_it_holds(
    program: Program, parameter: str
) -> None:
    answer = program.get("/api/confirmations", **{parameter: "anything"})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_in_query")


def test_no_api_key_of_any_scope_decides(live: Live, alex: Person) -> None:
    """A program that holds every scope still needs the named person's passkey."""
    program = live.program(*Scope)
    asked = program.ask(alex.username)
    attempts = [
        (f"/confirm/{asked['id']}/approve", {"credential": {}}),
        (f"/api/confirmations/{asked['id']}/approve", {}),
        (f"/api/confirmations/{asked['id']}", {"status": "approved"}),
        (f"/api/confirmations/{asked['id']}/consume", {"token": "0123456789"}),
        (f"/api/confirmations/{asked['id']}/outcome", {"result": "executed"}),
    ]
    for path, sent in attempts:
        assert program.post(path, sent).is_client_error
    for method in ("PUT", "PATCH", "DELETE"):
        answer = program.http.request(method, f"/api/confirmations/{asked['id']}", json={})
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD"
    assert program.read(asked["id"])["status"] == "pending"


def test_a_key_that_enrols_a_software_passkey_cannot_approve_with_it(
    live_https: Live,
) -> None:
    admin = live_https.program(Scope.ADMIN)
    invite = admin.post("/api/invites", {"note": "me, myself"}).json()
    assert invite["needsActivation"] is True
    forged = Person(live_https.url, base_url=live_https.listens_at)
    registered = forged.register(invite["code"], "mallory")
    assert registered["activated"] is False
    asked = admin.ask("mallory")
    for purpose in ("approve", "reject"):
        path = f"/confirm/{asked['id']}"
        answer = forged.http.post(f"{path}/options", json={"purpose": purpose})
        assert (answer.status_code, answer.json()["code"]) == (403, "approver_not_activated")
        # Its owner can compute what to sign alone; the answer is the same.
        posted = forged.http.post(
            f"{path}/{purpose}", json={"credential": signed_alone(forged, asked, purpose)}
        )
        assert (posted.status_code, posted.json()["code"]) == (403, "approver_not_activated")
    assert admin.read(asked["id"])["status"] == "pending"


def test_a_key_cannot_invite_an_existing_name_again(admin: Program, alex: Person) -> None:
    answer = admin.post("/api/invites", {"pinnedUsername": alex.username})
    assert (answer.status_code, answer.json()["code"]) == (403, "reinvite_forbidden")


def signed_alone(person: Person, asked: JSON, purpose: Purpose) -> JSON:
    """What a person signs who computes the challenge from the page's data."""
    shown = person.data(asked["id"])
    to_sign = challenge(
        purpose=purpose,
        context_text=shown["context" if purpose == "approve" else "rejectContext"],
        payload_hash=bytes.fromhex(asked["payloadHash"]),
    )
    options = {"challenge": base64url(to_sign), "rpId": shown["rpId"]}
    return person.passkey.sign(options, origin=person.url)


def test_an_admin_key_sees_no_code_of_an_operators_invite(live_https: Live) -> None:
    admin = live_https.program(Scope.ADMIN)
    code = live_https.invite(Terms(pinned_username="alice"))
    assert code not in admin.get("/api/invites").text


def test_who_squats_a_name_is_not_activated_with_the_person_it_belongs_to(
    live_https: Live,
) -> None:
    admin = live_https.program(Scope.ADMIN)
    squatter, bob = (Person(live_https.url, base_url=live_https.listens_at) for _ in range(2))
    squatter.register(admin.post("/api/invites", {}).json()["code"], "bob")
    bob.register(live_https.invite(Terms(pinned_username="bob")), "bob")
    asked = admin.ask("bob")
    refused = squatter.approve(asked["id"])
    assert (refused.status_code, refused.json()["code"]) == (403, "credential_revoked")
    assert bob.approve(asked["id"]).is_success


def test_what_an_api_invite_is_worth_is_asked_when_it_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Live(folder) as trusting:
        url = trusting.url
        code = trusting.program(Scope.ADMIN).post("/api/invites", {}).json()["code"]
    settings = {"COSIGNET_PUBLIC_URL": url, "COSIGNET_API_INVITES": "activate"}
    with Live(folder, settings) as careful:
        person = Person(url, base_url=careful.listens_at)
        assert person.register(code, "late")["activated"] is False


def test_an_invite_ends_with_the_key_that_made_it(live: Live, admin: Program) -> None:
    minted = admin.post("/api/keys", {"name": "inviter", "scopes": ["admin"]}).json()
    code = Program(live.url, minted["key"]).post("/api/invites", {}).json()["code"]
    admin.post(f"/api/keys/{minted['id']}/revoke")
    who = {"invite": code, "username": "too-late"}
    answer = Person(live.url).http.post("/register/options", json=who)
    assert (answer.status_code, answer.json()["code"]) == (403, "invite_revoked")


def test_a_revoked_approver_signs_nothing_and_is_told_so(live: Live) -> None:
    person, program = live.newcomer(), live.program()
    asked = program.ask(person.username)
    signed = person.sign(asked["id"])

    async def work(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_approver(rt, organisation.id, person.username)

    live.run(work)
    answer = person.post_approval(asked["id"], signed)
    assert (answer.status_code, answer.json()["code"]) == (403, "approver_revoked")
    assert program.read(asked["id"])["status"] == "pending"
