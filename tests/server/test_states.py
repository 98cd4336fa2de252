"""Every change of status there is, every one there is not, and time, which also decides."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.engines import Refused
from tests.live import Clock, Live
from tests.people import Person, Program, raise_for
from tests.server.rows import Rows, add_webhook, check, opened, value
from tests.server.together import background

from cosignet.core.confirmation import TRANSITIONS, Status
from cosignet.core.encoding import rfc3339
from cosignet.server import app
from cosignet.server.runtime import Runtime
from cosignet.server.store import confirmations
from cosignet.server.store.db import Transaction

TTL_MS = 60_000


class StoppedClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped_at = self._started_at = app.now_ms()

    def set(self, at: int) -> None:
        """Move it to a time (unix milliseconds)."""
        self.offset_ms = at - self._started_at


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("states") / "data"
    with Live(folder, clock=StoppedClock()) as running:
        with opened(database(running)) as rows:
            add_webhook(rows)
        yield running
        with opened(database(running)) as rows:
            check(rows)


@pytest.fixture
def clock(live: Live) -> Iterator[StoppedClock]:
    """The server's clock, which goes on from where the test before left it at the latest."""
    assert isinstance(live.clock, StoppedClock)
    began = live.clock()
    yield live.clock
    live.clock.set(max(live.clock(), began))


def database(live: Live) -> Path:
    return live.data_dir / "cosignet.db"


def row_of(live: Live, confirmation: str) -> dict[str, Any]:
    """Return everything the store holds of a confirmation."""
    with opened(database(live)) as rows:
        found = rows.execute("SELECT * FROM confirmations WHERE id = ?", [confirmation])
        return dict(found.fetchone())


def deliveries_of(live: Live, confirmation: str) -> list[str]:
    with opened(database(live)) as rows:
        sql = "SELECT event FROM deliveries WHERE confirmation_id = ?"
        return [row["event"] for row in rows.execute(sql, [confirmation])]


class Asked:
    """A confirmation, with everything ready that could decide it."""

    def __init__(self, live: Live, program: Program, alex: Person) -> None:
        self.live, self.program, self.alex = live, program, alex
        self.id: str = program.ask(alex.username, ttlSeconds=TTL_MS // 1000)["id"]
        self.deadline = live.clock() + TTL_MS
        self.approval = alex.sign(self.id)
        self.rejection = alex.sign(self.id, "reject")
        alex.http.get(f"/confirm/{self.id}")
        self.token = alex.page_token

    def approve(self) -> httpx2.Response:
        return self.alex.post_approval(self.id, self.approval)

    def _reject(self, body: object) -> httpx2.Response:
        return self.alex.http.post(f"/confirm/{self.id}/reject", json=body)

    def reject_signed(self) -> httpx2.Response:
        return self._reject({"credential": self.rejection, "reason": "unexpected"})

    def reject_unsigned(self) -> httpx2.Response:
        return self._reject({"token": self.token})

    def cancel(self) -> httpx2.Response:
        return self.program.post(f"/api/confirmations/{self.id}/cancel")

    def read(self) -> httpx2.Response:
        return self.program.get(f"/api/confirmations/{self.id}")

    def let_expire(self) -> httpx2.Response:
        assert isinstance(self.live.clock, StoppedClock)
        self.live.clock.set(self.deadline)
        return self.read()

    @property
    def status(self) -> str:
        return self.read().json()["status"]

    @property
    def row(self) -> dict[str, Any]:
        return row_of(self.live, self.id)


@pytest.fixture
def asked(live: Live, clock: StoppedClock, program: Program, alex: Person) -> Asked:
    return Asked(live, program, alex)


VERBS: dict[str, tuple[Callable[[Asked], httpx2.Response], Status]] = {
    "approve": (Asked.approve, Status.APPROVED),
    "reject, signed": (Asked.reject_signed, Status.REJECTED),
    "reject, unsigned": (Asked.reject_unsigned, Status.REJECTED),
    "cancel": (Asked.cancel, Status.EXPIRED),
    "expire": (Asked.let_expire, Status.EXPIRED),
}
LATE_VERBS = [verb for verb in VERBS if verb != "expire"]


def test_the_table_of_transitions_is_what_these_tests_go_through() -> None:
    assert TRANSITIONS[Status.PENDING] == {status for _, status in VERBS.values()}
    assert all(not TRANSITIONS[status] for status in Status if status is not Status.PENDING)


@pytest.mark.parametrize("verb", VERBS)
def test_a_pending_one_is_decided_once(live: Live, asked: Asked, verb: str) -> None:
    act, status = VERBS[verb]
    assert asked.status == "pending"
    assert deliveries_of(live, asked.id) == []
    answer = act(asked)
    assert answer.status_code == 200
    assert answer.json()["status"] == asked.status == status
    assert deliveries_of(live, asked.id) == [status]
    assert asked.row["decided_at"] == live.clock()
    assert (asked.row["cancelled_at"] is not None) == (verb == "cancel")


@pytest.mark.parametrize("second", LATE_VERBS)
@pytest.mark.parametrize("first", VERBS)
def test_what_is_decided_stays_as_it_is(
    live: Live, asked: Asked, clock: StoppedClock, first: str, second: str
) -> None:
    won = VERBS[first][1]
    assert VERBS[first][0](asked).is_success
    before, owed = asked.row, deliveries_of(live, asked.id)
    for at in (clock(), asked.deadline - 1, asked.deadline, asked.deadline + 3_600_000):
        clock.set(at)
        answer = VERBS[second][0](asked)
        assert (answer.status_code, answer.json()["code"]) == (409, "already_decided")
        assert answer.json()["confirmationStatus"] == asked.status == won
    assert asked.row == before
    assert deliveries_of(live, asked.id) == owed


@pytest.mark.parametrize(("left", "prompt"), [(300_001, 300_000), (299_999, 299_999), (1, 1)])
def test_a_prompt_stays_open_until_the_deadline_and_five_minutes_at_most(
    clock: StoppedClock, program: Program, alex: Person, left: int, prompt: int
) -> None:
    """In milliseconds, as browsers take it."""
    asked = program.ask(alex.username, ttlSeconds=600)["id"]
    clock.set(clock() + 600_000 - left)
    answer = alex.http.post(f"/confirm/{asked}/options", json={"purpose": "approve"})
    assert raise_for(answer)["timeout"] == prompt


@pytest.mark.parametrize("verb", LATE_VERBS)
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_the_deadline_is_the_first_millisecond_too_late(
    live: Live, asked: Asked, clock: StoppedClock, verb: str, offset: int
) -> None:
    act, status = VERBS[verb]
    clock.set(asked.deadline + offset)
    answer = act(asked)
    if offset < 0:
        assert answer.json()["status"] == asked.status == status
        assert asked.row["decided_at"] == asked.deadline - 1
    else:
        assert (answer.status_code, answer.json()["confirmationStatus"]) == (409, "expired")
        assert deliveries_of(live, asked.id) == ["expired"]
        assert asked.row["decided_at"] == asked.deadline + offset
    clock.set(asked.deadline + 1)
    assert asked.status == (status if offset < 0 else "expired")


# --- The store's own conditions, below every check of the services ------------------------------


async def approve(
    tx: Transaction, id_: str, *, evidence_id: str, match_code: str | None = None, count: int = 1
) -> int | None:
    """Approve by the only passkey there is, counting `count`."""
    row = await tx.fetch_one("SELECT id FROM credentials")
    assert row is not None
    return await confirmations.approve(
        tx,
        id_,
        evidence_id=evidence_id,
        credential_row_id=row["id"],
        sign_count=count,
        match_code=match_code,
    )


Change = Callable[[Transaction, str], Any]
CHANGES: dict[str, tuple[Change, Status, bool]] = {
    "approve": (
        lambda tx, id_: approve(tx, id_, evidence_id="evidence of " + id_),
        Status.APPROVED,
        False,
    ),
    "reject": (
        lambda tx, id_: confirmations.reject(
            tx, id_, signed=False, reason="not_now", evidence_id=None
        ),
        Status.REJECTED,
        False,
    ),
    "cancel": (confirmations.cancel, Status.EXPIRED, False),
    "expire": (confirmations.expire, Status.EXPIRED, True),
}
"""How, to what, and whether only from the deadline on, or only before it."""


class _Undo(Exception):
    """Nothing of it is kept."""


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("change", CHANGES)
def test_no_statement_changes_what_is_decided(
    live: Live, asked: Asked, clock: StoppedClock, change: str, verb: str
) -> None:
    assert VERBS[verb][0](asked).is_success
    before = asked.row
    for at in (asked.deadline - 1, asked.deadline, asked.deadline + 1):
        clock.set(at)
        assert changed(live, asked.id, CHANGES[change][0]) is None
    assert asked.row == before


@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest.mark.parametrize("change", CHANGES)
def test_each_statement_compares_the_time_itself(
    live: Live, asked: Asked, clock: StoppedClock, change: str, offset: int
) -> None:
    act, _, late = CHANGES[change]
    clock.set(asked.deadline + offset)
    at = changed(live, asked.id, act)
    assert at == (clock() if (offset >= 0) == late else None)


def changed(live: Live, confirmation: str, change: Change) -> int | None:
    """Run a change and take it back; return what it said."""
    said: list[int | None] = []

    async def work(rt: Runtime) -> None:
        async with rt.database.transaction() as tx:
            said.append(await change(tx, confirmation))
            raise _Undo

    with pytest.raises(_Undo):
        live.run(work)
    return said[0]


@pytest.mark.parametrize("standing", ["activated_at = NULL", "revoked_at = 1", "role = 'auditor'"])
def test_the_statement_that_approves_asks_whether_the_approver_still_may(
    live: Live, asked: Asked, standing: str
) -> None:
    async def change(tx: Transaction, id_: str) -> int | None:
        await tx.execute(
            f"UPDATE approvers SET {standing} WHERE username = $1", asked.alex.username
        )
        return await approve(tx, id_, evidence_id="none")

    assert changed(live, asked.id, change) is None


@pytest.mark.parametrize(
    ("passkey", "count", "is_live"),
    [
        ("revoked_at = 1", 1, False),
        ("sign_count = 7", 8, True),
        ("sign_count = 7", 7, False),
        ("sign_count = 7", 0, False),
        ("sign_count = 0", 0, True),
    ],
)
def test_the_statement_that_approves_asks_whether_the_passkey_is_still_good(
    live: Live, asked: Asked, passkey: str, count: int, is_live: bool
) -> None:
    async def change(tx: Transaction, id_: str) -> int | None:
        await tx.execute(f"UPDATE credentials SET {passkey}")
        return await approve(tx, id_, evidence_id="none", count=count)

    assert (changed(live, asked.id, change) is not None) is is_live


@pytest.mark.parametrize(
    "row",
    [
        "status = 'approved'",
        "decided_at = 1",
        "status = 'forgotten', decided_at = 1",
        "consumed_at = 1",
        "outcome = 'executed'",
    ],
)
def test_the_table_itself_refuses_a_state_that_is_none(live: Live, asked: Asked, row: str) -> None:
    with opened(database(live)) as rows, pytest.raises(Refused):
        rows.execute(f"UPDATE confirmations SET {row} WHERE id = ?", [asked.id])


# --- Looking late --------------------------------------------------------------------------------


def listed(asked: Asked, **query: str) -> str:
    items = asked.program.get("/api/confirmations", **query).json()["items"]
    return next(item["status"] for item in items if item["id"] == asked.id)


LOOKS: dict[str, Callable[[Asked], str]] = {
    "read": lambda asked: asked.read().json()["status"],
    "wait": lambda asked: asked.program.read(asked.id, wait=25)["status"],
    "list": listed,
    "list of the expired": lambda asked: listed(asked, status="expired"),
    "page data": lambda asked: asked.alex.data(asked.id)["status"],
    "page data, waiting": lambda asked: asked.alex.http.get(
        f"/confirm/{asked.id}/data", params={"wait": 25}
    ).json()["status"],
    "page": lambda asked: (asked.alex.http.get(f"/confirm/{asked.id}"), asked.row["status"])[1],
    "reject page": lambda asked: (
        asked.alex.http.get(f"/confirm/{asked.id}/reject"),
        asked.row["status"],
    )[1],
    "options": lambda asked: asked.alex.http.post(
        f"/confirm/{asked.id}/options", json={"purpose": "approve"}
    ).json()["confirmationStatus"],
    "consume": lambda asked: asked.program.post(
        f"/api/confirmations/{asked.id}/consume", {"token": "a token of a run"}
    ).json()["confirmationStatus"],
}


@pytest.mark.parametrize("look", LOOKS)
def test_whoever_looks_after_the_deadline_performs_the_expiry_once(
    live: Live, asked: Asked, clock: StoppedClock, look: str
) -> None:
    clock.set(asked.deadline)
    assert asked.row["status"] == "pending"
    assert LOOKS[look](asked) == "expired"
    assert asked.row["status"] == "expired"
    assert asked.row["decided_at"] == asked.deadline
    clock.set(asked.deadline + 1)
    assert LOOKS[look](asked) == "expired"
    assert asked.row["decided_at"] == asked.deadline
    assert deliveries_of(live, asked.id) == ["expired"]


def test_whatever_looks_at_the_same_moment_performs_one_expiry(
    live: Live, asked: Asked, clock: StoppedClock
) -> None:
    with background() as start:
        clock.set(asked.deadline)
        looks = [start(look, asked) for look in LOOKS.values() for _ in range(4)]
        assert {look.result() for look in looks} == {"expired"}
    assert deliveries_of(live, asked.id) == ["expired"]


def test_a_list_shows_nothing_pending_that_is_late_however_many_there_are(
    live: Live, asked: Asked, clock: StoppedClock
) -> None:
    with opened(database(live)) as rows:
        copy_many(rows, asked.id, 1_200)
    clock.set(asked.deadline)
    assert asked.program.get("/api/confirmations", status="pending").json()["items"] == []
    with opened(database(live)) as rows:
        sql = "SELECT count(*) FROM confirmations WHERE status = 'pending' AND expires_at <= ?"
        assert value(rows, sql, clock()) == 0


def copy_many(rows: Rows, confirmation: str, count: int) -> None:
    """Make copies of a pending confirmation."""
    numbers = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
    columns = [row["name"] for row in rows.execute("PRAGMA table_info(confirmations)")]
    others = ", ".join(column for column in columns if column != "id")
    rows.execute(
        f"INSERT INTO confirmations (id, {others}) {numbers}"
        f" SELECT id || '-' || i, {others} FROM confirmations, n WHERE id = ?",
        [confirmation],
    )
    rows.commit()


# --- Cancel, consume, outcome --------------------------------------------------------------------


def test_a_cancelled_one_is_expired_and_says_when_it_was_cancelled(
    asked: Asked, clock: StoppedClock
) -> None:
    answer = asked.cancel().json()
    assert answer["status"] == "expired"
    assert answer["cancelledAt"] == answer["decidedAt"] == rfc3339(clock())
    assert asked.alex.data(asked.id)["cancelledAt"] == answer["cancelledAt"]
    assert answer["rawAssertion"] is None


def consume(asked: Asked, token: str, program: Program | None = None) -> httpx2.Response:
    path = f"/api/confirmations/{asked.id}/consume"
    return (program or asked.program).post(path, {"token": token})


def report(asked: Asked, body: object, program: Program | None = None) -> httpx2.Response:
    return (program or asked.program).post(f"/api/confirmations/{asked.id}/outcome", body)


def test_the_first_token_consumes_and_only_it_may_say_so_again(
    asked: Asked, clock: StoppedClock
) -> None:
    assert asked.approve().is_success
    clock.advance(1)
    first = consume(asked, "token of run one")
    assert first.status_code == 200
    assert first.json()["consumedAt"] == rfc3339(clock())
    clock.advance(3600)
    assert consume(asked, "token of run one").json() == first.json()
    other = consume(asked, "token of run two")
    assert (other.status_code, other.json()["code"]) == (409, "already_consumed")
    for member in ("consumedAt", "consumedBy"):
        assert other.json()[member] == first.json()[member] is not None
    read = asked.read().json()
    assert (read["status"], read["consumedAt"]) == ("approved", first.json()["consumedAt"])


def test_another_key_neither_consumes_nor_reports(asked: Asked, colleague: Program) -> None:
    assert asked.approve().is_success
    for answer in (
        consume(asked, "token of run one", colleague),
        report(asked, {"result": "executed"}, colleague),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "not_the_creator")
    assert asked.row["consumed_at"] is None


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "approve"])
def test_only_an_approval_is_consumed(asked: Asked, verb: str) -> None:
    pending = consume(asked, "token of run one")
    assert (pending.status_code, pending.json()["confirmationStatus"]) == (409, "pending")
    assert VERBS[verb][0](asked).is_success
    answer = consume(asked, "token of run one")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_approved")
    assert answer.json()["confirmationStatus"] == VERBS[verb][1]
    assert asked.row["consumed_at"] is None


@pytest.mark.parametrize("token", ["", "short", "x" * 201, 12345678, None])
def test_a_token_has_8_to_200_characters(asked: Asked, token: object) -> None:
    assert asked.approve().is_success
    answer = asked.program.post(f"/api/confirmations/{asked.id}/consume", {"token": token})
    assert (answer.status_code, answer.json()["field"]) == (422, "token")


def test_an_outcome_is_recorded_once_and_only_after_consuming(
    live: Live, asked: Asked, clock: StoppedClock
) -> None:
    early = report(asked, {"result": "executed"})
    assert (early.status_code, early.json()["code"]) == (409, "not_consumed")
    assert asked.approve().is_success
    assert report(asked, {"result": "executed"}).json()["code"] == "not_consumed"
    assert consume(asked, "token of run one").is_success
    clock.advance(5)
    wanted = {"result": "failed", "note": "exit status 1", "at": rfc3339(clock())}
    first = report(asked, {"result": "failed", "note": "exit status 1"})
    assert (first.status_code, first.json()["outcome"]) == (200, wanted)
    again = report(asked, {"result": "failed", "note": "exit status 1"})
    assert (again.status_code, again.json()) == (200, first.json())
    for result in ("failed", "executed", "unknown"):
        again = report(asked, {"result": result})
        assert (again.status_code, again.json()["code"]) == (409, "outcome_recorded")
    assert asked.read().json()["outcome"] == wanted
    assert deliveries_of(live, asked.id) == ["approved"]


# --- The clock jumps -----------------------------------------------------------------------------

HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize("jump", [HOUR, 2 * DAY])
def test_nothing_comes_back_from_expired_when_the_clock_goes_back(
    live: Live, asked: Asked, clock: StoppedClock, jump: int
) -> None:
    began = clock()
    clock.advance(jump)
    assert asked.status == "expired"
    before = asked.row
    for at in (began, began - jump * 1000, began + jump * 2000, asked.deadline - 1):
        clock.set(at)
        assert asked.status == "expired"
        for verb in LATE_VERBS:
            answer = VERBS[verb][0](asked)
            assert (answer.status_code, answer.json()["confirmationStatus"]) == (409, "expired")
    assert asked.row == before
    assert deliveries_of(live, asked.id) == ["expired"]


@pytest.mark.parametrize("verb", LATE_VERBS)
def test_a_clock_that_goes_back_an_hour_decides_nothing(
    asked: Asked, clock: StoppedClock, verb: str
) -> None:
    clock.advance(-HOUR)
    assert asked.status == "pending"
    assert VERBS[verb][0](asked).is_success
    clock.advance(HOUR + DAY)
    assert asked.status == VERBS[verb][1]


@pytest.mark.parametrize("jump", [0, -HOUR, HOUR, 2 * DAY])
def test_a_wait_ends_by_the_monotonic_clock(asked: Asked, clock: StoppedClock, jump: int) -> None:
    # The server's clock stands still, but for one jump while somebody waits.
    with background() as start:
        waiting = start(asked.program.read, asked.id, wait=1)
        clock.advance(jump)
        assert waiting.result()["status"] == ("expired" if jump > 0 else "pending")
