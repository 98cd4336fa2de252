"""Copying a SQLite database while others use it, by SQLite's own backup interface.

What is copied is what was committed at one moment (sqlite.org/backup.html); a copy is one file, as
it leaves no write-ahead log beside it.
"""

import os
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw

from cosignet.core.errors import SetupError
from cosignet.server.store.installation import SELECT, Accept, Contents, Installation
from cosignet.server.store.private_file import made_whole
from cosignet.server.store.sqlite_driver import READ, WRITE, Raw, opened
from cosignet.server.store.sqlite_file import hold_exclusively

BUSY_SECONDS = 30
"""How long a copy waits for whoever writes."""


def back_up(source: Path, target: Path) -> Contents:
    """Copy a database into a new file, look through the copy, and return what it holds.

    Raises:
        SetupError: it cannot be read, or the copy is damaged.
        FileExistsError, OSError: see `made_whole`.
    """
    with (
        made_whole(target) as draft,
        _opened(source, READ) as original,
        _opened(draft, WRITE) as copy,
    ):
        _copy(original, copy)
        # Of one file, whatever it is called or moved to.
        copy.pragma("journal_mode", "DELETE")
        return _examine(copy)


def restore(source: Path, target: Path, *, accept: Accept, replace: bool) -> Contents:
    """Make a database of a backup, or overwrite one; whole or not at all.

    Raises:
        SetupError: a server runs on it; it is there, and not to be overwritten; what is to be
            restored is damaged, or not accepted.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = hold_exclusively(target)
    try:
        with _opened(source, READ) as backup:
            contents = _examine(backup)
            _require_whole_pages(source, backup)
            accept(contents)
            if target.exists():
                _overwrite(backup, target, replace=replace)
            else:
                _make(backup, target)
    finally:
        os.close(lock)
    return contents


def _require_whole_pages(source: Path, backup: Raw) -> None:
    """Refuse a file whose end is missing: SQLite reads zeros there, and may not miss anything."""
    if source.stat().st_size % backup.pragma("page_size"):
        raise SetupError(f"The database is damaged: {source} has no end. Use another backup.")


def _make(backup: Raw, target: Path) -> None:
    for ending in ("wal", "journal"):
        left = target.with_name(f"{target.name}-{ending}")
        if left.exists():
            # SQLite would take it for this database's, and write it over what is restored.
            raise SetupError(f"{left} was left by another database. Move it away first.")
    with made_whole(target) as draft, _opened(draft, WRITE) as copy:
        _copy(backup, copy)
        _examine(copy)


def _overwrite(backup: Raw, target: Path, *, replace: bool) -> None:
    """Write a backup over a database in one transaction: others see the one or the other."""
    if not replace:
        raise SetupError(
            f"{target} is there already. Choose an empty COSIGNET_DATA_DIR; or, if nothing in it "
            "is needed any more, say --replace."
        )
    with _opened(target, WRITE) as current:
        current.pragma("synchronous", "FULL")
        _copy(backup, current)


def _copy(original: Raw, copy: Raw) -> None:
    with copy.backup("main", original, "main") as copying:
        copying.step()


@contextmanager
def _opened(path: Path, flags: int) -> Generator[Raw]:
    try:
        with closing(opened(path, flags)) as connection:
            connection.set_busy_timeout(BUSY_SECONDS * 1000)
            yield connection
    except apsw.Error as error:
        raise SetupError(f"{path} cannot be used as Cosignet's database: {error}.") from error


def _examine(copy: Raw) -> Contents:
    """Look through a whole database and return what it holds.

    Raises:
        SetupError: it is damaged.
    """
    found: str = copy.pragma("integrity_check")
    if found != "ok" or copy.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise SetupError(f"The database is damaged: {found}. Use another backup.")
    applied = dict(copy.execute("SELECT name, sha256 FROM schema_migrations"))
    row = copy.execute(SELECT).fetchone()
    return Contents(None if row is None else Installation(*row), applied)
