"""What strangers send: fields of ours, bombs, headers that claim; what reading may not change."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.authenticator import base64url
from tests.live import Live, Process
from tests.people import Person, Program, raise_for
from tests.security.test_matrix import ALLOWED, THROUGH, rows_of, told
from tests.security.world import Caller, World, name, subject

from cosignet.core.access import Scope
from cosignet.server.runtime import Runtime
from cosignet.server.services import access
from cosignet.server.web.guards import METRICS
from cosignet.server.web.route import Row
from cosignet.server.web.routes import ROUTES

POSTS = [row for row in ROUTES if row.method == "POST"]
READS = [row for row in ROUTES if row.method == "GET"]
OURS = (
    "status", "approvedBy", "payloadHash", "org", "organisationId", "role", "activated",
    "trusted", "approverId", "apiKeyId", "evidenceId", "decidedAt", "__proto__",
)  # fmt: skip


def allowed(world: World, row: Row) -> list[Caller]:
    return [caller for caller in world.callers if ALLOWED[row.guard.name](caller, row) == THROUGH]


@pytest.mark.parametrize("row", POSTS, ids=name)
def test_a_field_that_is_the_servers_to_say_is_refused_in_every_body(
    world: World, row: Row
) -> None:
    """Unknown or internal fields in any body (`status`, `approvedBy`, `payloadHash`, …) → 422."""
    caller = next(c for c in allowed(world, row) if c.organisation == world.home.slug)
    of, body = subject(row, world.home), world.body(row, world.home)
    before = rows_of(world)
    for field in OURS:
        answer = world.call(caller, row, of, body=body | {field: "approved"})
        assert (answer.status_code, answer.json()["code"]) == (422, "field_unknown"), answer.text
        assert answer.json()["field"] == field
    assert rows_of(world) == before


@pytest.mark.parametrize("row", READS, ids=name)
def test_reading_changes_nothing_whoever_reads_and_head_says_what_get_does(
    world: World, row: Row
) -> None:
    """GET and HEAD change nothing: scanners follow links."""
    of = subject(row, world.home)
    queries = {slug: world.query(row, home) for slug, home in world.homes.items()}
    before = rows_of(world)
    for caller in world.callers:
        answers = [
            world.http.request(
                method,
                row.path.replace("{id}", of or ""),
                headers=caller.headers,
                params=queries[caller.organisation],
            )
            for method in ("GET", "HEAD")
        ]
        assert answers[0].status_code == answers[1].status_code
        assert answers[1].content == b""
    assert rows_of(world) == before


FORWARDED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "4443",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
    "X-Original-URL": "/account",
    "X-Rewrite-URL": "/account",
    "X-HTTP-Method-Override": "POST",
}


# Figures change with every look at them.
@pytest.mark.parametrize("row", [row for row in READS if row.guard is not METRICS], ids=name)
def test_headers_that_only_a_proxy_may_set_change_nothing(world: World, row: Row) -> None:
    """Forwarded headers count only from configured proxies, and none is configured."""
    of = subject(row, world.home)
    query = world.query(row, world.home)
    caller = allowed(world, row)[0]

    def ask(headers: dict[str, str]) -> tuple[object, ...]:
        world.http.cookies.clear()
        path = row.path.replace("{id}", of or "")
        cookie = {"Cookie": "cosignet_page=c_" + "A" * 43} if row.path != "/account" else {}
        found = world.http.get(path, headers=caller.headers | cookie | headers, params=query)
        status, sent, body = told(found)
        return status, _steady(sent), _without_token(body)

    assert ask(FORWARDED) == ask({})


def _steady(headers: Any) -> list[tuple[str, str]]:
    # A compressed page's length goes with the token in it.
    return [(k, v) for k, v in headers if k not in ("content-length", "set-cookie")]


def _without_token(body: object) -> object:
    if isinstance(body, dict):
        return {key: item for key, item in body.items() if key != "serverTime"}
    return re.sub(r'(data-token|name="token" value)="[^"]*"', "", bytes(body).decode())


NESTED = b'{"a":' * 9_000
BOMBS: dict[str, bytes] = {
    "arrays in arrays": b"[" * 60_000,
    "objects in objects": NESTED,
    "a number of sixty thousand digits": b'{"a":' + b"9" * 60_000 + b"}",
    "an exponent of a thousand digits": b'{"a":1e' + b"9" * 1_000 + b"}",
    "one key ten thousand times": b"{" + b'"a":1,' * 10_000 + b'"a":1}',
    "half a text": b'{"a":"' + b"a" * 60_000,
}
CBOR_BOMBS: dict[str, bytes] = {
    "a length of 2^32 - 1": b"\xbb" + b"\xff" * 8,
    "an array of 2^32 - 1": b"\x9a\xff\xff\xff\xff",
    "a text of 2^63": b"\x7b\x7f" + b"\xff" * 7,
    "arrays in arrays": b"\x81" * 4_000,
    "maps in maps": b"\xa1\x01" * 4_000,
    "without an end": b"\x9f" * 4_000,
    "tags on tags": b"\xc1" * 4_000,
    "trailing bytes": b"\xa0" + b"\x00" * 4_000,
    "nothing": b"",
}


@pytest.mark.parametrize("row", POSTS, ids=name)
def test_a_parser_bomb_is_refused_wherever_it_is_posted(world: World, row: Row) -> None:
    """Parser bombs (nested arrays, trailing bytes) → 4xx; `make fuzz` holds them to 50 ms."""
    of = subject(row, world.home)
    if of is not None:
        of = row.path.replace("{id}", of).replace("{code}", of)
    caller = allowed(world, row)[0]
    headers = caller.headers | {"Content-Type": "application/json"}
    for what, bomb in BOMBS.items():
        world.http.cookies.clear()
        answer = world.http.post(of or row.path, content=bomb, headers=headers)
        assert answer.status_code in (413, 422), what
        assert len(answer.content) < 2_000


@pytest.mark.parametrize("bomb", CBOR_BOMBS)
def test_a_bomb_inside_a_passkeys_answer_is_refused_in_its_name(world: World, bomb: str) -> None:
    """Parser bombs (2^32 lengths, nested arrays) in what a passkey says → 4xx."""
    person = Person(world.live.url)
    who = {"invite": world.home.code(), "username": "bomber"}
    options = raise_for(person.http.post("/register/options", json=who))
    credential = person.passkey.register(
        options, origin=person.url, attestation_bytes=lambda _: CBOR_BOMBS[bomb]
    )
    answer = person.http.post("/register", json={**who, "credential": credential})
    assert answer.status_code == 422
    assert answer.json()["code"].startswith(("cbor_", "attestation_"))
    asked = world.home.pending()
    signed = world.home.asked.sign(asked, authenticator_data=lambda _: CBOR_BOMBS[bomb])
    assert world.home.asked.post_approval(asked, signed).status_code == 422
    raise_for(world.home.asked.approve(asked))


def test_who_has_no_passkey_left_opens_nothing(live: Live) -> None:
    """No "no passkey yet, so open" branch: without a passkey a name is nobody's to take."""
    person, admin = live.newcomer(), live.program(Scope.ADMIN)
    pending = admin.ask(person.username)["id"]
    private = admin.ask(person.username, private=True)["id"]
    signed = person.sign(pending)

    async def work(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_passkey(rt, organisation.id, person.passkey.credential_id)

    live.run(work)
    assert person.post_approval(pending, signed).json()["code"] == "credential_revoked"
    assert person.unlock(private).json()["code"] == "credential_revoked"
    other = Person(live.url, base_url=live.listens_at)
    for code in (admin.post("/api/invites", {}).json()["code"], live.invite()):
        who = {"invite": code, "username": person.username}
        answer = other.http.post("/register/options", json=who)
        assert (answer.status_code, answer.json()["code"]) == (409, "username_taken")
    pinned = admin.post("/api/invites", {"pinnedUsername": person.username})
    assert pinned.json()["code"] == "reinvite_forbidden"
    assert other.post_approval(pending, other.sign(pending)).json()["code"] == "credential_unknown"
    assert admin.read(pending)["status"] == "pending"


def test_an_unknown_passkey_or_name_looks_like_a_known_one(world: World) -> None:
    """An unknown username looks like a known one: signing in names nobody, practising neither."""
    http, known = world.http, world.home.asked
    raise_for(known.approve(world.home.pending()))  # so its credential has practised enough
    begun = [
        told(http.post("/register/practice/options", json={"credentialId": base64url(id_)}))
        for id_ in (known.passkey.credential_id, bytes(32))
    ]
    assert begun[0] == begun[1]
    for username in (known.username, "nobody-at-all"):
        answer = http.post("/login/options", json={"username": username})
        assert (answer.status_code, answer.json()["code"]) == (422, "field_unknown")
    options = raise_for(http.post("/login/options", json={}))
    assert "allowCredentials" not in options or options["allowCredentials"] == []


def test_a_decision_that_is_read_twice_is_the_same_and_says_that_it_was_used(world: World) -> None:
    """Decision read twice → same evidence, consumed flag."""
    program = world.home.admin
    asked = world.home.approved()
    first, second = program.read(asked), program.read(asked)
    assert first == second
    assert first["evidenceId"]
    used = program.post(f"/api/confirmations/{asked}/consume", {"token": "0123456789"}).json()
    third = program.read(asked)
    assert used["consumedAt"] is not None
    assert third == first | {"consumedAt": used["consumedAt"]}


@pytest.mark.engine("sqlite")
def test_nothing_that_is_secret_is_ever_written_to_the_log(tmp_path: Path) -> None:
    """Keys and tokens never in a log: a whole life of a server, and every way to be refused."""
    with Process(tmp_path / "data") as server:
        person = Person(server.url)
        link = server.owner_link()
        person.register(link, "ada")
        key = person.practise()["apiKey"]["key"]
        person.sign_in()
        program = Program(server.url, key)
        asked = program.ask("ada")["id"]
        cookies = [*person.http.cookies.values()]
        signed = person.sign(asked)
        raise_for(person.post_approval(asked, signed))
        program.http.get(f"/api/confirmations?api_key={key}")
        program.post("/api/confirmations", {"username": "ada", "key": key})
        for path in (f"/{key}", f"/confirm/{asked}/{key}", f"/confirm/{asked}?x=%zz"):
            program.http.get(path)
        program.http.request("BREW", f"/confirm/{asked}")
        minted = server.command("apikey", "create", "--name", "other", "--json")
        cookies += [*person.http.cookies.values()]
    log = server.said
    code = link.partition("invite=")[2]
    secrets = {key, json.loads(minted.stdout)["key"], asked, *cookies}
    secrets |= {signed["response"]["signature"], signed["rawId"]}
    assert all(len(secret) > 20 for secret in secrets)
    assert [secret for secret in secrets if secret in log] == []
    assert log.count(code) == 1  # the first owner's link is how the operator gets in
