"""What PostgreSQL is to the rest: one time per statement, durable commits, and honest failures."""

import asyncio
import base64
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx2
import pytest
from tests.engines import engines
from tests.live import Clock, Live
from tests.server.rows import opened, value
from tests.server.together import background, eventually

from cosignet.core.errors import Refusal, SetupError, Unavailable
from cosignet.server.app import now_ms
from cosignet.server.config import read_config
from cosignet.server.install import open_installation
from cosignet.server.runtime import Runtime
from cosignet.server.services import watch
from cosignet.server.store import migrate, postgres_pool, postgres_wire
from cosignet.server.store.connect import open_database
from cosignet.server.store.postgres import WRITERS, PostgresDatabase
from cosignet.server.store.postgres_wire import is_outage, spelled

pytestmark = pytest.mark.engine("postgres")
Answer = TypeVar("Answer")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An empty database."""
    engines.settings(tmp_path)
    return engines.url(tmp_path)


def using(url: str, work: Callable[[PostgresDatabase], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run something on a database that is open for that long."""

    async def run() -> Answer:
        database = PostgresDatabase(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


# --- The time -------------------------------------------------------------------------------------


@pytest.fixture
def hurried(url: str, tmp_path: Path) -> str:
    """A database whose clock is an hour later each time it is looked at."""
    with opened(tmp_path / "cosignet.db") as rows:
        rows.execute("CREATE SEQUENCE looks")
        rows.execute(
            "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE"
            " AS $$ SELECT to_timestamp(3600 * nextval('looks')) $$"
        )
        rows.execute("CREATE TABLE things (id BIGINT, at BIGINT)")
        rows.execute("INSERT INTO things SELECT n, 0 FROM generate_series(1, 100) AS n")
    return url


def test_a_statement_tells_one_time_however_often_it_asks(hurried: str) -> None:
    async def ask(database: PostgresDatabase) -> None:
        for hour in (1, 2):
            row = await database.reader.fetch_one("SELECT clock_ms() AS a, clock_ms() AS b")
            assert row is not None
            assert list(row) == [hour * 3_600_000] * 2
        async with database.transaction() as tx:
            sql = (
                "UPDATE things SET at = clock_ms() WHERE at < clock_ms()"
                " AND clock_ms() = 10800000 RETURNING at, clock_ms() AS now"
            )
            found = await tx.fetch(sql)
        assert len(found) == 100
        assert {(row["at"], row["now"]) for row in found} == {(10_800_000, 10_800_000)}

    using(hurried, ask)


def test_a_row_that_was_waited_for_is_written_with_the_time_it_was_checked_at(hurried: str) -> None:
    async def race(database: PostgresDatabase) -> None:
        sql = "UPDATE things SET at = clock_ms() WHERE id = 1 AND clock_ms() = $1 RETURNING at"

        async def second() -> list[Any]:
            async with database.transaction() as tx:
                return await tx.fetch(sql, 3_600_000)

        async with database.transaction() as first:
            await first.execute("UPDATE things SET at = -1 WHERE id = 1")
            waiting = asyncio.create_task(second())
            looks = "SELECT is_called FROM looks"
            while not (await database.reader.fetch(looks))[0]["is_called"]:
                await database.reader.fetch("SELECT pg_sleep(0.01)")
        [row] = await waiting
        assert row["at"] == 3_600_000

    using(hurried, race)


# --- Transactions ---------------------------------------------------------------------------------


@pytest.fixture
def things(url: str, tmp_path: Path) -> str:
    with opened(tmp_path / "cosignet.db") as rows:
        rows.execute("CREATE TABLE things (id BIGINT PRIMARY KEY)")
    return url


COUNT = "SELECT count(*) AS n FROM things"
INSERT = "INSERT INTO things VALUES ($1)"
APPEND = "INSERT INTO things (id)"


async def count(database: PostgresDatabase) -> int:
    row = await database.reader.fetch_one(COUNT)
    assert row is not None
    return row["n"]


def test_nothing_is_visible_before_the_block_has_ended(things: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        async with database.transaction() as tx:
            assert await tx.execute(INSERT, 1) == 1
            assert (await tx.fetch(COUNT))[0]["n"] == 1
            assert await count(database) == 0
        assert await count(database) == 1

    using(things, work)


class _Undo(Exception):
    pass


@pytest.mark.parametrize("why", [_Undo, asyncio.CancelledError])
def test_a_block_that_is_left_by_an_exception_leaves_nothing(
    things: str, why: type[BaseException]
) -> None:
    async def work(database: PostgresDatabase) -> None:
        with pytest.raises(why):
            async with database.transaction() as tx:
                await tx.execute(INSERT, 1)
                raise why
        assert await count(database) == 0

    using(things, work)


def test_a_wrong_statement_undoes_its_transaction_and_no_other(things: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        with pytest.raises(asyncpg.UniqueViolationError):
            async with database.transaction() as tx:
                await tx.execute(INSERT, 1)
                await tx.execute(INSERT, 1)
        await database.append(APPEND, 1)
        assert await count(database) == 1

    using(things, work)


def test_appended_rows_are_there_after_the_commit_and_not_after_a_refusal(things: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        with pytest.raises(Refusal):
            async with database.transaction() as tx:
                tx.append(APPEND, 1)
                raise Refusal
        assert await count(database) == 0
        async with database.transaction() as tx:
            for number in range(100):
                tx.append(APPEND, number)
            assert await tx.fetch("SELECT * FROM things") == []
        await database.append(APPEND, 100)
        assert await count(database) == 101

    using(things, work)


def test_a_failure_that_was_caught_inside_is_no_commit(things: str) -> None:
    """PostgreSQL answers COMMIT with ROLLBACK then; that is no success."""

    async def work(database: PostgresDatabase) -> None:
        with pytest.raises(Unavailable):
            async with database.transaction() as tx:
                await tx.execute(INSERT, 1)
                with pytest.raises(asyncpg.UniqueViolationError):
                    await tx.execute(INSERT, 1)
        assert await count(database) == 0

    using(things, work)


def test_two_that_wait_for_each_other_are_told_to_try_again(things: str, tmp_path: Path) -> None:
    with opened(tmp_path / "cosignet.db") as rows:
        rows.execute("INSERT INTO things VALUES (1), (2)")

    async def work(database: PostgresDatabase) -> list[object]:
        met = asyncio.Barrier(2)

        async def lock(*ids: int) -> None:
            async with database.transaction() as tx:
                for number, id_ in enumerate(ids):
                    if number:
                        await met.wait()
                    await tx.execute("UPDATE things SET id = id WHERE id = $1", id_)

        ended = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
        return [type(one) for one in ended]

    assert sorted(map(str, using(things, work))) == sorted(map(str, [Unavailable, type(None)]))


def test_who_waits_too_long_for_a_row_is_told_to_try_again(
    things: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_wire, "LOCK_SECONDS", 0.1)
    with opened(tmp_path / "cosignet.db") as rows:
        rows.execute("INSERT INTO things VALUES (1)")
        rows.execute("BEGIN")
        rows.execute("UPDATE things SET id = 1")

        async def work(database: PostgresDatabase) -> None:
            with pytest.raises(Unavailable):
                async with database.transaction() as tx:
                    await tx.execute("UPDATE things SET id = 2")
            rows.execute("COMMIT")
            async with database.transaction() as tx:
                assert await tx.execute("UPDATE things SET id = 2") == 1

        using(things, work)


def test_a_node_goes_on_while_a_newer_one_adds_a_column(things: str, tmp_path: Path) -> None:
    async def look(database: PostgresDatabase) -> int:
        async with database.transaction() as tx:
            return len(await tx.fetch("SELECT * FROM things"))

    async def work(database: PostgresDatabase) -> None:
        assert await look(database) == len(await database.reader.fetch("SELECT * FROM things"))
        with opened(tmp_path / "cosignet.db") as rows:
            rows.execute("ALTER TABLE things ADD COLUMN size BIGINT")
        assert await database.reader.fetch("SELECT * FROM things") == []
        # Inside a transaction PostgreSQL refuses what was prepared before; once.
        with pytest.raises(Unavailable):
            await look(database)
        assert await look(database) == 0

    using(things, work)


def test_every_commit_is_synced_whatever_the_server_is_set_to(url: str, tmp_path: Path) -> None:
    found: list[str] = []
    for setting in ("off", "local", "on", "remote_apply"):
        with opened(tmp_path / "cosignet.db") as rows:
            name = value(rows, "SELECT current_database()")
            rows.execute(f"ALTER DATABASE {name} SET synchronous_commit = '{setting}'")

        async def look(database: PostgresDatabase) -> str:
            async with database.transaction() as tx:
                [row] = await tx.fetch("SELECT current_setting('synchronous_commit') AS now")
                return row["now"]

        found.append(using(url, look))
    assert found == ["on", "on", "on", "remote_apply"]


# --- Connections ----------------------------------------------------------------------------------


def test_more_who_write_than_there_are_connections_take_turns(things: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        async def insert(number: int) -> None:
            async with database.transaction() as tx:
                await tx.execute(INSERT, number)
                # As services do: whoever writes may still have to read something else.
                await count(database)

        await asyncio.gather(*map(insert, range(20 * WRITERS)))
        assert await count(database) == 20 * WRITERS

    using(things, work)


def test_who_gets_no_connection_in_time_is_told_so(
    things: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "ACQUIRE_SECONDS", 0.05)

    async def work(database: PostgresDatabase) -> None:
        held = [database.transaction() for _ in range(WRITERS)]
        for block in held:
            await block.__aenter__()
        with pytest.raises(Unavailable, match="busy"):
            async with database.transaction():
                pass
        assert await count(database) == 0  # readers have their own
        for block in held:
            await block.__aexit__(None, None, None)
        async with database.transaction() as tx:
            await tx.execute(INSERT, 1)

    using(things, work)


def test_one_that_was_lost_takes_those_along_that_nobody_uses(things: str) -> None:
    """A silent network tells nobody: each of them would cost somebody an answer."""

    async def work(database: PostgresDatabase) -> None:
        pool = database.writers
        lost, *others = [await pool.acquire() for _ in range(3)]
        for wire in (*others, lost):
            pool.release(wire)
        assert await pool.acquire() is lost
        lost.terminate()
        pool.release(lost)
        assert all(wire.is_closed() for wire in others)
        async with database.transaction() as tx:
            await tx.execute(INSERT, 1)
        assert await count(database) == 1

    using(things, work)


def test_a_statement_that_was_given_up_leaves_its_connection_to_nobody(things: str) -> None:
    async def work(database: PostgresDatabase) -> None:
        for _ in range(20):
            sleeping = asyncio.create_task(database.reader.fetch("SELECT pg_sleep(30)"))
            await asyncio.sleep(0.02)
            sleeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sleeping
            assert await count(database) == 0

    using(things, work)


def test_whoever_gives_up_at_any_moment_keeps_no_connection_and_leaves_nothing(
    things: str,
) -> None:
    async def work(database: PostgresDatabase) -> None:
        async def insert(number: int) -> None:
            async with database.transaction() as tx:
                await tx.execute(INSERT, number)
                await count(database)
                raise _Undo

        for turns in range(60):
            tasks = [asyncio.create_task(insert(number)) for number in range(2 * WRITERS)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        # As many as there are connections run at once, so all of them are there again.
        met = asyncio.Barrier(WRITERS)

        async def meet() -> None:
            async with database.transaction():
                await met.wait()

        await asyncio.gather(*(meet() for _ in range(WRITERS)))
        assert await count(database) == 0

    using(things, work)


def test_a_node_that_stops_while_it_begins_to_listen_leaves_nothing(things: str) -> None:
    for turns in range(40):

        async def work(database: PostgresDatabase, turns: int = turns) -> None:
            database.listen("topic", lambda _: None)
            for _ in range(turns):
                await asyncio.sleep(0)

        using(things, work)


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.ConnectionDoesNotExistError("lost"), True),
        (asyncpg.AdminShutdownError("stopping"), True),
        (asyncpg.CannotConnectNowError("starting"), True),
        (asyncpg.DiskFullError("full"), True),
        (asyncpg.TooManyConnectionsError("many"), True),
        (asyncpg.ReadOnlySQLTransactionError("standby"), True),
        (asyncpg.DeadlockDetectedError("deadlock"), True),
        (asyncpg.LockNotAvailableError("lock"), True),
        (asyncpg.QueryCanceledError("too long"), True),
        (asyncpg.DataCorruptedError("torn"), True),
        (asyncpg.UniqueViolationError("twice"), False),
        (asyncpg.UndefinedTableError("what"), False),
        (asyncpg.DataError("a number"), False),
        (asyncpg.exceptions.DataError("no bytes"), False),
        (ValueError(), False),
        (asyncio.CancelledError(), False),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseException) else "",
)
def test_an_outage_is_told_from_a_wrong_statement(error: BaseException, away: bool) -> None:
    assert is_outage(error) is away


def test_text_is_compared_by_its_bytes() -> None:
    table = "-- TEXT\nCREATE TABLE a (\n  b TEXT NOT NULL, c BIGINT, CONTEXT TEXT);"
    assert spelled(table).count('TEXT COLLATE "C"') == 3
    assert spelled("SELECT 'TEXT'") == "SELECT 'TEXT'"


# --- Opening --------------------------------------------------------------------------------------


def config(folder: Path, **more: str) -> Any:
    own = {"COSIGNET_DATA_DIR": str(folder / "data")}
    return read_config(own | engines.settings(folder) | more)


def open_once(configured: Any) -> list[str]:
    async def work() -> list[str]:
        found = await open_installation(
            configured, clock=now_ms, random=secrets.token_bytes, monotonic=time.monotonic
        )
        await found.runtime.database.close()
        return found.migrations

    return asyncio.run(work())


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
    os.write(1, f"{len(opened.migrations)}\\n".encode())

def child(config, wait, go):
    os.close(go)
    os.read(wait, 1)
    try:
        asyncio.run(start(config))
    except BaseException:
        traceback.print_exc()
    os._exit(0)

wait, go = os.pipe()
children = [os.fork() or child(read_config(), wait, go) for _ in range(4)]
os.close(go)
for pid in children:
    os.waitpid(pid, 0)
"""


def test_nodes_that_start_together_migrate_once(tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / str(number)
        own = {"COSIGNET_DATA_DIR": str(folder / "data")} | engines.settings(folder)
        ran = subprocess.run(
            [sys.executable, "-c", START_TOGETHER],
            env={"PYTHONPATH": ":".join(filter(None, sys.path)), **own},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert ran.stderr == ""
        known = len(migrate.migrations())
        assert sorted(map(int, ran.stdout.split())) == [0, 0, 0, known]
        assert not (folder / "data").exists()
        with opened(folder / "cosignet.db") as rows:
            assert value(rows, "SELECT count(*) FROM schema_migrations") == known
            assert value(rows, "SELECT count(*) FROM organisations") == 2


def test_a_node_without_the_key_is_refused_and_makes_none(tmp_path: Path) -> None:
    configured = config(tmp_path)
    assert open_once(configured) == [name for name, _ in migrate.migrations()]
    assert open_once(configured) == []
    del configured
    url = engines.url(tmp_path)
    alone = read_config({"COSIGNET_DATA_DIR": str(tmp_path / "data"), "COSIGNET_DATABASE_URL": url})
    with pytest.raises(SetupError, match="the same on every node"):
        open_once(alone)
    assert not (tmp_path / "data").exists()
    other = base64.b64encode(bytes(32)).decode()
    with pytest.raises(SetupError, match="not the one this store was made with"):
        open_once(config(tmp_path, COSIGNET_ENCRYPTION_KEY=other))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("postgresql://nobody:hunter2@127.0.0.1:1/x", "cannot be used"),
        ("postgresql://nobody:hunter2@127.0.0.1:port/x", "not a URL"),
        ("DATABASE?nowhere", "does not exist"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_words_without_the_password(
    url: str, wrong: str, words: str
) -> None:
    if wrong.startswith("DATABASE"):
        wrong = engines.server.url("nowhere")
    with pytest.raises(SetupError, match=words) as refused:
        asyncio.run(open_database(wrong, clock=now_ms))
    assert "hunter2" not in str(refused.value)


def test_a_database_in_another_encoding_is_refused() -> None:
    sql = "CREATE DATABASE in_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    engines.server.execute("postgres", sql)
    with pytest.raises(SetupError, match="LATIN1"):
        asyncio.run(open_database(engines.server.url("in_latin"), clock=now_ms))


def test_the_url_is_in_no_words_about_the_configuration(tmp_path: Path) -> None:
    configured = config(tmp_path, COSIGNET_DATABASE_URL="postgresql://me:hunter2@host/x")
    assert "hunter2" not in repr(configured)


# --- The database goes away -----------------------------------------------------------------------


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path / "data") as running:
        yield running


@contextmanager
def away() -> Iterator[None]:
    engines.server.stop()
    try:
        yield
    finally:
        engines.server.start()


def test_while_the_database_is_away_nothing_is_told_and_then_it_goes_on(live: Live) -> None:
    program, alex = live.program(), live.person("alex")
    decided, asked = (program.ask("alex")["id"] for _ in range(2))
    assert alex.approve(decided).is_success
    signed = alex.sign(asked)
    with background() as start, away():
        path = f"/api/confirmations/{asked}"
        answers = [
            program.get("/readyz"),
            program.get(path),
            program.get(f"/api/confirmations/{decided}"),
            program.get("/api/confirmations"),
            program.post("/api/confirmations", {"username": "alex", "action": "x", "payload": {}}),
            program.post(f"{path}/cancel"),
            alex.post_approval(asked, signed),
            alex.http.get(f"/confirm/{asked}/data"),
        ]
        assert [one.status_code for one in answers] == [503] * len(answers)
        assert all(int(one.headers["Retry-After"]) > 0 for one in answers)
        assert program.get("/healthz").is_success
        del start
    eventually(lambda: program.get("/readyz").is_success)
    assert program.read(decided)["status"] == "approved"
    assert program.read(asked)["status"] == "pending"
    assert alex.post_approval(asked, signed).is_success
    assert program.read(asked)["status"] == "approved"


@contextmanager
def read_only(live: Live) -> Iterator[None]:
    """As a server whose disk is full is made, or one that has become a standby."""
    with opened(live.data_dir / "cosignet.db") as rows:
        name = str(value(rows, "SELECT current_database()"))

    def become(setting: str) -> None:
        engines.server.execute(
            "postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = {setting}"
        )
        engines.server.execute(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            name,
        )

    become("on")
    try:
        yield
    finally:
        # Nobody is cut off now: connections that have been refused are not used again.
        engines.server.execute(
            "postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only"
        )


def test_a_database_that_is_read_only_is_read_and_what_would_write_is_503(live: Live) -> None:
    program, alex = live.program(), live.person("alex")
    decided, asked = (program.ask("alex")["id"] for _ in range(2))
    assert alex.approve(decided).is_success
    signed = alex.sign(asked)
    new = {"username": "alex", "action": "x", "payload": {}}

    def writing() -> list[httpx2.Response]:
        return [
            program.post("/api/confirmations", new),
            program.post("/api/confirmations", new, headers={"Idempotency-Key": "once"}),
            program.post(f"/api/confirmations/{asked}/cancel"),
            alex.post_approval(asked, signed),
            program.get("/readyz"),
        ]

    with read_only(live):
        for _ in range(2 * WRITERS):
            eventually(lambda: program.get(f"/api/confirmations/{asked}").is_success)
            answers = writing()
            assert [one.status_code for one in answers] == [503] * len(answers)
        assert program.read(asked)["status"] == "pending"
        assert program.read(decided)["status"] == "approved"
        assert program.get("/healthz").is_success
    eventually(lambda: program.get("/readyz").is_success)
    assert program.read(asked)["status"] == "pending"
    assert len(program.get("/api/confirmations").json()["items"]) == 2
    assert alex.post_approval(asked, signed).is_success
    assert program.post("/api/confirmations", new).status_code == 201


def test_who_waits_while_the_database_goes_away_is_answered_and_may_wait_again(live: Live) -> None:
    program, alex = live.program(), live.person("alex")
    asked = program.ask("alex")["id"]
    with background() as start:
        held = start(program.get, f"/api/confirmations/{asked}", wait=25)
        eventually(lambda: len(live.runtime.waiters) == 1)
        with away():
            pass
        eventually(lambda: program.get("/readyz").is_success)
        assert alex.approve(asked).is_success
        answer = held.result()
    assert answer.status_code == 503 or answer.json()["status"] == "approved"


class Wire:
    """Stands between a node and the server, and cuts what goes through after a word was said."""

    def __init__(self, socket: Path) -> None:
        self._server = socket
        self.folder = socket.parent / f"wire-{secrets.token_hex(4)}"
        self.folder.mkdir()
        self.cut_after: bytes | None = None
        """When this was answered, the answer is lost."""

    async def __aenter__(self) -> "Wire":
        path = self.folder / self._server.name
        self._listening = await asyncio.start_unix_server(self._connect, path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()

    async def _connect(self, near: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        far, away_ = await asyncio.open_unix_connection(self._server)
        said = b""

        async def there() -> None:
            nonlocal said
            while data := await near.read(65_536):
                said = data
                away_.write(data)

        async def back() -> None:
            while data := await far.read(65_536):
                if self.cut_after is not None and self.cut_after in said:
                    to.transport.abort()
                    return
                to.write(data)

        tasks = [asyncio.create_task(there()), asyncio.create_task(back())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        away_.close()
        to.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire on a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    found = Wire(engines.server.folder / ".s.PGSQL.5432")

    def run(work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(60)

    run(found.__aenter__())
    yield found
    run(found.__aexit__())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_commit_whose_answer_is_lost_is_503_and_the_next_read_tells(
    tmp_path: Path, wire: Wire
) -> None:
    folder = tmp_path / "data"
    engines.settings(folder)
    through = engines.url(folder).replace(str(engines.server.folder), str(wire.folder))
    with Live(folder, {"COSIGNET_DATABASE_URL": through}) as live:
        program, alex = live.program(), live.person("alex")
        asked = program.ask("alex")["id"]
        signed = alex.sign(asked)
        wire.cut_after = b"COMMIT"
        answer = alex.post_approval(asked, signed)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        wire.cut_after = None
        assert program.read(asked)["status"] == "approved"
        assert alex.post_approval(asked, signed).status_code == 409
        # One statement that commits by itself is no different.
        wire.cut_after = b"INSERT INTO confirmations"
        with background() as start:
            body = {"username": "alex", "action": "x", "payload": {}}
            assert start(program.post, "/api/confirmations", body).result().status_code == 503


def test_a_commit_that_did_not_arrive_is_503_and_nothing_was_decided(live: Live) -> None:
    program, alex = live.program(), live.person("alex")
    asked = program.ask("alex")["id"]
    signed = alex.sign(asked)
    with opened(live.data_dir / "cosignet.db") as rows:
        rows.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        rows.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON signatures"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"
        )
        assert alex.post_approval(asked, signed).status_code == 503
        rows.execute("DROP TRIGGER late ON signatures")
    assert program.read(asked)["status"] == "pending"
    assert alex.post_approval(asked, signed).is_success


# --- Clocks ---------------------------------------------------------------------------------------


class Ahead(Clock):
    """A node's clock that is ahead of the database's."""

    def __call__(self) -> int:
        return super().__call__() + 1_000


def test_a_node_whose_clock_is_ahead_tells_what_the_database_knows(tmp_path: Path) -> None:
    with Live(tmp_path / "data", clock=Ahead()) as live:
        program, alex = live.program(), live.person("alex")
        asked = program.ask("alex", ttlSeconds=30)["id"]
        assert alex.sign(asked)
        live.clock.advance(30.5)
        # Late by the node's clock, in time by the database's.
        assert program.read(asked)["status"] == "pending"

        async def wait(rt: Runtime) -> str:
            found = await watch.get(rt, asked, wait_seconds=20)
            return found.status

        assert live.run(wait) == "expired"
    with opened(tmp_path / "data" / "cosignet.db") as rows:
        assert value(rows, "SELECT decided_at >= expires_at FROM confirmations") is True
