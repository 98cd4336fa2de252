"""Rotating an API key: another secret, the same requester; the old one ends when it was told to."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.live import Live
from tests.people import JSON, Person, Program, raise_for
from tests.server.rows import check, opened, value
from tests.server.test_states import StoppedClock

from cosignet.core.access import OVERLAP_SECONDS_MAX, Scope
from cosignet.core.challenge import parse_context
from cosignet.core.encoding import rfc3339
from cosignet.core.idempotency import IDEMPOTENCY_KEY_HEADER
from cosignet.server.services import forget
from cosignet.server.web import schemas, schemas_people


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("rotation") / "data"
    with Live(folder, clock=StoppedClock()) as running:
        yield running
    with opened(folder / "cosignet.db") as rows:
        check(rows)


@pytest.fixture
def key(admin: Program) -> JSON:
    """A key of its own for each test."""
    return raise_for(admin.post("/api/keys", {"name": "deployer"}))


def post(admin: Program, key: JSON, overlap: int | None = None, **headers: str) -> httpx2.Response:
    body = {} if overlap is None else {"overlapSeconds": overlap}
    return admin.post(f"/api/keys/{key['id']}/rotate", body, headers=headers)


def rotate(admin: Program, key: JSON, overlap: int | None = None) -> JSON:
    return raise_for(post(admin, key, overlap))


def works(live: Live, secret: str) -> bool:
    status = Program(live.url, secret).get("/api/confirmations").status_code
    assert status in (200, 401)
    return status == 200


def listed(admin: Program, key: JSON) -> JSON:
    items: list[JSON] = raise_for(admin.get("/api/keys"))["items"]
    return next(item for item in items if item["id"] == key["id"])


def test_a_rotated_key_is_the_same_key_with_another_secret(
    live: Live, admin: Program, key: JSON
) -> None:
    answer = post(admin, key)
    assert answer.status_code == 200
    rotated = answer.json()
    schemas.MintedKey.model_validate(rotated)
    same = ("id", "name", "scopes", "createdAt", "revokedAt")
    assert {name: rotated[name] for name in same} == {name: key[name] for name in same}
    assert rotated["key"] != key["key"]
    assert rotated["key"].startswith(rotated["prefix"])
    assert works(live, rotated["key"])


def test_the_secret_is_shown_once(live: Live, admin: Program, key: JSON) -> None:
    rotated = rotate(admin, key, 60)
    shown = admin.get("/api/keys").text
    assert rotated["key"] not in shown
    assert key["key"] not in shown
    with opened(live.data_dir / "cosignet.db") as rows:
        found = rows.execute("SELECT key_hash FROM old_secrets").fetchall()
    assert hashlib.sha256(key["key"].encode()).digest() in [bytes(row["key_hash"]) for row in found]


def test_the_requester_stays_who_it_was(live: Live, admin: Program, alex: Person) -> None:
    key = raise_for(admin.post("/api/keys", {"name": "deployer"}))
    before = Program(live.url, key["key"]).ask(alex.username)["id"]
    after_program = Program(live.url, rotate(admin, key)["key"])
    after = after_program.ask(alex.username)["id"]
    contexts = [parse_context(alex.data(asked)["context"]) for asked in (before, after)]
    assert {(one.requester, one.requester_key_id) for one in contexts} == {("deployer", key["id"])}
    # What it asked before it can still take back.
    assert after_program.post(f"/api/confirmations/{before}/cancel").is_success


def test_the_old_secret_ends_at_once_if_nobody_says_otherwise(
    live: Live, admin: Program, key: JSON
) -> None:
    rotate(admin, key)
    assert not works(live, key["key"])


def test_the_old_secret_goes_on_until_the_millisecond_it_was_given(
    live: Live, admin: Program, key: JSON
) -> None:
    rotated = rotate(admin, key, 60)
    for offset, still in ((0, True), (59_999, True), (60_000, False), (3_600_000, False)):
        live.clock.offset_ms += offset
        try:
            assert works(live, key["key"]) is still
            assert works(live, rotated["key"])
        finally:
            live.clock.offset_ms -= offset


def test_the_old_secret_may_do_what_the_key_may(
    live: Live, admin: Program, key: JSON, alex: Person
) -> None:
    rotate(admin, key, 60)
    old = Program(live.url, key["key"])
    assert old.ask(alex.username)["status"] == "pending"
    assert old.get("/api/keys").json()["code"] == "scope_missing"


def test_the_times_are_told_in_answers_and_lists(live: Live, admin: Program, key: JSON) -> None:
    assert (key["rotatedAt"], key["oldSecretEndsAt"]) == (None, None)
    rotated = rotate(admin, key, 60)
    now = live.clock()
    times = {"rotatedAt": rfc3339(now), "oldSecretEndsAt": rfc3339(now + 60_000)}
    assert times.items() <= rotated.items()
    found = listed(admin, key)
    assert times.items() <= found.items()
    assert found["prefix"] == rotated["prefix"]
    schemas.Key.model_validate(found)


def test_of_several_rotations_each_old_secret_has_its_own_end(
    live: Live, admin: Program, key: JSON
) -> None:
    # An answer that got lost must not end what programs still use.
    lost = rotate(admin, key, 60)
    live.clock.advance(30)
    try:
        last = rotate(admin, key, 60)
        assert [works(live, one["key"]) for one in (key, lost, last)] == [True, True, True]
        assert listed(admin, key)["oldSecretEndsAt"] == rfc3339(live.clock() + 60_000)
        live.clock.advance(30)
        assert [works(live, one["key"]) for one in (key, lost, last)] == [False, True, True]
        live.clock.advance(30)
        assert [works(live, one["key"]) for one in (key, lost, last)] == [False, False, True]
    finally:
        live.clock.offset_ms = 0


def test_a_rotation_ends_older_secrets_no_later_than_its_own(
    live: Live, admin: Program, key: JSON
) -> None:
    second = rotate(admin, key, OVERLAP_SECONDS_MAX)
    third = rotate(admin, key)
    assert [works(live, one["key"]) for one in (key, second, third)] == [False, False, True]


def test_revoking_ends_both_secrets_at_once(live: Live, admin: Program, key: JSON) -> None:
    rotated = rotate(admin, key, 60)
    assert admin.post(f"/api/keys/{key['id']}/revoke").is_success
    assert not works(live, key["key"])
    assert not works(live, rotated["key"])


def test_a_revoked_key_stays_so(live: Live, admin: Program, key: JSON) -> None:
    assert admin.post(f"/api/keys/{key['id']}/revoke").is_success
    before = listed(admin, key)
    answer = post(admin, key, 60)
    assert (answer.status_code, answer.json()["code"]) == (409, "key_revoked")
    assert answer.json()["cure"]
    assert listed(admin, key) == before
    assert not works(live, key["key"])


def test_a_key_can_rotate_itself(live: Live, admin: Program) -> None:
    own = raise_for(admin.post("/api/keys", {"name": "own", "scopes": ["admin"]}))
    rotated = rotate(Program(live.url, own["key"]), own)
    assert not works(live, own["key"])
    assert works(live, rotated["key"])


def test_only_admins_of_the_organisation_rotate(
    live: Live, admin: Program, program: Program, key: JSON
) -> None:
    answer = post(program, key)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    answer = post(live.stranger(Scope.ADMIN), key)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert post(admin, {"id": "nothing"}).status_code == 404
    assert works(live, key["key"])


@pytest.mark.parametrize("overlap", [-1, OVERLAP_SECONDS_MAX + 1, "60", True, 1.5])
def test_an_overlap_out_of_bounds_is_refused(
    live: Live, admin: Program, key: JSON, overlap: Any
) -> None:
    answer = post(admin, key, overlap)
    assert (answer.status_code, answer.json()["field"]) == (422, "overlapSeconds")
    assert works(live, key["key"])


def test_a_rotation_that_comes_again_rotates_once(live: Live, admin: Program, key: JSON) -> None:
    header = {IDEMPOTENCY_KEY_HEADER: key["id"]}
    first, again = post(admin, key, 60, **header), post(admin, key, 60, **header)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotent-replayed"] == "true"
    told = again.json()
    schemas_people.ReplayedKey.model_validate(told)
    assert told.pop("omitted") == ["key"]
    assert told == {name: item for name, item in first.json().items() if name != "key"}
    assert works(live, first.json()["key"])


def test_secrets_that_ended_are_forgotten_and_others_are_not(
    live: Live, admin: Program, key: JSON, monkeypatch: pytest.MonkeyPatch
) -> None:
    def old() -> int:
        with opened(live.data_dir / "cosignet.db") as rows:
            return int(str(value(rows, "SELECT count(*) FROM old_secrets")))

    for _ in range(5):
        rotate(admin, key)
    monkeypatch.setattr(forget, "FORGOTTEN_AT_ONCE", 2)
    before = rotate(admin, key, OVERLAP_SECONDS_MAX)
    rotate(admin, key, OVERLAP_SECONDS_MAX)
    live.run(forget.forget_ended)
    assert old() >= 2
    assert works(live, before["key"])
    live.clock.advance(OVERLAP_SECONDS_MAX)
    try:
        live.run(forget.forget_ended)
        assert old() == 0
    finally:
        live.clock.offset_ms = 0
