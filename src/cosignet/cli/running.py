"""`cosignet serve`, `migrate`, `doctor`: start the server, and keep it in order."""

import argparse
import asyncio
import secrets
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cosignet.cli.output import print_table, say, with_runtime
from cosignet.cli.workers import Supervisor
from cosignet.core.errors import FieldInvalid, Refusal, SetupError
from cosignet.server import app
from cosignet.server.config import Config, read_config
from cosignet.server.install import KEY_FILE, rebind
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, invite, operate
from cosignet.server.store.connect import is_shared, store_exists

FREE_DISK_BYTES_MIN = 100 * 1024 * 1024
WORKERS_MAX = 64
CLOCKS_APART_MS_MAX = 1_000


def serve(options: argparse.Namespace) -> int:
    """Run the server until it is told to stop."""
    config = read_config()
    port = options.port or config.port
    if urlsplit(config.public_url).hostname == "localhost" and port != config.port:
        raise SetupError(
            f"People open {config.public_url}, but --port is {port}. "
            f"Set COSIGNET_PUBLIC_URL=http://localhost:{port} too."
        )

    async def on_start(rt: Runtime) -> None:
        await _announce(rt, config)

    if _workers(options, config) > 1:
        _serve_together(options, config, port, on_start)
    else:
        app.run(config, host=options.host, port=port, on_start=on_start)
    return 0


def _workers(options: argparse.Namespace, config: Config) -> int:
    if not 1 <= options.workers <= WORKERS_MAX:
        raise FieldInvalid(f"1 to {WORKERS_MAX}", field="--workers")
    if options.workers > 1 and not is_shared(config.database_url):
        raise SetupError(
            "SQLite is served by one process. Leave --workers out, or set COSIGNET_DATABASE_URL "
            "to PostgreSQL's: postgresql://user:password@host/database."
        )
    return options.workers


def _serve_together(
    options: argparse.Namespace,
    config: Config,
    port: int,
    on_start: Callable[[Runtime], Awaitable[None]],
) -> None:
    """Open the port and the store once, say so, and leave both to the workers."""

    async def prepare() -> app.OpenPort:
        listening = await app.listen(options.host, port)
        async with app.opened(config) as runtime:
            await on_start(runtime)
        return listening

    # On a loop that ends before the first worker is started: nothing of it is shared with them.
    listening = asyncio.run(prepare())
    Supervisor(
        options.workers, lambda lifeline: app.work(config, listening, lifeline=lifeline)
    ).run()


def worker(options: argparse.Namespace) -> int:
    """Do what `serve` does in the background, in a process of its own."""
    config = read_config()
    if not is_shared(config.database_url):
        raise SetupError(
            "On SQLite `cosignet serve` does the background work, and no other process can. "
            "Workers of their own need PostgreSQL: set COSIGNET_DATABASE_URL."
        )
    say("Cosignet works in the background; webhooks are sent from here.", *_warnings(config))
    app.run_background(config)
    return 0


def migrate(options: argparse.Namespace) -> int:
    """Bring the database up to date."""
    config = read_config()
    if options.take_public_url:
        asyncio.run(rebind(config, clock=app.now_ms, random=secrets.token_bytes))
        say(f"The store now belongs to {config.public_url}.")
    asyncio.run(_open(config))
    say("The database is up to date.")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Check what can be checked from here; the exit status is 1 if something is wrong."""
    rows = list(_examine())
    print_table(options, rows)
    return 1 if any(row["result"] == "wrong" for row in rows) else 0


async def _open(config: Config) -> None:
    async with app.opened(config):
        pass


async def _announce(rt: Runtime, config: Config) -> None:
    where = "PostgreSQL" if is_shared(config.database_url) else config.data_dir
    say(f"Cosignet answers at {config.public_url}; its data is in {where}.")
    if rt.trust_api_invites:
        say(
            "API keys of scope `admin` can enrol approvers without your say "
            "(COSIGNET_API_INVITES=trusted); choose `activate` before others rely on this server."
        )
    say(*_warnings(config))
    link = await invite.for_owner(rt, await access.default_organisation(rt))
    if link is not None:
        say(
            "",
            "Nobody owns it yet. Open this link within an hour and create your passkey:",
            "",
            f"    {link.register_url(config.public_url)}",
            "",
            "Your first API key is shown there. Then, for another key, or another approver:",
            *_needed(config),
            "",
            f"    {_command(config, 'apikey create --name my-agent')}",
            f"    {_command(config, 'invite create --username alex')}",
            "",
        )


def _warnings(config: Config) -> list[str]:
    if not config.allow_private_webhooks:
        return []
    return [
        "Webhooks may lead to this machine and its network (COSIGNET_ALLOW_PRIVATE_WEBHOOKS=yes); "
        "that is for development."
    ]


def _needed(config: Config) -> list[str]:
    # Neither is printed: both are secrets.
    if not is_shared(config.database_url):
        return []
    return ["(with this server's COSIGNET_DATABASE_URL and COSIGNET_ENCRYPTION_KEY)"]


def _command(config: Config, arguments: str) -> str:
    called = Path(sys.argv[0]).absolute()
    program = shlex.quote(str(called))
    if called.name == "__main__.py":
        program = f"{shlex.quote(sys.executable)} -m cosignet"
    folder = shlex.quote(str(config.data_dir))
    settings = f"COSIGNET_DATA_DIR={folder} COSIGNET_PUBLIC_URL={config.public_url}"
    return f"{settings} {program} {arguments}"


def _examine() -> Iterator[dict[str, str]]:
    try:
        config = read_config()
    except SetupError as refusal:
        yield _row("settings", "wrong", str(refusal))
        return
    yield _row("settings", "fine", config.public_url)
    yield from _examine_invites(config)
    for words in _warnings(config):
        yield _row("webhooks", "note", words)
    yield from _examine_folder(config)
    try:
        exists = asyncio.run(store_exists(config.database_url))
    except SetupError as refusal:
        yield _row("database", "wrong", str(refusal))
        return
    if not exists:
        yield _row("database", "note", "there is none yet; `cosignet serve` makes one")
        return
    yield from _examine_database()


def _examine_invites(config: Config) -> Iterator[dict[str, str]]:
    if config.trust_api_invites:
        yield _row(
            "invites",
            "note",
            "COSIGNET_API_INVITES=trusted: an API key of scope admin can enrol approvers",
        )


def _examine_folder(config: Config) -> Iterator[dict[str, str]]:
    if not config.data_dir.exists():
        return
    key = config.data_dir / KEY_FILE
    for path, mode in ((config.data_dir, 0o700), (key, 0o600)):
        if path.exists() and path.stat().st_mode & 0o777 & ~mode:
            yield _row(
                "permissions", "wrong", f"others can open {path}; run: chmod {mode:o} {path}"
            )
    free = shutil.disk_usage(config.data_dir).free
    enough = "fine" if free >= FREE_DISK_BYTES_MIN else "wrong"
    yield _row("disk", enough, f"{free // 1024**2} MiB free in {config.data_dir}")


def _examine_database() -> Iterator[dict[str, str]]:
    async def look(rt: Runtime) -> tuple[bool, int, int]:
        await operate.probe(rt)
        apart_ms = await operate.clocks_apart_ms(rt)
        has_owner = await operate.has_owner(rt, access.DEFAULT_ORGANISATION)
        return has_owner, apart_ms, await operate.disabled_webhooks(rt)

    try:
        has_owner, apart_ms, disabled = with_runtime(look)
    except Refusal as refusal:
        yield _row("database", "wrong", str(refusal))
        return
    yield _row("database", "fine", "it can be read and written")
    if abs(apart_ms) > CLOCKS_APART_MS_MAX:
        words = f"this machine's is {apart_ms} ms ahead of the database's; synchronise both"
        yield _row("clock", "wrong", words)
    if disabled:
        words = f"{disabled} disabled, as they were gone or failed; see `cosignet webhook list`"
        yield _row("webhooks", "wrong", words)
    found = ("fine", "there is one") if has_owner else ("note", "nobody yet; `serve` prints a link")
    yield _row("owner", *found)


def _row(check: str, result: str, words: str) -> dict[str, str]:
    return {"check": check, "result": result, "what": words}
