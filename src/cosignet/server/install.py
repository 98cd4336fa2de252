"""Starting: open the store, hold its identity against the configuration, make what is missing."""

import base64
import binascii
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cosignet.core.checkpoint import LOG_PATH
from cosignet.core.errors import SetupError
from cosignet.server.config import Config
from cosignet.server.ledger import MONITOR_KEY_PURPOSE
from cosignet.server.outbound.http import Outside
from cosignet.server.runtime import LogGate, Runtime
from cosignet.server.secret import SECRET_BYTES, Sealer, SigningKey
from cosignet.server.store import (
    backup,
    confirmations,
    deliveries,
    installation,
    log_keys,
    organisations,
)
from cosignet.server.store.connect import is_shared, open_database, sqlite_path
from cosignet.server.store.db import Database
from cosignet.server.store.installation import Contents, Installation
from cosignet.server.store.migrate import missing_of
from cosignet.server.store.private_file import made_whole
from cosignet.server.store.remembered import RememberedHead
from cosignet.server.tree import LOG_KEY_PURPOSE
from cosignet.server.verifying import Verifier
from cosignet.server.webauthn import RelyingParty

ORGANISATIONS = (("default", "Your organisation", True), ("demo", "Demo", False))
"""Slug, name, and whether its decisions are logged, of what a fresh store holds."""
KEY_FILE = "encryption.key"


@dataclass(frozen=True, slots=True)
class Opened:
    """An open installation, and what opening it changed."""

    runtime: Runtime
    migrations: list[str]


async def open_installation(
    config: Config,
    *,
    clock: Callable[[], int],
    random: Callable[[int], bytes],
    monotonic: Callable[[], float],
    processors: int = 1,
) -> Opened:
    """Open and migrate the store; check that this node belongs to it.

    `processors` are those that the node has for itself.

    Raises:
        SetupError: the public URL or the encryption key is not the recorded one, or a key is
            missing; the text says the cure.
    """
    sealer = Sealer(_encryption_key(config, random))
    database, applied = await open_database(config.database_url, clock=clock)
    try:
        identity = _identity(config, sealer)
        await _check_identity(database, identity)
        relying_party = RelyingParty(id=config.rp_id, origin=config.public_url)
        runtime = Runtime(
            database=database,
            relying_party=relying_party,
            verifier=Verifier(relying_party, monotonic=monotonic, processors=processors),
            public_url=config.public_url,
            sealer=sealer,
            trust_api_invites=config.trust_api_invites,
            outside=Outside(allow_private=config.allow_private_webhooks),
            clock=clock,
            random=random,
            log=LogGate(identity.log_origin, RememberedHead(config.data_dir)),
            metrics_token=config.metrics_token,
            monotonic=monotonic,
            trusted_proxies=config.trusted_proxies,
            limits=config.limits,
        )
        database.observer = runtime.meter
        await _ensure_organisations(runtime)
        await _ensure_log_key(runtime, config)
    except BaseException:
        await database.close()
        raise
    database.listen(confirmations.TOPIC, runtime.waiters.wake)
    database.listen(deliveries.TOPIC, lambda _: runtime.owed.set())
    return Opened(runtime, applied)


async def rebind(
    config: Config, *, clock: Callable[[], int], random: Callable[[int], bytes]
) -> None:
    """Take over a changed public URL, which is free while nothing has been signed.

    Raises:
        SetupError: passkeys or log entries are bound to the old one.
    """
    identity = _identity(config, Sealer(_encryption_key(config, random)))
    database, _ = await open_database(config.database_url, clock=clock)
    try:
        async with database.transaction() as tx:
            changed = await installation.rebind(tx, identity)
    finally:
        await database.close()
    if not changed:
        raise SetupError(
            "Passkeys or log entries are bound to the old public URL. Set COSIGNET_PUBLIC_URL "
            "back, or start with an empty COSIGNET_DATA_DIR."
        )


async def back_up(config: Config, path: Path, *, environ: Mapping[str, str]) -> Contents:
    """Copy the store into a new file, as it is, and return what that holds; the key is not in it.

    `environ` is what programs are started with that do it.

    Raises:
        SetupError: it cannot be done.
    """
    return await backup.back_up(config.database_url, path, environ=environ)


async def restore(
    config: Config, path: Path, *, replace: bool, environ: Mapping[str, str]
) -> Contents:
    """Fill the configured place from a backup that belongs to this URL and key.

    Raises:
        SetupError: it must not be done, or cannot; nothing has changed then.
    """
    key_of(config)  # missing, it is told before anything is looked at

    def accept(contents: Contents) -> None:
        missing_of(contents.applied)
        hold_against(config, contents)

    return await backup.restore(
        path, config.database_url, accept=accept, replace=replace, environ=environ
    )


def hold_against(config: Config, contents: Contents) -> None:
    """See that a store, or a backup of one, belongs to this URL and key.

    Raises:
        SetupError: it does not, or the key is missing.
    """
    identity = _identity(config, Sealer(_present_key(config)))
    if contents.installation is None:
        raise SetupError("That is a store which was never started.")
    _check_same(contents.installation, identity)


def key_of(config: Config) -> str:
    """Return the fingerprint of the key that is there.

    Raises:
        SetupError: it is missing, or is no key.
    """
    return Sealer(_present_key(config)).key_id


def log_origin(config: Config) -> str:
    """Return the name that the log has under this public URL."""
    return config.public_url.split("://", 1)[1] + LOG_PATH


def _identity(config: Config, sealer: Sealer) -> Installation:
    return Installation(
        public_url=config.public_url,
        rp_id=config.rp_id,
        origin=config.public_url,
        log_origin=log_origin(config),
        encryption_key_id=sealer.key_id,
    )


async def _check_identity(database: Database, identity: Installation) -> None:
    async with database.transaction() as tx:
        await installation.record(tx, identity)
    recorded = await installation.get(database.reader)
    if recorded is not None:
        _check_same(recorded, identity)


def _check_same(recorded: Installation, identity: Installation) -> None:
    if recorded == identity:
        return
    if recorded.encryption_key_id != identity.encryption_key_id:
        raise SetupError(
            "The encryption key is not the one this store was made with. "
            f"Restore {KEY_FILE} or COSIGNET_ENCRYPTION_KEY from your backup."
        )
    raise SetupError(
        f"This store belongs to {recorded.public_url}, but COSIGNET_PUBLIC_URL is "
        f"{identity.public_url}. Set it back; or, while nobody has registered a passkey, run "
        "`cosignet migrate --take-public-url` once."
    )


async def _ensure_organisations(rt: Runtime) -> None:
    for slug, name, logged in ORGANISATIONS:
        if await organisations.by_slug(rt.database.reader, slug) is None:
            monitor_key = rt.seal(rt.random(SECRET_BYTES), purpose=MONITOR_KEY_PURPOSE)
            row = organisations.Organisation(rt.new_id(), slug, name, monitor_key, logged)
            async with rt.database.transaction() as tx:
                await organisations.insert(tx, row)


async def _ensure_log_key(rt: Runtime, config: Config) -> None:
    """Make the log's first key, or take the one that is given; a given one has to be known.

    It is kept sealed beside the log, so all nodes have it and none makes another.
    """
    given = config.log_key
    seed = rt.random(SECRET_BYTES) if given is None else _decode_key(given, "COSIGNET_LOG_KEY")
    public_key = SigningKey(seed).public_key
    known = await log_keys.list_(rt.database.reader)
    if not known:
        if given is None and is_shared(config.database_url):
            # What others will check signatures with is the operator's to keep, like the other key.
            raise SetupError(
                "On PostgreSQL set COSIGNET_LOG_KEY, with which this store's log begins. Make one "
                "and keep it: cosignet log key --new"
            )
        sealed = rt.seal(seed, purpose=LOG_KEY_PURPOSE)
        async with rt.database.transaction() as tx:
            await log_keys.insert(tx, log_keys.LogKey(1, public_key, sealed))
        known = await log_keys.list_(rt.database.reader)
    if given is not None and public_key not in [key.public_key for key in known]:
        raise SetupError(
            "COSIGNET_LOG_KEY is none of this log's keys. Set it back, or leave it out: the log "
            "keeps its keys itself, sealed. Another key comes with `cosignet log rotate`."
        )


def _encryption_key(config: Config, random: Callable[[int], bytes]) -> bytes:
    if config.encryption_key is not None:
        return _decode_key(config.encryption_key, "COSIGNET_ENCRYPTION_KEY")
    path = config.data_dir / KEY_FILE
    if is_shared(config.database_url) and not path.exists():
        # Every node needs the same one; each would make its own.
        raise SetupError(
            "On PostgreSQL set COSIGNET_ENCRYPTION_KEY, the same on every node. For a new store, "
            "make one and keep it: openssl rand -base64 32"
        )
    # Looked for before the key, as another process may be making both, the key first.
    store_exists = sqlite_path(config.database_url).exists()
    if not path.exists():
        if store_exists:
            # Never generated beside an existing store: it could not read what is sealed there.
            raise SetupError(f"{path} is missing. Restore it from your backup.")
        _write_key(path, random(SECRET_BYTES))
    return _decode_key(path.read_text("ascii"), str(path))


def _present_key(config: Config) -> bytes:
    """Return the key that is there, and make none.

    Raises:
        SetupError: there is none.
    """
    path = config.data_dir / KEY_FILE
    if config.encryption_key is None and not path.exists():
        raise SetupError(
            f"{path} is missing. Put the key back first, from where you keep it; or set "
            "COSIGNET_ENCRYPTION_KEY."
        )
    return _encryption_key(config, _no_key)


def _no_key(_: int) -> bytes:
    raise SetupError("The key is missing.")


def _decode_key(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != SECRET_BYTES:
        raise SetupError(f"{where} does not hold {SECRET_BYTES} bytes in base64.")
    return key


def _write_key(path: Path, key: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Of two processes that make one at once, the first wins.
    with contextlib.suppress(FileExistsError), made_whole(path) as draft:
        draft.write_bytes(base64.b64encode(key) + b"\n")
