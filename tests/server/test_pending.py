"""What waits for one person: not too much of it, from one key or all, on one node or several."""

from collections.abc import Iterator
from concurrent.futures import Future

import httpx2
import pytest
from tests.engines import Engine
from tests.live import Live
from tests.people import JSON, PAYLOAD, Person, Program
from tests.server.rows import opened, value
from tests.server.together import allowing, background

from cosignet.core.limits import (
    PENDING_PER_APPROVER_AND_KEY_MAX,
    PENDING_PER_APPROVER_MAX,
    REJECTIONS_MAX,
    Limits,
)
from cosignet.core.rate import Rate
from cosignet.server.services.ask import PENDING_RETRY_SECONDS_MAX
from cosignet.server.store.postgres import WRITERS

FEW, MORE = 3, 5
MINUTE = 60
CROWD = 60


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("pending") / "data", limits=Limits()) as running:
        yield running


@pytest.fixture(autouse=True)
def _clock_is_right(live: Live) -> Iterator[None]:
    yield
    live.clock.offset_ms = 0


def ask(program: Program, person: Person, key: str = "", **more: object) -> httpx2.Response:
    body = {"username": person.username, "action": "Deploy to production", "payload": PAYLOAD}
    headers = {"Idempotency-Key": key} if key else {}
    return program.post("/api/confirmations", body | more, headers=headers)


def code_of(answer: httpx2.Response) -> str:
    if answer.is_success:
        return "created"
    problem: JSON = answer.json()
    if answer.status_code == 429:
        assert int(answer.headers["retry-after"]) == problem["retryAfterSeconds"] > 0
        assert problem["cure"]
    return problem["code"]


def waiting(live: Live, person: Person) -> object:
    with opened(live.data_dir / "cosignet.db") as rows:
        sql = (
            "SELECT count(*) FROM confirmations c JOIN approvers a ON a.id = c.approver_id"
            " WHERE a.username = ? AND c.status = 'pending'"
        )
        return value(rows, sql, person.username)


# --- How many wait --------------------------------------------------------------------------------


@pytest.mark.parametrize("once", [False, True])
def test_one_key_asks_one_person_for_so_much_and_all_keys_for_so_much(
    live: Live, program: Program, colleague: Program, alex: Person, once: bool
) -> None:
    def asked(who: Program, number: int) -> str:
        return code_of(ask(who, alex, f"{alex.username} {number}" if once else ""))

    with allowing(live, pending_per_approver_and_key=FEW, pending_per_approver=MORE):
        assert [asked(program, n) for n in range(4)] == [
            *["created"] * 3,
            "too_many_pending_of_key",
        ]
        assert [asked(colleague, n) for n in range(3)] == [*["created"] * 2, "too_many_pending"]
        assert asked(program, 5) == "too_many_pending"
        assert waiting(live, alex) == MORE
        other = live.newcomer()
        assert code_of(ask(program, other)) == "created"


def test_the_defaults_are_the_limits_of_a_server(live: Live, alex: Person) -> None:
    first, second, third = (live.program(name=name) for name in ("one", "two", "three"))
    of_key, of_all = PENDING_PER_APPROVER_AND_KEY_MAX, PENDING_PER_APPROVER_MAX
    codes = [code_of(ask(first, alex)) for _ in range(of_key + 1)]
    assert codes == [*["created"] * of_key, "too_many_pending_of_key"]
    codes = [code_of(ask(second, alex)) for _ in range(of_all - of_key + 1)]
    assert codes == [*["created"] * (of_all - of_key), "too_many_pending"]
    assert code_of(ask(third, alex)) == "too_many_pending"


@pytest.mark.parametrize("ends", ["approve", "reject", "cancel", "expire"])
def test_what_has_ended_makes_room(live: Live, program: Program, alex: Person, ends: str) -> None:
    with allowing(live, pending_per_approver_and_key=FEW):
        ids = [ask(program, alex, ttlSeconds=MINUTE).json()["id"] for _ in range(FEW)]
        refused = ask(program, alex)
        assert code_of(refused) == "too_many_pending_of_key"
        assert int(refused.headers["retry-after"]) <= PENDING_RETRY_SECONDS_MAX
        if ends == "cancel":
            assert program.post(f"/api/confirmations/{ids[1]}/cancel").is_success
        elif ends == "expire":
            live.clock.advance(MINUTE)  # nobody has to have performed it
        else:
            assert getattr(alex, ends)(ids[1]).is_success
        assert code_of(ask(program, alex)) == "created"


def test_what_expires_soon_is_waited_for_no_longer(
    live: Live, program: Program, alex: Person
) -> None:
    with allowing(live, pending_per_approver=1):
        assert code_of(ask(program, alex, ttlSeconds=5)) == "created"
        assert 1 <= int(ask(program, alex).headers["retry-after"]) <= 5


def test_what_was_refused_may_be_asked_again_with_its_idempotency_key(
    live: Live, program: Program, alex: Person
) -> None:
    with allowing(live, pending_per_approver=1):
        first = ask(program, alex, "first").json()["id"]
        assert code_of(ask(program, alex, "second")) == "too_many_pending"
        assert ask(program, alex, "first").json()["id"] == first, "it is not asked anew"
        assert alex.approve(first).is_success
        assert code_of(ask(program, alex, "second")) == "created"


def test_who_asks_at_once_does_not_get_more(
    live: Live, program: Program, alex: Person, engine: Engine
) -> None:
    with allowing(live, pending_per_approver=MORE), background() as start:
        asking: list[Future[httpx2.Response]] = [
            start(ask, program, alex, f"{alex.username} {number}" if number % 4 == 0 else "")
            for number in range(CROWD)
        ]
        codes = sorted(code_of(one.result()) for one in asking)
    # On PostgreSQL those with an Idempotency-Key are transactions of their own, side by side.
    extra = 0 if engine == "sqlite" else WRITERS
    assert MORE <= codes.count("created") <= MORE + extra
    assert codes.count("created") + codes.count("too_many_pending") == CROWD
    assert waiting(live, alex) == codes.count("created")


def test_other_people_asked_at_once_have_their_own_room(live: Live, program: Program) -> None:
    people = [live.newcomer() for _ in range(3)]
    with allowing(live, pending_per_approver_and_key=FEW), background() as start:
        asking = [start(ask, program, people[n % 3]) for n in range(FEW * len(people))]
        assert {code_of(one.result()) for one in asking} == {"created"}


@pytest.mark.engine("postgres")
def test_what_waits_is_counted_over_all_nodes(live: Live, program: Program, alex: Person) -> None:
    with Live(live.data_dir, {"COSIGNET_PUBLIC_URL": live.url}) as second:
        elsewhere = Program(second.listens_at, program.key, live.url)
        with allowing(live, pending_per_approver=MORE), allowing(second, pending_per_approver=MORE):
            codes = [code_of(ask((program, elsewhere)[n % 2], alex)) for n in range(MORE + 2)]
            assert codes == [*["created"] * MORE, "too_many_pending", "too_many_pending"]
            mine = program.get("/api/confirmations", username=alex.username).json()["items"]
            assert alex.approve(mine[0]["id"]).is_success
            assert code_of(ask(elsewhere, alex)) == "created"


# --- What was rejected ----------------------------------------------------------------------------


def reject(program: Program, alex: Person, times: int, *, signed: bool = True) -> None:
    for _ in range(times):
        asked = ask(program, alex).json()["id"]
        answer = alex.reject_signed(asked) if signed else alex.reject(asked)
        assert answer.is_success


@pytest.mark.parametrize("key", ["", "once"])
def test_a_key_whose_asking_was_rejected_repeatedly_waits_before_it_asks_them_again(
    live: Live, program: Program, colleague: Program, alex: Person, key: str
) -> None:
    reject(program, alex, REJECTIONS_MAX.times - 1)
    assert code_of(ask(program, alex)) == "created"
    reject(program, alex, 1)
    refused = ask(program, alex, key and alex.username)
    assert code_of(refused) == "rejected_repeatedly"
    seconds = int(refused.headers["retry-after"])
    assert REJECTIONS_MAX.seconds - MINUTE < seconds <= REJECTIONS_MAX.seconds
    assert code_of(ask(colleague, alex)) == "created", "another key's asking was not rejected"
    assert code_of(ask(program, live.newcomer())) == "created", "others have not rejected anything"
    live.clock.advance(seconds - MINUTE)
    assert code_of(ask(program, alex)) == "rejected_repeatedly"
    live.clock.advance(MINUTE)
    assert code_of(ask(program, alex)) == "created"


def test_only_the_last_rejections_count_and_each_only_so_long(
    live: Live, program: Program, alex: Person
) -> None:
    with allowing(live, rejections=Rate(2, 10 * MINUTE)):
        reject(program, alex, 1)
        live.clock.advance(6 * MINUTE)
        reject(program, alex, 1)
        refused = ask(program, alex)
        assert code_of(refused) == "rejected_repeatedly"
        assert 3 * MINUTE < int(refused.headers["retry-after"]) <= 4 * MINUTE
        live.clock.advance(4 * MINUTE)
        reject(program, alex, 1)
        assert code_of(ask(program, alex)) == "rejected_repeatedly"


def test_a_tap_by_whoever_has_the_link_keeps_nobody_from_asking(
    live: Live, program: Program, alex: Person
) -> None:
    reject(program, alex, REJECTIONS_MAX.times + 1, signed=False)
    assert code_of(ask(program, alex)) == "created"


def test_approvals_and_cancellations_are_no_rejections(
    live: Live, program: Program, alex: Person
) -> None:
    with allowing(live, rejections=Rate(1, MINUTE)):
        for _ in range(2):
            assert alex.approve(ask(program, alex).json()["id"]).is_success
            cancelled = ask(program, alex).json()["id"]
            assert program.post(f"/api/confirmations/{cancelled}/cancel").is_success
        assert code_of(ask(program, alex)) == "created"


def test_a_clock_that_is_set_back_makes_nobody_wait_longer(
    live: Live, program: Program, alex: Person
) -> None:
    live.clock.advance(60 * MINUTE)
    reject(program, alex, REJECTIONS_MAX.times)
    live.clock.offset_ms = 0
    assert code_of(ask(program, alex)) == "created"
