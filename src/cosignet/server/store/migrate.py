"""Numbered SQL files, applied once each, in order, each in a transaction of its own."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from importlib import resources

from cosignet.core.errors import SetupError
from cosignet.server.store.db import Database

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
    async with database.transaction() as tx:
        await tx.execute(_JOURNAL)
    rows = await database.reader.fetch("SELECT name, sha256 FROM schema_migrations")
    applied: dict[str, str] = {row["name"]: row["sha256"] for row in rows}
    known = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in migrations()}
    _check(applied, known)
    pending = [(name, text) for name, text in migrations() if name not in applied]
    for name, text in pending:
        async with database.transaction() as tx:
            for statement in _statements(text):
                await tx.execute(statement)
            await tx.execute(
                "INSERT INTO schema_migrations (name, sha256, applied_at) "
                "VALUES ($1, $2, clock_ms())",
                name,
                known[name],
            )
    return [name for name, _ in pending]


def _check(applied: dict[str, str], known: dict[str, str]) -> None:
    for name, digest in applied.items():
        if name not in known:
            raise SetupError(f"The database holds migration {name}, which this version lacks.")
        if digest != known[name]:
            raise SetupError(f"Migration {name} was changed after it had been applied.")


def _statements(
    text: str, complete: Callable[[str], bool] = sqlite3.complete_statement
) -> Iterator[str]:
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        if complete("\n".join(lines)) and line.split("--")[0].strip().endswith(";"):
            yield "\n".join(lines)
            lines = []
