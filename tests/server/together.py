"""Things that happen at the same time: calls in the background, commits that are held or fail."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from tests.live import Live

from cosignet.core.rate import Rate
from cosignet.server.store.db import Room, SqlValue, Transaction
from cosignet.server.store.sqlite import SqliteDatabase, SqliteTransaction
from cosignet.server.store.sqlite_driver import Raw

Answer = TypeVar("Answer")
SECONDS = 60
"""How long anything may take before a test gives it up."""
_commit = SqliteDatabase.sync


def eventually(condition: Callable[[], object]) -> None:
    """Return as soon as a condition holds."""
    pause = threading.Event()
    for _ in range(SECONDS * 200):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it never came to that")


def children(of: str | int = "self") -> set[int]:
    """The processes that this one, or another, has started and not collected yet."""
    tasks = Path(f"/proc/{of}/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


@contextmanager
def background() -> Iterator[Callable[..., Future[Answer]]]:
    """Give a function that runs another one in a thread; all have ended after the block."""
    with ThreadPoolExecutor(64) as pool:
        yield pool.submit


class Wanted:
    """Counts how many transactions a server has asked for."""

    def __init__(self, live: Live) -> None:
        self.count = 0
        self._transaction = live.runtime.database.transaction
        live.runtime.database.transaction = self._counted

    def _counted(self, *, refuses_first: bool = False) -> AbstractAsyncContextManager[Transaction]:
        self.count += 1
        return self._transaction(refuses_first=refuses_first)


class Disk:
    """Stands between a server and its disk: commits can be counted, held and failed."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._held = False
        self._let_through = threading.Semaphore(0)
        self.error: Exception | None = None
        """What every commit fails with, before it has begun."""
        self.commit: Callable[[Raw], None] = _commit
        self.reached = 0
        """How many commits have begun."""
        self.wanted = 0
        """How many transactions, or appended rows, have been asked for."""
        live.database.sync = self._sync
        self._transaction = live.database.transaction
        live.database.transaction = self._counted
        self._append = live.database.append
        live.database.append = self._counted_append

    def hold(self) -> None:
        """Let commits wait from now on."""
        while self._let_through.acquire(blocking=False):
            pass
        self._held = True

    def step(self) -> None:
        """Let one held commit go on."""
        self._let_through.release()

    def release(self) -> None:
        """Let commits go on."""
        self._held = False
        self._let_through.release()

    def when_reached(self, count: int) -> None:
        """Return when that many commits have begun."""
        eventually(lambda: self.reached >= count)

    def when_wanted(self, count: int) -> None:
        """Return when that many transactions have been asked for, and have begun or queue."""
        eventually(lambda: self.wanted >= count)
        self._live.run(_turns)

    def _counted(
        self, *, refuses_first: bool = False
    ) -> AbstractAsyncContextManager[SqliteTransaction]:
        self.wanted += 1
        return self._transaction(refuses_first=refuses_first)

    async def _counted_append(
        self, insertion: str, *values: SqlValue, room: Room | None = None
    ) -> bool:
        self.wanted += 1
        return await self._append(insertion, *values, room=room)

    def _sync(self, connection: Raw) -> None:
        self.reached += 1
        if self._held:
            assert self._let_through.acquire(timeout=SECONDS)
        if self.error is not None:
            raise self.error
        self.commit(connection)


async def _turns(_: object) -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@contextmanager
def allowing(live: Live, **fewer: int | Rate) -> Iterator[None]:
    """Let a server allow other limits than it would."""
    held = live.runtime.limits
    object.__setattr__(live.runtime, "limits", replace(held, **cast(Any, fewer)))
    try:
        yield
    finally:
        object.__setattr__(live.runtime, "limits", held)
