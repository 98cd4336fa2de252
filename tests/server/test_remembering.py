"""What SQLite's readers and rooms remember, and when they have to forget it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import apsw
import pytest
import uvloop
from tests.server.together import SECONDS
from tests.sqlite import Rows, note

from cosignet.core.errors import Unavailable
from cosignet.server.store.db import Room, Row
from cosignet.server.store.sqlite import SqliteDatabase
from cosignet.server.store.sqlite_driver import Raw

Scenario = Callable[[SqliteDatabase], Awaitable[None]]
THINGS = "SELECT count(*) FROM things"
JOINED = "SELECT count(*) FROM more m LEFT JOIN things t ON t.name = m.name"
INTO_THINGS, INTO_MORE = "INSERT INTO things (name)", "INSERT INTO more (name)"
ROOM = Room("SELECT $1 - count(*) FROM things", (40,))


def with_database(path: Path, scenario: Scenario) -> None:
    """Run something with a database that holds two empty tables."""
    clock = count(1)

    async def run() -> None:
        database = SqliteDatabase(path / "store.db", clock=lambda: next(clock))
        try:
            async with database.transaction() as tx:
                await tx.execute("CREATE TABLE things (name TEXT)")
                await tx.execute("CREATE TABLE more (name TEXT)")
            await scenario(database)
        finally:
            async with asyncio.timeout(SECONDS):
                await database.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def other_process(path: Path) -> Rows:
    return Rows(path / "store.db")


async def found(database: SqliteDatabase, sql: str) -> int | None:
    # As a request does: it arrives in a turn of its own.
    await asyncio.sleep(0)
    return await database.reader.find(number_in, sql)


def number_in(row: Row) -> int:
    return int(next(iter(row)))


def questions(database: SqliteDatabase) -> list[str]:
    """Return where every statement is noted that a reader or the writer runs from now on."""
    seen: list[str] = []
    assert database._writer.connection is not None
    note(database._writer.connection.raw, lambda text: seen.append(f"writer: {text}"))
    note(database._read_connection.raw, seen.append)
    return seen


def asked(seen: list[str]) -> int:
    count = len([text for text in seen if "count(*)" in text])
    seen.clear()
    return count


def test_what_was_found_is_read_again_once_one_of_its_tables_has_changed(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        assert [await found(database, sql) for sql in (THINGS, JOINED)] == [0, 0]
        seen = questions(database)
        await database.append(INTO_THINGS, "a")
        assert [await found(database, sql) for sql in (THINGS, JOINED)] == [1, 0]
        assert asked(seen) == 2
        await database.append(INTO_MORE, "a")
        assert [await found(database, sql) for sql in (THINGS, JOINED)] == [1, 1]
        assert asked(seen) == 1
        assert [await found(database, sql) for sql in (THINGS, JOINED)] == [1, 1]
        assert asked(seen) == 0

    with_database(tmp_path, scenario)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE things SET name = 'b'",
        "DELETE FROM things",
        "\n  DELETE FROM things",
        "REPLACE INTO things VALUES ('b')",
        "WITH gone AS (SELECT 1) DELETE FROM things",
        "DROP TABLE more",
    ],
)
def test_whatever_a_transaction_does_to_a_table_is_seen(tmp_path: Path, change: str) -> None:
    names = "SELECT coalesce(sum(unicode(name)), 0) FROM things"
    tables = "SELECT count(*) FROM sqlite_schema"

    async def scenario(database: SqliteDatabase) -> None:
        await database.append(INTO_THINGS, "a")
        before = [await found(database, sql) for sql in (names, tables)]
        async with database.transaction() as tx:
            await tx.execute(change)
        assert [await found(database, sql) for sql in (names, tables)] != before

    with_database(tmp_path, scenario)


def test_what_another_process_commits_is_seen_at_once_however_busy_this_one_is(
    tmp_path: Path,
) -> None:
    acknowledged = 0

    def write_beside() -> None:
        nonlocal acknowledged
        other = other_process(tmp_path)
        for number in range(1, 101):
            other.execute("INSERT INTO things VALUES ('beside')")
            acknowledged = number
        other.close()

    async def write(database: SqliteDatabase, writing: "asyncio.Future[None]") -> None:
        while not writing.done():
            await database.append(INTO_MORE, "ours")

    async def look(database: SqliteDatabase, writing: "asyncio.Future[None]") -> None:
        while not writing.done():
            least = acknowledged
            assert (await found(database, THINGS) or 0) >= least

    async def scenario(database: SqliteDatabase) -> None:
        writing = asyncio.ensure_future(asyncio.to_thread(write_beside))
        ours = [write(database, writing) for _ in range(5)]
        await asyncio.gather(*ours, *(look(database, writing) for _ in range(10)))
        assert await found(database, THINGS) == 100

    with_database(tmp_path, scenario)


def test_while_the_writing_connection_is_gone_nothing_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise apsw.IOError("made up")

    async def scenario(database: SqliteDatabase) -> None:
        assert await found(database, THINGS) == 0
        monkeypatch.setattr(database, "sync", fail)
        monkeypatch.setattr(database._writer, "open", fail)
        with pytest.raises(Unavailable):
            await database.append(INTO_THINGS, "lost")
        other = other_process(tmp_path)
        for number in range(1, 4):
            other.execute("INSERT INTO things VALUES ('beside')")
            assert await found(database, THINGS) == number
        other.close()
        monkeypatch.undo()
        await database.append(INTO_THINGS, "kept")
        assert await found(database, THINGS) == 4

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("committed", [False, True], ids=["not yet", "by now"])
def test_while_the_thread_commits_readers_neither_wait_for_it_nor_miss_another_process(
    tmp_path: Path, committed: bool
) -> None:
    reached, gate = threading.Event(), threading.Event()

    def hold(connection: Raw) -> None:
        if committed:
            SqliteDatabase.sync(connection)
        reached.set()
        assert gate.wait(SECONDS)
        if not committed:
            SqliteDatabase.sync(connection)

    async def scenario(database: SqliteDatabase) -> None:
        assert await found(database, THINGS) == 0
        database.sync = hold
        adding = asyncio.create_task(database.append(INTO_MORE, "a"))
        await asyncio.to_thread(reached.wait, SECONDS)
        seen = questions(database)
        if committed:
            assert await found(database, THINGS) == 0
            other = other_process(tmp_path)
            other.execute("INSERT INTO things VALUES ('beside')")
            other.close()
            assert await found(database, THINGS) == 1
        else:
            assert await found(database, THINGS) == 0
            # What the connection is asked that the thread uses waits until the disk has synced.
            assert set(seen) == {"PRAGMA data_version"}
        gate.set()
        await adding

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "another process right after"])
def test_what_we_commit_ourselves_lets_nothing_else_be_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """A reader sees our commit sooner than the thread has told of it, and waits for that a turn."""
    reached, gate, told = threading.Event(), threading.Event(), threading.Event()

    def hold(connection: Raw) -> None:
        SqliteDatabase.sync(connection)
        reached.set()
        assert gate.wait(SECONDS)

    def go_on() -> None:
        gate.set()
        assert told.wait(SECONDS)

    async def scenario(database: SqliteDatabase) -> None:
        assert await found(database, THINGS) == 0
        admit = database._others.admit
        monkeypatch.setattr(database._others, "admit", lambda: (admit(), told.set()))
        database.sync = hold
        adding = asyncio.create_task(database.append(INTO_MORE, "a"))
        await asyncio.to_thread(reached.wait, SECONDS)
        if beside:
            other = other_process(tmp_path)
            other.execute("INSERT INTO things VALUES ('beside')")
            other.close()
        seen = questions(database)
        finding = asyncio.create_task(database.reader.find(number_in, THINGS))
        asyncio.get_running_loop().call_soon(go_on)
        assert await finding == asked(seen) == int(beside)
        await adding

    with_database(tmp_path, scenario)


def test_what_another_process_commits_right_before_ours_is_seen_while_ours_is_synced(
    tmp_path: Path,
) -> None:
    reached, gate = threading.Event(), threading.Event()

    def hold(connection: Raw) -> None:
        reached.set()
        assert gate.wait(SECONDS)
        SqliteDatabase.sync(connection)

    async def scenario(database: SqliteDatabase) -> None:
        assert await found(database, THINGS) == 0
        other = other_process(tmp_path)
        other.execute("INSERT INTO things VALUES ('beside')")
        other.close()
        database.sync = hold
        adding = asyncio.create_task(database.append(INTO_MORE, "a"))
        await asyncio.to_thread(reached.wait, SECONDS)
        assert await found(database, THINGS) == 1
        gate.set()
        await adding

    with_database(tmp_path, scenario)


def test_a_writing_connection_that_cannot_be_asked_keeps_nobody_from_reading(
    tmp_path: Path,
) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        assert await found(database, THINGS) == 0
        assert database._writer.connection is not None
        database._writer.connection.raw.close()
        other = other_process(tmp_path)
        other.execute("INSERT INTO things VALUES ('beside')")
        other.close()
        assert await found(database, THINGS) == 1

    with_database(tmp_path, scenario)


async def add(database: SqliteDatabase, rows: int) -> int:
    adding = (database.append(INTO_THINGS, "a", room=ROOM) for _ in range(rows))
    return sum(await asyncio.gather(*adding))


def test_a_room_is_asked_for_when_it_could_be_full(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        seen = questions(database)
        assert [await add(database, 10) for _ in range(4)] == [10] * 4
        assert asked(seen) == 1
        assert [await add(database, 3) for _ in range(2)] == [0] * 2
        assert asked(seen) == 2

    with_database(tmp_path, scenario)


def test_what_goes_into_one_room_is_not_taken_from_another(tmp_path: Path) -> None:
    elsewhere = Room("SELECT $1 + 0 * count(*) FROM things", (3,))

    async def scenario(database: SqliteDatabase) -> None:
        seen = questions(database)
        for _ in range(3):
            added = await asyncio.gather(
                add(database, 9), database.append(INTO_THINGS, "b", room=elsewhere)
            )
            assert added == [9, True]
        assert asked(seen) == 2

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("who", ["another process", "a transaction"])
def test_who_makes_less_room_is_noticed(tmp_path: Path, who: str) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        assert await add(database, 10) == 10
        if who == "another process":
            other = other_process(tmp_path)
            for _ in range(25):
                other.execute("INSERT INTO things VALUES ('b')")
            other.close()
            # Who has read it has noticed it for himself alone.
            assert await found(database, THINGS) == 35
        else:
            async with database.transaction() as tx:
                for _ in range(25):
                    await tx.execute("INSERT INTO things VALUES ('b')")
        assert await add(database, 10) == 5

    with_database(tmp_path, scenario)


def test_a_transaction_of_the_same_commit_makes_less_room_too(tmp_path: Path) -> None:
    async def fill(database: SqliteDatabase) -> None:
        async with database.transaction() as tx:
            for _ in range(25):
                await tx.execute("INSERT INTO things VALUES ('b')")

    async def scenario(database: SqliteDatabase) -> None:
        assert await add(database, 10) == 10
        fitting, _ = await asyncio.gather(add(database, 10), fill(database))
        assert fitting == 5

    with_database(tmp_path, scenario)


def test_room_that_time_has_made_is_asked_for_before_anybody_is_refused(tmp_path: Path) -> None:
    later = Room("SELECT CASE WHEN clock_ms() < $1 THEN 5 ELSE 50 END", (10,))

    async def fit(database: SqliteDatabase, rows: int) -> int:
        adding = (database.append(INTO_THINGS, "a", room=later) for _ in range(rows))
        return sum(await asyncio.gather(*adding))

    async def scenario(database: SqliteDatabase) -> None:
        assert await fit(database, 2) == 2
        for _ in range(10):
            await database.reader.fetch("SELECT clock_ms()")
        assert await fit(database, 4) == 4

    with_database(tmp_path, scenario)
