"""What the doctor asks over HTTP: the server here, and the public URL as people reach it."""

from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

from cosignet.cli.finding import Finding, fail, ok, warn
from cosignet.server.config import Config
from cosignet.server.outbound.ask import Heard, Unheard, ask

HERE = "127.0.0.1"
STRANGE_NAME = "another.invalid"


async def examine(config: Config, port: int | None) -> AsyncGenerator[Finding]:
    """Ask the server here, if its port is known, and the proxy in front of it."""
    if port is None and not config.secure:
        port = config.port
    if port is not None:
        async for finding in _here(config, port):
            yield finding
    if config.secure:
        yield await _public(config)


async def _here(config: Config, port: int) -> AsyncGenerator[Finding]:
    place = f"{HERE}:{port}"
    try:
        alive = await ask(HERE, port, "/healthz", named=_named(config))
    except Unheard as silence:
        cure = "`cosignet serve` starts one; --port names another port."
        yield warn("server", f"none answers at {place}: {silence}", cure)
        return
    if not _is_ours(alive):
        cure = "Stop it, or choose another port."
        yield fail("server", f"another program answers at {place}", cure)
        return
    yield ok("server", f"it answers at {place}")
    yield await _ready(config, port)
    yield await _host(config, port)


async def _ready(config: Config, port: int) -> Finding:
    heard = await _status(HERE, port, "/readyz", named=_named(config))
    if heard == 200:
        return ok("ready", "the server can write to its database")
    return fail("ready", f"/readyz answers {heard}", "See the server's own log.")


async def _host(config: Config, port: int) -> Finding:
    own = await _status(HERE, port, "/", named=_named(config))
    strange = await _status(HERE, port, "/", named=STRANGE_NAME)
    if own == 421:
        words = f"the server there does not answer as {_named(config)}"
        return fail("host", words, "Start it with this COSIGNET_PUBLIC_URL.")
    if strange != 421:
        words = f"a request for another host is answered {strange}, not 421"
        return fail("host", words, "See what stands between; it must pass Host on.")
    return ok("host", f"it answers as {_named(config)} alone")


async def _public(config: Config) -> Finding:
    name = urlsplit(config.public_url).hostname or ""
    try:
        heard = await ask(name, config.port, "/", named=_named(config), tls=True)
    except Unheard as silence:
        cure = "See the name's address, the proxy and its certificate; or ask from outside."
        return warn("public url", f"{config.public_url} cannot be asked from here: {silence}", cure)
    if heard.status == 421:
        words = f"{config.public_url} leads here, and Host is changed on the way"
        return fail("public url", words, "Let the proxy pass Host on as the client sent it.")
    if heard.status != 200:
        words = f"{config.public_url} answers {heard.status}"
        return fail("public url", words, "Let the proxy pass every path on to this server.")
    return ok("public url", f"{config.public_url} answers, with a valid certificate")


async def _status(host: str, port: int, path: str, *, named: str) -> str | int:
    try:
        return (await ask(host, port, path, named=named)).status
    except Unheard as silence:
        return str(silence)


def _is_ours(heard: Heard) -> bool:
    return heard.status == 200 and heard.body.replace(b" ", b"") == b'{"status":"ok"}'


def _named(config: Config) -> str:
    return urlsplit(config.public_url).netloc
