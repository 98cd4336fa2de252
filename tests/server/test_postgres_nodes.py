"""Several nodes on one PostgreSQL: what one decides all others tell, whoever waits there hears it.

That somebody was woken is seen as no node looks for them: only its background work would.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from tests.engines import engines
from tests.live import Live, Process
from tests.people import Person, Program
from tests.server.barrage import Barrage, Shot
from tests.server.rows import add_webhook, check, opened, value
from tests.server.test_races import Contest
from tests.server.together import background, eventually

from cosignet.core.confirmation import Confirmation
from cosignet.core.errors import Unavailable
from cosignet.server import worker
from cosignet.server.runtime import Runtime
from cosignet.server.services import watch
from cosignet.server.store import confirmations
from cosignet.server.store.db import Reader

pytestmark = pytest.mark.engine("postgres")
FAR_SECONDS = 3600
ROUNDS = 4
CONTESTS = 40


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Live, Live]]:
    """Two nodes, the second under the first one's public URL."""
    with (
        Live(tmp_path / "data") as first,
        Live(tmp_path / "data", {"COSIGNET_PUBLIC_URL": first.url}) as second,
    ):
        # Before their first statements: those would stay with the clock they have found.
        engines.set_clock(first.data_dir, stopped_at=None, offset_ms=0)
        yield first, second
    with opened(tmp_path / "data" / "cosignet.db") as rows:
        check(rows)


def at(node: Live, person: Person) -> Person:
    """Return the same person with the same passkey, at another node."""
    return Person(person.url, person.passkey, person.username, node.listens_at)


def wait_at(node: Live, confirmation: str) -> str:
    """Wait at a node, far longer than any test."""

    async def work(rt: Runtime) -> Confirmation:
        return await watch.get(rt, confirmation, wait_seconds=FAR_SECONDS)

    return node.run(work).status


def listeners(node: Live) -> list[int]:
    """The server's processes that serve a connection which listens."""
    with opened(node.data_dir / "cosignet.db") as rows:
        sql = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'cosignet listens' AND query ILIKE 'LISTEN%'"
        )
        return [row["pid"] for row in rows.execute(sql)]


def cut(node: Live, pids: list[int]) -> None:
    with opened(node.data_dir / "cosignet.db") as rows:
        for pid in pids:
            rows.execute("SELECT pg_terminate_backend(?)", [pid])


def database(node: Live) -> str:
    with opened(node.data_dir / "cosignet.db") as rows:
        return str(value(rows, "SELECT current_database()"))


def test_a_decision_on_one_node_releases_who_waits_on_another(nodes: tuple[Live, Live]) -> None:
    here, there = nodes
    program, alex = here.program(), here.person("alex")
    eventually(lambda: len(listeners(here)) == 2)
    for decide in (
        lambda id_: at(there, alex).approve(id_),
        lambda id_: at(there, alex).reject_signed(id_),
        lambda id_: Program(there.listens_at, program.key).post(f"/api/confirmations/{id_}/cancel"),
    ):
        asked, other = (program.ask("alex")["id"] for _ in range(2))
        with background() as start:
            held: Future[str] = start(wait_at, here, asked)
            left: Future[str] = start(wait_at, here, other)
            eventually(lambda: len(here.runtime.waiters) == 2)
            answer = decide(asked)
            assert answer.is_success
            assert held.result() == program.read(asked)["status"]
            assert not left.done()
            assert at(there, alex).approve(other).is_success
            assert left.result() == "approved"


def test_a_node_that_was_cut_off_listens_again(nodes: tuple[Live, Live]) -> None:
    here, there = nodes
    program, alex = here.program(), here.person("alex")
    asked = program.ask("alex")["id"]
    with background() as start:
        held: Future[str] = start(wait_at, here, asked)
        eventually(lambda: len(here.runtime.waiters) == 1)
        eventually(lambda: len(listeners(here)) == 2)
        before = set(listeners(here))
        cut(here, list(before))
        eventually(lambda: len(set(listeners(here)) - before) == 2)
        assert not held.done()
        assert at(there, alex).approve(asked).is_success
        assert held.result() == "approved"


def test_what_was_decided_while_a_node_was_cut_off_is_heard_when_it_is_back(
    nodes: tuple[Live, Live],
) -> None:
    here, there = nodes
    program, alex = here.program(), here.person("alex")
    asked = program.ask("alex")["id"]
    elsewhere = at(there, alex)
    signed = elsewhere.sign(asked)
    name = database(here)
    with background() as start:
        held: Future[str] = start(wait_at, here, asked)
        eventually(lambda: len(here.runtime.waiters) == 1)
        eventually(lambda: len(listeners(here)) == 2)
        pids = listeners(here)
        engines.server.execute("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        for pid in pids:
            engines.server.execute("postgres", "SELECT pg_terminate_backend($1)", pid)
        assert elsewhere.post_approval(asked, signed).is_success
        assert not held.done()
        engines.server.execute("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert held.result() == "approved"


def test_without_any_notification_a_node_looks_for_those_who_wait(
    nodes: tuple[Live, Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = nodes
    monkeypatch.setattr(watch, "LOOK_BATCH", 3)
    here.runtime.database.poll_seconds = 0.2
    here.runtime.database._listeners.clear()
    looks = 0

    async def ask(reader: Reader, ids: Sequence[str]) -> list[str]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError("a defect is not the end of it")
        if looks == 2:
            raise Unavailable("nor is the database's absence")
        return await decided_among(reader, ids)

    decided_among = confirmations.decided_among
    monkeypatch.setattr(confirmations, "decided_among", ask)

    async def begin(rt: Runtime) -> asyncio.Task[None]:
        return asyncio.create_task(worker.look(rt))

    looking = here.run(begin)
    program, alex = here.program(), here.person("alex")
    asked = program.ask("alex")["id"]
    others = [program.ask("alex")["id"] for _ in range(6)]
    with background() as start:
        # More than are asked for at once, and what was decided is not the first.
        waiting: list[Future[str]] = [start(wait_at, here, one) for one in others]
        eventually(lambda: len(here.runtime.waiters) == 6)
        held: Future[str] = start(wait_at, here, asked)
        eventually(lambda: len(here.runtime.waiters) == 7)
        assert at(there, alex).approve(asked).is_success
        assert held.result() == "approved"
        assert not any(one.done() for one in waiting)
        for one in others:
            assert at(there, alex).approve(one).is_success
    here.loop.call_soon_threadsafe(looking.cancel)


@pytest.mark.engine("sqlite")
def test_where_no_notification_is_lost_nobody_looks(live: Live) -> None:
    live.run(worker.look)


# --- Two programs ---------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    """Two processes as people start them, as behind a proxy that ends TLS."""
    url = "https://approve.example"
    engines.settings(tmp_path / "data")
    # A statement that was prepared before there was a clock of ours would not know it.
    engines.set_clock(tmp_path / "data", stopped_at=None, offset_ms=0)
    with (
        Process(tmp_path / "data", public_url=url) as first,
        Process(tmp_path / "data", public_url=url) as second,
    ):
        # Before their first statements: those would stay with the clock they have found.
        engines.set_clock(first.data_dir, stopped_at=None, offset_ms=0)
        yield first, second
    with opened(tmp_path / "data" / "cosignet.db") as rows:
        check(rows)


KINDS = {"approved", "rejected", "expired", "expired, by time"}


def test_of_all_who_decide_at_once_at_two_nodes_one_wins_and_no_read_goes_back(
    programs: tuple[Process, Process],
) -> None:
    first, second = programs
    owner = Person(first.url, base_url=first.listens_at)
    owner.register(first.command("invite", "create").stdout.strip(), "alex")
    key = first.command("apikey", "create", "--name", "deployer").stdout.strip()
    here, there = (Program(node.listens_at, key, first.url) for node in (first, second))
    owner.http.get("/confirm/" + here.ask("alex")["id"])  # gives the page's cookie
    seen: Counter[str] = Counter()
    with (
        opened(first.data_dir / "cosignet.db") as rows,
        Barrage(first.port, second.port) as barrage,
    ):
        add_webhook(rows)

        def signatures() -> int:
            return int(str(value(rows, "SELECT count(*) FROM signatures")))

        for round_ in range(ROUNDS):
            contests = [Contest(here, owner) for _ in range(CONTESTS)]
            shots: list[Shot] = [shot for one in contests for shot in one.shots]
            before = signatures()

            def run_out_of_time(before: int = before, round_: int = round_) -> None:
                # By the database's clock, which decides; those of the nodes stay behind.
                if round_ % 2:
                    eventually(lambda: signatures() > before + 2)
                    engines.set_clock(first.data_dir, stopped_at=None, offset_ms=61_000)

            late = [Contest(here, owner)] if round_ % 2 else []
            fired = barrage.fire(shots, run_out_of_time)
            # However quick the others were, here time has won.
            fired += [hit for one in late for hit in barrage.fire(one.shots)]
            hits = {id(hit.shot): hit for hit in fired}
            for contest in contests + late:
                found = here.read(contest.id)
                won = contest.judge(hits, found["status"])
                seen[found["status"] + ("" if won else ", by time")] += 1
                assert there.read(contest.id) == found
            engines.set_clock(first.data_dir, stopped_at=None, offset_ms=0)
    assert set(seen) == KINDS, seen


def test_a_key_that_ends_at_one_node_has_ended_at_the_other(nodes: tuple[Live, Live]) -> None:
    here, there = nodes
    program = here.program()
    elsewhere = Program(there.listens_at, program.key)
    assert elsewhere.get("/api/confirmations").is_success
    with opened(here.data_dir / "cosignet.db") as rows:
        rows.execute("UPDATE api_keys SET revoked_at = 1")
    assert elsewhere.get("/api/confirmations").status_code == 401


def test_a_challenge_that_was_taken_at_one_node_is_gone_at_the_other(
    nodes: tuple[Live, Live],
) -> None:
    here, there = nodes
    alex = here.person("alex")
    options = alex.http.post("/login/options", json={}).json()
    body = {"credential": alex.passkey.sign(options, origin=alex.url)}
    elsewhere = at(there, alex)
    elsewhere.http.cookies.update(alex.http.cookies)
    with background() as start:
        answers: list[Future[Any]] = [
            start(person.http.post, "/login", json=body) for person in (alex, elsewhere) * 5
        ]
        assert Counter(one.result().status_code for one in answers) == {200: 1, 409: 9}
