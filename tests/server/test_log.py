"""The log's tree: leaves get numbers, tiles grow, heads are signed; whatever is wrong stops it."""

import asyncio
import base64
import itertools
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.server.logbook import ROOTS, Book, on_log, opened, stopped_at

from cosignet.core.errors import SetupError, Unavailable
from cosignet.core.log_errors import DiskLow, LogFull, LogRefuses
from cosignet.core.note import parse_note
from cosignet.core.tile import edge_of
from cosignet.server import tree, worker
from cosignet.server.runtime import Runtime
from cosignet.server.secret import SigningKey
from cosignet.server.services import follow, publish, sequence
from cosignet.server.services.follow import Follower
from cosignet.server.store import leaves, log_heads, log_state, log_tiles
from cosignet.server.store.db import Reader, SqlValue


async def change(book: Book, sql: str, *values: SqlValue) -> int:
    async with book.rt.database.transaction() as tx:
        return await tx.execute(sql, *values)


async def flip(book: Book, table: str, column: str, where: str, byte: int = 0) -> None:
    """Flip a bit of some stored bytes."""
    sql = f"SELECT {column} AS data FROM {table} WHERE {where}"
    [row] = await book.rt.database.reader.fetch(sql)
    data = bytearray(row["data"])
    data[byte] ^= 1
    assert await change(book, f"UPDATE {table} SET {column} = $1 WHERE {where}", bytes(data)) == 1


# --- Growing --------------------------------------------------------------------------------------


def test_the_tree_is_the_other_implementations_however_the_leaves_come(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        done = 0
        for count in (1, 1, 2, 3, 120, 128, 1, 1, 43):
            await book.add(*range(done, done + count))
            assert await book.keep() == count
            done += count
            assert (await book.heads())[-1].root == ROOTS[done - 1]
        assert await book.check() == done == 300
        assert len(await book.heads()) == 9

    on_log(tmp_path / "log", work)


def test_a_log_goes_on_after_each_start(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        state = await log_state.get(book.rt.database.reader)
        await book.add(*range(state.size, state.size + 90))
        await book.keep()
        await book.check()

    for _ in range(3):
        on_log(tmp_path / "log", work)
    assert on_log(tmp_path / "log", Book.check) == 270


def test_batches_and_heads_have_a_size_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence, "BATCH_MAX", 100)
    monkeypatch.setattr(publish, "PUBLISH_MAX", 70)

    async def work(book: Book) -> None:
        await book.add(*range(250))
        assert await book.keep() == 250
        assert [head.size for head in await book.heads()] == [70, 140, 210, 250]
        await book.check()

    on_log(tmp_path / "log", work)


@pytest.mark.engine("sqlite")
def test_who_else_writes_waits_for_some_batches_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence, "BATCH_MAX", 10)

    async def work(book: Book) -> None:
        await book.add(*range(75))
        for seconds, wanted in ((1, 10), (sequence.TURN_SECONDS / 2, 20), (0, 45)):
            clock = itertools.count(0, seconds)
            rt = replace(book.rt, monotonic=partial(next, clock))
            async with sequence.elected(rt) as sequencer:
                assert sequencer is not None
                assert await sequencer.take() == wanted
        await book.keep()
        assert await book.check() == 75

    on_log(tmp_path / "log", work)


def test_nothing_new_is_neither_numbered_nor_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(book: Book) -> None:
        assert await book.keep() == 0
        await book.add(0)
        assert [await book.keep(), await book.keep()] == [1, 0]
        assert len(await book.heads()) == 1
        async with sequence.elected(book.rt) as sequencer:
            assert sequencer is not None
            # An idle server writes nothing, five times a second.
            monkeypatch.delattr(type(book.rt.database), "repeat")
            assert await sequencer.take() == 0

    on_log(tmp_path / "log", work)


# --- What is stored was changed -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "where", "byte"),
    [
        ("leaves", "entry", "subject = 's299'", 0),
        ("leaves", "entry", "subject = 's260'", 2),
        ("log_tiles", "hashes", "level = 0 AND number = 1", 32 * 43),
        ("log_tiles", "hashes", "level = 0 AND number = 1", 32 * 44 - 1),
        ("log_tiles", "hashes", "level = 0 AND number = 1", 0),
        ("log_tiles", "hashes", "level = 0 AND number = 0", 32 * 255),
        ("log_tiles", "hashes", "level = 1 AND number = 0", 31),
        ("log_heads", "root", "size = 250", 0),
    ],
)
def test_a_flipped_bit_is_refused_before_anything_is_signed(
    tmp_path: Path, table: str, column: str, where: str, byte: int
) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(250))
        await book.keep()
        await book.add(*range(250, 300))
        async with sequence.elected(book.rt) as sequencer:
            assert sequencer is not None
            assert await sequencer.take() == 50
            await flip(book, table, column, where, byte)
            with pytest.raises(LogRefuses):
                await publish.publish(book.rt, sequencer.epoch)
            assert [head.size for head in await book.heads()] == [250]
            await flip(book, table, column, where, byte)
            assert await publish.publish(book.rt, sequencer.epoch) == 50
        await book.check()

    on_log(tmp_path / "log", work)


def test_a_flipped_bit_in_a_full_tile_that_no_root_is_made_of_is_refused(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(250))
        await book.keep()
        await book.add(*range(250, 650))
        async with sequence.elected(book.rt) as sequencer:
            assert sequencer is not None
            await sequencer.take()
            await flip(book, "log_tiles", "hashes", "level = 0 AND number = 1", 99)
            with pytest.raises(LogRefuses, match="tile 1 of level 0 is damaged"):
                await publish.publish(book.rt, sequencer.epoch)

    on_log(tmp_path / "log", work)


def test_a_head_that_was_changed_is_named(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(0)
        await book.keep()
        await book.add(1)
        await flip(book, "log_heads", "root", "size = 1")
        with pytest.raises(LogRefuses, match="is not the one whose head was signed"):
            await book.keep()

    on_log(tmp_path / "log", work)


def test_the_two_ways_to_the_root_have_to_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lying(*_: object) -> bytes:
        return bytes(32)

    async def work(book: Book) -> None:
        await book.add(0)
        monkeypatch.setattr(tree, "root", lying)
        with pytest.raises(LogRefuses, match="different roots"):
            await book.keep()
        assert await book.heads() == []

    on_log(tmp_path / "log", work)


@pytest.mark.parametrize("width", [39, 41])
def test_a_tile_that_is_shorter_or_longer_than_the_tree_is_refused(
    tmp_path: Path, width: int
) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(40))
        await book.keep()
        [row] = await book.rt.database.reader.fetch("SELECT hashes FROM log_tiles WHERE level = 0")
        other = (row["hashes"] + bytes(32))[: width * 32]
        assert await change(book, "UPDATE log_tiles SET hashes = $1 WHERE level = 0", other) == 1
        with pytest.raises(LogRefuses, match="damaged"):
            await book.keep()

    on_log(tmp_path / "log", work)


def test_a_tile_that_has_grown_without_us_is_not_written_over(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        async with sequence.elected(book.rt) as sequencer:
            assert sequencer is not None
            await change(
                book, "INSERT INTO log_tiles (level, number, hashes) VALUES (0, 0, $1)", bytes(640)
            )
            await book.add(*range(10))
            with pytest.raises(LogRefuses, match="cannot have yet"):
                await sequencer.take()
        assert (await log_state.get(book.rt.database.reader)).size == 0

    on_log(tmp_path / "log", work)


def test_the_state_advances_for_who_holds_its_epoch_and_knows_its_size(tmp_path: Path) -> None:
    async def advanced(book: Book, epoch: int, old: int) -> bool:
        async with book.rt.database.transaction() as tx:
            return await log_state.advance(tx, epoch, old=old, new=old + 1)

    async def work(book: Book) -> None:
        async with book.rt.database.transaction() as tx:
            epoch = (await log_state.take_over(tx)).epoch
        assert not await advanced(book, epoch, 1)
        assert not await advanced(book, epoch - 1, 0)
        assert await advanced(book, epoch, 0)
        assert not await advanced(book, epoch, 0)

    on_log(tmp_path / "log", work)


def test_entries_that_are_gone_are_refused(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(40))
        async with sequence.elected(book.rt) as sequencer:
            assert sequencer is not None
            await sequencer.take()
            await change(book, "DELETE FROM leaves WHERE leaf_index = 7")
            with pytest.raises(LogRefuses, match="missing"):
                await publish.publish(book.rt, sequencer.epoch)
        assert await book.heads() == []

    on_log(tmp_path / "log", work)


def test_an_own_signature_that_does_not_verify_is_never_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(book: Book) -> None:
        await book.add(0)
        monkeypatch.setattr(SigningKey, "sign", lambda *_: bytes(64))
        with pytest.raises(LogRefuses, match="own signature"):
            await book.keep()
        monkeypatch.undo()
        assert await book.heads() == []
        assert book.rt.log.remembered.read() is None
        await book.keep()
        assert await book.check() == 1

    on_log(tmp_path / "log", work)


# --- Who keeps the log ----------------------------------------------------------------------------


def test_who_was_overtaken_changes_nothing_any_more(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        async with sequence.elected(book.rt) as old:
            assert old is not None
            await book.add(*range(10))
            assert await old.take() == 10
            async with book.rt.database.transaction() as tx:
                await log_state.take_over(tx)
            await book.add(*range(10, 20))
            with pytest.raises(Unavailable, match="another node"):
                await old.take()
            with pytest.raises(Unavailable, match="another node"):
                await publish.publish(book.rt, old.epoch)
        assert await book.heads() == []
        assert await book.keep() == 20
        assert await book.check() == 20

    on_log(tmp_path / "log", work)


@pytest.mark.engine("postgres")
def test_who_is_overtaken_between_two_statements_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other node numbers the very leaves that this one has just found."""
    oldest = leaves.oldest

    async def work(book: Book) -> None:
        async def overtaken(reader: Reader, most: int) -> list[leaves.Pending]:
            found = await oldest(reader, most)
            monkeypatch.undo()
            async with opened(tmp_path / "log") as other:
                async with other.rt.database.transaction() as tx:
                    state = await log_state.take_over(tx)
                claim = await other.rt.database.claim(1)
                assert claim is not None
                second = sequence.Sequencer(other.rt, claim, epoch=state.epoch, size=0, edge={})
                assert await second.take() == 10
                await claim.release()
            return found

        async with sequence.elected(book.rt) as first:
            assert first is not None
            await book.add(*range(10))
            monkeypatch.setattr(leaves, "oldest", overtaken)
            with pytest.raises(Unavailable, match="another node"):
                await first.take()
        assert await book.keep() == 10
        assert await book.check() == 10

    on_log(tmp_path / "log", work)


def test_a_tree_that_somebody_else_has_grown_is_not_written_over(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        async with sequence.elected(book.rt) as old:
            assert old is not None
            await book.add(*range(10))
            await old.take()
            old.size, old._edge = 0, {}  # as if it had missed that
            await book.add(*range(10, 15))
            with pytest.raises(LogRefuses, match="has grown"):
                await old.take()
        assert await book.keep() == 15
        await book.check()

    on_log(tmp_path / "log", work)


@pytest.mark.engine("postgres")
def test_one_node_is_elected_and_another_when_it_is_gone(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        async with opened(tmp_path / "log") as other:
            async with sequence.elected(book.rt) as first:
                assert first is not None
                async with sequence.elected(other.rt) as second:
                    assert second is None
            async with sequence.elected(other.rt) as second:
                assert second is not None
                assert second.epoch == first.epoch + 1

    on_log(tmp_path / "log", work)


@pytest.mark.engine("postgres")
def test_a_node_whose_connection_is_cut_is_no_longer_the_one(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        async with opened(tmp_path / "log") as other, sequence.elected(book.rt) as first:
            assert first is not None
            cut = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'cosignet elects' AND pid <> pg_backend_pid()"
            )
            await other.rt.database.reader.fetch(cut)
            for _ in range(3_000):
                if first._claim.lost:
                    break
                await asyncio.sleep(0.01)
            # It gives up although there is nothing to do and nobody else has taken over.
            with pytest.raises(Unavailable, match="another node"):
                await first.take()
            async with sequence.elected(other.rt) as second:
                assert second is not None
                await book.add(0)
                with pytest.raises(Unavailable, match="another node"):
                    await first.take()
                assert await second.take() == 1

    on_log(tmp_path / "log", work)


# --- Any step may be the last ---------------------------------------------------------------------


def test_wherever_it_ends_no_leaf_is_twice_none_is_lost_and_each_size_has_one_root(
    tmp_path: Path,
) -> None:
    async def work(book: Book) -> None:
        step, done = 0, 0
        finished = False
        while not finished:
            step += 1
            await book.add(*range(done, done + 9))
            done += 9
            finished = await stopped_at(book, step, book.keep)
            await book.check()
            if step % 2:  # in every other round something new has come before it goes on
                await book.add(done)
                done += 1
            await book.keep()
            assert await book.check() == done
        assert step > 10

    on_log(tmp_path / "log", work)


# --- Old copies -----------------------------------------------------------------------------------


async def rewound(book: Book, size: int) -> None:
    """Take the database back to a size, as an old backup would."""
    for sql in (
        "DELETE FROM leaves WHERE leaf_index >= $1",
        "DELETE FROM log_heads WHERE size > $1",
        "UPDATE log_state SET size = $1",
        "UPDATE log_tiles SET hashes = substr(hashes, 1, 32 * $1) WHERE level = 0",
    ):
        await change(book, sql, size)


def test_an_old_copy_is_refused_also_when_it_has_outgrown_what_is_remembered(
    tmp_path: Path,
) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(20))
        await book.keep()
        await book.add(*range(20, 30))
        await book.keep()
        await rewound(book, 20)
        with pytest.raises(LogRefuses, match="older copy"):
            await book.keep()
        # Not even a database that somehow grew goes on.
        await book.add(*range(100, 150))
        async with book.rt.database.transaction() as tx:
            state = await log_state.take_over(tx)
        edge = await log_tiles.get(book.rt.database.reader, edge_of(20))
        claim = await book.rt.database.claim(1)
        assert claim is not None
        stale = sequence.Sequencer(book.rt, claim, epoch=state.epoch, size=20, edge=edge)
        assert await stale.take() == 50
        await claim.release()
        with pytest.raises(LogRefuses, match="older copy"):
            await publish.publish(book.rt, state.epoch)
        with pytest.raises(LogRefuses, match="older copy"):
            await book.keep()
        assert [head.size for head in await book.heads()] == [20]

    on_log(tmp_path / "log", work)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "missing"),
        ("", "damaged"),
        ("not a note", "damaged"),
        ("other.example/public/log\n1\n{}\n\n— other.example/public/log AAAAAAA=\n", "belongs to"),
    ],
)
def test_a_log_whose_memory_is_missing_or_not_its_own_refuses_and_says_the_way_out(
    tmp_path: Path, said: str | None, why: str
) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(5))
        await book.keep()
        path = book.rt.log.remembered.path
        kept = path.read_text()
        if said is None:
            path.unlink()
        else:
            path.write_text(said.format(base64.b64encode(ROOTS[0]).decode()))
        with pytest.raises(LogRefuses, match=why):
            await book.keep()
        await book.add(5)
        with pytest.raises(LogRefuses, match=why):
            await book.keep()
        path.write_text(kept)
        assert await book.keep() == 1

    on_log(tmp_path / "log", work)


def test_the_operator_is_told_once_a_minute_why_the_log_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "ELECTION_SECONDS", 0.001)
    now, tries, often = [0.0], [0], asyncio.Event()
    elected = sequence.elected

    def counted(rt: Runtime) -> Any:
        tries[0] += 1
        if tries[0] > 5:
            often.set()
        return elected(rt)

    monkeypatch.setattr(sequence, "elected", counted)

    async def work(book: Book) -> None:
        await book.add(*range(5))
        await book.keep()
        book.rt.log.remembered.path.unlink()
        keeping = asyncio.create_task(worker.keep_log(replace(book.rt, monotonic=lambda: now[0])))
        for seconds in (0.0, 90.0):
            now[0], tries[0] = seconds, 0
            often.clear()
            await often.wait()
        keeping.cancel()

    on_log(tmp_path / "log", work)
    told = [one.getMessage() for one in caplog.records if "the log waits" in one.getMessage()]
    assert len(told) == 2
    assert "is missing" in told[0]


def test_a_memory_that_cannot_be_written_lets_nothing_be_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(book: Book) -> None:
        await book.add(0)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(Unavailable):
            await book.keep()
        monkeypatch.undo()
        assert await book.heads() == []
        assert list(book.rt.log.remembered.path.parent.glob("log-head*")) == []
        assert await book.keep() == 1

    on_log(tmp_path / "log", work)


def test_every_node_remembers_what_it_sees(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(0)
        await book.keep()
        path = book.rt.log.remembered.path
        first = path.read_text()
        await book.add(1)
        await book.keep()
        second = path.read_text()
        path.write_text(first)
        await Follower(book.rt).look()
        assert path.read_text() == second
        # It is never taken back.
        await rewound(book, 1)
        await Follower(book.rt).look()
        assert path.read_text() == second

    on_log(tmp_path / "log", work)


def test_a_new_node_remembers_what_is_signed_while_it_looks_on_and_nothing_older(
    tmp_path: Path,
) -> None:
    async def work(book: Book) -> None:
        first = Follower(book.rt)
        await first.look()
        path = book.rt.log.remembered.path
        assert not path.exists()
        await book.add(0)
        await book.keep()
        kept = path.read_text()
        path.unlink()
        # This one came later: the head may be that of an old copy.
        later = Follower(book.rt)
        for _ in range(2):
            await later.look()
            assert not path.exists()
        with pytest.raises(LogRefuses, match="missing"):
            await book.keep()
        # This one was there before it was signed.
        await first.look()
        assert path.read_text() == kept
        await book.add(1)
        await book.keep()
        newest = path.read_text()
        path.unlink()
        await later.look()
        assert path.read_text() == newest

    on_log(tmp_path / "log", work)


def test_a_node_does_not_follow_another_history(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(0)
        await book.keep()
        path = book.rt.log.remembered.path
        root = base64.b64encode(ROOTS[0]).decode()
        forked = path.read_text().replace(root, base64.b64encode(ROOTS[1]).decode())
        await book.add(1)
        await book.keep()
        path.write_text(forked)
        with pytest.raises(LogRefuses, match="older copy"):
            await Follower(book.rt).look()
        assert path.read_text() == forked

    on_log(tmp_path / "log", work)


# --- Stopping it, and what stops it ---------------------------------------------------------------


def test_a_frozen_log_keeps_leaves_and_signs_nothing_until_it_goes_on(tmp_path: Path) -> None:
    async def freeze(book: Book, frozen: bool) -> bool:
        async with book.rt.database.transaction() as tx:
            return await log_state.freeze(tx, frozen=frozen)

    async def work(book: Book) -> None:
        await book.add(0)
        async with sequence.elected(book.rt) as sequencer:
            assert sequencer is not None
            assert await sequencer.take() == 1
            assert await freeze(book, True)
            assert not await freeze(book, True)
            await book.add(1)
            assert await sequencer.take() == 0
            assert await publish.publish(book.rt, sequencer.epoch) == 0
            assert await freeze(book, False)
            assert await sequencer.take() == 1
            assert await publish.publish(book.rt, sequencer.epoch) == 2

    on_log(tmp_path / "log", work)


def test_a_queue_that_is_full_or_a_disk_that_is_closes_the_gate_until_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "QUEUE_MAX", 5)

    async def work(book: Book) -> None:
        follower = Follower(book.rt)
        await book.add(*range(4))
        await follower.look()
        book.rt.log.require_room()
        await book.add(4)
        await follower.look()
        with pytest.raises(LogFull):
            book.rt.log.require_room()
        await book.keep()
        await follower.look()
        book.rt.log.require_room()
        monkeypatch.setattr(follow, "DISK_FREE_MIN", 2**70)
        await follower.look()
        with pytest.raises(DiskLow):
            book.rt.log.require_room()
        monkeypatch.undo()
        await follower.look()
        book.rt.log.require_room()

    on_log(tmp_path / "log", work)


def test_entries_that_nobody_publishes_are_noticed(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        now = [0]
        object.__setattr__(book.rt, "clock", lambda: now[0])
        follower = Follower(book.rt)

        async def after(milliseconds: int) -> bool:
            now[0] += milliseconds
            await follower.look()
            return book.rt.log.stalled

        assert not await after(10 * follow.STALLED_MS)
        await book.add(0)
        assert not await after(follow.STALLED_MS)
        assert await after(1)
        await book.keep()
        assert not await after(1)

    on_log(tmp_path / "log", work)


# --- Keys -----------------------------------------------------------------------------------------

SEED = base64.b64encode(bytes(range(32))).decode()


def test_the_key_is_made_once_or_given_and_any_other_is_refused(tmp_path: Path) -> None:
    async def keys(book: Book) -> list[str]:
        return [key.text for key in await tree.verifier_keys(book.rt)]

    made = on_log(tmp_path / "made", keys)
    assert len(made) == 1
    assert on_log(tmp_path / "made", keys) == made
    with pytest.raises(SetupError, match="COSIGNET_LOG_KEY is none of this log's keys"):
        on_log(tmp_path / "made", keys, COSIGNET_LOG_KEY=SEED)
    given = on_log(tmp_path / "given", keys, COSIGNET_LOG_KEY=SEED)
    assert given[0].endswith(
        base64.b64encode(b"\x01" + SigningKey(bytes(range(32))).public_key).decode()
    )
    assert on_log(tmp_path / "given", keys, COSIGNET_LOG_KEY="") == given
    with pytest.raises(SetupError, match="32 bytes in base64"):
        on_log(tmp_path / "given", keys, COSIGNET_LOG_KEY="short")


@pytest.mark.engine("postgres")
def test_on_postgresql_no_node_makes_the_first_key_and_the_cure_is_named(tmp_path: Path) -> None:
    async def keys(book: Book) -> list[str]:
        return [key.text for key in await tree.verifier_keys(book.rt)]

    with pytest.raises(SetupError, match="cosignet log key --new"):
        on_log(tmp_path / "log", keys, COSIGNET_LOG_KEY="")
    given = on_log(tmp_path / "log", keys, COSIGNET_LOG_KEY=SEED)
    assert len(given) == 1
    # It is recorded now, for every node.
    assert on_log(tmp_path / "log", keys, COSIGNET_LOG_KEY="") == given


def test_the_seed_is_nowhere_in_the_clear(tmp_path: Path) -> None:
    async def work(book: Book) -> bytes:
        [row] = await book.rt.database.reader.fetch("SELECT seed_sealed FROM log_keys")
        await book.add(0)
        await book.keep()
        return row["seed_sealed"]

    assert bytes(range(32)) not in on_log(tmp_path / "log", work, COSIGNET_LOG_KEY=SEED)
    for path in (tmp_path / "log").iterdir():
        assert bytes(range(32)) not in path.read_bytes()


def test_leaves_and_heads_are_what_they_were_when_read_again(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(3))
        await book.keep()
        found = await leaves.get(book.rt.database.reader, "s2", "approval")
        assert found is not None
        assert (found.index, found.entry, found.opening) == (2, b"2", "{}")
        head = await log_heads.at(book.rt.database.reader, 3)
        assert head == await tree.head(book.rt.database.reader)
        assert len(parse_note(head.note).signatures) == 1

    on_log(tmp_path / "log", work)
