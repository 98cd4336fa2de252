"""A connection to PostgreSQL: opened, given our SQL in its spelling, and asked whose fault it was.

The driver has no types of its own; what we use of it is written down here.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, TypeAlias, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
from asyncpg import exceptions  # pyright: ignore[reportMissingTypeStubs]

from cosignet.core.errors import SetupError, Unavailable
from cosignet.server.store.db import Row, SqlValue

SERVER_MIN = 13
"""The oldest PostgreSQL that its makers kept up when this was written, and more than we need."""
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10
LOCK_SECONDS = 5.0
"""How long a statement waits for another transaction to end."""
IDLE_IN_TRANSACTION_SECONDS = 30
SILENCE_SECONDS = 15
"""How long a server that says nothing is waited for; its own limits come first."""
GOODBYE_SECONDS = 2
_STATEMENTS_CACHED = 512

_CLOCK = "clock_ms()"
_NOW = (
    "WITH clock AS MATERIALIZED"
    " (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now)\n"
)
_SYNCED = (
    # Whoever asked for more than `on` (a standby that has applied it) keeps that.
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
KEEPALIVE = (
    # The server notices within seconds that a node is gone without a word, and frees its locks.
    "SET tcp_keepalives_idle = 1; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 2;"
    " SET tcp_user_timeout = 3000"
)
_OUTAGE_CLASSES = frozenset({"08", "28", "3D", "40", "53", "57", "58", "F0", "XX"})
"""Connection, log-in, catalogue, rollback (deadlock), resources, operator, system, files, internal
(postgresql.org/docs/current/errcodes-appendix.html)."""
_LOCK_NOT_AVAILABLE = "55P03"
_OUTAGES = frozenset({"25006", "25P02", "25P03", "25P04", _LOCK_NOT_AVAILABLE})
"""Read-only (a standby), failed or idle transaction, lock not available."""
_OVER_AND_DONE = frozenset({"40001", "40P01", _LOCK_NOT_AVAILABLE, "57014"})
"""Outages after which the connection is as good as before."""


WireValue: TypeAlias = "SqlValue | list[SqlValue]"
"""What a statement may be given here: an array besides what both engines take."""


class Wire(Protocol):
    """What we use of the driver's connection."""

    async def fetch(self, sql: str, *values: WireValue) -> list[Row]:
        """Run a statement and return its rows."""
        ...

    async def execute(self, sql: str, *values: SqlValue) -> str:
        """Run a statement, or several without values, and return the last one's command tag."""
        ...

    async def executemany(self, sql: str, rows: Iterable[tuple[SqlValue, ...]]) -> None:
        """Run a statement for each row of values, without waiting for one before the next."""
        ...

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        """LISTEN; the callback gets connection, process id, channel and payload."""
        ...

    def add_termination_listener(self, callback: Callable[..., None]) -> None:
        """Call back when the connection is lost."""
        ...

    def is_closed(self) -> bool:
        """Whether it is known to be lost."""
        ...

    def is_in_transaction(self) -> bool:
        """Whether a BEGIN is still open."""
        ...

    async def close(self) -> None:
        """Say goodbye."""
        ...

    def terminate(self) -> None:
        """Drop it."""
        ...


_connect = cast(
    Callable[..., Awaitable[Wire]],
    asyncpg.connect,  # pyright: ignore[reportUnknownMemberType]
)


async def connect(url: str, purpose: str, *, patient: bool = False) -> Wire:
    """Open a connection whose commits are on the disk before they are acknowledged.

    The server's list of connections (`pg_stat_activity`) names its `purpose`. A `patient` one waits
    for its statements for as long as they take, as migrations need it.

    Raises:
        SetupError: the URL cannot be used as it is; never tells it, as it may hold a password.
        Exception: `is_outage` says whether the database is away.
    """
    limits: dict[str, int] = {
        "statement_timeout": 0 if patient else STATEMENT_SECONDS * 1000,
        "lock_timeout": int(LOCK_SECONDS * 1000),
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS * 1000,
    }
    settings: dict[str, str] = {name: str(value) for name, value in limits.items()}
    settings |= {
        "application_name": f"cosignet {purpose}",
        "default_transaction_isolation": "read committed",
        "standard_conforming_strings": "on",
        "jit": "off",
    }
    try:
        wire = await _connect(
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=None if patient else SILENCE_SECONDS,
            statement_cache_size=_STATEMENTS_CACHED,
            max_cached_statement_lifetime=0,
            server_settings=settings,
        )
    except ValueError as error:
        raise SetupError("COSIGNET_DATABASE_URL is not a URL of PostgreSQL.") from error
    try:
        await wire.execute(_SYNCED)
    except BaseException:
        wire.terminate()
        raise
    return wire


async def disconnect(wire: Wire) -> None:
    """Say goodbye, and do not wait long for an answer."""
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            await wire.close()
    except Exception:
        wire.terminate()


async def check_server(wire: Wire) -> None:
    """See that this server holds what we store.

    Raises:
        SetupError: it is too old, or the database is not in UTF-8.
    """
    [row] = await wire.fetch(
        "SELECT current_setting('server_version_num')::int / 10000 AS version,"
        " current_setting('server_encoding') AS encoding"
    )
    if row["version"] < SERVER_MIN:
        raise SetupError(f"PostgreSQL {row['version']} is too old; use {SERVER_MIN} or newer.")
    if row["encoding"] != "UTF8":
        raise SetupError(
            f"The database is in {row['encoding']}. Make another one: createdb --encoding=UTF8."
        )


@cache
def spelled(sql: str) -> str:
    """Spell a statement for PostgreSQL.

    `clock_ms()` is read once for each statement, before its first row is looked at: what it checks
    and what it writes agree, also after it has waited for a row that another transaction held. Text
    is compared by its bytes, as SQLite does, whatever language the database was made for.
    """
    if re.search(r"\b(CREATE|ALTER) TABLE\b", sql):
        return re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', sql)
    if _CLOCK not in sql:
        return sql
    return _NOW + sql.replace(_CLOCK, "(SELECT now FROM clock)")


def is_outage(error: BaseException) -> bool:
    """Whether the database, the network or another transaction is at fault, not the statement."""
    code = _code(error)
    if code is not None:
        return (
            code[:2] in _OUTAGE_CLASSES
            or code in _OUTAGES
            or isinstance(error, exceptions.InvalidCachedStatementError)
        )
    if isinstance(error, exceptions.InterfaceError):
        return not isinstance(error, ValueError)
    return isinstance(error, OSError | exceptions.InternalClientError)


def is_spent(error: BaseException) -> bool:
    """Whether a connection on which this happened must not be used again."""
    code = _code(error)
    if code is None:
        return not isinstance(error, ValueError)
    return is_outage(error) and code not in _OVER_AND_DONE


def unavailable(error: BaseException, what: str) -> Unavailable:
    """Return what callers are told of an outage."""
    refusal = Unavailable(what)
    refusal.__cause__ = error
    return refusal


def waited_in_vain(refusal: Unavailable) -> bool:
    """Whether the database was unavailable only because another transaction did not end."""
    cause = refusal.__cause__
    return cause is not None and _code(cause) == _LOCK_NOT_AVAILABLE


def _code(error: BaseException) -> str | None:
    if not isinstance(error, exceptions.PostgresError):
        return None
    return cast(Any, error).sqlstate or "XX000"


@contextmanager
def setting_up() -> Generator[None]:
    """Say what keeps a server from starting; the driver's words name no password."""
    try:
        yield
    except Unavailable as refusal:
        cause = refusal.__cause__ or refusal
        raise SetupError(f"The database cannot be used now: {_words(cause)}.") from refusal
    except Exception as error:
        if not is_outage(error):
            raise
        raise SetupError(f"The database cannot be used: {_words(error)}.") from error


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
