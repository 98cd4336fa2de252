"""Rows that stand alone and wait for SQLite's next commit, and how many of them it takes."""

import asyncio
from collections import deque

from cosignet.server.store.additions import Addition
from cosignet.server.store.sqlite_transaction import Group

TOGETHER = 32
"""So many rows are one commit; of more, half wait for the next one."""
SLOW_ROW_SECONDS = 0.0001
"""Where each row of such a commit takes longer, the disk is what everybody waits for."""


class WaitingRows:
    """Rows that no commit has taken yet.

    All that came in one turn of the event loop would wait for the same commit, and the loop then
    has nothing to do but to wait for it. So half of them are left to the next one, and it reads
    other requests meanwhile. Where the disk is slow each commit counts, and takes all there are.
    """

    def __init__(self) -> None:
        self._rows: deque[tuple[str, Addition, asyncio.Future[None]]] = deque()
        self._is_slow = False

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, insertion: str, addition: Addition) -> "asyncio.Future[None]":
        """Add a row; what comes back is done when it is durable, or fails as the commit does."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rows.append((insertion, addition, durable))
        return durable

    def move_to(self, group: Group) -> None:
        """Let the rows whose turn it is be inserted with a group, which is about to commit."""
        count = len(self._rows)
        if not self._is_slow:
            count = min(count, max(TOGETHER, count // 2))
        for _ in range(count):
            group.insert(*self._rows.popleft())

    def learn(self, group: Group) -> None:
        """Learn how long the commit of a group took."""
        self._is_slow = group.seconds > max(TOGETHER, group.writers) * SLOW_ROW_SECONDS
