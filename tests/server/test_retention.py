"""What has ended is forgotten, a few rows at a time; what is open or was decided stays."""

import asyncio

import httpx2
import pytest
from tests.live import Live
from tests.people import Person, Program
from tests.server.rows import add_webhook, opened, value
from tests.server.together import background, eventually

from cosignet.core.errors import Unavailable
from cosignet.core.limits import Limits
from cosignet.core.retention import RETENTION, Kept
from cosignet.server.runtime import Runtime
from cosignet.server.services import forget, operate
from cosignet.server.worker import sweep

ROWS = {
    "idempotency_keys": "INSERT INTO idempotency_keys (api_key_id, key_hash, organisation_id,"
    " request_hash, status, answer, created_at) SELECT 'k', ?1, id, ?1, 200, ?1, ?2"
    " FROM organisations WHERE slug = 'default'",
    "old_secrets": "INSERT INTO old_secrets (key_hash, organisation_id, api_key_id, ends_at)"
    " SELECT ?1, organisation_id, id, ?2 FROM api_keys LIMIT 1",
    "sessions": "INSERT INTO sessions (token_hash, organisation_id, approver_id, credential_id,"
    " created_at, expires_at) SELECT ?1, organisation_id, approver_id, id, 0, ?2"
    " FROM credentials LIMIT 1",
    "private_views": "INSERT INTO private_views (token_hash, organisation_id, confirmation_id,"
    " approver_id, credential_id, created_at, expires_at) SELECT ?1, c.organisation_id, c.id,"
    " k.approver_id, k.id, 0, ?2 FROM confirmations c, credentials k LIMIT 1",
    "deliveries": "INSERT INTO deliveries (id, organisation_id, webhook_id, event, status,"
    " occurred_at, ended_at) SELECT lower(hex(randomblob(16))), organisation_id, id, 'test',"
    " 'dead_letter', 0, ?2 FROM webhooks WHERE secret_sealed <> ?1 LIMIT 1",
    "ceremonies": "INSERT INTO ceremonies (purpose, subject, organisation_id, challenge,"
    " expires_at) SELECT 'login', lower(hex(randomblob(16))), id, ?1, ?2 FROM organisations"
    " WHERE slug = 'default'",
}
"""How a row of each kind is made: some bytes, and its time."""


@pytest.fixture
def asked(live: Live, program: Program, alex: Person) -> None:
    program.ask(alex.username)
    with opened(live.data_dir / "cosignet.db") as rows:
        add_webhook(rows)


def count(live: Live, table: str) -> int:
    with opened(live.data_dir / "cosignet.db") as rows:
        return int(str(value(rows, f"SELECT count(*) FROM {table}")))


def times(live: Live, kept: Kept) -> list[int]:
    with opened(live.data_dir / "cosignet.db") as rows:
        found = rows.execute(f"SELECT {kept.since} FROM {kept.table} WHERE {kept.since} > 0")
        return sorted(row[0] for row in found)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("kept", RETENTION, ids=lambda kept: kept.table)
def test_what_has_been_kept_long_enough_goes_and_nothing_else(
    live: Live, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget, "FORGOTTEN_AT_ONCE", 3)
    edge = live.clock() - kept.kept_ms
    before = set(times(live, kept))
    old = [edge - number for number in range(8)]
    young = [edge + 100_000, edge + 100_001]
    with opened(live.data_dir / "cosignet.db") as rows:
        for time in (*old, *young):
            rows.execute(ROWS[kept.table], (time.to_bytes(32), time))
        rows.commit()
    live.run(forget.forget_ended)
    left = set(times(live, kept))
    assert set(young) <= left
    assert left.isdisjoint(old)
    assert {time for time in before if time > edge + 50_000} <= left


def test_of_prompts_that_anybody_opens_only_the_newest_are_kept(
    live: Live, alex: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget, "FORGOTTEN_AT_ONCE", 4)
    people = [Person(live.url, alex.passkey) for _ in range(12)]
    options = []
    for person in people:
        options.append(person.http.post("/login/options", json={}).json())
        live.clock.advance(0.01)
    live.run(lambda rt: forget.end_prompts_beyond(rt, 50_000))
    assert count(live, "ceremonies") >= 12
    live.run(lambda rt: forget.end_prompts_beyond(rt, 5))
    assert count(live, "ceremonies") == 5
    answers: list[httpx2.Response] = []
    for person, asked in zip(people, options, strict=True):
        credential = person.passkey.sign(asked, origin=live.url)
        answers.append(person.http.post("/login", json={"credential": credential}))
    assert [answer.status_code for answer in answers] == [409] * 7 + [200] * 5


def test_background_work_forgets_what_has_ended(live: Live, alex: Person) -> None:
    for _ in range(3):
        assert alex.http.post("/login/options", json={}).is_success
    live.clock.advance(3600)

    async def begin(rt: Runtime) -> "asyncio.Task[None]":
        return asyncio.create_task(sweep(rt))

    assert count(live, "ceremonies") >= 3
    sweeping = live.run(begin)
    try:
        eventually(lambda: count(live, "ceremonies") == 0)
    finally:
        live.loop.call_soon_threadsafe(sweeping.cancel)
        live.clock.offset_ms = 0


def test_background_work_ends_prompts_beyond_the_most(
    live: Live, alex: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        assert alex.http.post("/login/options", json={}).is_success
        live.clock.advance(0.01)
    monkeypatch.setattr(forget.end_prompts_beyond, "__defaults__", (2,))

    async def begin(rt: Runtime) -> "asyncio.Task[None]":
        return asyncio.create_task(sweep(rt))

    sweeping = live.run(begin)
    try:
        eventually(lambda: count(live, "ceremonies") == 2)
    finally:
        live.loop.call_soon_threadsafe(sweeping.cancel)
        live.clock.offset_ms = 0


# --- Readiness ------------------------------------------------------------------------------------


def test_however_many_ask_whether_it_is_ready_it_tries_once(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    probe = operate.probe

    async def counted(rt: Runtime) -> None:
        tried.append(1)
        await probe(rt)

    monkeypatch.setattr(operate, "probe", counted)
    rt = live.runtime
    object.__setattr__(rt, "limits", Limits(readiness_seconds=3600))
    rt.readiness.proof = None
    try:
        with background() as start:
            asking = [start(httpx2.get, f"{live.url}/readyz") for _ in range(40)]
            assert {one.result().status_code for one in asking} == {200}
        assert len(tried) == 1
        rt.readiness.begun_at -= 3600
        assert httpx2.get(f"{live.url}/readyz").is_success
        assert len(tried) == 2
    finally:
        object.__setattr__(rt, "limits", live.limits)


def test_a_failure_is_told_again_for_a_moment_and_then_tried_again(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    rt = live.runtime
    object.__setattr__(rt, "limits", Limits(readiness_seconds=3600))
    rt.readiness.proof = None
    transaction = rt.database.transaction

    def refuse(**_: object) -> object:
        raise Unavailable

    try:
        monkeypatch.setattr(rt.database, "transaction", refuse)
        for _ in range(2):
            answer = httpx2.get(f"{live.url}/readyz")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        monkeypatch.setattr(rt.database, "transaction", transaction)
        assert httpx2.get(f"{live.url}/readyz").status_code == 503
        rt.readiness.begun_at -= 3601
        assert httpx2.get(f"{live.url}/readyz").is_success
        monkeypatch.setattr(rt.database, "transaction", refuse)
        assert httpx2.get(f"{live.url}/readyz").is_success
    finally:
        object.__setattr__(rt, "limits", live.limits)
