"""Private: until the named approver has unlocked it, a confirmation shows and does nothing."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from tests.authenticator import ABSENT, USER_VERIFIED, Authenticator, unbase64url
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.server.barrage import Barrage
from tests.server.rows import check, opened, value
from tests.server.test_races import posting
from tests.server.test_states import StoppedClock
from tests.server.together import background, eventually

from cosignet.core.access import Scope
from cosignet.server.runtime import Runtime
from cosignet.server.secret import prove
from cosignet.server.services import access
from cosignet.server.services.forget import forget_ended
from cosignet.server.store import credentials
from cosignet.server.store.credentials import StoredCredential
from cosignet.server.store.db import Reader
from cosignet.server.web import schemas

ACTION = "Give Zebulon the Aardvark account"
PAYLOAD: JSON = {"beneficiary": "Zebulon", "account": "Aardvark"}
VIEW_SECONDS = 15 * 60
PROMPT_SECONDS = 5 * 60


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("private") / "data"
    with Live(folder, clock=StoppedClock()) as running:
        yield running
    with opened(folder / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def program(live: Live, secrets: dict[str, str]) -> Program:
    return Program(live.url, secrets["program"])


@pytest.fixture
def asked(program: Program, alex: Person) -> JSON:
    return ask(program, alex)


def ask(program: Program, person: Person, **fields: Any) -> JSON:
    terms = {"action": ACTION, "private": True, "ttlSeconds": 7200} | fields
    return program.ask(person.username, PAYLOAD, **terms)


def another_browser(person: Person) -> Person:
    """Return the same person with the same passkey, at a browser without a cookie."""
    return Person(person.url, person.passkey, person.username, person.base_url)


def refused(answer: httpx2.Response, status: int, code: str) -> JSON:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


def cookie_of(answer: httpx2.Response, name: str) -> str:
    [header] = [c for c in answer.headers.get_list("set-cookie") if c.startswith(f"{name}=")]
    return header


# --- Everything there is, locked ------------------------------------------------------------------

SIGNED: JSON = {"credential": {}}
DOORS: dict[str, Callable[[Person, str], httpx2.Response]] = {
    "data": lambda who, at: who.http.get(f"{at}/data"),
    "data, waiting": lambda who, at: who.http.get(f"{at}/data?wait=25"),
    "options to approve": lambda who, at: who.http.post(
        f"{at}/options", json={"purpose": "approve"}
    ),
    "options to approve at high risk": lambda who, at: who.http.post(
        f"{at}/options", json={"purpose": "approve", "matchCode": "123"}
    ),
    "options to reject": lambda who, at: who.http.post(f"{at}/options", json={"purpose": "reject"}),
    "approve": lambda who, at: who.http.post(f"{at}/approve", json=SIGNED),
    "reject, signed": lambda who, at: who.http.post(f"{at}/reject", json=SIGNED),
    "reject": lambda who, at: who.http.post(
        f"{at}/reject", json={"token": prove("t", b"r")}, headers={"Cookie": "cosignet_page=t"}
    ),
    "reject by form": lambda who, at: who.http.post(
        f"{at}/reject", data={"token": prove("t", b"r")}, headers={"Cookie": "cosignet_page=t"}
    ),
    "reason": lambda who, at: who.http.post(
        f"{at}/reason",
        json={"token": prove("t", b"r"), "reason": "not_now"},
        headers={"Cookie": "cosignet_page=t"},
    ),
}
PAGES = {"page": "", "page with a parameter": "?from=mail", "rejecting page": "/reject"}


def everything(who: Person, confirmation: str) -> dict[str, Any]:
    """Return what every door says, without what differs from answer to answer."""
    said: dict[str, Any] = {}
    at = f"/confirm/{confirmation}"
    for name, knock in DOORS.items():
        answer = knock(who, at)
        body = answer.json()
        del body["requestId"]
        said[name] = (answer.status_code, body, "set-cookie" in answer.headers)
    for name, path in PAGES.items():
        answer = who.http.get(at + path, follow_redirects=True)
        words = answer.text.replace(confirmation, "ID")
        said[name] = (answer.status_code, words, "set-cookie" in answer.headers)
    return said


@pytest.mark.parametrize("door", DOORS)
def test_without_unlocking_every_door_is_locked(asked: JSON, alex: Person, door: str) -> None:
    answer = DOORS[door](alex, f"/confirm/{asked['id']}")
    problem = refused(answer, 403, "locked")
    assert set(problem) == {"type", "title", "status", "code", "requestId", "cure"}


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_the_locked_page_says_that_something_waits_and_nothing_else(
    program: Program, alex: Person, path: str
) -> None:
    asked = ask(program, alex, risk="high")
    answer = alex.http.get(f"/confirm/{asked['id']}{path}", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, f"/confirm/{asked['id']}")
    assert "set-cookie" not in answer.headers
    page = answer.text
    assert "Unlock" in page
    full = program.read(asked["id"])
    told = [*PAYLOAD, *PAYLOAD.values(), ACTION, alex.username, "deployer", asked["payloadHash"]]
    told += [full["context"], "pending", "high", asked["expiresAt"][:10]]
    assert [word for word in told if word in page] == []
    # Three digits are in many a token, between hyphens perhaps; as a word of its own they are not.
    assert not re.search(rf"(?<![\w-]){asked['matchCode']}(?![\w-])", page)


def test_all_locked_ones_look_alike_whatever_became_of_them(
    live: Live, program: Program, alex: Person
) -> None:
    """Nor does the answer tell why it is locked."""
    plain, high, gone, done, late = (
        ask(program, alex, **fields)
        for fields in ({}, {"risk": "high"}, {}, {"action": "x"}, {"ttlSeconds": 1})
    )
    assert program.post(f"/api/confirmations/{gone['id']}/cancel").is_success
    assert alex.unlock(done["id"]).is_success
    assert alex.approve(done["id"]).is_success
    live.clock.advance(2)
    browser = another_browser(alex)
    first = everything(browser, plain["id"])
    for one in (high, gone, done, late):
        assert everything(browser, one["id"]) == first
    browser.http.headers["Cookie"] = "cosignet_cvs=made-up"
    knocked = {name for name in DOORS if name not in ("reject", "reject by form", "reason")}
    said = everything(browser, plain["id"])
    assert {name: said[name] for name in knocked} == {name: first[name] for name in knocked}


def test_the_api_reads_a_private_one_as_ever(
    program: Program, colleague: Program, asked: JSON
) -> None:
    for reader in (program, colleague):
        read = reader.read(asked["id"])
        schemas.Full.model_validate(read)
        assert (read["private"], read["action"]) == (True, ACTION)


# --- Unlocking ------------------------------------------------------------------------------------


def test_the_approvers_passkey_opens_it_and_changes_nothing(
    live: Live, program: Program, alex: Person, asked: JSON
) -> None:
    before = program.read(asked["id"])
    answer = alex.unlock(asked["id"])
    assert raise_for(answer) == {}
    shown = alex.data(asked["id"])
    schemas.Shown.model_validate(shown)
    assert (shown["private"], shown["action"], shown["payload"]) == (True, ACTION, PAYLOAD)
    for path in PAGES.values():
        assert "Aardvark" in alex.http.get(f"/confirm/{asked['id']}{path}").text
    assert program.read(asked["id"]) == before
    with opened(live.data_dir / "cosignet.db") as rows:
        for table in ("signatures WHERE confirmation_id", "leaves WHERE subject"):
            assert value(rows, f"SELECT count(*) FROM {table} = ?", asked["id"]) == 0


@pytest.mark.parametrize(
    ("decide", "status"),
    [
        (lambda who, id_: who.approve(id_), "approved"),
        (lambda who, id_: who.reject_signed(id_), "rejected"),
        (lambda who, id_: who.reject(id_), "rejected"),
    ],
    ids=["approve", "reject, signed", "reject"],
)
def test_what_is_unlocked_is_decided_like_any_other(
    live: Live,
    program: Program,
    alex: Person,
    asked: JSON,
    decide: Callable[[Person, str], httpx2.Response],
    status: str,
) -> None:
    assert alex.unlock(asked["id"]).is_success
    assert decide(alex, asked["id"]).is_success
    assert program.read(asked["id"])["status"] == status
    # And stays to be read by whoever unlocks it, decided or not.
    assert alex.data(asked["id"])["status"] == status
    later = another_browser(alex)
    assert later.unlock(asked["id"]).is_success
    assert later.data(asked["id"])["status"] == status


def test_unlocking_asks_for_any_passkey_over_32_fresh_bytes(alex: Person, asked: JSON) -> None:
    path = f"/confirm/{asked['id']}/unlock/options"
    first, second = (raise_for(alex.http.post(path, json={})) for _ in range(2))
    assert first["challenge"] != second["challenge"]
    for options in (first, second):
        schemas.PasskeyOptions.model_validate(options)
        assert len(unbase64url(options.pop("challenge"))) == 32
        assert options == {
            "rpId": "localhost",
            "timeout": PROMPT_SECONDS * 1000,
            "userVerification": "required",
            "allowCredentials": [],
        }


def test_both_cookies_belong_to_one_confirmation_and_to_http_alone(
    live: Live, alex: Person, asked: JSON
) -> None:
    path = f"/confirm/{asked['id']}"
    answer = alex.http.post(f"{path}/unlock/options", json={})
    prompt = cookie_of(answer, "cosignet_cvc")
    credential = alex.passkey.sign(answer.json(), origin=alex.url)
    answer = alex.post_unlock(asked["id"], credential)
    view = cookie_of(answer, "cosignet_cvs")
    for cookie, seconds in ((prompt, PROMPT_SECONDS), (view, VIEW_SECONDS)):
        attributes = cookie.split("; ")[1:]
        assert sorted(attributes) == sorted(
            ["HttpOnly", f"Max-Age={seconds}", f"Path={path}", "SameSite=lax"]
        )
    assert "Max-Age=0" in cookie_of(answer, "cosignet_cvc")  # gone with its prompt
    # What the store holds opens nothing.
    secret = view.partition("=")[2].partition(";")[0]
    assert len(secret) > 40
    files = live.data_dir.glob("cosignet.db*")
    assert not any(secret.encode() in file.read_bytes() for file in files)


def test_on_https_both_cookies_are_secure(live_https: Live) -> None:
    person = Person(live_https.url, base_url=live_https.listens_at)
    person.register(live_https.invite(), "alex")
    asked = ask(live_https.program(), person)
    answer = person.http.post(f"/confirm/{asked['id']}/unlock/options", json={})
    cookie = cookie_of(answer, "cosignet_cvc")
    assert "; Secure" in cookie
    # A client without TLS does not send it back by itself.
    sent = {"Cookie": cookie.partition(";")[0]}
    credential = person.passkey.sign(answer.json(), origin=person.url)
    path = f"/confirm/{asked['id']}/unlock"
    answer = person.http.post(path, json={"credential": credential}, headers=sent)
    assert "; Secure" in cookie_of(answer, "cosignet_cvs")


def test_two_are_open_side_by_side(program: Program, alex: Person) -> None:
    first, second = ask(program, alex), ask(program, alex)
    assert alex.unlock(first["id"]).is_success
    assert alex.unlock(second["id"]).is_success
    assert alex.data(first["id"])["id"] == first["id"]
    assert alex.data(second["id"])["id"] == second["id"]


def test_what_is_not_private_has_nothing_to_unlock(program: Program, alex: Person) -> None:
    asked = program.ask(alex.username)
    path = f"/confirm/{asked['id']}/unlock"
    refused(alex.http.post(f"{path}/options", json={}), 409, "not_private")
    refused(alex.http.post(path, json=SIGNED), 409, "not_private")
    for path in ("/confirm/nothing/unlock/options", "/confirm/nothing/unlock"):
        body = {} if path.endswith("options") else SIGNED
        refused(alex.http.post(path, json=body), 404, "not_found")


# --- Who does not get in --------------------------------------------------------------------------


def test_another_approvers_passkey_opens_nothing(live: Live, alex: Person, asked: JSON) -> None:
    sam = live.newcomer()
    answer = sam.unlock(asked["id"])
    refused(answer, 403, "not_the_approver")
    assert "cosignet_cvs" not in str(answer.headers)
    refused(DOORS["data"](sam, f"/confirm/{asked['id']}"), 403, "locked")
    # The challenge is used up, whoever answered.
    credential = alex.sign_unlock(asked["id"])
    refused(sam.post_unlock(asked["id"], credential), 409, "ceremony_gone")


def test_a_passkey_that_nobody_registered_opens_nothing(alex: Person, asked: JSON) -> None:
    options = raise_for(alex.http.post(f"/confirm/{asked['id']}/unlock/options", json={}))
    credential = Authenticator(user_handle=b"h").sign(options, origin=alex.url)
    refused(alex.post_unlock(asked["id"], credential), 403, "credential_unknown")


def test_a_guessed_credential_id_does_not_tell_whom_it_is_for(
    live: Live, alex: Person, asked: JSON
) -> None:
    """A passkey's id is in every decision it signs; whose it is counts only once it has signed."""
    said: list[JSON] = []
    mallory, sam = Authenticator(), live.newcomer()
    for guessed in (alex, sam):
        options = raise_for(sam.http.post(f"/confirm/{asked['id']}/unlock/options", json={}))
        handle = guessed.passkey.user_handle
        forged = guessed.passkey.sign(options, origin=sam.url, user_handle=handle, signer=mallory)
        said.append(refused(sam.post_unlock(asked["id"], forged), 403, "signature_wrong"))
        del said[-1]["requestId"]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        ({"flags_off": USER_VERIFIED}, "user_not_verified"),
        ({"client_data": {"type": "webauthn.create"}}, "ceremony_type_wrong"),
        ({"client_data": {"origin": "https://evil.example"}}, "origin_wrong"),
        ({"client_data": {"crossOrigin": True}}, "cross_origin"),
        ({"client_data": {"challenge": "A" * 43}}, "challenge_not_ours"),
        ({"signature": lambda s: s[:-1] + bytes([s[-1] ^ 1])}, "signature_wrong"),
        ({"rp_id": "evil.example"}, "rp_id_hash_wrong"),
        ({"user_handle": b"someone"}, "user_handle_foreign"),
        ({"members": {"response": ABSENT}}, "credential_response_not_object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_the_answer_opens_nothing_and_uses_the_prompt_up(
    alex: Person, asked: JSON, tamper: dict[str, Any], code: str
) -> None:
    options = raise_for(alex.http.post(f"/confirm/{asked['id']}/unlock/options", json={}))
    wrong = alex.passkey.sign(options, origin=alex.url, **tamper)
    right = alex.passkey.sign(options, origin=alex.url)
    answer = alex.post_unlock(asked["id"], wrong)
    refused(answer, 422 if code == "credential_response_not_object" else 403, code)
    refused(alex.post_unlock(asked["id"], right), 409, "ceremony_gone")
    refused(DOORS["data"](alex, f"/confirm/{asked['id']}"), 403, "locked")


def test_a_prompt_works_once(alex: Person, asked: JSON) -> None:
    credential = alex.sign_unlock(asked["id"])
    sent = {"Cookie": f"cosignet_cvc={alex.http.cookies['cosignet_cvc']}"}
    path = f"/confirm/{asked['id']}/unlock"
    body = {"credential": credential}
    assert alex.http.post(path, json=body, headers=sent).is_success
    # With the cookie as without it.
    refused(alex.http.post(path, json=body, headers=sent), 409, "ceremony_gone")
    refused(alex.http.post(path, json=body), 409, "ceremony_gone")


def test_a_prompt_belongs_to_the_browser_it_was_opened_in(alex: Person, asked: JSON) -> None:
    credential = alex.sign_unlock(asked["id"])
    elsewhere = another_browser(alex)
    refused(elsewhere.post_unlock(asked["id"], credential), 409, "ceremony_gone")
    elsewhere.sign_unlock(asked["id"])  # has a prompt of its own
    answer = elsewhere.post_unlock(asked["id"], credential)
    refused(answer, 403, "challenge_not_ours")
    # Nobody elsewhere has used this one up.
    assert alex.post_unlock(asked["id"], credential).is_success


def test_a_prompt_belongs_to_its_confirmation(program: Program, alex: Person, asked: JSON) -> None:
    other = ask(program, alex)
    credential = alex.sign_unlock(asked["id"])
    sent = {"Cookie": f"cosignet_cvc={alex.http.cookies['cosignet_cvc']}"}
    body = {"credential": credential}
    answer = alex.http.post(f"/confirm/{other['id']}/unlock", json=body, headers=sent)
    refused(answer, 409, "ceremony_gone")
    assert alex.post_unlock(asked["id"], credential).is_success


@pytest.mark.parametrize(("waited", "opens"), [(PROMPT_SECONDS - 1, True), (PROMPT_SECONDS, False)])
def test_a_prompt_is_open_for_five_minutes(
    live: Live, alex: Person, asked: JSON, waited: int, opens: bool
) -> None:
    credential = alex.sign_unlock(asked["id"])
    live.clock.advance(waited)
    answer = alex.post_unlock(asked["id"], credential)
    assert answer.is_success is opens
    if not opens:
        refused(answer, 409, "ceremony_gone")


def test_other_ceremonies_answers_open_nothing(program: Program, alex: Person, asked: JSON) -> None:
    """An approval's answer does not unlock; nor is unlocking ever an approval or a rejection."""
    plain = program.ask(alex.username)
    for purpose in ("approve", "reject"):
        alex.sign_unlock(asked["id"])  # opens a prompt
        refused(
            alex.post_unlock(asked["id"], alex.sign(plain["id"], purpose)),
            403,
            "challenge_not_ours",
        )
    assert alex.unlock(asked["id"]).is_success
    for confirmation in (asked, plain):
        unlocking = alex.sign_unlock(asked["id"])
        answer = alex.post_approval(confirmation["id"], unlocking)
        refused(answer, 403, "challenge_not_ours")
        path = f"/confirm/{confirmation['id']}/reject"
        answer = alex.http.post(path, json={"credential": unlocking})
        refused(answer, 403, "challenge_not_ours")
        assert program.read(confirmation["id"])["status"] == "pending"
    # Practising and unlocking are both 32 bytes, and still two things.
    who = {"credentialId": alex.credential_id}
    practice = raise_for(alex.http.post("/register/practice/options", json=who))
    body = {**who, "credential": alex.sign_unlock(asked["id"])}
    refused(alex.http.post("/register/practice", json=body), 403, "challenge_not_ours")
    alex.sign_unlock(asked["id"])
    signed = alex.passkey.sign(practice, origin=alex.url)
    refused(alex.post_unlock(asked["id"], signed), 403, "challenge_not_ours")


def test_a_counter_that_goes_back_opens_nothing_and_flags_the_passkey(
    live: Live, program: Program
) -> None:
    person = Person(live.url, Authenticator(counting=True))
    person.register(live.invite(), "counter")
    asked = ask(program, person)
    assert person.unlock(asked["id"]).is_success
    credential = person.sign_unlock(asked["id"], sign_count=1)
    refused(person.post_unlock(asked["id"], credential), 403, "sign_count_back")
    with opened(live.data_dir / "cosignet.db") as rows:
        sql = "SELECT flagged_at FROM credentials WHERE credential_id = ?"
        assert value(rows, sql, person.passkey.credential_id) is not None
    # What unlocking has counted, approving goes on from.
    stale = person.sign(asked["id"], sign_count=1)
    refused(person.post_approval(asked["id"], stale), 403, "sign_count_back")


def test_a_passkey_revoked_while_it_is_looked_at_opens_nothing(
    live: Live, alex: Person, asked: JSON, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = alex.sign_unlock(asked["id"])
    by_credential_id = credentials.by_credential_id

    async def revoked_after(reader: Reader, credential_id: bytes) -> StoredCredential | None:
        monkeypatch.undo()
        found = await by_credential_id(reader, credential_id)
        organisation = await access.default_organisation(live.runtime)
        await access.revoke_passkey(live.runtime, organisation.id, credential_id)
        return found

    monkeypatch.setattr(credentials, "by_credential_id", revoked_after)
    answer = alex.post_unlock(asked["id"], credential)
    refused(answer, 409, "ceremony_gone")
    with opened(live.data_dir / "cosignet.db") as rows:
        sql = "SELECT count(*) FROM private_views WHERE confirmation_id = ?"
        assert value(rows, sql, asked["id"]) == 0


def test_who_is_not_activated_sees_nothing(live_https: Live) -> None:
    admin = live_https.program(Scope.ADMIN)
    person = Person(live_https.url, base_url=live_https.listens_at)
    person.register(admin.post("/api/invites", {}).json()["code"], "newcomer")
    asked = ask(admin, person)
    answer = person.http.post(f"/confirm/{asked['id']}/unlock/options", json={})
    sent = {"Cookie": cookie_of(answer, "cosignet_cvc").partition(";")[0]}
    credential = person.passkey.sign(answer.json(), origin=person.url)
    path = f"/confirm/{asked['id']}/unlock"
    answer = person.http.post(path, json={"credential": credential}, headers=sent)
    refused(answer, 403, "approver_not_activated")
    assert "cosignet_cvs" not in str(answer.headers)


# --- A view ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("waited", "opens"), [(VIEW_SECONDS - 1, True), (VIEW_SECONDS, False)])
def test_a_view_lasts_fifteen_minutes(
    live: Live, alex: Person, asked: JSON, waited: int, opens: bool
) -> None:
    assert alex.unlock(asked["id"]).is_success
    live.clock.advance(waited)
    answer = DOORS["data"](alex, f"/confirm/{asked['id']}")
    assert answer.is_success is opens
    if opens:
        return
    for name, knock in DOORS.items():
        # Some send a Cookie header of their own instead of the jar's.
        refused(knock(alex, f"/confirm/{asked['id']}"), 403, "locked"), name
    assert alex.unlock(asked["id"]).is_success
    assert alex.data(asked["id"])["action"] == ACTION


def test_a_clock_that_goes_back_makes_no_view_longer(live: Live, alex: Person, asked: JSON) -> None:
    assert alex.unlock(asked["id"]).is_success
    live.clock.advance(-1)
    refused(DOORS["data"](alex, f"/confirm/{asked['id']}"), 403, "locked")
    live.clock.advance(1)
    assert alex.data(asked["id"])["action"] == ACTION


def test_a_view_is_of_one_confirmation(program: Program, alex: Person, asked: JSON) -> None:
    other = ask(program, alex)
    assert alex.unlock(asked["id"]).is_success
    secret = alex.http.cookies["cosignet_cvs"]
    path = f"/confirm/{other['id']}/data"
    for sent in (secret, secret + "x", secret[:-1], "", f'"{secret}"'):
        headers = {"Cookie": f"cosignet_cvs={sent}"}
        refused(alex.http.get(path, headers=headers), 403, "locked")


def test_the_cookie_of_a_prompt_is_no_view(alex: Person, asked: JSON) -> None:
    alex.sign_unlock(asked["id"])
    headers = {"Cookie": f"cosignet_cvs={alex.http.cookies['cosignet_cvc']}"}
    refused(alex.http.get(f"/confirm/{asked['id']}/data", headers=headers), 403, "locked")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE approvers SET revoked_at = 1 WHERE id ="
        " (SELECT approver_id FROM credentials WHERE credential_id = ?)",
        "UPDATE approvers SET activated_at = NULL WHERE id ="
        " (SELECT approver_id FROM credentials WHERE credential_id = ?)",
        "UPDATE approvers SET role = 'auditor' WHERE id ="
        " (SELECT approver_id FROM credentials WHERE credential_id = ?)",
        "UPDATE confirmations SET approver_id = (SELECT id FROM approvers WHERE id !="
        " (SELECT approver_id FROM credentials WHERE credential_id = ?1) AND revoked_at IS NULL"
        "  AND activated_at IS NOT NULL AND role = 'approver' LIMIT 1)"
        " WHERE approver_id = (SELECT approver_id FROM credentials WHERE credential_id = ?1)",
    ],
    ids=[
        "approver revoked",
        "approver not activated",
        "an auditor",
        "another approver",
    ],
)
def test_a_view_ends_with_what_it_rests_on(
    live: Live, program: Program, alex: Person, asked: JSON, change: str
) -> None:
    live.newcomer()
    assert alex.unlock(asked["id"]).is_success
    assert alex.data(asked["id"])["action"] == ACTION
    with opened(live.data_dir / "cosignet.db") as rows:
        rows.execute(change, [alex.passkey.credential_id])
        rows.commit()
    refused(DOORS["data"](alex, f"/confirm/{asked['id']}"), 403, "locked")


def test_a_view_ends_with_its_passkey(live: Live, alex: Person, asked: JSON) -> None:
    assert alex.unlock(asked["id"]).is_success

    async def revoke(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_passkey(rt, organisation.id, alex.passkey.credential_id)

    live.run(revoke)
    refused(DOORS["data"](alex, f"/confirm/{asked['id']}"), 403, "locked")


def test_who_waits_is_told_nothing_that_happens_after_the_view_has_ended(
    live: Live, program: Program, alex: Person, asked: JSON
) -> None:
    assert alex.unlock(asked["id"]).is_success

    async def revoke(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_approver(rt, organisation.id, alex.username)

    with background() as start:
        held = start(alex.http.get, f"/confirm/{asked['id']}/data?wait=25")
        eventually(lambda: len(live.runtime.waiters))
        live.run(revoke)
        assert program.post(f"/api/confirmations/{asked['id']}/cancel").is_success
        refused(held.result(), 403, "locked")


def test_nothing_is_held_open_for_who_has_not_unlocked(live: Live, asked: JSON) -> None:
    refused(DOORS["data, waiting"](Person(live.url), f"/confirm/{asked['id']}"), 403, "locked")
    assert len(live.runtime.waiters) == 0


def test_views_that_have_ended_are_not_kept(live: Live, program: Program, alex: Person) -> None:
    for _ in range(2):
        assert alex.unlock(ask(program, alex)["id"]).is_success
        live.clock.advance(VIEW_SECONDS)
    assert alex.unlock(ask(program, alex)["id"]).is_success
    live.run(forget_ended)
    with opened(live.data_dir / "cosignet.db") as rows:
        assert value(rows, "SELECT count(*) FROM private_views") == 1


def test_fifty_posts_of_one_answer_are_one_view(live: Live, alex: Person, asked: JSON) -> None:
    shot = posting(
        alex, f"/confirm/{asked['id']}/unlock", {"credential": alex.sign_unlock(asked["id"])}
    )
    cookie = f"cosignet_cvc={alex.http.cookies['cosignet_cvc']}"
    assert cookie in json.dumps(shot.headers)
    with Barrage(live.port) as barrage:
        hits = barrage.fire([shot] * 50)
    assert Counter(hit.status for hit in hits) == {200: 1, 409: 49}
    with opened(live.data_dir / "cosignet.db") as rows:
        sql = "SELECT count(*) FROM private_views WHERE confirmation_id = ?"
        assert value(rows, sql, asked["id"]) == 1
