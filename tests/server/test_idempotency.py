"""`Idempotency-Key`: what was asked twice is made once, and answered alike."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.engines import engines
from tests.live import Live
from tests.people import JSON, PAYLOAD, Person, Program
from tests.server.rows import check, opened, value
from tests.server.together import Disk, background, eventually

from cosignet.core.access import Scope
from cosignet.core.idempotency import IDEMPOTENCY_KEY_HEADER, IDEMPOTENCY_MS
from cosignet.core.retention import Kept
from cosignet.server.runtime import Runtime
from cosignet.server.services import forget, repeat
from cosignet.server.store import retention
from cosignet.server.store.db import Transaction
from cosignet.server.web import schemas, schemas_people
from cosignet.server.web.routes import ROUTES
from cosignet.server.worker import sweep

Send = Callable[[Program, str], httpx2.Response]
MAKES: dict[str, tuple[str, JSON, str]] = {
    "confirmation": ("/api/confirmations", {"action": "Deploy", "payload": PAYLOAD}, "action"),
    "key": ("/api/keys", {"name": "agent"}, "name"),
    "invite": ("/api/invites", {"note": "Sam"}, "note"),
}
"""What a program can make: path, body, and a field of it."""
TABLES = {"confirmation": "confirmations", "key": "api_keys", "invite": "invites"}
SECRETS = {"confirmation": set[str](), "key": {"key"}, "invite": {"code", "registerUrl"}}


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("idempotency") / "data") as running:
        yield running
    with opened(running.data_dir / "cosignet.db") as rows:
        check(rows)


def body_of(kind: str, alex: Person) -> JSON:
    return MAKES[kind][1] | ({"username": alex.username} if kind == "confirmation" else {})


def send(program: Program, path: str, body: JSON, key: str) -> httpx2.Response:
    return program.post(path, body, headers={IDEMPOTENCY_KEY_HEADER: key})


def count(live: Live, kind: str) -> int:
    with opened(live.data_dir / "cosignet.db") as rows:
        return int(str(value(rows, f"SELECT count(*) FROM {TABLES[kind]}")))


def kept(live: Live) -> int:
    with opened(live.data_dir / "cosignet.db") as rows:
        return int(str(value(rows, "SELECT count(*) FROM idempotency_keys")))


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("kind", MAKES)
def test_the_same_request_makes_one_and_says_that_it_did_before(
    live: Live, admin: Program, alex: Person, kind: str
) -> None:
    path, body = MAKES[kind][0], body_of(kind, alex)
    before = count(live, kind)
    first, *others = [send(admin, path, body, f"once {kind}") for _ in range(3)]
    assert count(live, kind) == before + 1
    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    for other in others:
        assert other.status_code == 201
        assert other.headers["idempotent-replayed"] == "true"
        assert other.headers["content-type"] == "application/json"
        assert other.headers["x-request-id"] != first.headers["x-request-id"]


def test_a_confirmation_is_answered_again_byte_by_byte(
    admin: Program, alex: Person, live: Live
) -> None:
    body = body_of("confirmation", alex) | {"risk": "high"}
    first = send(admin, "/api/confirmations", body, "bytes")
    asked = first.json()
    assert asked["matchCode"] is not None
    # Also when it has ended meanwhile: the answer tells what was asked, reading tells what became.
    assert admin.post(f"/api/confirmations/{asked['id']}/cancel").is_success
    again = send(admin, "/api/confirmations", body, "bytes")
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    schemas.Created.model_validate(again.json())


@pytest.mark.parametrize("kind", ["key", "invite"])
def test_a_secret_is_told_once_and_the_second_answer_says_so(
    live: Live, admin: Program, kind: str
) -> None:
    path, body, _ = MAKES[kind]
    first = send(admin, path, body, f"secret {kind}").json()
    again = send(admin, path, body, f"secret {kind}")
    told = again.json()
    models = {"key": schemas_people.ReplayedKey, "invite": schemas_people.ReplayedInvite}
    models[kind].model_validate(told)
    assert set(told.pop("omitted")) == SECRETS[kind]
    assert told == {name: item for name, item in first.items() if name not in SECRETS[kind]}
    with opened(live.data_dir / "cosignet.db") as rows:
        found = rows.execute("SELECT answer, location FROM idempotency_keys").fetchall()
    for name in SECRETS[kind]:
        assert first[name] not in again.text
        assert not [row for row in found if first[name].encode() in bytes(row["answer"])]


@pytest.mark.parametrize("kind", MAKES)
def test_another_body_or_path_with_the_same_key_is_refused(
    live: Live, admin: Program, alex: Person, kind: str
) -> None:
    path, body, field = MAKES[kind][0], body_of(kind, alex), MAKES[kind][2]
    assert send(admin, path, body, f"other {kind}").is_success
    before = count(live, kind)
    for other in (body | {field: "Another"}, dict(reversed(body.items())) | {"x": 1}):
        answer = send(admin, path, other, f"other {kind}")
        assert code_of(answer) == (422, "idempotency_key_reused")
        assert answer.json()["cure"]
    elsewhere = "/api/keys" if kind != "key" else "/api/invites"
    answer = send(admin, elsewhere, body, f"other {kind}")
    assert code_of(answer) == (422, "idempotency_key_reused")
    assert count(live, kind) == before


def test_bodies_are_compared_byte_by_byte(admin: Program) -> None:
    headers = {IDEMPOTENCY_KEY_HEADER: "raw"}
    first = admin.http.post("/api/keys", content=b'{"name":"x"}', headers=headers)
    assert first.is_success
    answer = admin.http.post("/api/keys", content=b'{"name": "x"}', headers=headers)
    assert code_of(answer) == (422, "idempotency_key_reused")


def test_the_same_body_at_another_path_is_another_request(admin: Program) -> None:
    assert send(admin, "/api/invites", {}, "path").is_success
    assert code_of(send(admin, "/api/keys", {}, "path")) == (422, "idempotency_key_reused")


def test_a_key_of_a_refused_request_is_free(admin: Program, alex: Person) -> None:
    body = body_of("confirmation", alex)
    wrong = body | {"username": "nobody-here"}
    assert send(admin, "/api/confirmations", wrong, "free").status_code == 422
    answer = send(admin, "/api/confirmations", body, "free")
    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


def test_a_key_means_nothing_to_another_api_key_or_organisation(live: Live, admin: Program) -> None:
    others = [live.program(Scope.ADMIN), live.stranger(Scope.ADMIN)]
    answers = [send(one, "/api/keys", {"name": "mine"}, "shared") for one in (admin, *others)]
    assert [one.status_code for one in answers] == [201] * 3
    assert len({one.json()["id"] for one in answers}) == 3
    assert not [one for one in answers if "idempotent-replayed" in one.headers]
    # Another body is no conflict, either.
    assert send(live.program(Scope.ADMIN), "/api/keys", {"name": "other"}, "shared").is_success


def test_what_may_not_be_done_is_not_repeated_either(live: Live, admin: Program) -> None:
    minted = send(admin, "/api/keys", {"name": "soon", "scopes": ["admin"]}, "may").json()
    soon = Program(live.url, minted["key"])
    assert send(soon, "/api/invites", {}, "may").is_success
    assert admin.post(f"/api/keys/{minted['id']}/revoke").is_success
    assert send(soon, "/api/invites", {}, "may").status_code == 401


def test_an_answer_is_given_again_though_the_request_would_be_refused_by_now(
    live: Live, admin: Program
) -> None:
    body = {"pinnedUsername": f"sam{live.port}"}
    first = send(admin, "/api/invites", body, "by now").json()
    Person(live.url).register(first["code"], body["pinnedUsername"])
    assert code_of(admin.post("/api/invites", body)) == (403, "reinvite_forbidden")
    assert send(admin, "/api/invites", body, "by now").status_code == 201


@pytest.mark.parametrize("key", ["a", "x" * 255, '"quoted"', "a b", "~!#", "K", "k"])
def test_a_key_is_any_printable_ascii(admin: Program, key: str) -> None:
    answer = send(admin, "/api/keys", {"name": "x"}, key)
    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers
    assert "idempotent-replayed" in send(admin, "/api/keys", {"name": "x"}, key).headers


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"\xc3\xa9", b"a\tb", b"\xff"])
def test_a_key_of_another_form_is_refused_by_name(live: Live, admin: Program, key: bytes) -> None:
    before = count(live, "key")
    headers = [(b"Idempotency-Key", key)]
    answer = admin.http.post("/api/keys", json={"name": "x"}, headers=headers)
    assert code_of(answer) == (422, "field_invalid")
    assert answer.json()["field"] == IDEMPOTENCY_KEY_HEADER
    assert count(live, "key") == before


def test_two_keys_of_one_request_are_refused(admin: Program) -> None:
    headers = [("Idempotency-Key", "a1"), ("Idempotency-Key", "a2")]
    answer = admin.http.post("/api/keys", json={"name": "x"}, headers=headers)
    assert code_of(answer) == (422, "field_invalid")
    assert answer.json()["field"] == IDEMPOTENCY_KEY_HEADER


NOT_CREATING = [row for row in ROUTES if row.guard.scope and row.replayed is None]


@pytest.mark.parametrize("row", NOT_CREATING, ids=lambda row: f"{row.method} {row.path}")
def test_what_creates_nothing_takes_no_key(admin: Program, row: Any) -> None:
    path = row.path.replace("{id}", "x").replace("{code}", "x")
    answer = admin.http.request(row.method, path, headers={IDEMPOTENCY_KEY_HEADER: "1"})
    assert code_of(answer) == (422, "not_supported")
    assert answer.json()["field"] == IDEMPOTENCY_KEY_HEADER


def test_every_post_that_answers_201_takes_one() -> None:
    assert {row.path for row in ROUTES if row.status == 201} <= {
        row.path for row in ROUTES if row.replayed
    }


@pytest.mark.parametrize("kind", MAKES)
def test_of_fifty_twins_one_makes_it_and_all_are_answered(
    live: Live, secrets: dict[str, str], alex: Person, kind: str
) -> None:
    path, body = MAKES[kind][0], body_of(kind, alex)
    before = count(live, kind)
    programs = [Program(live.url, secrets["admin"]) for _ in range(50)]
    with background() as start:
        calls: list[Future[httpx2.Response]] = [
            start(send, one, path, body, f"twins {kind}") for one in programs
        ]
        answers = [call.result() for call in calls]
    assert Counter(one.status_code for one in answers) == {201: 50}
    assert sum("idempotent-replayed" in one.headers for one in answers) == 49
    assert count(live, kind) == before + 1


def test_twins_that_differ_make_one_and_the_others_are_refused(
    live: Live, secrets: dict[str, str]
) -> None:
    before = count(live, "key")
    programs = [Program(live.url, secrets["admin"]) for _ in range(20)]
    with background() as start:
        calls: list[Future[httpx2.Response]] = [
            start(send, one, "/api/keys", {"name": f"n{number % 2}"}, "differ")
            for number, one in enumerate(programs)
        ]
        answers = [call.result() for call in calls]
    assert Counter(one.status_code for one in answers) == {201: 10, 422: 10}
    assert count(live, "key") == before + 1


def test_an_answer_is_kept_as_long_as_anything_can_be_pending_and_then_forgotten(
    live: Live, admin: Program, alex: Person
) -> None:
    body = body_of("confirmation", alex)
    first = send(admin, "/api/confirmations", body, "age").json()
    try:
        live.clock.advance(IDEMPOTENCY_MS / 1000 - 5)
        live.run(forget.forget_ended)
        again = send(admin, "/api/confirmations", body, "age")
        assert again.json() == first
        live.clock.advance(6)
        # Whether or not somebody has swept by then.
        late = send(admin, "/api/confirmations", body | {"action": "Another"}, "age")
        assert late.status_code == 201
        assert late.json()["id"] != first["id"]
        assert send(admin, "/api/confirmations", body, "age").status_code == 422
        old = kept(live)
        live.run(forget.forget_ended)
        assert 1 <= kept(live) < old
        assert (
            "idempotent-replayed"
            in send(admin, "/api/confirmations", body | {"action": "Another"}, "age").headers
        )
    finally:
        live.clock.offset_ms = 0


def test_forgetting_goes_in_steps_until_nothing_old_is_left(
    live: Live, admin: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        assert send(admin, "/api/keys", {"name": "x"}, f"step {number}").is_success
    monkeypatch.setattr(forget, "FORGOTTEN_AT_ONCE", 3)
    forget_some, counts = retention.forget, list[int]()

    async def counted(tx: Transaction, kept: Kept, limit: int) -> int:
        count = await forget_some(tx, kept, limit)
        if kept.table == "idempotency_keys":
            counts.append(count)
        return count

    monkeypatch.setattr(retention, "forget", counted)
    try:
        # Other tests have been a day ahead.
        live.clock.advance(2 * IDEMPOTENCY_MS / 1000 + 100)
        live.run(forget.forget_ended)
        assert kept(live) == 0
        *full, last = counts
        assert len(full) >= 2
        assert set(full) == {3}
        assert last < 3
    finally:
        live.clock.offset_ms = 0


def test_what_is_stored_of_a_request_is_hashes(live: Live, admin: Program) -> None:
    body = b'{"name": "hashed"}'
    headers = {IDEMPOTENCY_KEY_HEADER: "a telling key"}
    assert admin.http.post("/api/keys", content=body, headers=headers).is_success
    key_hash = hashlib.sha256(b"a telling key").digest()
    with opened(live.data_dir / "cosignet.db") as rows:
        sql = "SELECT request_hash FROM idempotency_keys WHERE key_hash = ?"
        found = value(rows, sql, key_hash)
    assert bytes(found) == hashlib.sha256(b"POST /api/keys\n" + body).digest()


def test_without_a_key_nothing_is_looked_up_and_nothing_is_kept(
    live: Live, program: Program, alex: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept(live)

    def refuse(**_: object) -> object:
        raise AssertionError

    monkeypatch.setattr(live.runtime.database, "transaction", refuse)
    monkeypatch.setattr(repeat, "find_answer", refuse)
    assert program.post("/api/confirmations", body_of("confirmation", alex)).status_code == 201
    assert kept(live) == before
    monkeypatch.undo()


def test_background_work_forgets_what_is_too_old(live: Live, admin: Program) -> None:
    assert send(admin, "/api/keys", {"name": "x"}, "swept").is_success
    minted = send(admin, "/api/keys", {"name": "x"}, "swept too").json()
    assert admin.post(f"/api/keys/{minted['id']}/rotate").is_success
    live.clock.advance(3 * IDEMPOTENCY_MS / 1000)

    async def begin(rt: Runtime) -> "asyncio.Task[None]":
        return asyncio.create_task(sweep(rt))

    def is_clean() -> bool:
        with opened(live.data_dir / "cosignet.db") as rows:
            return kept(live) == 0 == value(rows, "SELECT count(*) FROM old_secrets")

    assert not is_clean()
    sweeping = live.run(begin)
    try:
        eventually(is_clean)
    finally:
        live.loop.call_soon_threadsafe(sweeping.cancel)
        live.clock.offset_ms = 0


@pytest.mark.engine("sqlite")
def test_twins_whose_sync_fails_are_all_refused_and_leave_nothing(tmp_path: Path) -> None:
    with Live(tmp_path / "data") as live:
        key = live.program(Scope.ADMIN).key
        before = count(live, "key")
        disk = Disk(live)
        disk.hold()
        with background() as start:
            calls: list[Future[httpx2.Response]] = [
                start(send, Program(live.url, key), "/api/keys", {"name": "x"}, "unlucky")
                for _ in range(8)
            ]
            disk.when_wanted(8)
            disk.error = OSError("made up")
            disk.release()
            answers = [call.result() for call in calls]
        assert Counter(one.status_code for one in answers) == {503: 8}
        assert (count(live, "key"), kept(live)) == (before, 0)
        disk.error = None
        answer = send(Program(live.url, key), "/api/keys", {"name": "x"}, "unlucky")
        assert answer.status_code == 201
        assert "idempotent-replayed" not in answer.headers


# --- Two nodes ------------------------------------------------------------------------------------


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Live, Live]]:
    with (
        Live(tmp_path / "data") as first,
        Live(tmp_path / "data", {"COSIGNET_PUBLIC_URL": first.url}) as second,
    ):
        # Before their first statements: those would stay with the clock they have found.
        engines.set_clock(first.data_dir, stopped_at=None, offset_ms=0)
        yield first, second
    with opened(tmp_path / "data" / "cosignet.db") as rows:
        check(rows)


@pytest.mark.engine("postgres")
@pytest.mark.parametrize("kind", MAKES)
def test_of_twins_at_two_nodes_one_makes_it(nodes: tuple[Live, Live], kind: str) -> None:
    here = nodes[0]
    admin, alex = here.program(Scope.ADMIN), here.person("alex")
    path, body = MAKES[kind][0], body_of(kind, alex)
    for round_ in range(5):
        before = count(here, kind)
        programs = [Program(node.listens_at, admin.key) for node in nodes for _ in range(8)]
        with background() as start:
            calls: list[Future[httpx2.Response]] = [
                start(send, one, path, body, f"round {round_}") for one in programs
            ]
            answers = [call.result() for call in calls]
        assert Counter(one.status_code for one in answers) == {201: 16}
        assert sum("idempotent-replayed" in one.headers for one in answers) == 15
        assert count(here, kind) == before + 1


HOLD = (
    "INSERT INTO idempotency_keys (api_key_id, key_hash, organisation_id, request_hash, status,"
    " answer, created_at) SELECT k.id, ?, k.organisation_id, ?, 201, ?, 1"
    " FROM api_keys k WHERE k.key_hash = ?"
)


def waiting(live: Live) -> int:
    with opened(live.data_dir / "cosignet.db") as rows:
        return int(
            str(
                value(
                    rows,
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock'",
                )
            )
        )


@pytest.mark.engine("postgres")
@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
def test_a_twin_waits_for_one_that_is_in_flight(nodes: tuple[Live, Live], ends: str) -> None:
    here, there = nodes
    admin = here.program(Scope.ADMIN)
    elsewhere = Program(there.listens_at, admin.key)
    body = b'{"name": "x"}'
    values = [
        hashlib.sha256(b"flight").digest(),
        hashlib.sha256(b"POST /api/keys\n" + body).digest(),
        b'{"held": true}',
        hashlib.sha256(admin.key.encode()).digest(),
    ]
    with opened(here.data_dir / "cosignet.db") as rows, background() as start:
        rows.execute("BEGIN")
        assert rows.execute(HOLD.replace("201, ?, 1", "201, ?, 32503680000000"), values).rowcount
        call: Future[httpx2.Response] = start(
            elsewhere.http.post,
            "/api/keys",
            content=body,
            headers={IDEMPOTENCY_KEY_HEADER: "flight"},
        )
        eventually(lambda: waiting(here) == 1)
        assert not call.done()
        rows.execute(ends)
        answer = call.result()
    assert answer.status_code == 201
    assert ("idempotent-replayed" in answer.headers) is (ends == "COMMIT")
    assert ("held" in answer.json()) is (ends == "COMMIT")


@pytest.mark.engine("postgres")
def test_a_twin_that_takes_too_long_is_told_to_come_again(nodes: tuple[Live, Live]) -> None:
    here, there = nodes
    admin = here.program(Scope.ADMIN)
    elsewhere = Program(there.listens_at, admin.key)

    async def be_impatient(rt: Runtime) -> None:
        writers = rt.database.writers
        wires = [await writers.acquire() for _ in range(8)]
        await asyncio.gather(*(wire.execute("SET lock_timeout = 100") for wire in wires))
        for wire in wires:
            writers.release(wire)

    there.run(be_impatient)
    values = [hashlib.sha256(b"long").digest(), b"", b"{}"]
    with opened(here.data_dir / "cosignet.db") as rows:
        rows.execute("BEGIN")
        digest = hashlib.sha256(admin.key.encode()).digest()
        assert rows.execute(HOLD, [*values, digest]).rowcount
        answer = send(elsewhere, "/api/keys", {"name": "x"}, "long")
        assert code_of(answer) == (409, "idempotency_in_progress")
        assert answer.headers["retry-after"] == "1"
        rows.execute("ROLLBACK")
    assert send(elsewhere, "/api/keys", {"name": "x"}, "long").status_code == 201
