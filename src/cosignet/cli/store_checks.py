"""What the doctor looks at in the store: it looks, and never migrates."""

from collections.abc import AsyncGenerator

from cosignet.cli.finding import Finding, fail, ok, warn
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import SetupError, Unavailable
from cosignet.server import app, install, tree
from cosignet.server.config import Config
from cosignet.server.runtime import LogGate
from cosignet.server.services import follow
from cosignet.server.services.access import DEFAULT_ORGANISATION
from cosignet.server.store import (
    approvers,
    facts,
    installation,
    leaves,
    log_state,
    organisations,
    webhooks,
)
from cosignet.server.store.connect import is_shared, store_exists
from cosignet.server.store.db import Database
from cosignet.server.store.migrate import missing_of
from cosignet.server.store.remembered import RememberedHead

CLOCKS_APART_MS_MAX = 1_000
_RISKY = {"fsync": "off", "full_page_writes": "off"}


async def examine(config: Config) -> AsyncGenerator[Finding]:
    """Look into the store."""
    try:
        if not await store_exists(config.database_url):
            yield warn("database", "there is none yet", "`cosignet serve` makes one.")
            return
        async with facts.looked_into(config.database_url, clock=app.now_ms) as database:
            async for finding in _database(config, database):
                yield finding
    except (SetupError, Unavailable) as refusal:
        cure = "See that it runs, and that COSIGNET_DATABASE_URL is right."
        yield fail("database", str(refusal), cure)


async def _database(config: Config, database: Database) -> AsyncGenerator[Finding]:
    contents = await installation.contents(database.reader)
    yield _identity(config, contents)
    schema = _schema(contents)
    yield schema
    if is_shared(config.database_url):
        async for finding in _server(database):
            yield finding
    yield await _writes(database)
    yield await _clock(database)
    if schema.result == "OK":
        yield await _owner(database)
        yield await _webhooks(database)
        yield await _log(config, database)


async def about_log(config: Config) -> Finding:
    """Look whether the log of a store goes on here."""
    async with facts.looked_into(config.database_url, clock=app.now_ms) as database:
        contents = await installation.contents(database.reader)
        schema = _schema(contents)
        return await _log(config, database) if schema.result == "OK" else schema


def _identity(config: Config, contents: installation.Contents) -> Finding:
    try:
        install.hold_against(config, contents)
    except SetupError as refusal:
        return fail("identity", str(refusal))
    return ok("identity", "this URL and key are the ones the store was made with")


def _schema(contents: installation.Contents) -> Finding:
    try:
        missing = list(missing_of(contents.applied))
    except SetupError as refusal:
        return fail("schema", str(refusal), "Run the version that this store was used with last.")
    if missing:
        cure = "Back up, then `cosignet migrate`; every other command migrates as well."
        return warn("schema", f"{len(missing)} migrations are pending, from {missing[0]}", cure)
    return ok("schema", max(contents.applied))


async def _writes(database: Database) -> Finding:
    try:
        async with database.transaction() as tx:
            await installation.probe(tx)
    except Unavailable as refusal:
        cause = refusal.__cause__ or refusal
        return fail("writing", f"{refusal} ({cause})", "See its disk, and who else is at work.")
    return ok("writing", "the database can be written")


async def _clock(database: Database) -> Finding:
    here, there = app.now_ms(), await installation.now(database.reader)
    before = await facts.last_migrated(database.reader)
    if abs(here - there) > CLOCKS_APART_MS_MAX:
        words = f"this machine's is {here - there} ms ahead of the database's"
        return fail("clock", words, "Synchronise both (NTP): deadlines follow the database's.")
    if there < before:
        words = f"it is {rfc3339(there)}, and the store was already in use {rfc3339(before)}"
        return fail("clock", words, "Set it right, and synchronise it (NTP).")
    return ok("clock", rfc3339(there))


async def _server(database: Database) -> AsyncGenerator[Finding]:
    found = await facts.of_server(database.reader)
    yield ok("postgresql", found.version)
    if found.standby:
        yield fail("postgresql", "it is a standby, and takes no writes", "Connect to the primary.")
    for name, value in _RISKY.items():
        if found.settings.get(name) == value:
            words = f"{name} is {value}: a power cut can lose or damage what was decided"
            yield fail("postgresql", words, f"ALTER SYSTEM SET {name} = on; then reload.")
    # Each of our connections asks for `on` itself, where this is less.
    own = found.settings["synchronous_commit"]
    yield ok("postgresql", f"synchronous_commit is {own}; what is decided is synced anyway")
    if found.connections_max < 2 * facts.CONNECTIONS_PER_PROCESS:
        words = f"{found.connections_max} connections at most; each process takes "
        words += f"{facts.CONNECTIONS_PER_PROCESS}"
        yield warn("postgresql", words, "Raise max_connections.")


async def _webhooks(database: Database) -> Finding:
    disabled = await webhooks.disabled(database.reader)
    if disabled:
        words = f"{disabled} disabled, as they were gone or failed"
        return fail("webhooks", words, "`cosignet webhook list` says which; enable or revoke them.")
    return ok("webhooks", "none is disabled")


async def _log(config: Config, database: Database) -> Finding:
    gate = LogGate(install.log_origin(config), RememberedHead(config.data_dir))
    state = await log_state.get(database.reader)
    try:
        await tree.require_remembered(database.reader, gate, state.size)
    except Unavailable as refusal:
        cure = "Look with the server's own COSIGNET_DATA_DIR; a new node waits for the next head."
        return fail("log", str(refusal), cure)
    waiting = await leaves.pending(database.reader, follow.QUEUE_MAX)
    words = f"{state.size} entries, {waiting} wait"
    if state.frozen_at is not None:
        return warn("log", f"it is stopped: {words}", "`cosignet log freeze --thaw`.")
    return ok("log", words)


async def _owner(database: Database) -> Finding:
    organisation = await organisations.by_slug(database.reader, DEFAULT_ORGANISATION)
    if organisation and await approvers.owner_exists(database.reader, organisation.id):
        return ok("owner", "there is one")
    return warn("owner", "nobody yet", "`cosignet serve` prints a link for the first one.")
