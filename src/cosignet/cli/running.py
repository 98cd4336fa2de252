"""`cosignet serve` and `migrate`: start the server, and bring its database up to date."""

import argparse
import asyncio
import secrets
import shlex
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from cosignet.cli.finding import PRIVATE_WEBHOOKS, UNKNOWN_ADDRESSES
from cosignet.cli.output import say
from cosignet.cli.workers import Supervisor
from cosignet.core.errors import FieldInvalid, SetupError
from cosignet.server import app
from cosignet.server.config import Config, read_config
from cosignet.server.install import rebind
from cosignet.server.runtime import Runtime
from cosignet.server.services import access, invite
from cosignet.server.store.connect import is_shared

WORKERS_MAX = 64


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
        wrapped = _wrapping(config)
        app.run(config, host=options.host, port=port, on_start=on_start, wrapped=wrapped)
    return 0


def _wrapping(config: Config) -> app.Wrapping:
    """Return what traces requests, where a collector is named and the packages are there."""
    if not config.traces:
        return nullcontext
    try:
        from cosignet.server.tracing import traced
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        say("OTEL_* name a collector. To trace requests: pip install 'cosignet[otel]'.")
        return nullcontext
    return traced


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
    wrapped = _wrapping(config)
    with tempfile.TemporaryDirectory(prefix="cosignet-") as folder:

        def work(lifeline: int, number: int) -> None:
            place = app.Place(number, Path(folder))
            app.work(config, listening, lifeline=lifeline, place=place, wrapped=wrapped)

        Supervisor(options.workers, work).run()


def worker(options: argparse.Namespace) -> int:
    """Do what `serve` does in the background, in a process of its own."""
    config = read_config()
    if not is_shared(config.database_url):
        raise SetupError(
            "On SQLite `cosignet serve` does the background work, and no other process can. "
            "Workers of their own need PostgreSQL: set COSIGNET_DATABASE_URL."
        )
    say("Cosignet works in the background; webhooks are sent from here.")
    if config.allow_private_webhooks:
        say(f"{PRIVATE_WEBHOOKS}.")
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
    if config.allow_private_webhooks:
        say(f"{PRIVATE_WEBHOOKS}.")
    if not config.knows_addresses:
        say(f"{UNKNOWN_ADDRESSES}.")
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
