"""Backing up and restoring: the same decisions afterwards, all of it or nothing, at any moment."""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.engines import engines
from tests.live import Live
from tests.people import Person, Program
from tests.server import rows
from tests.server.dying import Dying
from tests.server.together import background, eventually

SETTLED = "SELECT count(*) FROM confirmations"


class Store:
    """A store by its data directory, as the command line sees it."""

    def __init__(self, folder: Path, url: str, **more: str) -> None:
        self.folder = folder
        self.environ = {
            "COSIGNET_DATA_DIR": str(folder),
            "COSIGNET_PUBLIC_URL": url,
            **engines.settings(folder),
            **more,
        }
        if engines.current == "postgres":
            self.environ["PATH"] = f"{engines.server.programs}{os.pathsep}{os.environ['PATH']}"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("COSIGNET_")}
        return subprocess.Popen(
            [sys.executable, "-m", "cosignet", *arguments],
            env=inherited | self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        with self.start(*arguments) as process:
            said, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint
        return said

    def refused(self, *arguments: str) -> str:
        with self.start(*arguments) as process:
            _, complaint = process.communicate(timeout=60)
        assert process.returncode == 1, complaint
        assert "Traceback" not in complaint
        return complaint

    def take_key_of(self, other: "Store") -> "Store":
        """Put the other store's key in place; nodes on PostgreSQL have it in their settings."""
        if engines.current == "sqlite":
            self.folder.mkdir(mode=0o700, exist_ok=True)
            (self.folder / "encryption.key").write_bytes(
                (other.folder / "encryption.key").read_bytes()
            )
        return self

    @property
    def database(self) -> Path:
        return self.folder / "cosignet.db"

    def count(self, sql: str = SETTLED) -> int | None:
        """Return a number that the store holds; None: it holds nothing at all."""
        if engines.current == "sqlite" and not self.database.exists():
            return None
        with rows.opened(self.database) as found:
            if (
                engines.current == "postgres"
                and rows.value(found, "SELECT to_regclass('schema_migrations')::text") is None
            ):
                tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                assert rows.value(found, tables) == 0
                return None
            rows.check(found)
            return rows.value(found, sql)


@pytest.fixture
def url(engine: str) -> str:
    return "http://localhost:8000"


@pytest.fixture
def lived(engine: str, tmp_path: Path, url: str) -> Store:
    """A store in which something of each kind has happened, and no server runs on it."""
    folder = tmp_path / "lived"
    with Live(folder, {"COSIGNET_PUBLIC_URL": url}) as live:
        alex, program = live.person("alex"), live.program()
        alex.approve(program.ask("alex")["id"])
        alex.reject_signed(program.ask("alex")["id"])
        program.ask("alex")
    return Store(folder, url)


def everything(program: Program) -> list[Any]:
    listed = program.get("/api/confirmations", limit=100).json()["items"]
    return [program.read(item["id"]) for item in listed]


def test_a_restored_server_answers_the_same_decisions_evidence_and_ids(
    engine: str, tmp_path: Path, url: str
) -> None:
    first = tmp_path / "first"
    backup = tmp_path / "backup"
    with Live(first, {"COSIGNET_PUBLIC_URL": url}) as live:
        alex, program = live.person("alex"), live.program()
        approved, rejected, consumed, left = (program.ask("alex")["id"] for _ in range(4))
        for one in (approved, consumed):
            assert alex.approve(one).is_success
        assert alex.reject_signed(rejected).is_success
        token = {"token": "t" * 32}
        assert program.post(f"/api/confirmations/{consumed}/consume", token).is_success
        told = json.loads(Store(first, url).run("backup", str(backup), "--json"))
        before = everything(program)
        after_that = program.ask("alex")["id"]
    assert told["publicUrl"] == url
    assert (told["bytes"], backup.stat().st_mode & 0o777) == (backup.stat().st_size, 0o600)
    second = Store(tmp_path / "second", url).take_key_of(Store(first, url))
    second.run("restore", str(backup))
    with Live(second.folder, {"COSIGNET_PUBLIC_URL": url}) as live:
        again = Program(live.listens_at, program.key, url)
        assert everything(again) == before
        assert again.get(f"/api/confirmations/{after_that}").status_code == 404
        late = again.post(f"/api/confirmations/{consumed}/consume", {"token": "u" * 32})
        assert late.status_code == 409
        same = Person(url, alex.passkey, base_url=live.listens_at)
        assert same.sign_in()
        assert same.approve(left).is_success
    assert second.count("SELECT count(*) FROM leaves") == 6  # of them one of the passkey


def test_a_backup_while_the_server_is_busy_is_of_one_moment(
    engine: str, tmp_path: Path, url: str
) -> None:
    first = Store(tmp_path / "first", url)
    stop = threading.Event()
    with Live(first.folder, {"COSIGNET_PUBLIC_URL": url}) as live:
        people = [live.newcomer() for _ in range(3)]
        programs = [live.program() for _ in people]

        def work(person: Person, program: Program) -> None:
            while not stop.is_set():
                assert person.approve(program.ask(person.username)["id"]).is_success

        with background() as start:
            running = [start(work, *pair) for pair in zip(people, programs, strict=True)]
            eventually(lambda: (first.count() or 0) > 10)
            for number in range(3):
                first.run("backup", str(tmp_path / f"backup{number}"))
            stop.set()
            for one in running:
                one.result(60)
    counts: list[int] = []
    for number in range(3):
        restored = Store(tmp_path / f"restored{number}", url).take_key_of(first)
        restored.run("restore", str(tmp_path / f"backup{number}"))
        found = restored.count()
        assert found is not None
        counts.append(found)
    assert counts == sorted(counts)
    assert 10 < counts[0] < counts[2] <= (first.count() or 0)


def test_a_backup_takes_no_other_files_place(lived: Store, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("precious")
    assert "is there already" in lived.refused("backup", str(there))
    assert there.read_text() == "precious"
    assert "cannot be written" in lived.refused("backup", str(tmp_path / "none" / "backup"))
    nowhere = Store(tmp_path / "nowhere", "http://localhost:8000")
    assert "There is no store" in nowhere.refused("backup", str(tmp_path / "backup"))
    assert not (tmp_path / "backup").exists()


@pytest.fixture
def backup(lived: Store, tmp_path: Path) -> Path:
    lived.run("backup", str(tmp_path / "backup"))
    return tmp_path / "backup"


def test_what_is_there_is_overwritten_only_when_one_says_so(lived: Store, backup: Path) -> None:
    lived.run("apikey", "create", "--name", "later")
    keys = "SELECT count(*) FROM api_keys"
    assert "--replace" in lived.refused("restore", str(backup))
    assert lived.count(keys) == 2
    lived.run("restore", str(backup), "--replace")
    assert lived.count(keys) == 1
    assert lived.count() == 3


def test_nothing_is_restored_while_a_server_runs(lived: Store, backup: Path, url: str) -> None:
    server = lived.start("serve", "--port", "8000")
    try:
        # It has the place as soon as it has begun, and says so when it listens.
        assert server.stderr is not None
        assert "Cosignet answers" in server.stderr.readline()
        assert "running" in lived.refused("restore", str(backup), "--replace")
    finally:
        server.terminate()
        server.communicate()
    lived.run("restore", str(backup), "--replace")


def test_a_backup_of_another_url_or_key_is_not_restored(lived: Store, backup: Path) -> None:
    folder = lived.folder.with_name("other")
    elsewhere = Store(folder, "http://localhost:9000").take_key_of(lived)
    assert "belongs to http://localhost:8000" in elsewhere.refused("restore", str(backup))
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    another = Store(folder, "http://localhost:8000", COSIGNET_ENCRYPTION_KEY=key)
    assert "encryption key is not the one" in another.refused("restore", str(backup))
    assert elsewhere.count() is None


@pytest.mark.engine("sqlite")
def test_without_its_key_nothing_is_restored_and_none_is_made(lived: Store, backup: Path) -> None:
    other = Store(lived.folder.with_name("other"), "http://localhost:8000")
    assert "Put the key back first" in other.refused("restore", str(backup))
    assert not other.folder.exists()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ('9999_x.sql', '', 0)",
            "which this version lacks",
        ),
        ("UPDATE schema_migrations SET sha256 = 'x' WHERE name LIKE '0001%'", "was changed"),
        ("DELETE FROM installation", "never started"),
    ],
)
def test_a_backup_of_another_version_is_not_restored(
    lived: Store, tmp_path: Path, statement: str, words: str
) -> None:
    with rows.opened(lived.database) as found:
        found.execute(statement)
        found.commit()
    lived.run("backup", str(tmp_path / "backup"))
    other = Store(tmp_path / "other", "http://localhost:8000").take_key_of(lived)
    assert words in other.refused("restore", str(tmp_path / "backup"))
    assert other.count() is None


def test_what_is_no_whole_backup_is_not_restored(lived: Store, backup: Path) -> None:
    other = Store(lived.folder.with_name("other"), "http://localhost:8000").take_key_of(lived)
    whole = backup.read_bytes()
    broken = backup.with_name("broken")
    for wrong in (b"", b"hello", whole[: len(whole) // 2], None):
        if wrong is None:
            broken.unlink()
        else:
            broken.write_bytes(wrong)
        assert other.refused("restore", str(broken))
    broken.write_bytes(whole[:-1])
    assert lived.refused("restore", str(broken), "--replace")
    assert (other.count(), lived.count()) == (None, 3)


@pytest.mark.engine("sqlite")
def test_what_another_database_left_is_not_taken_for_the_restored_ones(
    lived: Store, backup: Path
) -> None:
    other = Store(lived.folder.with_name("other"), "http://localhost:8000").take_key_of(lived)
    left = other.folder / "cosignet.db-wal"
    left.write_bytes(b"anything")
    assert f"{left} was left" in other.refused("restore", str(backup), "--replace")
    left.unlink()
    other.run("restore", str(backup))


@pytest.mark.engine("postgres")
def test_a_database_of_something_else_is_never_overwritten(lived: Store, backup: Path) -> None:
    other = Store(lived.folder.with_name("other"), "http://localhost:8000")
    with rows.opened(other.database) as found:
        found.execute("CREATE TABLE things (name TEXT)")
    assert "something else" in other.refused("restore", str(backup), "--replace")
    with rows.opened(lived.database) as found:
        found.execute("INSERT INTO schema_migrations VALUES ('9999_x.sql', '', 0)")
    assert "migrated further" in lived.refused("restore", str(backup), "--replace")


@pytest.mark.engine("postgres")
def test_a_restore_that_fails_on_its_way_leaves_nothing(lived: Store, backup: Path) -> None:
    other = Store(lived.folder.with_name("other"), "http://localhost:8000")
    with rows.opened(other.database) as found:
        # In the way of one of the last tables.
        found.execute("CREATE VIEW webhooks AS SELECT 1 AS one")
        assert "pg_restore failed" in other.refused("restore", str(backup))
        tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert rows.value(found, tables) == 1
        found.execute("DROP VIEW webhooks")
    other.run("restore", str(backup))
    assert other.count() == 3


@pytest.mark.engine("postgres")
def test_without_postgresqls_programs_it_is_said_where_they_come_from(
    lived: Store, tmp_path: Path
) -> None:
    lived.environ["PATH"] = str(tmp_path)
    assert "pg_dump is not on the PATH" in lived.refused("backup", str(tmp_path / "backup"))
    assert [path.name for path in tmp_path.iterdir()] == []


# --- Killed at any line ---------------------------------------------------------------------------


@pytest.fixture
def dying(tmp_path: Path) -> Iterator[Dying]:
    with Dying(tmp_path / "stderr") as launcher:
        yield launcher


def killed_everywhere(dying: Dying, store: Store, *arguments: str, step: int) -> Iterator[int]:
    """Run a command again and again, killed a few lines later each time; yield after each kill."""
    line = 1
    while not dying.run(list(arguments), store.environ, line=line):
        yield line
        line += step
    assert line > 20


@pytest.fixture
def step(engine: str) -> int:
    # Each run on PostgreSQL starts programs of its.
    return 2 if engine == "sqlite" else 11


def test_a_backup_that_is_killed_is_there_and_whole_or_not_there(
    engine: str, lived: Store, dying: Dying, tmp_path: Path, step: int
) -> None:
    made = tmp_path / "made"
    whole = 0
    for line in killed_everywhere(dying, lived, "backup", str(made), step=step):
        if made.exists():
            restored = Store(tmp_path / f"restored{line}", "http://localhost:8000")
            restored.take_key_of(lived).run("restore", str(made))
            assert restored.count() == 3
            made.unlink()
            whole += 1
    assert whole or engine == "postgres"
    assert lived.count() == 3


def alone(store: Store) -> Callable[[], bool]:
    """Return whether nobody but who asks is connected to a store."""

    def look() -> bool:
        if engines.current == "sqlite":
            return True
        with rows.opened(store.database) as found:
            others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            return rows.value(found, others) == 1

    return look


def test_a_restore_that_is_killed_leaves_all_or_nothing(
    lived: Store, backup: Path, dying: Dying, tmp_path: Path, step: int
) -> None:
    place = Store(tmp_path / "place", "http://localhost:8000").take_key_of(lived)
    for _ in killed_everywhere(dying, place, "restore", str(backup), step=step):
        eventually(alone(place))
        if place.count() is None:
            continue
        assert place.count() == 3
        if engines.current == "postgres":
            break
        place.database.unlink()
    assert place.count() == 3


def test_a_restore_over_a_store_that_is_killed_leaves_the_one_or_the_other(
    lived: Store, backup: Path, dying: Dying, step: int
) -> None:
    keys = "SELECT count(*) FROM api_keys"
    lived.run("apikey", "create", "--name", "later")
    found = 2
    for _ in killed_everywhere(dying, lived, "restore", str(backup), "--replace", step=step):
        eventually(alone(lived))
        found = lived.count(keys) or 0
        assert found in (1, 2)
        if found == 1:
            lived.run("apikey", "create", "--name", "later")
    assert lived.count(keys) == 1
    lived.run("apikey", "list")


@pytest.mark.engine("sqlite")
def test_a_kill_while_a_large_store_is_copied_leaves_all_or_nothing(
    lived: Store, backup: Path
) -> None:
    with rows.opened(lived.database) as found:
        found.execute("CREATE TABLE large (content BLOB)")
        for _ in range(40):
            found.execute("INSERT INTO large VALUES (randomblob(1000000))")
        found.commit()
    random = Random(7)
    made = backup.with_name("made")
    for _ in range(12):
        process = lived.start("backup", str(made))
        threading.Event().wait(random.uniform(0.2, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if made.exists():
            copy = Store(made.with_name("copy"), "http://localhost:8000").take_key_of(lived)
            copy.run("restore", str(made), "--replace")
            assert copy.count("SELECT count(*) FROM large") == 40
            made.unlink()
    for _ in range(6):
        process = lived.start("restore", str(backup), "--replace")
        threading.Event().wait(random.uniform(0.2, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert lived.count() == 3
