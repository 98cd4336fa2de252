"""PostgreSQL lets two transactions run at once: what must not happen at once waits for a row.

Each test holds the row that two racers have to agree on, sees that they wait for it, and lets go.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.authenticator import Authenticator
from tests.live import Live
from tests.people import Person, Program, raise_for
from tests.server.rows import check, opened, value
from tests.server.together import background, eventually

from cosignet.core.access import Role, Scope
from cosignet.core.access_errors import KeyRevoked, LastOwner
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, forget, invite, rotate
from cosignet.server.services.invite import CodedInvite, Terms
from cosignet.server.store.db import Lockable

pytestmark = pytest.mark.engine("postgres")
Answer = Future[httpx2.Response]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path / "data") as running:
        yield running
    with opened(running.data_dir / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def program(live: Live) -> Program:
    return live.program()


def single(live: Live, sql: str, *values: object) -> Any:
    with opened(live.data_dir / "cosignet.db") as rows:
        return value(rows, sql, *values)


def write(live: Live, sql: str, *values: object) -> None:
    with opened(live.data_dir / "cosignet.db") as rows:
        assert rows.execute(sql, values).rowcount == 1


def waiting(live: Live) -> int:
    """How many transactions wait for a row that another one holds."""
    return single(
        live,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )


class Held:
    """A transaction of ours that has changed or locked something and does not end yet."""

    def __init__(self, live: Live, rows: Any) -> None:
        self._live = live
        self._rows = rows

    def when_waiting(self, count: int) -> None:
        """Return when that many wait for it, or for each other behind it."""
        eventually(lambda: waiting(self._live) >= count)

    def change(self, sql: str) -> None:
        """Change one row in it."""
        assert self._rows.execute(sql).rowcount == 1

    def commit(self) -> None:
        """End it; what it did is done."""
        self._rows.execute("COMMIT")


@contextmanager
def holding(live: Live, sql: str, *values: object) -> Iterator[Held]:
    with opened(live.data_dir / "cosignet.db") as rows:
        rows.execute("BEGIN")
        assert rows.execute(sql, values).rowcount == 1
        yield Held(live, rows)


def holding_row(live: Live, table: Lockable, id_: str) -> Any:
    return holding(live, f"SELECT 1 FROM {table} WHERE id = ? FOR NO KEY UPDATE", id_)


def id_of(live: Live, username: str) -> str:
    return single(live, "SELECT id FROM approvers WHERE username = ?", username)


def code_of(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def revoking(live: Live, username: str) -> Any:
    async def work(rt: Runtime) -> None:
        organisation = await access.default_organisation(rt)
        await access.revoke_approver(rt, organisation.id, username)

    return lambda: live.run(work)


# --- Deciding -------------------------------------------------------------------------------------


def test_an_approval_waits_for_a_revocation_that_has_begun_and_is_refused(
    live: Live, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)["id"]
    credential = alex.sign(asked)
    revoke = "UPDATE approvers SET revoked_at = 1 WHERE username = ?"
    with background() as start, holding(live, revoke, alex.username) as revocation:
        answer: Answer = start(alex.post_approval, asked, credential)
        revocation.when_waiting(1)
        revocation.commit()
        assert answer.result().status_code == 403
    assert program.read(asked)["status"] == "pending"


def test_a_revocation_waits_for_an_approval_that_has_begun(
    live: Live, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)["id"]
    credential = alex.sign(asked)
    lock = "SELECT 1 FROM credentials WHERE credential_id = ? FOR NO KEY UPDATE"
    with background() as start, holding(live, lock, alex.passkey.credential_id) as passkey:
        # It has asked whether alex may decide, and comes to count the passkey's use.
        answer: Answer = start(alex.post_approval, asked, credential)
        passkey.when_waiting(1)
        revoked: Future[None] = start(revoking(live, alex.username))
        passkey.when_waiting(2)
        assert single(live, "SELECT revoked_at FROM approvers") is None
        passkey.commit()
        assert answer.result().status_code == 200
        revoked.result()
    assert single(live, "SELECT revoked_at FROM approvers") is not None


def test_an_approval_that_waited_past_the_deadline_keeps_the_time_it_was_checked_at(
    live: Live, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username, ttlSeconds=60)["id"]
    credential = alex.sign(asked)
    with background() as start, holding_row(live, "confirmations", asked) as row:
        approval: Answer = start(alex.post_approval, asked, credential)
        row.when_waiting(1)
        live.clock.advance(61)
        # Whoever looks now finds it late, and has to wait for the approval that came in time.
        reading: Future[Any] = start(program.read, asked)
        row.when_waiting(2)
        row.commit()
        assert approval.result().status_code == 200
        assert reading.result()["status"] == "approved"
    sql = "SELECT decided_at < expires_at FROM confirmations WHERE id = ?"
    assert single(live, sql, asked) is True


def test_of_two_uses_of_one_count_one_is_refused_and_the_passkey_flagged(
    live: Live, program: Program
) -> None:
    """A copy of a passkey is used while the original is."""
    alex = Person(live.url, Authenticator(counting=True))
    alex.register(live.invite(), "alex")
    asked = [program.ask("alex")["id"] for _ in range(2)]
    signed = [alex.sign(asked[0]), alex.sign(asked[1], sign_count=1)]
    lock = "SELECT 1 FROM credentials WHERE credential_id = ? FOR NO KEY UPDATE"
    with background() as start, holding(live, lock, alex.passkey.credential_id) as passkey:
        pairs = zip(asked, signed, strict=True)
        answers: list[Answer] = [start(alex.post_approval, *pair) for pair in pairs]
        passkey.when_waiting(2)
        passkey.commit()
        assert sorted(one.result().status_code for one in answers) == [200, 403]
    assert sorted(program.read(one)["status"] for one in asked) == ["approved", "pending"]
    assert single(live, "SELECT flagged_at FROM credentials") is not None


def test_a_double_post_that_loses_late_is_no_copied_passkey(live: Live, program: Program) -> None:
    alex = Person(live.url, Authenticator(counting=True))
    alex.register(live.invite(), "alex")
    asked = program.ask("alex")["id"]
    credential = alex.sign(asked)
    with background() as start, holding_row(live, "confirmations", asked) as row:
        answers: list[Answer] = [start(alex.post_approval, asked, credential) for _ in range(4)]
        row.when_waiting(4)
        row.commit()
        found = Counter(one.result().status_code for one in answers)
    assert found == {200: 1, 409: 3}
    assert single(live, "SELECT flagged_at FROM credentials") is None


def test_two_codes_are_not_tried_at_once(live: Live, program: Program, alex: Person) -> None:
    asked = program.ask(alex.username, risk="high", ttlSeconds=3600)
    choices = alex.data(asked["id"])["matchChoices"]
    wrong = [choice for choice in choices if choice != asked["matchCode"]]

    def pick(choice: str) -> httpx2.Response:
        body = {"purpose": "approve", "matchCode": choice}
        return alex.http.post(f"/confirm/{asked['id']}/options", json=body)

    with background() as start, holding_row(live, "confirmations", asked["id"]) as row:
        answers: list[Answer] = [start(pick, choice) for choice in wrong]
        row.when_waiting(2)
        row.commit()
        codes = Counter(one.result().json()["code"] for one in answers)
    assert codes == {"match_code_wrong": 1, "match_code_wait": 1}
    assert single(live, "SELECT wrong_picks FROM confirmations") == 1


def test_a_pick_that_waited_tells_the_time_after_it_has_waited(
    live: Live, program: Program, alex: Person
) -> None:
    """Else the wrong one before it would seem to come from the future, as if a clock went back."""
    asked = program.ask(alex.username, risk="high", ttlSeconds=3600)
    choices = alex.data(asked["id"])["matchChoices"]
    wrong = next(choice for choice in choices if choice != asked["matchCode"])
    body = {"purpose": "approve", "matchCode": wrong}
    path = f"/confirm/{asked['id']}/options"
    with background() as start, holding_row(live, "confirmations", asked["id"]) as row:
        answer: Answer = start(alex.http.post, path, json=body)
        row.when_waiting(1)
        row.change(
            "UPDATE confirmations SET wrong_picks = 1,"
            " wrong_pick_at = floor(extract(epoch FROM clock_timestamp()) * 1000)"
        )
        row.commit()
        assert code_of(answer.result()) == (429, "match_code_wait")
    assert single(live, "SELECT wrong_picks FROM confirmations") == 1


# --- People ---------------------------------------------------------------------------------------


def test_two_passkeys_do_not_end_each_other(live: Live, alex: Person) -> None:
    alex.sign_in()
    other = alex.add_passkey()
    other.sign_in()
    sql = "SELECT id FROM credentials WHERE credential_id = ?"
    rows = [single(live, sql, one.passkey.credential_id) for one in (other, alex)]
    assertions = [
        one.confirm("revoke_passkey", row) for one, row in zip((alex, other), rows, strict=True)
    ]

    def revoke(person: Person, row: str, credential: Any) -> httpx2.Response:
        path = f"/account/passkeys/{row}/revoke"
        return person.http.post(path, json={"credential": credential})

    with background() as start, holding_row(live, "approvers", id_of(live, alex.username)) as row:
        calls = zip((alex, other), rows, assertions, strict=True)
        answers: list[Answer] = [start(revoke, *call) for call in calls]
        row.when_waiting(2)
        row.commit()
        statuses = sorted(one.result().status_code for one in answers)
    assert statuses[0] == 200 < 400 <= statuses[1]
    assert single(live, "SELECT count(*) FROM credentials WHERE revoked_at IS NULL") == 1


def test_whoever_is_being_revoked_activates_nobody(live: Live) -> None:
    owner = Person(live.url)
    owner.register(live.owner_link(), "ada")
    owner.sign_in()
    live.person("olga")
    write(live, "UPDATE approvers SET activated_at = NULL WHERE username = ?", "olga")
    olga = id_of(live, "olga")
    credential = owner.confirm("activate", olga)
    revoke = "UPDATE approvers SET revoked_at = 1 WHERE username = ?"
    with background() as start, holding(live, revoke, "ada") as revocation:
        path = f"/account/approvers/{olga}/activate"
        answer: Answer = start(owner.http.post, path, json={"credential": credential})
        revocation.when_waiting(1)
        revocation.commit()
        assert answer.result().status_code == 409
    sql = "SELECT activated_at FROM approvers WHERE username = ?"
    assert single(live, sql, "olga") is None


@pytest.mark.parametrize("enroller", ["api key", "member"])
def test_an_invite_ends_with_whoever_made_it_also_while_it_is_used(
    live: Live, enroller: str
) -> None:
    owner = Person(live.url)
    owner.register(live.owner_link(), "ada")
    owner.sign_in()
    if enroller == "api key":
        code = live.program(Scope.ADMIN).post("/api/invites", {}).json()["code"]
        name, revoke = "bob", "UPDATE api_keys SET revoked_at = 1 WHERE name = 'deployer'"
    else:
        live.person("bob")
        code = raise_for(owner.reinvite(id_of(live, "bob")))["registerUrl"].rpartition("=")[2]
        name, revoke = "bob", "UPDATE approvers SET revoked_at = 1 WHERE username = 'ada'"
    browser = Person(live.url)
    who = {"invite": code, "username": name}
    options = raise_for(browser.http.post("/register/options", json=who))
    body = {**who, "credential": browser.passkey.register(options, origin=live.url)}
    before = single(live, "SELECT count(*) FROM credentials")
    with background() as start, holding(live, revoke) as revocation:
        answer: Answer = start(browser.http.post, "/register", json=body)
        revocation.when_waiting(1)
        revocation.commit()
        assert answer.result().status_code == 403
    assert single(live, "SELECT count(*) FROM credentials") == before


def test_nodes_that_start_together_leave_one_owner_link(live: Live) -> None:
    async def link(rt: Runtime) -> CodedInvite | None:
        return await invite.for_owner(rt, await access.default_organisation(rt))

    organisation = single(live, "SELECT id FROM organisations WHERE slug = 'default'")
    with background() as start, holding_row(live, "organisations", organisation) as row:
        links: list[Future[CodedInvite | None]] = [start(live.run, link) for _ in range(4)]
        row.when_waiting(4)
        row.commit()
        assert all(one.result() for one in links)
    assert single(live, "SELECT count(*) FROM invites WHERE revoked_at IS NULL") == 1


def test_two_links_for_the_first_owner_make_one(live: Live) -> None:
    """As if both had been printed by nodes that started together."""
    links = [live.owner_link() for _ in range(2)]
    write(live, "UPDATE invites SET revoked_at = NULL WHERE revoked_at IS NOT NULL")
    people = [Person(live.url) for _ in links]
    bodies: list[Any] = []
    for number, (person, link) in enumerate(zip(people, links, strict=True)):
        who = {"invite": link.rpartition("=")[2], "username": f"owner{number}"}
        options = raise_for(person.http.post("/register/options", json=who))
        bodies.append({**who, "credential": person.passkey.register(options, origin=live.url)})
    organisation = single(live, "SELECT id FROM organisations WHERE slug = 'default'")
    with background() as start, holding_row(live, "organisations", organisation) as row:
        answers: list[Answer] = [
            start(person.http.post, "/register", json=body)
            for person, body in zip(people, bodies, strict=True)
        ]
        row.when_waiting(2)
        row.commit()
        codes = sorted(str(code_of(one.result())[1]) for one in answers)
    assert codes == ["None", "owner_exists"]
    assert single(live, "SELECT count(*) FROM approvers WHERE role = 'owner'") == 1


def test_two_owners_who_stop_being_one_at_once_leave_one(live: Live) -> None:
    for name in ("ada", "eve"):
        live.person(name)
        write(live, "UPDATE approvers SET role = 'owner' WHERE username = ?", name)

    def give_up(name: str) -> str:
        async def work(rt: Runtime) -> str:
            organisation = await access.default_organisation(rt)
            try:
                await access.set_role(rt, organisation.id, name, Role.APPROVER)
            except LastOwner:
                return "stays"
            return "gone"

        return live.run(work)

    organisation = single(live, "SELECT id FROM organisations WHERE slug = 'default'")
    with background() as start, holding_row(live, "organisations", organisation) as row:
        answers: list[Future[str]] = [start(give_up, name) for name in ("ada", "eve")]
        row.when_waiting(2)
        row.commit()
        assert sorted(one.result() for one in answers) == ["gone", "stays"]
    assert single(live, "SELECT count(*) FROM approvers WHERE role = 'owner'") == 1


def test_a_passkey_that_a_newcomer_brought_ends_or_is_activated_never_both(live: Live) -> None:
    """A name is taken by somebody unknown, and re-invited while that one is being activated."""
    squatter = live.person("bob")
    write(live, "UPDATE approvers SET activated_at = NULL WHERE username = ?", "bob")
    bob = Person(live.url)
    who = {"invite": live.invite(Terms(pinned_username="bob")), "username": "bob"}
    options = raise_for(bob.http.post("/register/options", json=who))
    body = {**who, "credential": bob.passkey.register(options, origin=live.url)}
    activate = "UPDATE approvers SET activated_at = 1 WHERE username = ?"
    with background() as start, holding(live, activate, "bob") as activation:
        answer: Answer = start(bob.http.post, "/register", json=body)
        activation.when_waiting(1)
        activation.commit()
        assert answer.result().is_success
    # Activated first: the passkey that was looked at then is as good as the new one.
    sql = "SELECT revoked_at FROM credentials WHERE credential_id = ?"
    assert single(live, sql, squatter.passkey.credential_id) is None


# --- Secrets and answers --------------------------------------------------------------------------


def rotating(live: Live, key_id: str, overlap_seconds: int = 60) -> Any:
    async def work(rt: Runtime) -> str:
        organisation = await access.default_organisation(rt)
        minted = await rotate.rotate(rt, organisation.id, key_id, overlap_seconds=overlap_seconds)
        return minted.secret

    return lambda: live.run(work)


def works(live: Live, secret: str) -> bool:
    return Program(live.url, secret).get("/api/confirmations").is_success


def key_id_of(live: Live, secret: str) -> str:
    digest = hashlib.sha256(secret.encode()).digest()
    return single(live, "SELECT id FROM api_keys WHERE key_hash = ?", digest)


def test_two_rotations_at_once_follow_each_other(live: Live, program: Program) -> None:
    id_ = key_id_of(live, program.key)
    with holding_row(live, "api_keys", id_) as held, background() as start:
        calls: list[Future[str]] = [start(rotating(live, id_)) for _ in range(2)]
        held.when_waiting(2)
        held.commit()
        secrets = [call.result() for call in calls]
    assert all(works(live, secret) for secret in (program.key, *secrets))


def test_a_rotation_waits_for_a_revocation_that_has_begun_and_is_refused(
    live: Live, program: Program
) -> None:
    id_ = key_id_of(live, program.key)
    revoke = "UPDATE api_keys SET revoked_at = 1 WHERE id = ?"
    with holding(live, revoke, id_) as held, background() as start:
        call: Future[str] = start(rotating(live, id_))
        held.when_waiting(1)
        held.commit()
        with pytest.raises(KeyRevoked):
            call.result()
    assert single(live, "SELECT count(*) FROM old_secrets") == 0
    assert not works(live, program.key)


def test_an_answer_that_was_made_anew_meanwhile_is_not_forgotten(
    live: Live, program: Program
) -> None:
    organisation = single(live, "SELECT id FROM organisations WHERE slug = 'default'")
    write(
        live,
        "INSERT INTO idempotency_keys (api_key_id, key_hash, organisation_id, request_hash, status,"
        " answer, created_at) VALUES ('k', ?, ?, ?, 201, ?, 1)",
        b"h",
        organisation,
        b"r",
        b"{}",
    )
    # As the statement does that finds it too old.
    renew = "UPDATE idempotency_keys SET created_at = 32503680000000 WHERE api_key_id = 'k'"
    with holding(live, renew) as held, background() as start:
        call: Future[None] = start(lambda: live.run(forget.forget_ended))
        held.when_waiting(1)
        held.commit()
        call.result()
    assert single(live, "SELECT count(*) FROM idempotency_keys") == 1
