"""Signing in with a passkey, and what a session is worth: an account page, and no decision."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.authenticator import Authenticator
from tests.engines import engines
from tests.live import Live
from tests.people import Person, Program, raise_for
from tests.server.rows import opened

from cosignet.core.access import Scope
from cosignet.server.runtime import Runtime
from cosignet.server.services import access
from cosignet.server.services.forget import forget_ended
from cosignet.server.web.routes import ROUTES

SID = "cosignet_sid"
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Live]:
    """A server nobody owns yet."""
    with Live(tmp_path / "data") as running:
        yield running


def rows(live: Live, sql: str, *values: object) -> list[Any]:
    with opened(live.data_dir / "cosignet.db") as connection:
        return connection.execute(sql, values).fetchall()


def is_signed_in(person: Person) -> bool:
    answer = person.http.get("/account")
    assert answer.status_code in (200, 401)
    if answer.status_code == 401:
        assert answer.json()["code"] == "sign_in_needed"
        assert answer.headers["www-authenticate"].startswith("Passkey")
    return answer.status_code == 200


def elsewhere(person: Person) -> Person:
    """Return the same person at another browser, with the same passkey."""
    return Person(person.url, person.passkey, person.username, person.base_url)


def cookie_lines(answer: Any) -> dict[str, str]:
    """Return each Set-Cookie line by the cookie's name."""
    lines = answer.headers.get_list("set-cookie")
    return {line.partition("=")[0]: line for line in lines}


def test_a_passkey_signs_in_and_out_again(live: Live, alex: Person) -> None:
    assert not is_signed_in(alex)
    assert alex.sign_in() == {"username": alex.username, "role": "approver"}
    assert is_signed_in(alex)
    page = alex.http.get("/account", headers=HTML)
    assert alex.username in page.text
    token = alex.http.cookies[SID]
    assert alex.http.post("/logout").json() == {}
    assert SID not in alex.http.cookies
    alex.http.cookies.set(SID, token)
    assert not is_signed_in(alex), "the token still opened it"
    assert elsewhere(alex).http.post("/logout").json() == {}


def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(live: Live) -> None:
    http = Person(live.url).http
    answer = http.get("/account", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/account")
    assert 'data-next="/account"' in http.get("/login?next=/account").text
    for elsewhere_ in ("https://evil.example", "//evil.example", "/confirm/x", "/account/../x"):
        page = http.get("/login", params={"next": elsewhere_})
        assert 'data-next="/account"' in page.text
        assert "evil" not in page.text


def test_signing_out_by_form_leads_to_the_sign_in_page(live: Live, alex: Person) -> None:
    alex.sign_in()
    answer = alex.http.post("/logout", headers=HTML, data={})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert not is_signed_in(alex)


def test_cookies_are_out_of_reach(live: Live, live_https: Live) -> None:
    for server in (live, live_https):
        person = server.newcomer()
        options = person.http.post("/login/options", json={})
        credential = person.passkey.sign(options.json(), origin=person.url)
        lc = cookie_lines(options)["cosignet_lc"]
        # The client keeps a Secure cookie to itself on the plain connection behind the proxy.
        header = {"Cookie": lc.partition(";")[0]}
        answer = person.http.post("/login", json={"credential": credential}, headers=header)
        assert answer.is_success, answer.text
        lines = cookie_lines(answer)
        for line, path, age in (
            (lc, "/login", 300),
            (lines[SID], "/", 7 * 86_400),
            (lines["cosignet_lc"], "/login", 0),
        ):
            parts = [part.strip().lower() for part in line.split(";")[1:]]
            wanted = {"httponly", "samesite=lax", f"path={path}", f"max-age={age}"}
            assert wanted <= set(parts), line
            assert ("secure" in parts) == server.url.startswith("https://")
            assert not any(part.startswith("domain") for part in parts)


def test_only_the_hash_of_a_session_is_kept(live: Live, alex: Person) -> None:
    alex.sign_in()
    token = alex.http.cookies[SID]
    dump = [tuple(row) for row in rows(live, "SELECT * FROM sessions")]
    assert dump
    assert token not in repr(dump)
    for name in ("cosignet.db", "cosignet.db-wal") if engines.current == "sqlite" else ():
        assert token.encode() not in (live.data_dir / name).read_bytes()


def test_the_options_name_no_passkey_and_are_32_bytes(live: Live, alex: Person) -> None:
    options = raise_for(alex.http.post("/login/options", json={}))
    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"
    assert len(options["challenge"]) == 43


def sign_in_with(person: Person, credential: object) -> tuple[int, str]:
    answer = person.http.post("/login", json={"credential": credential})
    return answer.status_code, answer.json().get("code", "")


def begun(person: Person, **tamper: Any) -> Any:
    options = raise_for(person.http.post("/login/options", json={}))
    return person.passkey.sign(options, origin=person.url, **tamper)


def test_a_prompt_is_answered_once_in_its_own_browser_and_in_time(fresh: Live) -> None:
    alex = fresh.person("alex")
    credential = begun(alex)
    assert sign_in_with(elsewhere(alex), credential) == (409, "ceremony_gone")
    assert sign_in_with(alex, credential)[0] == 200
    alex.http.cookies.set("cosignet_lc", "c_made-up", path="/login")
    assert sign_in_with(alex, credential) == (409, "ceremony_gone")
    late = elsewhere(alex)
    credential = begun(late)
    fresh.clock.advance(300)
    assert sign_in_with(late, credential) == (409, "ceremony_gone")


def test_a_refused_answer_uses_the_prompt_up(live: Live, alex: Person) -> None:
    good = begun(alex)
    assert sign_in_with(alex, good | {"type": "password"})[0] == 422
    assert sign_in_with(alex, good) == (409, "ceremony_gone")


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        ({"flags_off": 0x04}, "user_not_verified"),
        ({"flags_off": 0x01}, "user_not_present"),
        ({"rp_id": "evil.example"}, "rp_id_hash_wrong"),
        ({"client_data": {"origin": "https://evil.example"}}, "origin_wrong"),
        ({"client_data": {"crossOrigin": True}}, "cross_origin"),
        ({"client_data": {"type": "webauthn.create"}}, "ceremony_type_wrong"),
        ({"user_handle": None}, "user_handle_missing"),
        ({"user_handle": b"somebody else"}, "user_handle_foreign"),
        ({"signer": Authenticator()}, "signature_wrong"),
    ],
)
def test_an_answer_that_is_not_right_does_not_sign_in(
    live: Live, alex: Person, tamper: dict[str, Any], code: str
) -> None:
    assert sign_in_with(alex, begun(alex, **tamper)) == (403, code)
    assert not is_signed_in(alex)


def test_an_unknown_passkey_does_not_sign_in(live: Live) -> None:
    stranger = Person(live.url, Authenticator(user_handle=b"nobody"))
    assert sign_in_with(stranger, begun(stranger)) == (403, "credential_unknown")


def test_a_counter_that_goes_back_is_refused_and_flagged(live: Live) -> None:
    alex = Person(live.url, Authenticator(counting=True))
    alex.register(live.invite(), "counting")
    alex.sign_in()
    assert sign_in_with(alex, begun(alex, sign_count=1)) == (403, "sign_count_back")
    page = alex.http.get("/account", headers=HTML)
    assert "Perhaps there is a copy of it" in page.text


def test_a_session_ends_after_seven_days_used_or_not(fresh: Live) -> None:
    alex = fresh.person("alex")
    alex.sign_in()
    fresh.clock.advance(7 * 86_400 - 1)
    assert is_signed_in(alex)
    fresh.clock.advance(1)
    assert not is_signed_in(alex)
    elsewhere(alex).sign_in()
    fresh.run(forget_ended)
    assert len(rows(fresh, "SELECT * FROM sessions")) == 1, "the old one was kept"


def test_signing_in_again_gives_a_new_token_and_ends_the_old(live: Live, alex: Person) -> None:
    alex.sign_in()
    old = alex.http.cookies[SID]
    alex.sign_in()
    assert alex.http.cookies[SID] != old
    before = elsewhere(alex)
    before.http.cookies.set(SID, old)
    assert not is_signed_in(before)


def test_a_token_from_elsewhere_is_never_taken_over(live: Live, alex: Person) -> None:
    """Session fixation: what a browser brings along does not become a session."""
    alex.http.cookies.set(SID, "c_chosen-by-somebody-else", domain="localhost.local")
    alex.sign_in()
    assert alex.http.cookies[SID] != "c_chosen-by-somebody-else"
    fixed = elsewhere(alex)
    fixed.http.cookies.set(SID, "c_chosen-by-somebody-else")
    assert not is_signed_in(fixed)


def test_a_session_ends_with_its_approver_and_with_its_passkey(live: Live) -> None:
    by_name, by_key = live.newcomer(), live.newcomer()
    for person in (by_name, by_key):
        person.sign_in()

    async def revoke(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_approver(rt, organisation.id, by_name.username)
        await access.revoke_passkey(rt, organisation.id, by_key.passkey.credential_id)

    live.run(revoke)
    assert not is_signed_in(by_name)
    assert not is_signed_in(by_key)
    assert sign_in_with(by_name, begun(by_name)) == (403, "credential_revoked")
    assert sign_in_with(by_key, begun(by_key)) == (403, "credential_revoked")


def test_the_demos_passkeys_never_sign_in(fresh: Live) -> None:
    demo = fresh.person("guest")

    async def move(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            for table in ("approvers", "credentials"):
                await tx.execute(
                    f"UPDATE {table} SET organisation_id ="
                    " (SELECT id FROM organisations WHERE slug = 'demo')"
                )

    fresh.run(move)
    assert sign_in_with(demo, begun(demo)) == (403, "demo_cannot_sign_in")
    assert raise_for_practice(demo).status_code == 200
    assert not is_signed_in(demo), "a practice signed in"


def raise_for_practice(person: Person) -> Any:
    who = {"credentialId": person.credential_id}
    options = raise_for(person.http.post("/register/practice/options", json=who))
    credential = person.passkey.sign(options, origin=person.url)
    return person.http.post("/register/practice", json=who | {"credential": credential})


def test_a_practice_approval_signs_in_and_rotates(live: Live, alex: Person) -> None:
    alex.sign_in()
    old = alex.http.cookies[SID]
    alex.practise()
    assert is_signed_in(alex)
    assert alex.http.cookies[SID] != old
    before = elsewhere(alex)
    before.http.cookies.set(SID, old)
    assert not is_signed_in(before)


# --- A session decides nothing --------------------------------------------------------------------


def test_a_session_alone_approves_nothing_and_reads_nothing_of_the_api(
    live: Live, program: Program
) -> None:
    alex = live.newcomer()
    alex.sign_in()
    asked = program.ask(alex.username)["id"]
    alex.http.get(f"/confirm/{asked}")
    for body in ({}, {"credential": {}}, {"credential": begun(alex)}):
        answer = alex.http.post(f"/confirm/{asked}/approve", json=body)
        assert answer.status_code in (403, 422), answer.text
    for change in ("add_passkey", "activate", "first_key"):
        answer = alex.post_approval(asked, alex.confirm(change))
        assert (answer.status_code, answer.json()["code"]) == (403, "challenge_not_ours")
    assert alex.http.get("/api/confirmations").status_code == 401
    assert program.read(asked)["status"] == "pending"
    assert alex.approve(asked).is_success


def test_a_session_unlocks_nothing_private(live: Live, program: Program, alex: Person) -> None:
    asked = program.ask(alex.username, private=True)["id"]
    alex.sign_in()
    for path in ("data", "options", "approve", "reject"):
        method = "GET" if path == "data" else "POST"
        body = {"purpose": "approve"} if path == "options" else {"credential": {}}
        answer = alex.http.request(
            method, f"/confirm/{asked}/{path}", json=None if path == "data" else body
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "locked"), path


def test_who_is_not_activated_may_sign_in_and_still_approves_nothing(live_https: Live) -> None:
    admin = live_https.program(Scope.ADMIN)
    code = admin.post("/api/invites", {}).json()["code"]
    person = Person(live_https.url, base_url=live_https.listens_at)
    person.register(code, "olga")
    signed_in = https_sign_in(person)
    page = person.http.get("/account", headers=HTML | signed_in)
    assert "You wait for activation" in page.text
    asked = admin.ask("olga")["id"]
    for purpose in ("approve", "reject"):
        answer = person.http.post(
            f"/confirm/{asked}/options", json={"purpose": purpose}, headers=signed_in
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "approver_not_activated")
    assert admin.read(asked)["status"] == "pending"


def https_sign_in(person: Person) -> dict[str, str]:
    """Sign in and return the cookie header, which the client keeps back on a plain connection."""
    options = person.http.post("/login/options", json={})
    cookie = {"Cookie": cookie_lines(options)["cosignet_lc"].partition(";")[0]}
    credential = person.passkey.sign(options.json(), origin=person.url)
    answer = person.http.post("/login", json={"credential": credential}, headers=cookie)
    return {"Cookie": cookie_lines(answer)[SID].partition(";")[0]}


def test_no_sign_in_passes_for_another_ceremony_nor_the_other_way_round(
    live: Live, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)["id"]
    who = {"credentialId": alex.credential_id}
    practice = raise_for(alex.http.post("/register/practice/options", json=who))
    private = program.ask(alex.username, private=True)["id"]
    others = [
        alex.sign_unlock(private),
        alex.sign(asked),
        alex.sign(asked, "reject"),
        alex.passkey.sign(practice, origin=live.url),
    ]
    login = begun(alex)
    assert alex.post_approval(asked, login).json()["code"] == "challenge_not_ours"
    assert alex.post_unlock(private, login).json()["code"] == "challenge_not_ours"
    body = {"credential": login}
    assert alex.http.post(f"/confirm/{asked}/reject", json=body).status_code == 403
    practised = alex.http.post("/register/practice", json=who | body)
    assert practised.json()["code"] == "challenge_not_ours"
    for other in others:
        begun(alex)
        assert sign_in_with(alex, other) == (403, "challenge_not_ours")
    alex.sign_in()
    for other in others:
        alex.http.post("/account/confirm", json={"change": "add_passkey"})
        answer = alex.http.post("/account/passkeys/options", json={"credential": other})
        assert (answer.status_code, answer.json()["code"]) == (403, "challenge_not_ours")


def test_every_route_behind_a_session_refuses_who_has_none(live: Live) -> None:
    behind = [row for row in ROUTES if row.guard.name == "session"]
    assert len(behind) >= 8
    http = Person(live.url).http
    for row in behind:
        path = row.path.replace("{id}", "x")
        for cookies in ({}, {"Cookie": f"{SID}=c_made-up"}, {"X-Api-Key": "cosk_x"}):
            answer = http.request(row.method, path, headers=cookies)
            assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_needed"), path


def test_another_sites_page_uses_no_session(live: Live, alex: Person) -> None:
    alex.sign_in()
    changing = [
        row
        for row in ROUTES
        if row.method == "POST" and row.path.startswith(("/account", "/login", "/logout"))
    ]
    assert len(changing) >= 9
    for row in changing:
        path = row.path.replace("{id}", "x")
        for headers in (
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": live.url, "Sec-Fetch-Site": "same-site"},
            {"Origin": "null"},
        ):
            answer = alex.http.post(path, json={}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), path
    assert is_signed_in(alex)
