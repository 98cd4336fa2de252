"""Whoever keeps the log is killed, or cut off: no leaf twice, no gap, one root for each size.

The processes are forked from this one, so that dozens can be killed.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.logbook import Book, on_log, stopped_at

from cosignet.server import worker
from cosignet.server.services.follow import Follower
from cosignet.server.store import leaves, log_heads
from cosignet.server.worker import keep_log

ROUNDS = 6
DOOMED = 40
"""Nodes that are killed at the 1st, 2nd … step of theirs; a turn has fewer than 20."""
TRIES = 6_000
PAUSE_SECONDS = 0.01


def kill_oneself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], object]) -> int:
    """Do something in another process; return its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def ended(pid: int) -> int:
    """Return how a process ended: its exit status, or minus a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_killed_at_any_step_it_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    step, done, status = 0, 0, -signal.SIGKILL
    while status != 0:
        step += 1
        first = done

        async def add(book: Book, first: int = first) -> None:
            await book.add(*range(first, first + 5))

        async def keep(book: Book, step: int = step) -> None:
            await stopped_at(book, step, book.keep, kill_oneself)

        async def go_on(book: Book) -> int:
            await book.check()
            await book.keep()
            return await book.check()

        on_log(folder, add)
        done += 5
        status = ended(forked(lambda work=keep: on_log(folder, work)))
        assert status in (0, -signal.SIGKILL)
        assert on_log(folder, go_on) == done
    assert step > 10


# --- Several nodes --------------------------------------------------------------------------------


class Nodes:
    """Two processes on one PostgreSQL, each ready to keep the log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pids = [self._start(), self._start()]

    def _start(self) -> int:
        async def work(book: Book) -> None:
            await keep_log(book.rt)

        return forked(lambda: on_log(self._folder, work))

    def replace(self, pid: int) -> None:
        """Kill one without warning and start another."""
        os.kill(pid, signal.SIGKILL)
        assert ended(pid) == -signal.SIGKILL
        self.pids[self.pids.index(pid)] = self._start()

    def kill(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            ended(pid)


@contextmanager
def nodes(folder: Path) -> Iterator[Nodes]:
    running = Nodes(folder)
    try:
        yield running
    finally:
        running.kill()


async def published(book: Book, count: int, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Return when a head covers that many leaves."""
    for _ in range(TRIES):
        meanwhile()
        head = await log_heads.latest(book.rt.database.reader)
        if head is not None and head.size >= count:
            return
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("nobody goes on")


CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND datname = current_database() AND application_name = $1"
)


async def tormented(book: Book, disturb: Callable[[int], object], cuts: tuple[str, ...]) -> None:
    done = 0
    for turn in range(ROUNDS):
        await book.add(*range(done, done + 7))
        await published(book, done + 3)
        await book.add(*range(done + 7, done + 20))
        disturb(turn)
        for purpose in cuts:
            await book.rt.database.reader.fetch(CUT, f"cosignet {purpose}")
        done += 20
        await published(book, done)
    assert await leaves.pending(book.rt.database.reader, 1) == 0


def torment(folder: Path, disturb: Callable[[Nodes, int], None], cuts: tuple[str, ...]) -> None:
    async def make(book: Book) -> None:
        pass

    async def work(book: Book) -> None:
        await tormented(book, lambda turn: disturb(running, turn), cuts)

    async def check(book: Book) -> int:
        return await book.check()

    on_log(folder, make)
    with nodes(folder) as running:
        on_log(folder, work)
    assert on_log(folder, check) == 20 * ROUNDS


@pytest.mark.engine("postgres")
def test_when_a_node_is_killed_another_goes_on(tmp_path: Path) -> None:
    torment(tmp_path / "log", lambda running, turn: running.replace(running.pids[turn % 2]), ())


class Doomed:
    """Two nodes with folders of their own; each kills itself at one step more than the one before.

    A step is a statement, a commit, or what is remembered; a node that does not keep the log takes
    none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started = 0
        self.pids = [self._start(number) for number in range(2)]

    def _start(self, number: int) -> int:
        self.started += 1
        step = self.started

        async def work(book: Book) -> None:
            async def both() -> None:
                await asyncio.gather(keep_log(book.rt), follow(book))

            await stopped_at(book, step, both, kill_oneself)

        own = str(self._folder.with_name(f"node-{number}"))
        return forked(lambda: on_log(self._folder, work, COSIGNET_DATA_DIR=own))

    def replace_the_dead(self) -> None:
        for number, pid in enumerate(self.pids):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
                self.pids[number] = self._start(number)

    def kill(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            ended(pid)


async def follow(book: Book) -> None:
    """Remember what others sign, as a server does once a second."""
    follower = Follower(book.rt)
    while True:
        await follower.look()
        await asyncio.sleep(PAUSE_SECONDS)


@pytest.mark.engine("postgres")
def test_wherever_the_keeper_of_two_nodes_is_killed_the_other_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ELECTION_SECONDS", 0.05)
    monkeypatch.setattr(worker, "BATCH_SECONDS", 0.01)
    folder = tmp_path / "log"
    on_log(folder, _nothing)
    doomed = Doomed(folder)

    async def work(book: Book) -> int:
        done = 0
        while doomed.started < DOOMED:
            await book.add(*range(done, done + 3))
            done += 3
            await published(book, done, doomed.replace_the_dead)
            await book.check()
        return done

    try:
        done = on_log(folder, work)
    finally:
        doomed.kill()
    assert on_log(folder, Book.check) == done


@pytest.mark.engine("postgres")
@pytest.mark.parametrize("cuts", [("elects",), ("elects", "reads"), ("writes",)])
def test_when_connections_are_cut_somebody_goes_on(tmp_path: Path, cuts: tuple[str, ...]) -> None:
    def nothing(*_: object) -> None:
        pass

    torment(tmp_path / "log", nothing, cuts)


@pytest.mark.engine("postgres")
def test_a_node_that_was_stopped_for_a_while_changes_nothing_when_it_wakes(tmp_path: Path) -> None:
    """It believes that it keeps the log; its lock was given to another one meanwhile."""

    def sleep_and_wake(running: Nodes, turn: int) -> None:
        for pid in running.pids:
            os.kill(
                pid, signal.SIGSTOP if turn % 2 == 0 and pid == running.pids[0] else signal.SIGCONT
            )

    async def work(book: Book) -> None:
        await tormented(book, lambda turn: sleep_and_wake(running, turn), ("elects",))

    folder = tmp_path / "log"
    on_log(folder, _nothing)
    with nodes(folder) as running:
        try:
            on_log(folder, work)
        finally:
            for pid in running.pids:
                os.kill(pid, signal.SIGCONT)
    assert on_log(folder, Book.check) == 20 * ROUNDS


async def _nothing(_: Book) -> None:
    pass


def test_a_gap_would_be_seen(tmp_path: Path) -> None:
    async def work(book: Book) -> None:
        await book.add(*range(5))
        await book.keep()
        async with book.rt.database.transaction() as tx:
            await tx.execute("UPDATE leaves SET leaf_index = 9 WHERE leaf_index = 4")
        with pytest.raises(AssertionError):
            await book.check()

    on_log(tmp_path / "log", work)
