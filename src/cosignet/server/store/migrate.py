"""Numbered SQL files, applied once each, in order, all that are missing in one transaction."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources

import apsw

from cosignet.core.errors import SetupError
from cosignet.server.store.db import Database, Transaction

_JOURNAL = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    applied_at BIGINT NOT NULL
)
"""


def migrations() -> list[tuple[str, str]]:
    """Return every migration's name and text, in order."""
    folder = resources.files("cosignet.server.store") / "migrations"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return [(file.name, file.read_text("utf-8")) for file in sorted(files, key=lambda f: f.name)]


async def migrate(database: Database) -> list[str]:
    """Bring the schema up to date and return the names of what was applied.

    Raises:
        SetupError: the database was made by a newer program, or an applied file was edited.
    """
    # What is missing is read in the transaction that adds it: of two processes that start
    # together, the second finds nothing left to do.
    async with database.transaction() as tx:
        await tx.execute(_JOURNAL)
        rows = await tx.fetch("SELECT name, sha256 FROM schema_migrations")
        applied: dict[str, str] = {row["name"]: row["sha256"] for row in rows}
        missing = missing_of(applied)
        for name, text in missing.items():
            await _apply(tx, name, text)
    return list(missing)


def missing_of(applied: Mapping[str, str]) -> dict[str, str]:
    """Return the migrations, name and text, that a database lacks which has had these.

    `applied` holds their hashes by name.

    Raises:
        SetupError: the database was made by a newer program, or an applied file was edited.
    """
    known = dict(migrations())
    _check(applied, known)
    return {name: text for name, text in known.items() if name not in applied}


async def _apply(tx: Transaction, name: str, text: str) -> None:
    for statement in statements(text):
        await tx.execute(statement)
    await tx.execute(
        "INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ($1, $2, clock_ms())",
        name,
        _digest(text),
    )


def _check(applied: Mapping[str, str], known: Mapping[str, str]) -> None:
    for name, digest in applied.items():
        if name not in known:
            raise SetupError(f"The database holds migration {name}, which this version lacks.")
        if digest != _digest(known[name]):
            raise SetupError(f"Migration {name} was changed after it had been applied.")
    newest = max(applied, default="")
    for name in known:
        if name not in applied and name < newest:
            raise SetupError(f"Migration {name} comes too late: {newest} has been applied.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def statements(text: str, complete: Callable[[str], bool] = apsw.complete) -> Iterator[str]:
    """Yield a migration's statements; each ends with a semicolon at the end of a line.

    Raises:
        SetupError: what follows the last one is neither empty nor a comment.
    """
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        if complete("\n".join(lines)) and _code(line).endswith(";"):
            yield "\n".join(lines)
            lines = []
    if any(map(_code, lines)):
        raise SetupError(f"A migration ends without a semicolon: {lines[-1]}")


def _code(line: str) -> str:
    return line.split("--")[0].strip()
