"""The server is killed at every step of every change; what was answered is there, once, whole."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pytest
from tests.engines import engines
from tests.live import OWNER_LINK
from tests.people import JSON, PAYLOAD, Person, Program, raise_for
from tests.server.crashing import AFTER_COMMIT, IN_COMMIT, Crashing, syncs_can_fail
from tests.server.rows import Rows, add_webhook, check, opened, value
from tests.server.together import eventually

from cosignet.server.web.exchange import WHOLE

ADMIN_KEY = "cosk_the-admins-key-of-these-tests"
CONNECTED = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'cosignet%'"
)
TOKEN = "the-token-of-one-run"  # of no use to anybody


class World:
    """One installation whose server dies again and again."""

    def __init__(self, server: Crashing) -> None:
        self.server = server
        self._set_ahead(0)
        server.start()
        with opened(server.database) as rows:
            add_webhook(rows)
            rows.execute(
                "INSERT INTO api_keys (id, organisation_id, name, prefix, key_hash, scopes,"
                " created_at) SELECT 'k', id, 'deployer', 'cosk_', ?, 'admin', 0"
                " FROM organisations WHERE slug = 'default'",
                [hashlib.sha256(ADMIN_KEY.encode()).digest()],
            )
            rows.commit()
        self.program = Program(server.url, ADMIN_KEY)
        self.names = (f"person{number}" for number in count())
        self.approver = self.newcomer()

    @contextmanager
    def ahead(self, seconds: int) -> Iterator[dict[str, str]]:
        """Move the clock of a database that has its own; give what moves the server's."""
        self._set_ahead(seconds)
        try:
            yield {"X-Clock-Ahead": f"{seconds}"}
        finally:
            self._set_ahead(0)

    def _set_ahead(self, seconds: int) -> None:
        engines.settings(self.server.data_dir)
        engines.set_clock(self.server.data_dir, stopped_at=None, offset_ms=seconds * 1000)

    def when_nobody_is_connected(self) -> None:
        """Return when PostgreSQL has noticed that a server is dead; it ends what had arrived."""
        if engines.current == "postgres":
            with opened(self.server.database) as rows:
                eventually(lambda: value(rows, CONNECTED) == 0)

    def invite(self) -> str:
        return raise_for(self.program.post("/api/invites", {}))["code"]

    def newcomer(self) -> Person:
        """Return a new approver whose passkey has signed nothing yet."""
        person = Person(self.server.url)
        person.register(self.invite(), next(self.names))
        return person

    def ask(self, person: Person | None = None) -> str:
        return self.program.ask((person or self.approver).username)["id"]

    def approved(self) -> str:
        asked = self.ask()
        assert self.approver.approve(asked).status_code == 200
        return asked


class Change(Protocol):
    """Something a client asks for, and asks for again after the server has died."""

    def __init__(self, world: World) -> None: ...

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        """Ask for it."""
        ...

    def happened(self, rows: Rows) -> bool:
        """Whether the store holds it."""
        ...

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        """Judge what the same request is answered after the crash."""
        ...


def assert_conflict(answer: httpx2.Response, code: str, **members: str) -> None:
    assert answer.status_code == 409, answer.text
    assert answer.json()["code"] == code
    assert members.items() <= answer.json().items()


class Decision:
    """What all decisions have in common."""

    status = ""
    person: Person
    id: str

    def happened(self, rows: Rows) -> bool:
        return value(rows, "SELECT status FROM confirmations WHERE id = ?", self.id) == self.status

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        if happened:
            assert_conflict(answer, "already_decided", confirmationStatus=self.status)
        else:
            assert raise_for(answer)["status"] == self.status


class Approve(Decision):
    """With the passkey's own leaf, as it has not practised, and with a webhook's delivery."""

    status = "approved"

    def __init__(self, world: World) -> None:
        self.person = world.newcomer()
        self.id = world.ask(self.person)
        self.body = {"credential": self.person.sign(self.id)}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post(f"/confirm/{self.id}/approve", json=self.body, headers=headers)


class RejectSigned(Decision):
    status = "rejected"

    def __init__(self, world: World) -> None:
        self.person = world.newcomer()
        self.id = world.ask(self.person)
        self.body: JSON = {"credential": self.person.sign(self.id, "reject"), "reason": "not_now"}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post(f"/confirm/{self.id}/reject", json=self.body, headers=headers)


class RejectUnsigned(RejectSigned):
    def __init__(self, world: World) -> None:
        self.person = world.approver
        self.id = world.ask()
        self.person.http.get(f"/confirm/{self.id}")
        self.body = {"token": self.person.page_token}


class GiveReason:
    """Nothing but the reason is written; whoever asks again finds it, or gives it."""

    def __init__(self, world: World) -> None:
        self.person = world.approver
        self.id = world.ask()
        assert self.person.reject(self.id).is_success
        self.body = {"token": self.person.page_token, "reason": "not_now"}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post(f"/confirm/{self.id}/reason", json=self.body, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT rejection_reason FROM confirmations WHERE id = ?"
        return value(rows, sql, self.id) == "not_now"

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        if happened:
            assert_conflict(answer, "reason_given")
        else:
            assert raise_for(answer)["rejection"]["reason"] == "not_now"


class Cancel(Decision):
    status = "expired"

    def __init__(self, world: World) -> None:
        self.program = world.program
        self.id = world.ask()

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.program.post(f"/api/confirmations/{self.id}/cancel", headers=headers)


class Expire(Decision):
    """A late read performs it. After the crash the clock is back where it was."""

    status = "expired"

    def __init__(self, world: World) -> None:
        self.world = world
        self.id = world.ask()

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        http = self.world.program.http
        with self.world.ahead(3600) as late:
            return http.get(f"/api/confirmations/{self.id}", headers=headers | late)

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        assert raise_for(answer)["status"] == "expired"


class Create:
    def __init__(self, world: World) -> None:
        self.program = world.program
        self.action = f"Deploy number {next(world.names)}"
        self.username = world.approver.username

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        body = {"username": self.username, "action": self.action, "payload": PAYLOAD}
        return self.program.post("/api/confirmations", body, headers=headers)

    def rows(self, rows: Rows) -> object:
        return value(rows, "SELECT count(*) FROM confirmations WHERE action = ?", self.action)

    def happened(self, rows: Rows) -> bool:
        self.asked = self.rows(rows)
        return self.asked != 0

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        # Without an Idempotency-Key asking again is asking anew.
        assert answer.status_code == 201
        assert self.asked == int(happened)


class CreateOnce:
    """With an Idempotency-Key: what it made and how it is answered are there together, or not."""

    path, sql = "/api/confirmations", "SELECT count(*) FROM confirmations WHERE action = ?"

    def __init__(self, world: World) -> None:
        self.program = world.program
        self.name = next(world.names)
        self.body = self.write(world)

    def write(self, world: World) -> JSON:
        """Return the body."""
        return {"username": world.approver.username, "action": self.name, "payload": PAYLOAD}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.program.post(
            self.path, self.body, headers=headers | {"Idempotency-Key": self.name}
        )

    def happened(self, rows: Rows) -> bool:
        key = hashlib.sha256(self.name.encode()).digest()
        sql = "SELECT count(*) FROM idempotency_keys WHERE key_hash = ?"
        made = value(rows, self.sql, self.name)
        assert made == value(rows, sql, key)
        assert made in (0, 1)
        return made == 1

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        assert answer.status_code == 201
        assert ("idempotent-replayed" in answer.headers) is happened


class MintOnce(CreateOnce):
    path, sql = "/api/keys", "SELECT count(*) FROM api_keys WHERE name = ?"

    def write(self, world: World) -> JSON:
        return {"name": self.name}


class InviteOnce(CreateOnce):
    path, sql = "/api/invites", "SELECT count(*) FROM invites WHERE note = ?"

    def write(self, world: World) -> JSON:
        return {"note": self.name}


class Rotate(CreateOnce):
    """The old secret goes on and the new one begins in the same moment."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.id = raise_for(world.program.post("/api/keys", {"name": self.name}))["id"]
        self.path = f"/api/keys/{self.id}/rotate"

    def write(self, world: World) -> JSON:
        return {"overlapSeconds": 3600}

    def happened(self, rows: Rows) -> bool:
        key = hashlib.sha256(self.name.encode()).digest()
        rotated = value(rows, "SELECT rotated_at IS NOT NULL FROM api_keys WHERE id = ?", self.id)
        for sql, name in (
            ("SELECT count(*) FROM idempotency_keys WHERE key_hash = ?", key),
            ("SELECT count(*) FROM old_secrets WHERE api_key_id = ?", self.id),
        ):
            assert value(rows, sql, name) == rotated
        return rotated == 1

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        assert answer.status_code == 200
        assert ("idempotent-replayed" in answer.headers) is happened


class ApproveHigh(Approve):
    """The pick is looked at in a transaction of its own, before the signature is."""

    def __init__(self, world: World) -> None:
        self.person = world.newcomer()
        asked = world.program.ask(self.person.username, risk="high")
        self.id, code = asked["id"], asked["matchCode"]
        self.body = {"credential": self.person.sign(self.id, match_code=code), "matchCode": code}


class PickWrong:
    """A wrong pick that was counted costs a wait; one that was lost was not told to be wrong."""

    def __init__(self, world: World) -> None:
        self.world, self.person = world, world.approver
        self.asked = world.program.ask(self.person.username, risk="high")
        self.id = self.asked["id"]
        choices: list[str] = self.person.data(self.id)["matchChoices"]
        wrong = next(code for code in choices if code != self.asked["matchCode"])
        self.body = {"purpose": "approve", "matchCode": wrong}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post(f"/confirm/{self.id}/options", json=self.body, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT wrong_picks FROM confirmations WHERE id = ?"
        return value(rows, sql, self.id) == 1

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        # A crash lets nobody pick again sooner.
        told = (429, "match_code_wait") if happened else (422, "match_code_wrong")
        assert (answer.status_code, answer.json()["code"]) == told
        body = self.body | {"matchCode": self.asked["matchCode"]}
        path = f"/confirm/{self.id}/options"
        with self.world.ahead(11) as late:
            assert self.person.http.post(path, json=body, headers=late).is_success


class Unlock:
    """The challenge is used up in a transaction of its own, before the passkey is looked at."""

    def __init__(self, world: World) -> None:
        self.person = Person(world.server.url, world.approver.passkey, world.approver.username)
        self.id = world.program.ask(self.person.username, private=True)["id"]
        self.body = {"credential": self.person.sign_unlock(self.id)}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post(f"/confirm/{self.id}/unlock", json=self.body, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT count(*) FROM private_views WHERE confirmation_id = ?"
        return value(rows, sql, self.id) == 1

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        # Who heard the answer has the cookie, and still sees it; who did not begins again.
        heard = "cosignet_cvs" in self.person.http.cookies
        assert self.person.http.get(f"/confirm/{self.id}/data").is_success is heard
        if happened or not answer.is_success:
            assert_conflict(answer, "ceremony_gone")
        if not happened and not answer.is_success:
            assert self.person.unlock(self.id).is_success


class Consume:
    def __init__(self, world: World) -> None:
        self.program = world.program
        self.id = world.approved()

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        path = f"/api/confirmations/{self.id}/consume"
        return self.program.post(path, {"token": TOKEN}, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT consumed_at FROM confirmations WHERE id = ?"
        self.consumed_at = value(rows, sql, self.id)
        return self.consumed_at is not None

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        assert raise_for(answer)["consumedBy"] == "k"
        other = self.program.post(f"/api/confirmations/{self.id}/consume", {"token": TOKEN + "2"})
        assert_conflict(other, "already_consumed", consumedBy="k")


class Outcome:
    def __init__(self, world: World) -> None:
        self.program = world.program
        self.id = world.approved()
        path = f"/api/confirmations/{self.id}/consume"
        raise_for(self.program.post(path, {"token": TOKEN}))

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        path = f"/api/confirmations/{self.id}/outcome"
        return self.program.post(path, {"result": "executed"}, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT outcome FROM confirmations WHERE id = ?"
        return value(rows, sql, self.id) == "executed"

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        # Whether the first one happened or not: the lost answer is recovered by saying it again.
        assert raise_for(answer)["outcome"]["result"] == "executed"


class Register:
    """The challenge is used up in a transaction of its own, before the passkey is looked at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.person = Person(world.server.url)
        self.who: JSON = {"invite": world.invite(), "username": next(world.names)}
        options = raise_for(self.person.http.post("/register/options", json=self.who))
        credential = self.person.passkey.register(options, origin=self.person.url)
        self.body = self.who | {"credential": credential}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post("/register", json=self.body, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT count(*) FROM approvers WHERE username = ?"
        return value(rows, sql, self.who["username"]) == 1

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        if happened:
            assert answer.json()["code"] == "invite_used"
            # The passkey is enrolled, whoever did not hear it; its practice is open.
            self.person.practise()
        elif not answer.is_success:
            assert_conflict(answer, "ceremony_gone")
            self.person.register(self.who["invite"], self.who["username"])


class Practise:
    def __init__(self, world: World) -> None:
        self.person = world.newcomer()
        self.who = {"credentialId": self.person.credential_id}
        options = raise_for(self.person.http.post("/register/practice/options", json=self.who))
        credential = self.person.passkey.sign(options, origin=self.person.url)
        self.body = self.who | {"credential": credential}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post("/register/practice", json=self.body, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT logged_at FROM credentials WHERE credential_id = ?"
        return value(rows, sql, self.person.passkey.credential_id) is not None

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        if happened or not answer.is_success:
            assert_conflict(answer, "ceremony_gone")
        if not happened and not answer.is_success:
            self.person.practise()


class SignIn:
    """Rotates a session that the browser has; the challenge is used up in a transaction before."""

    def __init__(self, world: World) -> None:
        self.person = world.newcomer()
        self.person.sign_in()
        self.old = hashlib.sha256(self.person.http.cookies["cosignet_sid"].encode()).digest()
        options = raise_for(self.person.http.post("/login/options", json={}))
        self.body = {"credential": self.person.passkey.sign(options, origin=self.person.url)}

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post("/login", json=self.body, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = (
            "SELECT token_hash FROM sessions WHERE approver_id ="
            " (SELECT approver_id FROM credentials WHERE credential_id = ?)"
        )
        # One before, one after: never none, never two.
        ((token_hash,),) = rows.execute(sql, [self.person.passkey.credential_id]).fetchall()
        return token_hash != self.old

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        if happened or not answer.is_success:
            assert_conflict(answer, "ceremony_gone")
        if not happened and not answer.is_success:
            self.person.sign_in()


class AccountChange:
    """What changes of an account have in common: the prompt is used up, then the change is made."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.person = world.newcomer()
        self.person.sign_in()
        self.change, self.target, self.path = self.prepare()
        self.body = {"credential": self.person.confirm(self.change, self.target)}

    def prepare(self) -> tuple[str, str, str]:
        """Return the change, its target and its path."""
        raise NotImplementedError

    def value(self, sql: str, *values: object) -> Any:
        with opened(self.world.server.database) as rows:
            return value(rows, sql, *values)

    def promote(self) -> None:
        with opened(self.world.server.database) as rows:
            sql = "UPDATE approvers SET role = 'owner' WHERE username = ?"
            rows.execute(sql, [self.person.username])
            rows.commit()

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post(self.path, json=self.body, headers=headers)

    def happened(self, rows: Rows) -> bool:
        """Whether the store holds it."""
        raise NotImplementedError

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        if happened or not answer.is_success:
            assert_conflict(answer, "ceremony_gone")
        if not happened and not answer.is_success:
            again = self.person.change(self.change, self.target, self.path)
            assert again.is_success, again.text


class Activate(AccountChange):
    def prepare(self) -> tuple[str, str, str]:
        self.promote()
        waits = self.world.newcomer()
        with opened(self.world.server.database) as rows:
            sql = "UPDATE approvers SET activated_at = NULL WHERE username = ?"
            rows.execute(sql, [waits.username])
            rows.commit()
        sql = "SELECT id FROM approvers WHERE username = ?"
        self.id = str(self.value(sql, waits.username))
        return "activate", self.id, f"/account/approvers/{self.id}/activate"

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT activated_at FROM approvers WHERE id = ?"
        return value(rows, sql, self.id) is not None


class RevokePasskey(AccountChange):
    def prepare(self) -> tuple[str, str, str]:
        other = self.person.add_passkey()
        sql = "SELECT id FROM credentials WHERE credential_id = ?"
        self.id = str(self.value(sql, other.passkey.credential_id))
        return "revoke_passkey", self.id, f"/account/passkeys/{self.id}/revoke"

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT revoked_at FROM credentials WHERE id = ?"
        return value(rows, sql, self.id) is not None


class Reinvite(AccountChange):
    def prepare(self) -> tuple[str, str, str]:
        self.promote()
        self.name = self.world.newcomer().username
        sql = "SELECT id FROM approvers WHERE username = ?"
        id_ = self.value(sql, self.name)
        return "reinvite", id_, f"/account/approvers/{id_}/invite"

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT count(*) FROM invites WHERE pinned_username = ?"
        return value(rows, sql, self.name) == 1


class FirstKey(AccountChange):
    """In place of one that was shown and not kept."""

    def prepare(self) -> tuple[str, str, str]:
        self.promote()
        self.old = f"key-{self.person.username}"
        with opened(self.world.server.database) as rows:
            rows.execute(
                "INSERT INTO api_keys (id, organisation_id, name, prefix, key_hash, scopes,"
                " created_at) SELECT ?, id, 'first key', 'cosk_', ?, 'admin', 4503599627370496"
                " FROM organisations WHERE slug = 'default'",
                [self.old, self.old.encode()],
            )
            sql = "UPDATE organisations SET first_key_id = ? WHERE slug = 'default'"
            rows.execute(sql, [self.old])
            rows.commit()
        return "first_key", "", "/account/key"

    def happened(self, rows: Rows) -> bool:
        first = value(rows, "SELECT first_key_id FROM organisations WHERE slug = 'default'")
        sql = "SELECT revoked_at FROM api_keys WHERE id = ?"
        assert (first != self.old) == (value(rows, sql, self.old) is not None)
        assert value(rows, sql, first) is None
        return first != self.old


class AddPasskey:
    def __init__(self, world: World) -> None:
        self.person = world.newcomer()
        self.person.sign_in()
        self.other = Person(world.server.url)
        self.body = {"credential": self.make()}

    def make(self) -> JSON:
        options = raise_for(self.person.begin_passkey())
        return self.other.passkey.register(options, origin=self.person.url)

    def send(self, headers: dict[str, str]) -> httpx2.Response:
        return self.person.http.post("/account/passkeys", json=self.body, headers=headers)

    def happened(self, rows: Rows) -> bool:
        sql = "SELECT count(*) FROM credentials WHERE credential_id = ?"
        return value(rows, sql, self.other.passkey.credential_id) == 1

    def check_second_answer(self, answer: httpx2.Response, *, happened: bool) -> None:
        if happened or not answer.is_success:
            assert_conflict(answer, "ceremony_gone")
        if not happened and not answer.is_success:
            body = {"credential": self.make()}
            assert self.person.http.post("/account/passkeys", json=body).is_success


@pytest.fixture(scope="module")
def world(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Crashing(tmp_path_factory.mktemp("crashing") / "data") as server:
        yield World(server)


@pytest.fixture(autouse=True)
def _the_admins_client_is_open(world: World) -> None:
    # Clients are closed after every test.
    world.program = Program(world.server.url, ADMIN_KEY)
    fresh = Person(world.server.url, world.approver.passkey, world.approver.username)
    world.approver = fresh


def send(change: Change, **headers: str) -> httpx2.Response | None:
    """Return the answer, or None if the server died before it gave one."""
    try:
        return change.send(headers)
    except httpx2.TransportError:
        return None


def lives(world: World) -> bool:
    """Whether the server still answers."""
    try:
        return world.program.http.get("/healthz").is_success
    except httpx2.TransportError:
        return False


def is_done(change: Change, answer: httpx2.Response) -> bool:
    """Whether this is the answer of a change that was made."""
    if isinstance(change, PickWrong):
        return answer.status_code == 422 and answer.json()["code"] == "match_code_wrong"
    return answer.is_success


def crash_at(world: World, change: Change, step: int) -> bool:
    """Let the server die at one step, look at what it left, ask again; whether it died."""
    answer = send(change, **{"X-Crash-At": str(step)})
    died = not lives(world)
    world.server.kill()  # if it still lives, then right after the answer
    world.when_nobody_is_connected()
    with opened(world.server.database) as rows:
        check(rows)
        happened = change.happened(rows)
    assert happened or answer is None, "it was answered, and is lost"
    assert died or (answer is not None and is_done(change, answer))
    assert world.server.start()
    again = send(change)
    assert again is not None
    change.check_second_answer(again, happened=happened)
    with opened(world.server.database) as rows:
        check(rows)
        assert change.happened(rows)
    return died


CHANGES: dict[type[Change], tuple[str, ...]] = {
    Create: ("INSERT INTO confirmations",),
    CreateOnce: ("INSERT INTO idempotency_keys", "INSERT INTO confirmations"),
    MintOnce: ("INSERT INTO idempotency_keys", "INSERT INTO api_keys"),
    InviteOnce: ("INSERT INTO idempotency_keys", "INSERT INTO invites"),
    Rotate: (
        "INSERT INTO idempotency_keys",
        "UPDATE old_secrets",
        "INSERT INTO old_secrets",
        "UPDATE api_keys SET key_hash",
    ),
    PickWrong: ("UPDATE confirmations SET wrong_picks",),
    ApproveHigh: (
        "UPDATE confirmations SET wrong_picks",
        "COMMIT",
        "UPDATE confirmations SET status = 'approved'",
        "INSERT INTO signatures",
        "INSERT INTO leaves",
        "INSERT INTO deliveries",
    ),
    Unlock: (
        "DELETE FROM ceremonies",
        "COMMIT",
        "UPDATE credentials SET sign_count",
        "INSERT INTO private_views",
    ),
    Approve: (
        "UPDATE confirmations SET status = 'approved'",
        "UPDATE credentials SET sign_count",
        "INSERT INTO signatures",
        "INSERT INTO leaves",
        "UPDATE credentials SET logged_at",
        "INSERT INTO leaves",
        "SELECT id FROM webhooks",
        "INSERT INTO deliveries",
    ),
    RejectSigned: (
        "UPDATE confirmations SET status = 'rejected'",
        "INSERT INTO signatures",
        "INSERT INTO leaves",
        "INSERT INTO deliveries",
    ),
    RejectUnsigned: ("UPDATE confirmations SET status = 'rejected'", "INSERT INTO deliveries"),
    GiveReason: ("UPDATE confirmations SET rejection_reason",),
    Cancel: ("UPDATE confirmations SET status = 'expired'", "INSERT INTO deliveries"),
    Expire: ("UPDATE confirmations SET status = 'expired'", "INSERT INTO deliveries"),
    Consume: ("UPDATE confirmations SET consumed_at",),
    Outcome: ("UPDATE confirmations SET outcome",),
    Register: (
        "DELETE FROM ceremonies",
        "COMMIT",
        "UPDATE invites SET uses",
        "INSERT INTO approvers",
        "INSERT INTO credentials",
    ),
    Practise: (
        "DELETE FROM ceremonies",
        "COMMIT",
        "UPDATE credentials SET sign_count",
        "UPDATE credentials SET logged_at",
        "INSERT INTO leaves",
        "COMMIT",
        "INSERT INTO sessions",
    ),
    SignIn: (
        "DELETE FROM ceremonies",
        "COMMIT",
        "UPDATE credentials SET sign_count",
        "DELETE FROM sessions WHERE token_hash",
        "INSERT INTO sessions",
    ),
    Activate: (
        "DELETE FROM ceremonies",
        "COMMIT",
        "UPDATE credentials SET sign_count",
        "UPDATE approvers SET activated_at",
    ),
    RevokePasskey: (
        "DELETE FROM ceremonies",
        "COMMIT",
        "UPDATE credentials SET sign_count",
        "UPDATE credentials SET revoked_at",
    ),
    Reinvite: (
        "DELETE FROM ceremonies",
        "COMMIT",
        "UPDATE credentials SET sign_count",
        "INSERT INTO invites",
    ),
    FirstKey: (
        "DELETE FROM ceremonies",
        "COMMIT",
        "UPDATE credentials SET sign_count",
        "UPDATE organisations SET first_key_id",
        "UPDATE api_keys SET revoked_at",
        "INSERT INTO api_keys",
    ),
    AddPasskey: ("DELETE FROM ceremonies", "COMMIT", "INSERT INTO credentials"),
}
"""Every change, with what has to be among its steps, on SQLite in this order."""


ON_POSTGRES = tuple(CHANGES) if "EVERY_KILL" in os.environ else (Create, CreateOnce, Approve)
"""Which changes are killed at every step there, too; each takes ten seconds. `make soak`: all."""


def kill_at_every_step(world: World, change: type[Change]) -> list[str]:
    """Kill the server at each step of a change, and return the steps."""
    died = 0
    while crash_at(world, change(world), died + 1):
        died += 1
    steps = world.server.steps
    assert died == len(steps)
    # A refusal begins with its head; all else is said at once.
    said = WHOLE if WHOLE in steps else "http.response.start"
    assert_in_order([IN_COMMIT, AFTER_COMMIT, said, "answered"], steps)
    return steps


@pytest.mark.engine("sqlite")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
    world: World, change: type[Change]
) -> None:
    steps = kill_at_every_step(world, change)
    assert_in_order(["BEGIN", *CHANGES[change], "COMMIT", AFTER_COMMIT], steps)
    # What changes nothing before it may refuse needs no savepoint.
    assert ("RELEASE one" in steps) is (change not in (Create, Approve))


@pytest.mark.engine("postgres")
@pytest.mark.parametrize("change", ON_POSTGRES, ids=lambda change: change.__name__)
def test_on_postgres_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
    world: World, change: type[Change]
) -> None:
    steps = kill_at_every_step(world, change)
    # Rows that are only added come last there, those of one table as one statement.
    for wanted in CHANGES[change]:
        assert any(step.startswith(wanted) for step in steps), wanted


def assert_in_order(wanted: list[str], steps: list[str]) -> None:
    left = iter(steps)
    for step in wanted:
        assert any(found.startswith(step) for found in left), f"{step} in {steps}"


@pytest.mark.engine("sqlite")
def test_a_first_start_can_be_killed_anywhere(tmp_path: Path) -> None:
    with Crashing(tmp_path) as server:
        for step in count(1, 3):
            server.move_to(tmp_path / str(step))
            if not dies_at_first_start(server, step):
                break
    assert step > 40


def dies_at_first_start(server: Crashing, step: int) -> bool:
    """Let a first start die at one step, look at what it left, start again; whether it died."""
    lived = server.start(crash_at=str(step))
    server.kill()
    with opened(server.database) as rows:
        check_all_or_nothing(rows)
    assert server.start()
    eventually(lambda: OWNER_LINK.search(server.said))
    server.kill()
    return not lived


def check_all_or_nothing(rows: Rows) -> None:
    """Assert that the schema is there as a whole, with the note that it is, or not at all."""
    tables = {row[0] for row in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert not tables or {"schema_migrations", "confirmations", "deliveries"} <= tables
    if tables:
        assert value(rows, "SELECT count(*) FROM schema_migrations") != 0
        check(rows)


needs_failing_syncs = pytest.mark.skipif(
    not syncs_can_fail(), reason="this kernel cannot be told to refuse a sync"
)


@pytest.mark.engine("sqlite")  # PostgreSQL's disk is its own to watch
@needs_failing_syncs
@pytest.mark.parametrize(
    ("change", "at"),
    # A right pick changes nothing, so its commit, the first one of ApproveHigh, has no sync.
    [(change, "http.response.start") for change in CHANGES if change is not ApproveHigh]
    + [(Approve, "http.response.body"), (Approve, "answered"), (Approve, "never")],
)
def test_what_a_failed_sync_refused_does_not_come_back_after_a_crash(
    world: World, change: type[Change], at: str
) -> None:
    made = change(world)
    answer = send(made, **{"X-Crash-At": at, "X-Fail-Sync": "1"})
    assert answer is None or answer.status_code == 503
    world.server.kill()
    with opened(world.server.database) as rows:
        check(rows)
        assert not made.happened(rows)
    assert world.server.start()
    again = send(made)
    assert again is not None
    made.check_second_answer(again, happened=False)
