"""Steps that SQLite takes in the thread that commits: each a transaction, and a commit, of its own.

That both engines undo a step that refuses, `test_log.py` shows.
"""

import asyncio
import threading
from pathlib import Path

import apsw
import pytest
from tests.server.test_durability import (
    DISK_ERRORS,
    INTO_THINGS,
    count_syncs,
    failing_statements,
    hold_syncs,
    names,
    put,
    with_database,
)
from tests.server.together import SECONDS
from tests.sqlite import Rows

from cosignet.core.errors import Unavailable
from cosignet.server.store.db import Room, Step, Transaction
from cosignet.server.store.sqlite import SqliteDatabase
from cosignet.server.store.sqlite_driver import Raw

pytestmark = pytest.mark.engine("sqlite")
COUNTED = "SELECT count(*) FROM things"


class Refusal(Exception):
    """What a step says."""


def inserting(*named: str) -> Step:
    """Return a step that inserts the next of these names each time."""
    left = list(named)

    async def step(tx: Transaction) -> bool:
        await tx.execute(f"{INTO_THINGS} VALUES ($1)", left.pop(0))
        return bool(left)

    return step


def then_refusing(step: Step) -> Step:
    """Return the step, which raises a refusal where it would end."""

    async def refusing(tx: Transaction) -> bool:
        if not await step(tx):
            raise Refusal
        return True

    return refusing


async def counted(database: SqliteDatabase) -> int | None:
    await asyncio.sleep(0)  # as a request does, which comes in a turn of its own
    return await database.reader.find(lambda row: next(iter(row)), COUNTED)


def test_each_step_is_a_commit_of_its_own(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        syncs = count_syncs(database)
        await database.repeat(inserting("a", "b", "c"))
        assert len(syncs) == 3
        assert await names(database) == {"a", "b", "c"}

    with_database(tmp_path, scenario)


def test_the_event_loop_goes_on_and_who_writes_comes_afterwards(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        reached, gate, order = threading.Event(), threading.Event(), list[str]()

        async def step(tx: Transaction) -> bool:
            reached.set()
            assert gate.wait(SECONDS)
            order.append("step")
            return len(order) < 3

        async def write(name: str) -> None:
            await put(database, name)
            order.append(name)

        repeating = asyncio.create_task(database.repeat(step))
        await asyncio.to_thread(reached.wait, SECONDS)
        writing = asyncio.create_task(write("a"))
        appending = asyncio.create_task(database.append(INTO_THINGS, "b"))
        for _ in range(10):
            assert await counted(database) == 0
        gate.set()
        await asyncio.gather(repeating, writing, appending)
        assert order == ["step"] * 3 + ["a"]
        assert await names(database) == {"a", "b"}

    with_database(tmp_path, scenario)


def test_what_others_have_begun_is_committed_first_and_apart(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        seen: list[int] = []

        async def step(tx: Transaction) -> bool:
            [row] = await tx.fetch(COUNTED)
            seen.append(*row)
            raise Refusal

        syncs = count_syncs(database)
        found = await asyncio.gather(
            put(database, "a"),
            database.append(INTO_THINGS, "b"),
            database.repeat(step),
            return_exceptions=True,
        )
        assert [type(one) for one in found] == [type(None), bool, Refusal]
        assert seen == [2]
        assert len(syncs) == 1
        assert await names(database) == {"a", "b"}

    with_database(tmp_path, scenario)


def test_what_a_step_raises_undoes_it_and_nothing_else(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        writer = database._writer.connection
        with pytest.raises(Refusal):
            await database.repeat(then_refusing(inserting("a", "b", "c")))
        assert await names(database) == {"a", "b"}
        with pytest.raises(apsw.ConstraintError):
            await database.repeat(inserting("d", "a"))
        assert database._writer.connection is writer
        await put(database, "e")
        assert await names(database) == {"a", "b", "d", "e"}

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("error", DISK_ERRORS)
@pytest.mark.parametrize(
    ("statement", "kept"),
    [("BEGIN", set[str]()), ("INSERT", set[str]()), ("COMMIT", set[str]()), ("ROLLBACK", {"a"})],
)
def test_a_disk_that_fails_is_unavailable_and_leaves_no_trace(
    tmp_path: Path, statement: str, kept: set[str], error: str
) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        step = inserting("a", "b")
        failing = failing_statements(database, statement, DISK_ERRORS[error])
        with failing, pytest.raises(Unavailable):
            await database.repeat(then_refusing(step) if kept else step)
        assert await names(database) == kept
        await put(database, "c")
        assert await names(database) == kept | {"c"}

    with_database(tmp_path, scenario)


def test_a_commit_that_fails_leaves_the_ones_before_it(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        commits = 0

        def second_fails(connection: Raw) -> None:
            nonlocal commits
            commits += 1
            if commits == 2:
                raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
            SqliteDatabase.sync(connection)

        assert await counted(database) == 0
        database.sync = second_fails
        with pytest.raises(Unavailable):
            await database.repeat(inserting("a", "b", "c"))
        assert await counted(database) == 1
        assert await names(database) == {"a"}

    with_database(tmp_path, scenario)


def test_a_step_whose_disk_has_failed_is_not_committed_whatever_it_says(tmp_path: Path) -> None:
    async def stubborn(tx: Transaction) -> bool:
        await tx.execute(f"{INTO_THINGS} VALUES ('a')")
        with pytest.raises(Unavailable):
            await tx.execute("UPDATE things SET name = 'b'")
        return False

    async def scenario(database: SqliteDatabase) -> None:
        failing = failing_statements(database, "UPDATE", DISK_ERRORS["I/O error"])
        with failing, pytest.raises(Unavailable):
            await database.repeat(stubborn)
        assert await names(database) == set()

    with_database(tmp_path, scenario)


def test_another_process_that_comes_in_between_goes_first(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        other = Rows(tmp_path / "store.db")

        def sync(connection: Raw) -> None:
            SqliteDatabase.sync(connection)
            other.execute("BEGIN IMMEDIATE")

        step = inserting("a", "b")
        database.sync = sync
        await database.repeat(step)
        assert await names(database) == {"a"}
        other.execute("INSERT INTO things VALUES ('other')")
        other.execute("COMMIT")
        other.close()
        database.sync = SqliteDatabase.sync
        assert await counted(database) == 2
        await database.repeat(step)
        assert await names(database) == {"a", "other", "b"}

    with_database(tmp_path, scenario)


def test_a_step_waits_for_nothing_but_its_transaction(tmp_path: Path) -> None:
    async def patient(tx: Transaction) -> bool:
        await tx.execute(f"{INTO_THINGS} VALUES ('a')")
        await asyncio.sleep(0)
        return False

    async def scenario(database: SqliteDatabase) -> None:
        with pytest.raises(RuntimeError, match="waited"):
            await database.repeat(patient)
        assert await names(database) == set()

    with_database(tmp_path, scenario)


def test_who_stops_waiting_for_it_takes_nothing_along(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        reached, gate = hold_syncs(database)
        leaving = asyncio.create_task(database.repeat(inserting("a", "b")))
        await asyncio.to_thread(reached.wait, SECONDS)
        writing = asyncio.create_task(put(database, "c"))
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        gate.set()
        await writing
        assert await names(database) == {"a", "b", "c"}

    with_database(tmp_path, scenario)


def test_closing_waits_for_it(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        repeating = asyncio.create_task(database.repeat(inserting("a", "b")))
        await asyncio.sleep(0)
        await database.close()
        await repeating

    with_database(tmp_path, scenario)
    rows = Rows(tmp_path / "store.db")
    assert rows.execute(COUNTED).fetchone()[0] == 2
    rows.close()


def test_it_gets_its_turn_among_many_who_write(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        done = False

        async def write_on(who: int) -> int:
            count = 0
            while not done:
                await put(database, f"{who} {count}")
                await database.append(INTO_THINGS, f"{who} {count} again")
                count += 1
            return count

        writing = [asyncio.create_task(write_on(who)) for who in range(20)]
        async with asyncio.timeout(SECONDS):
            for number in range(20):
                await database.repeat(inserting(f"a{number}", f"b{number}"))
        done = True
        written = sum(await asyncio.gather(*writing))
        assert written > 20
        assert await counted(database) == 2 * written + 40

    with_database(tmp_path, scenario)


def test_the_room_that_it_has_taken_is_gone(tmp_path: Path) -> None:
    room = Room("SELECT $1 - count(*) FROM things", (3,))

    async def scenario(database: SqliteDatabase) -> None:
        assert await database.append(INTO_THINGS, "a", room=room)
        await database.repeat(inserting("b", "c"))
        assert not await database.append(INTO_THINGS, "d", room=room)

    with_database(tmp_path, scenario)


def test_what_was_found_before_it_is_read_again(tmp_path: Path) -> None:
    async def scenario(database: SqliteDatabase) -> None:
        assert await counted(database) == 0
        await database.repeat(inserting("a", "b"))
        assert await counted(database) == 2

    with_database(tmp_path, scenario)


def test_a_wake_up_comes_with_it(tmp_path: Path) -> None:
    async def step(tx: Transaction) -> bool:
        tx.notify("things", "a")
        return False

    async def scenario(database: SqliteDatabase) -> None:
        heard: list[str | None] = []
        database.listen("things", heard.append)
        await database.repeat(step)
        assert heard == ["a"]

    with_database(tmp_path, scenario)
