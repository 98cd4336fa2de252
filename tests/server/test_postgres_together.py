"""On PostgreSQL rows that come together are one commit, and who asks the same shares an answer."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from tests.engines import engines
from tests.server.rows import opened

from cosignet.core.errors import Unavailable
from cosignet.core.limits import Limits
from cosignet.server.store import pending, postgres_append, postgres_pool
from cosignet.server.store.additions import ROWS_MAX
from cosignet.server.store.db import Room, Row
from cosignet.server.store.migrate import migrate
from cosignet.server.store.postgres import READERS, WRITERS, PostgresDatabase
from cosignet.server.store.postgres_wire import Wire, WireValue, spelled

pytestmark = pytest.mark.engine("postgres")
Answer = TypeVar("Answer")
APPEND = "INSERT INTO things (id)"
ATTEMPTS = 2_000
COUNT = "SELECT count(*) AS n FROM things"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with one empty table."""
    engines.settings(tmp_path)
    with opened(tmp_path / "cosignet.db") as rows:
        rows.execute("CREATE TABLE things (id BIGINT PRIMARY KEY)")
    return engines.url(tmp_path)


def using(url: str, work: Callable[[PostgresDatabase], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run something on a database that is open for that long."""

    async def run() -> Answer:
        database = PostgresDatabase(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def number(row: Row) -> int:
    return row["n"]


async def ids(database: PostgresDatabase) -> list[int]:
    return [row["id"] for row in await database.reader.fetch("SELECT id FROM things ORDER BY id")]


def test_rows_that_come_together_are_one_commit(url: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        wanted = range(2 * ROWS_MAX)
        await asyncio.gather(*(database.append(APPEND, one) for one in wanted))
        assert await ids(database) == [*wanted]
        commits = await database.reader.fetch("SELECT DISTINCT xmin::text FROM things")
        assert len(commits) == 2

    using(url, work)


def test_rows_of_several_tables_come_together(url: str, tmp_path: Path) -> None:
    with opened(tmp_path / "cosignet.db") as rows:
        rows.execute("CREATE TABLE others (name TEXT PRIMARY KEY)")

    async def work(database: PostgresDatabase) -> None:
        other = [database.append("INSERT INTO others (name)", f"{one}") for one in range(3)]
        await asyncio.gather(*(database.append(APPEND, one) for one in range(3)), *other)
        assert await ids(database) == [0, 1, 2]
        assert len(await database.reader.fetch("SELECT name FROM others")) == 3

    using(url, work)


def test_a_row_that_the_table_refuses_takes_no_neighbour_along(url: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        wanted = [0, 1, 2, 1, 3]
        appending = (database.append(APPEND, one) for one in wanted)
        answers = await asyncio.gather(*appending, return_exceptions=True)
        assert [type(one) for one in answers] == [
            *[bool] * 3,
            asyncpg.UniqueViolationError,
            bool,
        ]
        assert await ids(database) == [0, 1, 2, 3]

    using(url, work)


def test_who_gives_up_takes_no_neighbour_along(url: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        for turns in range(20):
            start = 3 * turns
            tasks = [asyncio.create_task(database.append(APPEND, start + one)) for one in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.wait(tasks)
            assert {start + 1, start + 2} <= {*await ids(database)}

    using(url, work)


def test_rows_that_no_connection_is_found_for_are_not_there_and_later_ones_are(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "ACQUIRE_SECONDS", 0.05)

    async def work(database: PostgresDatabase) -> None:
        held = [await database.writers.acquire() for _ in range(WRITERS)]
        appending = (database.append(APPEND, one) for one in range(5))
        answers = await asyncio.gather(*appending, return_exceptions=True)
        assert {type(one) for one in answers} == {Unavailable}
        for wire in held:
            database.writers.release(wire)
        await database.append(APPEND, 7)
        assert await ids(database) == [7]

    using(url, work)


BELOW = "SELECT $2 - count(*) FROM things WHERE id < $1"
NAMED = "SELECT CASE $1 WHEN 'full' THEN 0 ELSE $2 END"


def test_each_room_is_asked_for_however_many_there_are(url: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        await database.append(APPEND, 5)
        rooms = {
            10: Room(BELOW, (6, 1)),  # which 5 fills
            11: Room(BELOW, (5, 1)),
            12: Room(NAMED, ("full", 7)),
            13: Room(NAMED, ("empty", 7)),
            14: Room(BELOW, (6, 2)),
            15: None,
        }
        appending = (database.append(APPEND, one, room=room) for one, room in rooms.items())
        assert await asyncio.gather(*appending) == [False, True, False, True, True, True]
        assert await ids(database) == [5, 11, 13, 14, 15]

    using(url, work)


FILL = """
INSERT INTO confirmations (id, organisation_id, api_key_id, approver_id, requester, action, payload,
    payload_hash, context, reject_context, risk, private, status, created_at, expires_at)
SELECT gen_random_uuid(), 'org', 'key', md5((n % 50)::text), 'ci', 'Deploy', '{}', ''::bytea,
    repeat('c', 600), repeat('c', 600), 'normal', false, 'pending', n, 4e12 + n
FROM generate_series($1::bigint + 1, $2::bigint) AS n
"""


def test_the_room_of_one_approver_is_never_looked_for_among_what_waits_for_all(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the table was when the server made the plan that it keeps."""
    asked: list[str] = []
    fetch_alone = postgres_append.fetch_alone

    async def noted(wire: Wire, sql: str, values: tuple[WireValue, ...]) -> list[Row]:
        asked.append(spelled(sql))
        return await fetch_alone(wire, sql, values)

    monkeypatch.setattr(postgres_append, "fetch_alone", noted)

    async def work(database: PostgresDatabase) -> None:
        await migrate(database)
        rooms = [pending.room(who, "key", Limits()) for who in ("alex", "sam")]
        wire = await database.writers.acquire()
        assert set((await postgres_append._ask(wire, rooms)).values()) == {500}
        await wire.execute("SET session_replication_role = replica")  # no row needs its parents
        await wire.execute("SET plan_cache_mode = force_generic_plan")
        before = 0
        for count in (1, 40, 80, 150, 300, 600, 2_000):
            await wire.fetch(FILL, before, count)
            before = count
            await wire.execute(f"PREPARE question_{count} AS {asked[0]}")
            columns = zip(*(room.values for room in rooms), strict=True)
            values = ", ".join(f"ARRAY{list(column)}" for column in columns)
            plan = await wire.fetch(f"EXPLAIN EXECUTE question_{count}({values})")
            scans = [line for (line,) in plan if " on confirmations" in line]
            assert [line.split(" using ")[1].split()[0] for line in scans] == [
                "confirmations_refused",
                "confirmations_waiting",
            ], count
        database.writers.release(wire)

    using(url, work)


def test_closing_waits_for_rows_that_have_come(url: str) -> None:
    async def work(database: PostgresDatabase) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(database.append(APPEND, one)) for one in range(5)]
        await asyncio.sleep(0)
        return tasks

    async def run() -> None:
        database = PostgresDatabase(url)
        tasks = await work(database)
        await database.close()
        assert all(task.done() and task.exception() is None for task in tasks)

    asyncio.run(run())
    using(url, check_five)


async def check_five(database: PostgresDatabase) -> None:
    assert await ids(database) == [*range(5)]


def test_who_asks_the_same_while_all_connections_are_busy_shares_one_answer(url: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        made: list[int] = []

        def make(row: Row) -> int:
            made.append(row["n"])
            return row["n"]

        held = [await database.reader._pool.acquire() for _ in range(READERS)]
        asking = [asyncio.create_task(database.reader.find(make, COUNT)) for _ in range(20)]
        other = asyncio.create_task(database.reader.find(number, "SELECT $1::int AS n", 5))
        await asyncio.sleep(0)
        # Of those who leave, the first one included, nobody takes another along.
        for task in asking[:3]:
            task.cancel()
        await database.append(APPEND, 1)
        for wire in held:
            database.reader._pool.release(wire)
        assert await asyncio.gather(*asking[3:]) == [1] * 17
        assert made == [1]
        assert await other == 5
        assert database.reader._asked == {}

    using(url, work)


SLOW = "SELECT (SELECT count(*) FROM things) AS n FROM pg_advisory_lock_shared(1)"
WAITING = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_who_comes_after_the_question_was_put_puts_it_anew(url: str) -> None:
    """An answer may be older than what they know of: the lock holds the first one back."""

    async def work(database: PostgresDatabase) -> None:
        async def when_waiting(count: int) -> None:
            for _ in range(ATTEMPTS):
                if await database.reader.find(number, WAITING) == count:
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("nobody waits")

        holder = await database.writers.acquire()
        await holder.execute("SELECT pg_advisory_lock(1)")
        early = asyncio.create_task(database.reader.find(number, SLOW))
        await when_waiting(1)
        await database.append(APPEND, 1)
        late = asyncio.create_task(database.reader.find(number, SLOW))
        await when_waiting(2)
        await holder.execute("SELECT pg_advisory_unlock(1)")
        database.writers.release(holder)
        assert [await early, await late] == [0, 1]

    using(url, work)


def test_whoever_shares_a_question_shares_its_failure(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "ACQUIRE_SECONDS", 0.05)

    async def work(database: PostgresDatabase) -> None:
        held = [await database.reader._pool.acquire() for _ in range(READERS)]
        asking = (database.reader.find(number, COUNT) for _ in range(5))
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert {type(one) for one in answers} == {Unavailable}
        for wire in held:
            database.reader._pool.release(wire)
        assert await database.reader.find(number, COUNT) == 0

    using(url, work)


def test_a_failure_that_nobody_is_left_to_hear_of_is_not_complained_about(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(postgres_pool, "ACQUIRE_SECONDS", 0.05)

    async def work(database: PostgresDatabase) -> None:
        held = [await database.reader._pool.acquire() for _ in range(READERS)]
        asking = asyncio.create_task(database.reader.find(number, COUNT))
        await asyncio.sleep(0)
        asking.cancel()
        while database.reader._asked:
            await asyncio.wait({*database.reader._asked.values()})
        for wire in held:
            database.reader._pool.release(wire)

    using(url, work)
    gc.collect()
    assert "never retrieved" not in caplog.text
