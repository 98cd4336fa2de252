"""Steps that SQLite takes in the thread that commits, while the event loop goes on."""

from collections.abc import Callable, Coroutine
from typing import Any

import apsw

from cosignet.core.errors import Unavailable
from cosignet.server.store.db import Found, Step
from cosignet.server.store.sqlite_driver import Raw
from cosignet.server.store.sqlite_file import Connection
from cosignet.server.store.sqlite_transaction import Group, SqliteTransaction


class Work(Group):
    """A step and its repetitions: each a transaction, and a commit, of its own."""

    def __init__(self, step: Step) -> None:
        """Know the step."""
        super().__init__()
        self._step = step
        self.refusal: Exception | None = None
        """What the last step has raised."""

    @property
    def is_empty(self) -> bool:
        """It is not: nobody knows what the step will do."""
        return False

    def run(self, connection: Connection, *, commit: Callable[[Raw], None]) -> None:
        """Take the step in the transaction that has begun, and in others after it.

        Raises:
            Exception: the last of them could not be made durable, or could not be undone.
        """
        while self._take_one(connection, commit):
            try:
                connection.raw.execute("BEGIN IMMEDIATE")
            except apsw.BusyError:
                return  # another process came in between: it goes first

    def _take_one(self, connection: Connection, commit: Callable[[Raw], None]) -> bool:
        # Its own transaction: there is nothing of others that a savepoint would have to keep.
        transaction = SqliteTransaction(self, connection, refuses_first=True)
        try:
            goes_on = _driven(self._step(transaction))
        except Exception as refusal:
            self.refusal, goes_on = refusal, False
        if self.broken:
            raise Unavailable("the database cannot be written") from self.refusal
        if self.refusal is None:
            transaction.leave(None)
            commit(connection.raw)
        else:
            connection.raw.execute("ROLLBACK")
        return goes_on


def _driven(coroutine: Coroutine[Any, Any, Found]) -> Found:
    """Run a coroutine without an event loop: statements of SQLite wait for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("a step has waited for something else than its transaction")
