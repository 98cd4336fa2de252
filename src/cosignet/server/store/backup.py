"""Copying the database away and back, whichever engine it is on."""

from collections.abc import Mapping
from pathlib import Path

from cosignet.core.errors import SetupError
from cosignet.server.store import postgres_backup, sqlite_backup
from cosignet.server.store.connect import is_shared, sqlite_path
from cosignet.server.store.installation import Accept, Contents


async def back_up(url: str, path: Path, *, environ: Mapping[str, str]) -> Contents:
    """Copy a database that others may be using into a new file, and return what that holds.

    `environ` is what programs are started with that do it.

    Raises:
        SetupError: it cannot be done; nothing stands at `path` then but what stood there before.
    """
    try:
        if is_shared(url):
            return await postgres_backup.back_up(url, path, environ=environ)
        return sqlite_backup.back_up(sqlite_path(url), path)
    except FileExistsError:
        raise SetupError(f"{path} is there already. Give each backup a name of its own.") from None
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}.") from error


async def restore(
    path: Path, url: str, *, accept: Accept, replace: bool, environ: Mapping[str, str]
) -> Contents:
    """Fill an empty place from a backup, or overwrite what is there; all of it or nothing.

    Raises:
        SetupError: it must not be done, or cannot; nothing has changed then.
    """
    try:
        if is_shared(url):
            return await postgres_backup.restore(
                path, url, accept=accept, replace=replace, environ=environ
            )
        return sqlite_backup.restore(path, sqlite_path(url), accept=accept, replace=replace)
    except OSError as error:
        raise SetupError(f"The backup cannot be restored: {error}.") from error
