"""Starting again: the store remembers what it belongs to."""

import asyncio
import secrets
import time
from pathlib import Path

import pytest
from tests.engines import engines
from tests.live import Live
from tests.people import Person, raise_for
from tests.server.rows import opened, value

from cosignet.core.errors import SetupError
from cosignet.core.leaf import ENTRY_BYTES_MAX
from cosignet.server.app import now_ms
from cosignet.server.config import Config, read_config
from cosignet.server.install import open_installation, rebind
from cosignet.server.runtime import Runtime
from cosignet.server.services import access
from cosignet.server.store import leaves


def config(folder: Path, url: str = "http://localhost:8000", **more: str) -> Config:
    environ = {"COSIGNET_DATA_DIR": str(folder), "COSIGNET_PUBLIC_URL": url}
    return read_config(environ | engines.settings(folder) | more)


def start(configured: Config) -> None:
    async def work() -> None:
        opened = await open_installation(
            configured, clock=now_ms, random=secrets.token_bytes, monotonic=time.monotonic
        )
        await opened.runtime.database.close()

    asyncio.run(work())


def take_url(configured: Config) -> None:
    asyncio.run(rebind(configured, clock=now_ms, random=secrets.token_bytes))


@pytest.mark.engine("sqlite")
def test_a_fresh_store_gets_private_files(tmp_path: Path) -> None:
    start(config(tmp_path / "data"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert modes["encryption.key"] == modes["cosignet.db"] == 0o600


def test_another_public_url_is_refused_and_the_cure_named(tmp_path: Path) -> None:
    start(config(tmp_path))
    with pytest.raises(SetupError, match="--take-public-url"):
        start(config(tmp_path, "https://approve.example"))
    start(config(tmp_path))


def test_the_public_url_changes_for_free_until_a_passkey_is_registered(tmp_path: Path) -> None:
    with Live(tmp_path) as live:
        old = live.url
    take_url(config(tmp_path, "https://approve.example"))
    start(config(tmp_path, "https://approve.example"))
    take_url(config(tmp_path, old))
    with Live(tmp_path, {"COSIGNET_PUBLIC_URL": old}) as live:
        live.person("alex")
    with pytest.raises(SetupError, match="bound to the old public URL"):
        take_url(config(tmp_path, "https://approve.example"))
    start(config(tmp_path, old))


def test_another_encryption_key_is_refused(tmp_path: Path) -> None:
    start(config(tmp_path))
    other = "A" * 43 + "="
    with pytest.raises(SetupError, match="encryption key"):
        start(config(tmp_path, COSIGNET_ENCRYPTION_KEY=other))


@pytest.mark.engine("sqlite")
def test_a_lost_encryption_key_is_never_made_anew(tmp_path: Path) -> None:
    start(config(tmp_path))
    (tmp_path / "encryption.key").unlink()
    with pytest.raises(SetupError, match="Restore it from your backup"):
        start(config(tmp_path))
    assert not (tmp_path / "encryption.key").exists()


@pytest.mark.parametrize("key", ["", "AAAA", "not base64!", "A" * 44])
def test_a_key_of_the_wrong_size_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(SetupError, match="32 bytes"):
        start(config(tmp_path, COSIGNET_ENCRYPTION_KEY=key))


def test_another_engine_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"COSIGNET_DATABASE_URL.*postgresql://"):
        start(config(tmp_path, COSIGNET_DATABASE_URL="mysql://localhost/x"))


def test_whoever_registers_after_the_url_was_changed_gets_no_passkey_of_the_old_one(
    tmp_path: Path,
) -> None:
    with Live(tmp_path) as live:
        code = live.invite()
        person = Person(live.url)
        who = {"invite": code, "username": "alex"}
        options = raise_for(person.http.post("/register/options", json=who))
        credential = person.passkey.register(options, origin=live.url)
        take_url(config(tmp_path, "https://approve.example"))
        answer = person.http.post("/register", json={**who, "credential": credential})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        with opened(tmp_path / "cosignet.db") as rows:
            assert value(rows, "SELECT count(*) FROM credentials") == 0
        take_url(config(tmp_path, live.url))
        assert person.register(code, "alex")["username"] == "alex"
    with pytest.raises(SetupError, match="bound to the old public URL"):
        take_url(config(tmp_path, "https://approve.example"))


def test_an_entry_that_no_log_takes_lets_nothing_be_decided(tmp_path: Path) -> None:
    with Live(tmp_path) as live:
        organisation = live.run(access.default_organisation)

        async def append(rt: Runtime, size: int) -> None:
            async with rt.database.transaction() as tx:
                entry = b"x" * size
                leaf = leaves.NewLeaf(organisation.id, str(size), "approval", entry, "{}", 0)
                leaves.append(tx, leaf)

        live.run(lambda rt: append(rt, ENTRY_BYTES_MAX))
        with pytest.raises(ValueError, match="a log entry of 8193 bytes"):
            live.run(lambda rt: append(rt, ENTRY_BYTES_MAX + 1))
        with opened(tmp_path / "cosignet.db") as rows:
            assert value(rows, "SELECT count(*) FROM leaves") == 1
