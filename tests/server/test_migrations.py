"""One file, one server, one schema that only grows; commands work beside the server."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import apsw
import pytest
from tests.engines import Wrong, engines
from tests.live import Process, free_port
from tests.people import Person, Program
from tests.server.rows import opened, value

from cosignet.core.errors import SetupError
from cosignet.server.store import migrate
from cosignet.server.store.connect import lock_for_serving, open_database

FIRST = (
    "0001_first.sql",
    "-- Things.\nCREATE TABLE things (\n    id TEXT PRIMARY KEY -- a; b\n);\n",
)
SECOND = (
    "0002_second.sql",
    "ALTER TABLE things ADD COLUMN size BIGINT; -- grams\n\n"
    "CREATE INDEX things_by_size ON things (size);\n"
    "INSERT INTO things VALUES ('a', 1);\n-- Done;\n",
)

SECOND_ALONE = ("0002_second.sql", "CREATE TABLE others (id TEXT);")


def bring_up(
    path: Path, monkeypatch: pytest.MonkeyPatch, *files: tuple[str, str]
) -> tuple[list[str], set[str]]:
    """Open a database with these migrations; return what was applied, and all tables after it."""
    monkeypatch.setattr(migrate, "migrations", lambda: list(files))

    async def run() -> list[str]:
        url = engines.settings(path.parent).get("COSIGNET_DATABASE_URL", f"sqlite:///{path}")
        database, applied = await open_database(url, clock=lambda: 1)
        await database.close()
        return applied

    applied = asyncio.run(run())
    return applied, tables(path)


def tables(path: Path) -> set[str]:
    with opened(path) as rows:
        return {row["name"] for row in rows.execute("SELECT name FROM sqlite_master")}


def test_migrations_are_applied_once_each_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    assert bring_up(path, monkeypatch, FIRST)[0] == [FIRST[0]]
    assert bring_up(path, monkeypatch, FIRST)[0] == []
    applied, found = bring_up(path, monkeypatch, FIRST, SECOND)
    assert applied == [SECOND[0]]
    assert {"things", "things_by_size", "schema_migrations"} <= found
    with opened(path) as rows:
        assert value(rows, "SELECT size FROM things WHERE id = 'a'") == 1
    assert bring_up(path, monkeypatch, FIRST, SECOND)[0] == []


def test_an_applied_file_that_was_edited_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    bring_up(path, monkeypatch, FIRST)
    with pytest.raises(SetupError, match=r"0001_first\.sql was changed"):
        bring_up(path, monkeypatch, (FIRST[0], FIRST[1] + " "), SECOND)
    assert "things_by_size" not in tables(path)


def test_a_database_of_a_newer_program_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    bring_up(path, monkeypatch, FIRST, SECOND)
    with pytest.raises(SetupError, match=r"0002_second\.sql, which this version lacks"):
        bring_up(path, monkeypatch, FIRST)


def test_a_file_that_comes_in_between_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    bring_up(path, monkeypatch, SECOND_ALONE)
    with pytest.raises(SetupError, match=r"0001_first\.sql comes too late"):
        bring_up(path, monkeypatch, FIRST, SECOND_ALONE)
    assert "things" not in tables(path)


@pytest.mark.parametrize("text", ["CREATE TABLE a (id TEXT);\nCREATE TABLE b (id TEXT)", "SELECT"])
def test_a_statement_without_its_semicolon_is_refused_and_not_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with pytest.raises(SetupError, match="without a semicolon"):
        bring_up(tmp_path / "store.db", monkeypatch, ("0001_first.sql", text))
    assert tables(tmp_path / "store.db") == set()


def test_a_migration_that_fails_leaves_nothing_of_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    wrong = ("0003_wrong.sql", "CREATE TABLE more (id TEXT);\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(Wrong):
        bring_up(path, monkeypatch, FIRST, SECOND, wrong)
    assert tables(path) == set()
    bring_up(path, monkeypatch, FIRST, SECOND)


START_TOGETHER = """
import asyncio, os, secrets, sys, time, traceback
from cosignet.server.app import now_ms
from cosignet.server.config import read_config
from cosignet.server.install import open_installation

async def start(config):
    opened = await open_installation(
        config, clock=now_ms, random=secrets.token_bytes, monotonic=time.monotonic
    )
    await opened.runtime.database.close()
    os.write(1, opened.runtime.sealer.key_id.encode() + b"\\n")

def child(config, wait, go):
    os.close(go)
    os.read(wait, 1)
    try:
        asyncio.run(start(config))
    except BaseException:
        traceback.print_exc()
    os._exit(0)

for folder in sys.argv[1:]:
    config = read_config({"COSIGNET_DATA_DIR": folder})
    wait, go = os.pipe()
    children = [os.fork() or child(config, wait, go) for _ in range(8)]
    os.close(go)
    for pid in children:
        os.waitpid(pid, 0)
    os.write(1, b"\\n")
"""


@pytest.mark.engine("sqlite")
def test_processes_that_start_together_make_one_store_with_one_key(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(8)]
    command = [sys.executable, "-c", START_TOGETHER, *map(str, folders)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert ran.stderr == ""
    for folder, keys in zip(folders, ran.stdout.split("\n\n"), strict=False):
        assert len(keys.split()) == 8
        assert len(set(keys.split())) == 1
        # SQLite's own files stay, empty of anything new, when two processes close at once.
        made = {path.name for path in folder.iterdir()} - {"cosignet.db-shm", "cosignet.db-wal"}
        assert made == {"cosignet.db", "encryption.key"}
        with opened(folder / "cosignet.db") as rows:
            applied = value(rows, "SELECT count(*) FROM schema_migrations")
            assert applied == len(migrate.migrations())
            assert value(rows, "SELECT count(*) FROM organisations") == 2


@pytest.mark.engine("sqlite")
def test_what_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    content = b"no database, but long enough to be one" * 100
    path.write_bytes(content)
    with pytest.raises(SetupError, match="cannot be opened as a database: file is not a database"):
        asyncio.run(open_database(f"sqlite:///{path}", clock=lambda: 1))
    assert path.read_bytes() == content


@pytest.mark.engine("sqlite")
def test_a_file_system_without_shared_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apsw, "Connection", partial(apsw.Connection, vfs="unix-none"))
    with pytest.raises(SetupError, match="local disk"):
        asyncio.run(open_database(f"sqlite:///{tmp_path / 'store.db'}", clock=lambda: 1))


# --- One server, and commands beside it ----------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    with Process(tmp_path / "data") as running:
        yield running


def start_another(server: Process, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Start a second server, on another port, and wait until it has given up."""
    another = Process(server.data_dir, port=free_port())
    return subprocess.run(
        [sys.executable, "-m", "cosignet", "serve"],
        env=another.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.engine("sqlite")
def test_a_second_server_on_the_same_file_says_so_and_ends(server: Process) -> None:
    linked = server.data_dir.with_name("by another name.db")
    linked.symlink_to(server.data_dir / "cosignet.db")
    for settings in ({}, {"COSIGNET_DATABASE_URL": f"sqlite:///{linked}"}):
        ended = start_another(server, **settings)
        assert ended.returncode == 1
        assert ended.stdout == ""
        assert ended.stderr.startswith("Another server is running on ")
        assert len(ended.stderr.splitlines()) == 1
    assert Person(server.url).http.get("/healthz").is_success


def test_a_server_that_was_killed_leaves_its_place_to_the_next(server: Process) -> None:
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    with Process(server.data_dir, port=server.port) as another:
        assert Person(another.url).http.get("/readyz").is_success


@pytest.mark.engine("sqlite")
def test_a_lock_is_one_per_file(tmp_path: Path) -> None:
    held = [lock_for_serving(f"sqlite:///{tmp_path / name}") for name in ("a.db", "b.db")]
    with pytest.raises(SetupError, match="Another server"):
        lock_for_serving(f"sqlite:///{tmp_path / 'a.db'}")
    for descriptor in held:
        os.close(descriptor)
    os.close(lock_for_serving(f"sqlite:///{tmp_path / 'a.db'}"))


def test_commands_work_while_the_server_serves_and_it_sees_what_they_did(server: Process) -> None:
    owner = Person(server.url)
    owner.register(server.owner_link(), "alex")
    key = server.command("apikey", "create", "--name", "beside").stdout.strip()
    program = Program(server.url, key)
    asked = program.ask("alex")
    link = server.command("invite", "create", "--username", "bea").stdout.strip()
    bea = Person(server.url)
    bea.register(link, "bea")
    assert "bea" in server.command("approver", "list").stdout
    server.command("doctor", check=False)  # which says what it thinks of the tests' PostgreSQL

    # What an operator takes away is gone with the next request.
    other = program.ask("bea")["id"]
    credential = bea.sign(other)
    server.command("approver", "revoke", "bea")
    refused = bea.post_approval(other, credential)
    assert (refused.status_code, refused.json()["code"]) == (403, "approver_revoked")
    assert owner.approve(asked["id"]).is_success
    assert program.read(asked["id"])["status"] == "approved"
    with opened(server.data_dir / "cosignet.db") as rows:
        id_ = value(rows, "SELECT id FROM api_keys WHERE name = 'beside'")
    server.command("apikey", "revoke", str(id_))
    assert program.get(f"/api/confirmations/{asked['id']}").status_code == 401


def test_commands_race_each_other_and_the_server_without_loss(server: Process) -> None:
    owner = Person(server.url)
    owner.register(server.owner_link(), "alex")
    key = server.command("apikey", "create", "--name", "first").stdout.strip()
    program = Program(server.url, key)
    command = [sys.executable, "-m", "cosignet", "apikey", "create", "--name", "many"]
    beside = [
        subprocess.Popen(
            command, env=server.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    made = 0
    while any(process.poll() is None for process in beside):
        program.ask("alex")
        made += 1
    for process in beside:
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()
    with opened(server.data_dir / "cosignet.db") as rows:
        assert value(rows, "SELECT count(*) FROM api_keys WHERE name = 'many'") == 4
        assert value(rows, "SELECT count(*) FROM confirmations") == made
