"""Following the log on every node: what it has reached is remembered, and whether it goes on."""

import shutil

from cosignet.core.checkpoint import parse_checkpoint
from cosignet.core.errors import Unavailable
from cosignet.core.log_errors import DiskLow, EvidenceRefused, LogFull
from cosignet.core.note import parse_note
from cosignet.server.runtime import Runtime
from cosignet.server.store import leaves, log_heads
from cosignet.server.tree import require_remembered

QUEUE_MAX = 100_000
"""Pending leaves; beyond them nothing is decided that would leave another one."""
DISK_FREE_MIN = 64 * 1024 * 1024
"""Bytes that have to be free where the data directory is."""
STALLED_MS = 30_000
"""How long entries may wait without any being published."""


class Follower:
    """What one node has seen of the log so far."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._size = -1
        self._moved_at = rt.clock()
        self._first: int | None = None
        """How large the newest head was when this node began to look."""

    async def look(self) -> None:
        """Look at the queue, the disk and the newest head; open or close the gate accordingly.

        Raises:
            Unavailable: the database cannot be read.
        """
        waiting = await leaves.pending(self._rt.database.reader, QUEUE_MAX)
        self._rt.log.refusal = self._refusal(waiting)
        head = await log_heads.latest(self._rt.database.reader)
        size = 0 if head is None else head.size
        if size != self._size or not waiting:
            self._size, self._moved_at = size, self._rt.clock()
        self._rt.log.stalled = self._rt.clock() - self._moved_at > STALLED_MS
        if self._first is None:
            self._first = size
        if head is not None and await self._may_remember(size):
            self._rt.log.remembered.write(head.note)

    async def _may_remember(self, size: int) -> bool:
        """Whether the newest head may replace what is remembered: it has to extend that.

        A node that remembers nothing yet begins with a head that is signed while it looks on: only
        who remembers signs one. What was there before it looked may be an old copy's.
        """
        if self._rt.log.remembered.read() is None:
            return self._first is not None and size > self._first
        if self._remembered_size() >= size:
            return False
        await require_remembered(self._rt.database.reader, self._rt.log, size)
        return True

    def _refusal(self, waiting: int) -> Unavailable | None:
        if waiting >= QUEUE_MAX:
            return LogFull()
        folder = self._rt.log.remembered.path.parent
        if folder.exists() and shutil.disk_usage(folder).free < DISK_FREE_MIN:
            return DiskLow()
        return None

    def _remembered_size(self) -> int:
        note = self._rt.log.remembered.read()
        try:
            return 0 if note is None else parse_checkpoint(parse_note(note).text).size
        except EvidenceRefused:
            return 0
