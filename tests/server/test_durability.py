"""Nobody hears of a decision before it is on the disk, and never of one that did not get there."""

import asyncio
import os
import random
import resource
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import cast

import apsw
import httpx2
import pytest
import uvloop
from tests.live import Live
from tests.people import JSON, PAYLOAD, Person, Program
from tests.server.crashing import Crashing, sync_that_fails, syncs_can_fail
from tests.server.rows import add_webhook, check, opened
from tests.server.test_crashes import World
from tests.server.together import SECONDS, Disk, background, eventually
from tests.sqlite import Rows, note, opening_with

from cosignet.core.errors import Refusal, Unavailable
from cosignet.server.store import sqlite_writer
from cosignet.server.store.db import Unobserved
from cosignet.server.store.sqlite import SqliteDatabase, SqliteTransaction
from cosignet.server.store.sqlite_driver import Raw
from cosignet.server.store.sqlite_file import Connection

Answers = list[Future[httpx2.Response]]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A server of its own for each test: its disk is going to fail."""
    with Live(tmp_path / "data") as running:
        with opened(running.data_dir / "cosignet.db") as rows:
            add_webhook(rows)
        yield running
        with opened(running.data_dir / "cosignet.db") as rows:
            check(rows)


@pytest.fixture
def disk(live: Live, alex: Person, program: Program) -> Disk:
    """The disk of that server, once everybody is registered."""
    return Disk(live)


@pytest.fixture
def program(live: Live) -> Program:
    return live.program()


def status(program: Program, confirmation: str) -> str:
    return program.read(confirmation)["status"]


def count_of(live: Live, table: str) -> int:
    """Count rows as readers see them."""
    reading = live.run(lambda rt: rt.database.reader.fetch(f"SELECT count(*) FROM {table}"))
    return next(iter(reading[0]))


def cancel(program: Program, confirmation: str) -> httpx2.Response:
    return program.post(f"/api/confirmations/{confirmation}/cancel")


DECISIONS: dict[str, tuple[str, Callable[[Program, Person, str], httpx2.Response]]] = {
    "approve": ("approved", lambda _, alex, asked: alex.approve(asked)),
    "reject, signed": ("rejected", lambda _, alex, asked: alex.reject_signed(asked)),
    "reject, unsigned": ("rejected", lambda _, alex, asked: alex.reject(asked)),
    "cancel": ("expired", lambda program, _, asked: cancel(program, asked)),
}


def looks_pending(live: Live, program: Program, alex: Person, asked: str) -> None:
    """Assert that every way to look at it shows that nothing has happened."""
    read = program.read(asked)
    assert read["status"] == "pending"
    assert [read["decidedAt"], read["evidenceId"], read["rawAssertion"]] == [None, None, None]
    assert alex.data(asked)["status"] == "pending"
    (listed,) = program.get("/api/confirmations").json()["items"]
    assert listed["status"] == "pending"
    assert program.get("/api/confirmations", status="pending").json()["items"] == [listed]
    for table in ("deliveries", "signatures", "leaves"):
        assert count_of(live, table) == 0, table


def wait_for(start: Callable[..., Future[JSON]], live: Live, asked: str) -> list[Future[JSON]]:
    """Let a program and a page wait for a decision, each with a client of its own."""
    program, page = live.program(), Person(live.url)

    def data() -> JSON:
        return page.http.get(f"/confirm/{asked}/data", params={"wait": 25}).json()

    waiters = [start(program.read, asked, wait=25), start(data)]
    eventually(lambda: len(live.runtime.waiters) == 2)
    return waiters


@pytest.mark.parametrize("decision", DECISIONS)
def test_while_the_sync_is_held_nobody_hears_of_the_decision(
    live: Live, disk: Disk, program: Program, alex: Person, decision: str
) -> None:
    won, decide = DECISIONS[decision]
    asked = program.ask(alex.username)["id"]
    with background() as start:
        waiters = wait_for(start, live, asked)
        disk.hold()
        begun, wanted = disk.reached, disk.wanted
        winner = start(decide, program, alex, asked)
        disk.when_reached(begun + 1)
        losers = [start(other, program, alex, asked) for _, other in DECISIONS.values()]
        disk.when_wanted(wanted + 1 + len(losers))

        looks_pending(live, program, alex, asked)
        assert program.get("/healthz").is_success
        assert not any(call.done() for call in [winner, *losers, *waiters])
        assert disk.reached == begun + 1

        disk.release()
        assert winner.result().is_success
        for loser in losers:
            assert loser.result().status_code == 409
            assert loser.result().json()["confirmationStatus"] == won
        assert [waiter.result()["status"] for waiter in waiters] == [won, won]
    assert status(program, asked) == won
    assert count_of(live, "deliveries") == 1


def test_while_the_sync_is_held_nobody_hears_of_the_expiry(
    live: Live, disk: Disk, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)["id"]
    credential = alex.sign(asked)
    live.clock.advance(3600)
    with background() as start:
        disk.hold()
        wanted = disk.wanted
        calls: Answers = [
            start(program.get, f"/api/confirmations/{asked}"),
            start(program.get, f"/api/confirmations/{asked}", wait=5),
            start(alex.http.get, f"/confirm/{asked}/data"),
            start(program.get, "/api/confirmations", status="expired"),
            start(alex.post_approval, asked, credential),
            start(cancel, program, asked),
        ]
        disk.when_wanted(wanted + len(calls))
        assert not any(call.done() for call in calls)
        assert count_of(live, "deliveries") == 0
        disk.release()
        read, waited, data, listed, approved, cancelled = (call.result() for call in calls)
    assert [read.json()["status"], waited.json()["status"], data.json()["status"]] == [
        "expired"
    ] * 3
    assert [item["id"] for item in listed.json()["items"]] == [asked]
    for loser in (approved, cancelled):
        assert (loser.status_code, loser.json()["confirmationStatus"]) == (409, "expired")
    assert count_of(live, "deliveries") == 1


@pytest.mark.parametrize("fails", [False, True], ids=["the approval holds", "its sync fails"])
def test_a_read_after_the_deadline_waits_for_an_approval_from_before_it(
    live: Live, disk: Disk, program: Program, alex: Person, fails: bool
) -> None:
    """Whoever derives `expired` here says it, and then the approval's commit ends."""
    asked = program.ask(alex.username)["id"]
    with background() as start:
        disk.hold()
        begun, wanted = disk.reached, disk.wanted
        approving: Future[httpx2.Response] = start(alex.approve, asked)
        disk.when_reached(begun + 1)
        live.clock.advance(3600)
        reads: Answers = [
            start(program.get, f"/api/confirmations/{asked}"),
            start(program.get, f"/api/confirmations/{asked}", wait=5),
            start(alex.http.get, f"/confirm/{asked}/data"),
        ]
        cancelling = start(cancel, program, asked)
        disk.when_wanted(wanted + 1 + len(reads) + 1)
        assert not any(call.done() for call in [approving, cancelling, *reads])
        if fails:
            disk.error = apsw.IOError("disk I/O error")
            disk.step()
            disk.when_reached(begun + 2)
            Failure.repaired(disk)
        disk.release()
        won = "expired" if fails else "approved"
        assert approving.result().status_code == (503 if fails else 200)
        assert {read.result().json()["status"] for read in reads} == {won}
        assert cancelling.result().json()["confirmationStatus"] == won
    assert status(program, asked) == won
    assert count_of(live, "deliveries") == 1


class Failure:
    """One way in which a commit fails."""

    @staticmethod
    def before_it_begins(disk: Disk) -> None:
        disk.error = apsw.IOError("disk I/O error")

    @staticmethod
    def in_the_kernels_sync(disk: Disk) -> None:
        if not syncs_can_fail():
            pytest.skip("this kernel cannot be told to refuse a sync")
        disk.commit = sync_that_fails

    @staticmethod
    def in_a_way_nobody_thought_of(disk: Disk) -> None:
        disk.error = RuntimeError("no more threads")

    @staticmethod
    def repaired(disk: Disk) -> None:
        disk.error = None
        disk.commit = SqliteDatabase.sync


FAILURES = [
    Failure.before_it_begins,
    Failure.in_the_kernels_sync,
    Failure.in_a_way_nobody_thought_of,
]


def assert_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "unavailable"
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
@pytest.mark.parametrize("decision", DECISIONS)
def test_nobody_ever_hears_of_a_decision_whose_sync_failed(
    live: Live,
    disk: Disk,
    program: Program,
    alex: Person,
    decision: str,
    fail: Callable[[Disk], None],
) -> None:
    won, decide = DECISIONS[decision]
    asked = program.ask(alex.username)["id"]
    with background() as start:
        waiters = wait_for(start, live, asked)
        fail(disk)
        for _ in range(2):
            assert_unavailable(decide(program, alex, asked))
            looks_pending(live, program, alex, asked)
            assert_unavailable(program.get("/readyz"))
        assert not any(waiter.done() for waiter in waiters)

        Failure.repaired(disk)
        assert program.get("/readyz").is_success
        looks_pending(live, program, alex, asked)
        assert decide(program, alex, asked).is_success
        assert [waiter.result()["status"] for waiter in waiters] == [won, won]
    assert count_of(live, "deliveries") == 1


def test_an_expiry_whose_sync_failed_is_503_and_never_derived(
    live: Live, disk: Disk, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)["id"]
    live.clock.advance(3600)
    Failure.before_it_begins(disk)
    for path in (f"/api/confirmations/{asked}", f"/confirm/{asked}/data", "/api/confirmations"):
        assert_unavailable(program.get(path))
    assert_unavailable(program.get(f"/api/confirmations/{asked}", wait=1))
    live.clock.advance(-3600)
    looks_pending(live, program, alex, asked)
    live.clock.advance(3600)
    Failure.repaired(disk)
    assert status(program, asked) == "expired"


def test_who_shared_the_failed_commit_is_told_503_even_who_only_read(
    live: Live, disk: Disk, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)["id"]
    credential = alex.sign(asked)
    with background() as start:
        disk.hold()
        begun, wanted = disk.reached, disk.wanted
        first = start(program.get, "/readyz")
        disk.when_reached(begun + 1)
        # All of these are in the next commit; whichever comes first wins, the others only read.
        group: Answers = [
            start(alex.post_approval, asked, credential),
            start(alex.post_approval, asked, credential),
            start(alex.reject, asked),
            start(cancel, program, asked),
        ]
        disk.when_wanted(wanted + 1 + len(group))
        Failure.before_it_begins(disk)
        disk.release()
        for call in [first, *group]:
            assert_unavailable(call.result())
    assert disk.reached == begun + 2
    looks_pending(live, program, alex, asked)
    Failure.repaired(disk)
    assert alex.approve(asked).is_success


def test_fifty_requests_share_one_sync(
    live: Live, disk: Disk, program: Program, alex: Person
) -> None:
    with background() as start:
        disk.hold()
        begun, wanted = disk.reached, disk.wanted
        first = start(program.ask, alex.username)
        disk.when_reached(begun + 1)
        others = [start(program.ask, alex.username) for _ in range(50)]
        disk.when_wanted(wanted + 51)
        disk.release()
        ids = {call.result()["id"] for call in [first, *others]}
    assert len(ids) == 51
    assert disk.reached == begun + 2
    assert count_of(live, "confirmations") == 51


# --- The disk is full ----------------------------------------------------------------------------


def test_a_full_disk_is_503_for_all_that_write_and_ends_without_a_restart(
    live: Live, disk: Disk, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)["id"]
    writer = live.database._writer.connection
    assert writer is not None
    pages = writer.raw.execute("PRAGMA page_count").fetchone()[0]
    writer.raw.execute(f"PRAGMA max_page_count = {pages}")
    huge = {"text": "x" * 60_000}
    body = {"username": alex.username, "action": "Deploy", "payload": huge}
    with background() as start:
        disk.hold()
        begun, wanted = disk.reached, disk.wanted
        first = start(program.get, "/readyz")
        disk.when_reached(begun + 1)
        group: Answers = [
            start(alex.approve, asked),
            start(program.post, "/api/confirmations", body),
        ]
        disk.when_wanted(wanted + 3)
        disk.release()
        assert first.result().is_success
        for call in group:
            assert_unavailable(call.result())
    looks_pending(live, program, alex, asked)
    # The connection that was told of the limit is gone.
    assert program.post("/api/confirmations", body).status_code == 201
    assert alex.approve(asked).is_success


def test_a_commit_that_finds_no_room_is_503_and_leaves_nothing(tmp_path: Path) -> None:
    with Crashing(tmp_path / "data") as server:
        world = World(server)
        asked = world.ask()
        log = server.database.with_name("cosignet.db-wal")
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, unlimited[1]))
        for _ in range(3):
            assert_unavailable(world.approver.approve(asked))
            assert world.program.read(asked)["status"] == "pending"
            assert_unavailable(world.program.get("/readyz"))
            assert world.program.get("/healthz").is_success
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        assert world.program.read(asked)["status"] == "pending"
        assert world.approver.approve(asked).is_success
        assert "a commit failed" in server.said
        server.kill()
        with opened(server.database) as rows:
            check(rows)


# --- Another process writes ----------------------------------------------------------------------

WRITE_UNTIL_TOLD = """
import apsw, sys
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("begun", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


class OtherWriter:
    """Another process that has begun to write."""

    def __init__(self, live: Live) -> None:
        self.database = live.data_dir / "cosignet.db"

    def __enter__(self) -> "OtherWriter":
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITE_UNTIL_TOLD, self.database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"begun\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(b"\n")


def test_while_another_process_writes_transactions_wait_and_the_rest_goes_on(
    live: Live, disk: Disk, program: Program, alex: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "BUSY_ATTEMPTS", 100_000)
    asked = program.ask(alex.username)["id"]
    with background() as start, OtherWriter(live):
        begun, wanted = disk.reached, disk.wanted
        approving: Future[httpx2.Response] = start(alex.approve, asked)
        disk.when_wanted(wanted + 1)
        for _ in range(20):
            assert program.get("/healthz").is_success
            assert status(program, asked) == "pending"
        assert not approving.done()
        assert disk.reached == begun
    assert approving.result().is_success


def test_a_process_that_writes_for_ever_costs_503_and_only_the_first_waits_for_it(
    live: Live, disk: Disk, program: Program, alex: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "BUSY_ATTEMPTS", 20)
    pauses = 0
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        nonlocal pauses
        pauses += seconds == sqlite_writer.BUSY_PAUSE_SECONDS
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", counted)
    asked = program.ask(alex.username)["id"]
    with OtherWriter(live), background() as start:
        calls: Answers = [start(alex.approve, asked) for _ in range(10)]
        for call in calls:
            assert_unavailable(call.result())
        assert pauses == 19
    assert alex.approve(asked).is_success


# --- The store alone -----------------------------------------------------------------------------

Scenario = Callable[[SqliteDatabase], Awaitable[None]]


def with_database(
    path: Path,
    scenario: Scenario,
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
) -> None:
    """Run something with a database that holds one empty table."""
    clock = count(1)

    async def run() -> None:
        database = SqliteDatabase(path / "store.db", clock=lambda: next(clock))
        try:
            async with database.transaction() as tx:
                await tx.execute("CREATE TABLE things (name TEXT PRIMARY KEY CHECK (name != ''))")
            await scenario(database)
        finally:
            async with asyncio.timeout(SECONDS):
                await database.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())


async def put(database: SqliteDatabase, name: str) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO things (name) VALUES ($1)", name)


async def names(database: SqliteDatabase) -> set[str]:
    return {row["name"] for row in await database.reader.fetch("SELECT name FROM things")}


async def refuse(_: SqliteTransaction) -> None:
    raise Refusal


async def break_a_constraint(tx: SqliteTransaction) -> None:
    await tx.execute("INSERT INTO things (name) VALUES ('')")


async def repeat_a_key(tx: SqliteTransaction) -> None:
    await tx.execute("INSERT INTO things (name) VALUES ('bad')")


async def misspell(tx: SqliteTransaction) -> None:
    await tx.execute("INSERT INTO thongs (name) VALUES ('x')")


async def bind_too_much(tx: SqliteTransaction) -> None:
    await tx.execute("SELECT $1", 2**63)


async def run_out_of_memory(_: SqliteTransaction) -> None:
    raise MemoryError


async def be_cancelled(_: SqliteTransaction) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


DEFECTS: dict[Callable[[SqliteTransaction], Awaitable[None]], type[BaseException]] = {
    refuse: Refusal,
    break_a_constraint: apsw.ConstraintError,
    repeat_a_key: apsw.ConstraintError,
    misspell: apsw.SQLError,
    bind_too_much: OverflowError,
    run_out_of_memory: MemoryError,
    be_cancelled: asyncio.CancelledError,
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_a_transaction_that_is_undone_takes_no_neighbour_with_it(
    tmp_path: Path, defect: Callable[[SqliteTransaction], Awaitable[None]]
) -> None:
    async def bad(database: SqliteDatabase) -> None:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO things (name) VALUES ('bad')")
            tx.notify("things", "bad")
            await defect(tx)

    async def scenario(database: SqliteDatabase) -> None:
        heard: list[str] = []
        database.listen("things", heard.append)
        syncs = count_syncs(database)
        found = await asyncio.gather(
            put(database, "before"), bad(database), put(database, "after"), return_exceptions=True
        )
        assert [type(result) for result in found] == [type(None), DEFECTS[defect], type(None)]
        assert await names(database) == {"before", "after"}
        assert len(syncs) == 1
        assert heard == []
        await put(database, "bad")

    with_database(tmp_path, scenario)


def count_syncs(database: SqliteDatabase) -> list[Raw]:
    seen: list[Raw] = []

    def sync(connection: Raw) -> None:
        seen.append(connection)
        SqliteDatabase.sync(connection)

    database.sync = sync
    return seen


def hold_syncs(database: SqliteDatabase) -> tuple[threading.Event, threading.Event]:
    """Let each sync tell that it has begun, and wait until it may go on."""
    reached, gate = threading.Event(), threading.Event()

    def held(connection: Raw) -> None:
        reached.set()
        assert gate.wait(SECONDS)
        SqliteDatabase.sync(connection)

    database.sync = held
    return reached, gate


def test_a_hundred_transactions_take_a_handful_of_syncs(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        syncs = count_syncs(database)
        await asyncio.gather(*(put(database, str(number)) for number in range(100)))
        assert len(await names(database)) == 100
        assert len(syncs) <= 2

    with_database(tmp_path, scenario)


def test_a_client_that_leaves_takes_no_neighbour_with_it(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        reached, gate = hold_syncs(database)
        first, leaver = (asyncio.create_task(put(database, name)) for name in ("a", "b"))
        await asyncio.to_thread(reached.wait)
        # Both wait for the sync now, and what comes waits for its turn.
        queued = [asyncio.create_task(put(database, name)) for name in "cde"]
        await asyncio.sleep(0)
        leaver.cancel()
        queued[1].cancel()
        await asyncio.sleep(0)
        gate.set()
        tasks = [first, leaver, *queued]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) is asyncio.CancelledError for result in found] == [
            task in (leaver, queued[1]) for task in tasks
        ]
        # Whose statements have run is in the commit; whose have not is not.
        assert await names(database) == set("abce")

    with_database(tmp_path, scenario)


def test_a_client_that_leaves_while_another_process_writes_gives_its_turn_back(
    tmp_path: Path,
) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        other = Rows(tmp_path / "store.db")
        other.execute("BEGIN IMMEDIATE")
        leavers = [asyncio.create_task(put(database, name)) for name in "ab"]
        await asyncio.sleep(3 * sqlite_writer.BUSY_PAUSE_SECONDS)
        for leaver in leavers:
            leaver.cancel()
        await asyncio.gather(*leavers, return_exceptions=True)
        other.execute("COMMIT")
        other.close()
        async with asyncio.timeout(SECONDS):
            await put(database, "c")
        assert await names(database) == {"c"}

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("fails", [False, True], ids=["holds", "fails"])
def test_a_refusal_waits_for_the_commit_whose_rows_it_has_read(tmp_path: Path, fails: bool) -> None:
    async def refused(database: SqliteDatabase) -> None:
        async with database.transaction() as tx:
            if await tx.fetch("SELECT name FROM things"):
                raise Refusal

    async def scenario(database: SqliteDatabase) -> None:
        reached, gate = threading.Event(), threading.Event()

        def held(connection: Raw) -> None:
            reached.set()
            assert gate.wait(SECONDS)
            if fails:
                raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
            SqliteDatabase.sync(connection)

        database.sync = held
        putting = asyncio.create_task(put(database, "a"))
        refusing = asyncio.create_task(refused(database))
        await asyncio.to_thread(reached.wait)
        await asyncio.sleep(0)
        assert not putting.done()
        assert not refusing.done()
        gate.set()
        found = await asyncio.gather(putting, refusing, return_exceptions=True)
        wanted = [Unavailable, Unavailable] if fails else [type(None), Refusal]
        assert [type(result) for result in found] == wanted

    with_database(tmp_path, scenario)


def test_while_a_registration_is_not_durable_nobody_hears_that_the_invite_is_used(
    live: Live, disk: Disk
) -> None:
    code = live.invite()
    browsers = [Person(live.url) for _ in range(2)]
    bodies: list[JSON] = []
    for number, browser in enumerate(browsers):
        who: JSON = {"invite": code, "username": f"twin{number}"}
        options = browser.http.post("/register/options", json=who).json()
        bodies.append(who | {"credential": browser.passkey.register(options, origin=live.url)})
    with background() as start:
        disk.hold()
        begun, wanted = disk.reached, disk.wanted
        ready = start(browsers[0].http.get, "/readyz")
        disk.when_reached(begun + 1)
        calls: Answers = [
            start(browser.http.post, "/register", json=body)
            for browser, body in zip(browsers, bodies, strict=True)
        ]
        disk.when_wanted(wanted + 3)
        # The first commit is the probe's, the second uses up both challenges, the third decides.
        disk.step()
        disk.when_reached(begun + 2)
        disk.step()
        disk.when_reached(begun + 3)
        assert ready.result().is_success
        assert not any(call.done() for call in calls)
        disk.release()
        answers = [call.result().json() for call in calls]
    assert sorted(answer.get("code", "registered") for answer in answers) == [
        "invite_used",
        "registered",
    ]


async def newest(database: SqliteDatabase) -> int:
    """Return the highest number among the names, as a reader finds it that may remember."""
    sql = "SELECT coalesce(max(CAST(name AS INTEGER)), 0) FROM things"
    found = await database.reader.find(lambda row: int(next(iter(row))), sql)
    assert found is not None
    return found


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_reader_that_remembers_sees_whatever_was_acknowledged_before(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    numbers = count(1)
    acknowledged = 0

    async def write(database: SqliteDatabase) -> None:
        nonlocal acknowledged
        for _ in range(60):
            number = next(numbers)
            await put(database, str(number))
            assert await newest(database) >= number
            acknowledged = max(acknowledged, number)

    async def look(database: SqliteDatabase, writing: "asyncio.Future[object]") -> None:
        before = 0
        while not writing.done():
            # As a request does: it arrives in a turn of its own.
            floor = acknowledged
            await asyncio.sleep(0)
            for _ in range(random.randrange(4)):
                found = await newest(database)
                assert found >= max(floor, before), "it went back"
                before = found

    async def scenario(database: SqliteDatabase) -> None:
        beside = asyncio.to_thread(put_beside, tmp_path / "store.db")
        writing = asyncio.gather(*(write(database) for _ in range(5)), beside)
        await asyncio.gather(writing, *(look(database, writing) for _ in range(20)))
        assert await newest(database) == 2000

    def put_beside(path: Path) -> None:
        nonlocal acknowledged
        other = Rows(path)
        for number in range(1001, 2001, 20):
            other.execute("INSERT INTO things (name) VALUES (?)", [str(number)])
            acknowledged = number
        other.execute("INSERT INTO things (name) VALUES ('2000')")
        other.close()

    with_database(tmp_path, scenario, loop)


def test_a_reader_remembers_nothing_of_a_commit_that_failed(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        await put(database, "1")
        assert await newest(database) == 1
        database.sync = sync_that_fails if syncs_can_fail() else no_sync
        with pytest.raises(Unavailable):
            await put(database, "2")
        assert await newest(database) == 1
        database.sync = SqliteDatabase.sync
        await put(database, "3")
        assert await newest(database) == 3

    with_database(tmp_path, scenario)


def no_sync(_: Raw) -> None:
    raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)


def test_a_transaction_finds_what_it_has_written_and_a_reader_does_not(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO things (name) VALUES ('1')")
            sql = "SELECT count(*) FROM things"
            assert await tx.find(lambda row: next(iter(row)), sql) == 1
            assert await database.reader.find(lambda row: next(iter(row)), sql) == 0

    with_database(tmp_path, scenario)


def test_closing_waits_for_a_commit_that_runs(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        putting = asyncio.create_task(put(database, "last"))
        await asyncio.sleep(0)
        await database.close()
        await putting

    with_database(tmp_path, scenario)
    with opened(tmp_path / "store.db") as rows:
        assert rows.execute("SELECT count(*) FROM things").fetchone()[0] == 1


DISK_ERRORS = {
    "I/O error": apsw.exception_for(apsw.SQLITE_IOERR_WRITE),
    "full": apsw.exception_for(apsw.SQLITE_FULL),
    "read only": apsw.exception_for(apsw.SQLITE_READONLY_DBMOVED),
    "malformed": apsw.exception_for(apsw.SQLITE_CORRUPT),
    "no database": apsw.exception_for(apsw.SQLITE_NOTADB),
}
WRITE_STEPS = ("BEGIN", "SAVEPOINT", "INSERT", "RELEASE", "COMMIT")


@pytest.mark.parametrize("error", DISK_ERRORS)
@pytest.mark.parametrize("step", WRITE_STEPS)
def test_a_disk_error_in_any_step_is_unavailable_and_leaves_no_trace(
    tmp_path: Path, step: str, error: str
) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        failed = database._writer.connection
        with failing_statements(database, step, DISK_ERRORS[error]):
            found = await asyncio.gather(
                put(database, "one"), put(database, "two"), return_exceptions=True
            )
        assert [type(result) for result in found] == [Unavailable, Unavailable]
        assert database._writer.connection is not failed
        assert await names(database) == set()
        await put(database, "three")
        assert await names(database) == {"three"}

    with_database(tmp_path, scenario)


def test_a_disk_error_in_one_statement_fails_the_whole_commit(tmp_path: Path) -> None:
    async def unlucky(database: SqliteDatabase) -> None:
        async with database.transaction() as tx:
            await tx.execute("UPDATE things SET name = 'x'")

    async def scenario(database: SqliteDatabase) -> None:
        syncs = count_syncs(database)
        calls = (put(database, "before"), unlucky(database), put(database, "after"))
        with failing_statements(database, "UPDATE", apsw.exception_for(apsw.SQLITE_IOERR_READ)):
            found = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in found] == [Unavailable] * 3
        assert syncs == []
        assert await names(database) == set()

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("error", DISK_ERRORS)
def test_a_disk_error_while_reading_is_unavailable(tmp_path: Path, error: str) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        with (
            failing_statements(database, "SELECT", DISK_ERRORS[error]),
            pytest.raises(Unavailable),
        ):
            await names(database)
        assert await names(database) == set()

    with_database(tmp_path, scenario)


@contextmanager
def failing_statements(database: SqliteDatabase, start: str, error: Exception) -> Iterator[None]:
    """Let every statement that begins so fail, on connections that are open and on later ones."""
    fails = True

    def trace(_: apsw.Cursor, sql: str, __: object) -> bool:
        if fails and sql.startswith(start):
            raise error
        return True

    assert database._writer.connection is not None
    for connection in (database._writer.connection, database._read_connection):
        cast(apsw.Connection, connection.raw).set_exec_trace(trace)
    with opening_with(lambda connection: connection.set_exec_trace(trace)):
        yield
    fails = False


def test_a_disk_that_fails_for_long_is_used_again_when_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        def fail(_: object) -> None:
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)

        database.sync = fail
        monkeypatch.setattr(Connection, "overwrite_failed_commit", fail)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await put(database, "refused")
        database.sync = SqliteDatabase.sync
        with pytest.raises(Unavailable):
            await put(database, "refused")
        monkeypatch.undo()
        await put(database, "kept")
        assert await names(database) == {"kept"}

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("replaced", [False, True], ids=["first", "after a failure"])
def test_the_writer_syncs_every_commit_and_the_reader_cannot_write(
    tmp_path: Path, replaced: bool
) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        if replaced:
            database.sync = lambda connection: connection.execute("no such statement")
            with pytest.raises(Unavailable):
                await put(database, "refused")
            database.sync = SqliteDatabase.sync
            await put(database, "kept")
        writer, reader = database._writer.connection, database._read_connection
        assert writer is not None
        settings = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 0}
        for connection, extra in ((writer, {"query_only": 0}), (reader, {"query_only": 1})):
            for name, wanted in (settings | extra).items():
                found = connection.raw.execute(f"PRAGMA {name}").fetchone()[0]
                assert found == wanted, name
            # A negative value asks for what is set.
            assert connection.raw.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
        with pytest.raises(Unavailable):
            await database.reader.fetch("INSERT INTO things (name) VALUES ('x')")

    with_database(tmp_path, scenario)


@pytest.mark.skipif(not syncs_can_fail(), reason="this kernel cannot refuse a sync")
def test_what_a_failed_sync_left_in_the_log_is_gone_before_anybody_is_told(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        database.sync = sync_that_fails
        with pytest.raises(Unavailable):
            await put(database, "refused")
        # What recovery would find now: the files without the shared memory that knows better.
        copy = tmp_path / "copy.db"
        for suffix in ("", "-wal"):
            copy.with_name(copy.name + suffix).write_bytes(
                (tmp_path / f"store.db{suffix}").read_bytes()
            )
        with opened(copy) as rows:
            assert rows.execute("SELECT count(*) FROM things").fetchone()[0] == 0

    with_database(tmp_path, scenario)


def test_a_confirmation_that_was_answered_is_read_by_others_at_once(
    live: Live, program: Program, alex: Person
) -> None:
    body = {"username": alex.username, "action": "Deploy", "payload": PAYLOAD}
    for _ in range(20):
        asked = program.post("/api/confirmations", body).json()["id"]
        with opened(live.data_dir / "cosignet.db") as rows:
            found = rows.execute("SELECT status FROM confirmations WHERE id = ?", [asked])
            assert found.fetchone()[0] == "pending"


INTO_THINGS = "INSERT INTO things (name)"


class Timed(Unobserved):
    """Sees commits that take as long as a test says, and how many shared each."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._now = 0.0
        self.shared: list[int] = []

    def now(self) -> float:
        self._now += self.seconds
        return self._now

    def committed(self, writers: int, seconds: float) -> None:
        self.shared.append(writers)


@pytest.mark.parametrize(
    ("seconds", "rows", "shared", "insertions"),
    [
        (0, 32, [32], [32]),
        (0, 33, [32, 1], [32, 1]),
        (0, 150, [75, 37, 32, 6], [64, 11, 37, 32, 6]),
        (0.003, 33, [32, 1], [32, 1]),
        (0.004, 33, [33], [33]),
        (0.004, 150, [150], [64, 64, 22]),
    ],
)
def test_rows_that_come_together_are_one_statement_and_one_sync_or_two_where_the_disk_is_quick(
    tmp_path: Path, seconds: float, rows: int, shared: list[int], insertions: list[int]
) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        observer = database.observer = Timed(seconds)
        syncs = count_syncs(database)
        statements: list[str] = []
        async with database.transaction() as tx:
            tx.append(INTO_THINGS, "first")
        assert database._writer.connection is not None
        note(database._writer.connection.raw, statements.append)
        appending = (database.append(INTO_THINGS, str(number)) for number in range(rows))
        assert await asyncio.gather(*appending) == [True] * rows
        assert len(await names(database)) == rows + 1
        inserting = [text for text in statements if text.startswith("INSERT")]
        assert [text.count("(?") for text in inserting] == insertions
        assert observer.shared == [1, *shared]
        assert len(syncs) == 1 + len(shared)

    with_database(tmp_path, scenario)


def test_closing_waits_for_rows_that_were_left_to_the_next_commit(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        database.observer = Timed(0)
        appending = [
            asyncio.ensure_future(database.append(INTO_THINGS, str(number))) for number in range(99)
        ]
        await asyncio.sleep(0)
        await database.close()
        assert await asyncio.gather(*appending) == [True] * 99

    with_database(tmp_path, scenario)
    with opened(tmp_path / "store.db") as rows:
        assert rows.execute("SELECT count(*) FROM things").fetchone()[0] == 99


def test_a_row_appended_to_a_transaction_shares_its_fate(tmp_path: Path) -> None:
    async def both(database: SqliteDatabase, *, refuse: bool) -> None:
        async with database.transaction() as tx:
            tx.append(INTO_THINGS, "appended")
            await tx.execute("INSERT INTO things VALUES ($1)", "executed")
            if refuse:
                raise Refusal

    async def scenario(database: SqliteDatabase) -> None:
        with pytest.raises(Refusal):
            await both(database, refuse=True)
        assert await names(database) == set()
        await both(database, refuse=False)
        assert await names(database) == {"appended", "executed"}

    with_database(tmp_path, scenario)


def test_an_appended_row_that_is_wrong_lets_nobody_succeed(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        outcomes = await asyncio.gather(
            put(database, "neighbour"),
            database.append(INTO_THINGS, "a"),
            database.append(INTO_THINGS, ""),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        assert await names(database) == set()
        await database.append(INTO_THINGS, "after")
        assert await names(database) == {"after"}

    with_database(tmp_path, scenario)


def test_what_sqlite_has_undone_by_itself_is_acknowledged_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does when the disk is full, say. To have nothing left to commit is no success."""

    async def scenario(database: SqliteDatabase) -> None:
        begin = database._writer.begin

        async def begin_and_undo() -> tuple[Connection, int]:
            connection, version = await begin()
            connection.raw.execute("ROLLBACK")
            return connection, version

        monkeypatch.setattr(database._writer, "begin", begin_and_undo)
        with pytest.raises(Unavailable):
            async with database.transaction(refuses_first=True):
                pass
        monkeypatch.undo()
        await put(database, "after")
        assert await names(database) == {"after"}

    with_database(tmp_path, scenario)


def test_whoever_refuses_first_disturbs_nobody(tmp_path: Path) -> None:
    async def refused(database: SqliteDatabase) -> None:
        async with database.transaction(refuses_first=True) as tx:
            await tx.execute("UPDATE things SET name = 'other' WHERE name = $1", "no such thing")
            raise Refusal

    async def scenario(database: SqliteDatabase) -> None:
        outcomes = await asyncio.gather(
            put(database, "a"), refused(database), put(database, "b"), return_exceptions=True
        )
        assert isinstance(outcomes[1], Refusal)
        assert await names(database) == {"a", "b"}

    with_database(tmp_path, scenario)


def test_what_refuses_after_all_is_not_kept_and_nor_is_its_group(tmp_path: Path) -> None:
    async def refused(database: SqliteDatabase) -> None:
        async with database.transaction(refuses_first=True) as tx:
            await tx.execute("INSERT INTO things VALUES ($1)", "refused")
            raise Refusal

    async def scenario(database: SqliteDatabase) -> None:
        outcomes = await asyncio.gather(
            put(database, "neighbour"), refused(database), return_exceptions=True
        )
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        assert await names(database) == set()
        await put(database, "after")
        assert await names(database) == {"after"}

    with_database(tmp_path, scenario)


COUNTED = """
import apsw, sys, time
from pathlib import Path
from cosignet.server.store.sqlite_driver import stop_counting_memory
from cosignet.server.store.sqlite_file import Connection

if sys.argv[2:]:
    stop_counting_memory()
connection = Connection(Path(sys.argv[1]), clock=time.time_ns, read_only=False)
connection.run("CREATE TABLE t (a)", ())
connection.run("INSERT INTO t VALUES ($1)", ("kept",))
[[kept]] = connection.run("SELECT a FROM t", ())
print(kept, apsw.status(apsw.SQLITE_STATUS_MEMORY_USED)[0] > 0)
"""


SERVED = """
import apsw, os
from cosignet.cli.main import main

def look(connection):
    print(apsw.status(apsw.SQLITE_STATUS_MEMORY_USED)[0], flush=True)
    os._exit(0)

apsw.connection_hooks.append(look)
main(["serve"])
"""


@pytest.mark.parametrize(("argument", "counts"), [("", True), ("stop", False)])
def test_a_server_does_not_count_the_memory_of_sqlite(
    tmp_path: Path, argument: str, *, counts: bool
) -> None:
    command = [sys.executable, "-c", COUNTED, str(tmp_path / "counted.db"), *argument.split()]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == f"kept {counts}\n"


def test_sqlite_does_not_count_its_memory_in_what_is_served(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVED]
    environ = os.environ | {"COSIGNET_DATA_DIR": str(tmp_path / "data")}
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "0"
