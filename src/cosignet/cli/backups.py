"""`cosignet backup` and `cosignet restore`: the store, copied away and back."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from cosignet.cli.output import no_store, say
from cosignet.cli.store_checks import about_log
from cosignet.core.encoding import rfc3339
from cosignet.core.errors import SetupError
from cosignet.server import app, install
from cosignet.server.config import Config, environment, read_config
from cosignet.server.install import KEY_FILE
from cosignet.server.store.connect import store_exists
from cosignet.server.store.installation import Contents
from cosignet.server.store.remembered import RememberedHead

LAST_BACKUP_FILE = "last-backup.json"
"""Says when and where the last backup was made; `cosignet doctor` tells its age."""


def backup(options: argparse.Namespace) -> int:
    """Copy the store into a new file; a server may be running."""
    config = read_config()
    path = Path(options.path).absolute()
    if not asyncio.run(store_exists(config.database_url)):
        raise SetupError(no_store(config))
    made = rfc3339(app.now_ms())
    contents = asyncio.run(install.back_up(config, path, environ=environment()))
    _note(config, {"at": made, "path": str(path)})
    _tell(options, path, contents, at=made)
    say(f"The store as it was at {made} is in {path}.", *_about_the_key(config))
    say(
        f"Nor is {RememberedHead(config.data_dir).path}, where this node remembers how far the log "
        "has been: it stays where it is, and refuses a copy that is older."
    )
    return 0


def restore(options: argparse.Namespace) -> int:
    """Fill the place that is configured from a backup."""
    config = read_config()
    path = Path(options.path).absolute()
    restored = install.restore(config, path, replace=options.replace, environ=environment())
    contents = asyncio.run(restored)
    _tell(options, path, contents)
    say(
        f"The store is what {path} holds. What happened after that backup is gone: "
        "revocations, decisions, and which approvals were used. Revoke again what must be, "
        "and let nothing run on approvals from before."
    )
    log = asyncio.run(about_log(config))
    if log.result != "OK":
        say(f"The log does not go on yet: {log.what}")
    return 0


def _about_the_key(config: Config) -> tuple[str, ...]:
    where = "COSIGNET_ENCRYPTION_KEY"
    if config.encryption_key is None:
        where = str(config.data_dir / KEY_FILE)
    return (f"The key is not in it: keep a copy of {where} as well, somewhere else.",)


def _note(config: Config, about: dict[str, str]) -> None:
    # Nodes on PostgreSQL may have no folder.
    if config.data_dir.is_dir():
        noted = config.data_dir / LAST_BACKUP_FILE
        noted.touch(mode=0o600)
        noted.write_text(json.dumps(about) + "\n")


def _tell(options: argparse.Namespace, path: Path, contents: Contents, **more: str) -> None:
    if not options.json or contents.installation is None:
        return
    about: dict[str, Any] = {
        "path": str(path),
        "bytes": path.stat().st_size,
        "publicUrl": contents.installation.public_url,
        "encryptionKeyId": contents.installation.encryption_key_id,
        "migration": max(contents.applied),
    }
    print(json.dumps(about | more))
