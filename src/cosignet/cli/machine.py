"""What the doctor looks at on this machine: Python, limits, the data directory, the last backup."""

import json
import os
import platform
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cosignet.cli.backups import LAST_BACKUP_FILE
from cosignet.cli.finding import Finding, fail, ok, warn
from cosignet.core.limits import held_per_node
from cosignet.server.config import Config
from cosignet.server.install import KEY_FILE
from cosignet.server.store import sqlite_driver
from cosignet.server.store.connect import is_shared

PYTHON_MIN = (3, 11)
FREE_DISK_BYTES_MIN = 100 * 1024 * 1024
FREE_DISK_BYTES_LOW = 1024 * 1024 * 1024
DESCRIPTORS_FEW = 4_096
BACKUP_DAYS_MAX = 7
MOUNTS = Path("/proc/self/mountinfo")
NETWORK = ("nfs", "cifs", "smb", "9p", "ceph", "gluster", "lustre", "afs", "fuse.sshfs", "fuse.s3")
"""File systems whose locks and syncs a database cannot rely on begin like this."""


def examine(config: Config) -> Iterator[Finding]:
    """Look at what needs no store."""
    yield _python()
    yield _sqlite()
    yield _descriptors()
    folder = config.data_dir
    if not folder.exists():
        return
    if not folder.is_dir():
        yield fail("data directory", f"{folder} is not a folder", "Set COSIGNET_DATA_DIR to one.")
        return
    yield from _permissions(folder)
    yield _owner(folder)
    yield _space(folder)
    yield _file_system(folder, shared=is_shared(config.database_url))
    yield _durable(folder)


def _python() -> Finding:
    found = platform.python_version()
    if sys.version_info[:2] < PYTHON_MIN:
        return fail("python", found, "Use Python 3.11 or newer.")
    return ok("python", found)


def _sqlite() -> Finding:
    version = sqlite_driver.version()
    found = ".".join(map(str, version))
    if version < sqlite_driver.VERSION_MIN:
        return fail("sqlite", found, "It can damage the database: install apsw from its wheel.")
    return ok("sqlite", found)


def _descriptors() -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return ok("descriptors", "no limit")
    words = f"{hard} files and sockets: {held_per_node(hard)} may wait for decisions at once"
    if hard < DESCRIPTORS_FEW:
        return warn("descriptors", words, "Raise it: LimitNOFILE=65536, or ulimit -Hn 65536.")
    return ok("descriptors", words)


def _permissions(folder: Path) -> Iterator[Finding]:
    files = (KEY_FILE, "cosignet.db", "cosignet.db-wal", "cosignet.db-shm", LAST_BACKUP_FILE)
    paths = {folder: 0o700, **{folder / name: 0o600 for name in files}}
    open_ = [p for p, mode in paths.items() if p.exists() and p.stat().st_mode & 0o777 & ~mode]
    for path in open_:
        yield fail("permissions", f"others can open {path}", f"chmod {paths[path]:o} {path}")
    if not open_:
        yield ok("permissions", f"only its owner can open {folder}")


def _owner(folder: Path) -> Finding:
    owner = folder.stat().st_uid
    others = [path for path in folder.iterdir() if path.stat().st_uid != owner]
    if others:
        cure = f"chown --reference={folder} {others[0]}"
        return fail("ownership", f"{others[0]} is not its folder's owner's", cure)
    if owner != os.geteuid():
        return warn(
            "ownership",
            f"{folder} belongs to the user {owner}, and you are {os.geteuid()}",
            "Run commands as the server's user: files that you make here it could not open.",
        )
    return ok("ownership", "all of it is yours")


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    words = f"{free // 1024**2} MiB free in {folder}"
    if free < FREE_DISK_BYTES_MIN:
        return fail("disk", words, "Make room: where nothing can be written, nothing is decided.")
    if free < FREE_DISK_BYTES_LOW:
        return warn("disk", words, "Make room before it is needed.")
    return ok("disk", words)


def _file_system(folder: Path, *, shared: bool) -> Finding:
    kind = file_system(folder)
    if not kind.startswith(NETWORK):
        return ok("file system", kind)
    words, cure = f"{folder} is on {kind}, over a network", "Use a local disk, or PostgreSQL."
    return warn("file system", words, cure) if shared else fail("file system", words, cure)


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that a folder is on, where the system tells it."""
    found, kind = 0, "unknown"
    lines = mounts.read_text().splitlines() if mounts.exists() else []
    for line in lines:
        # proc(5): the fifth field is the mount point, the type follows a lone hyphen.
        left, _, right = line.partition(" - ")
        point = Path(left.split()[4].encode().decode("unicode_escape"))
        if folder.resolve().is_relative_to(point) and len(point.parts) >= found:
            found, kind = len(point.parts), right.split()[0]
    return kind


def _durable(folder: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"durable?")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        words = f"nothing can be written to {folder}: {error.strerror}"
        return fail("durable write", words, "Mend the disk, its mount options or permissions.")
    return ok("durable write", f"what is written to {folder} reaches the disk")


def last_backup(config: Config, now: datetime) -> Finding:
    """Tell how old the last backup is that was made from here."""
    noted = config.data_dir / LAST_BACKUP_FILE
    cure = "Run `cosignet backup PATH` every day, and keep what it makes on another machine."
    try:
        about = json.loads(noted.read_text("utf-8"))
        days = (now - datetime.fromisoformat(about["at"])).days
        words = f"the last one was made {about['at']}, into {about['path']}"
    except (OSError, ValueError, KeyError, TypeError):
        return warn("backup", "none was made by `cosignet backup` on this machine", cure)
    return warn("backup", words, cure) if days >= BACKUP_DAYS_MAX else ok("backup", words)
