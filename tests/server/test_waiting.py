"""Waiting for a decision: nobody sleeps through it, nobody is held for a client that has gone."""

import asyncio
import json
import random
import signal
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from http.client import HTTPResponse
from pathlib import Path
from types import MappingProxyType

import httpx2
import pytest
from tests.live import Live, Process
from tests.people import JSON, Person, Program
from tests.server.rows import add_webhook, check, opened
from tests.server.together import allowing, background, eventually

from cosignet.core.confirmation import WAIT_SECONDS_MAX, Confirmation
from cosignet.core.limits import held_per_node
from cosignet.server.runtime import Runtime
from cosignet.server.services import decide, watch
from cosignet.server.store import confirmations
from cosignet.server.store.db import Reader

FAR_SECONDS = 3600
SOON_SECONDS = 15
"""Answers come in milliseconds; this only tells them from those that waited to the end."""


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("waiting") / "data"
    with Live(folder) as running:
        with opened(running.data_dir / "cosignet.db") as rows:
            add_webhook(rows)
        yield running
        with opened(running.data_dir / "cosignet.db") as rows:
            check(rows)


@pytest.fixture(autouse=True)
def _nobody_is_left_waiting(live: Live) -> Iterator[None]:
    yield
    eventually(lambda: len(live.runtime.waiters) == 0)
    assert live.runtime.waiters._waiting == {}


@pytest.fixture
def asked(program: Program, alex: Person) -> str:
    return program.ask(alex.username)["id"]


def waiting(live: Live, count: int) -> None:
    """Return when so many wait: they are registered, have read, and have their places."""
    waiters = live.runtime.waiters
    eventually(lambda: len(waiters) == waiters.held == count)


async def reject(rt: Runtime, confirmation: str) -> Confirmation:
    return await decide.reject(rt, confirmation, credential=None, reason=None)


@pytest.mark.parametrize("path", ["/api/confirmations/{}", "/confirm/{}/data"])
@pytest.mark.parametrize("wait", ["-1", "26", "1.5", "1e1", "x", "", "25s", "٣", "0x1", "9" * 20])
def test_a_wait_out_of_range_is_refused(program: Program, asked: str, path: str, wait: str) -> None:
    answer = program.get(path.format(asked), wait=wait)
    assert (answer.status_code, answer.json()["field"]) == (422, "wait")


@pytest.mark.parametrize("wait", [0, 25])
def test_a_wait_on_what_is_decided_is_no_wait(
    live: Live, program: Program, alex: Person, asked: str, wait: int
) -> None:
    assert alex.approve(asked).is_success
    assert program.read(asked, wait=wait)["status"] == "approved"
    assert WAIT_SECONDS_MAX == 25


def test_a_hundred_who_wait_are_all_answered_by_one_decision(
    live: Live, program: Program, alex: Person, asked: str
) -> None:
    async def wait_together(rt: Runtime) -> list[Confirmation]:
        waits = [watch.get(rt, asked, wait_seconds=FAR_SECONDS) for _ in range(100)]
        return await asyncio.gather(*waits)

    with background() as start:
        crowd: Future[list[Confirmation]] = start(live.run, wait_together)
        waiting(live, 100)
        readers: list[Future[JSON]] = [start(program.read, asked, wait=25) for _ in range(5)]
        pages: list[Future[httpx2.Response]] = [
            start(alex.http.get, f"/confirm/{asked}/data", params={"wait": 25}) for _ in range(5)
        ]
        waiting(live, 110)
        assert program.read(asked)["status"] == "pending"
        assert alex.approve(asked).is_success
        assert {one.status for one in crowd.result(SOON_SECONDS)} == {"approved"}
        assert {one.result(SOON_SECONDS)["status"] for one in readers} == {"approved"}
        assert {one.result(SOON_SECONDS).json()["status"] for one in pages} == {"approved"}


def test_only_those_are_woken_whose_confirmation_was_decided(
    live: Live, program: Program, alex: Person, asked: str
) -> None:
    other = program.ask(alex.username)["id"]
    with background() as start:
        first: Future[JSON] = start(program.read, asked, wait=25)
        second: Future[JSON] = start(program.read, other, wait=25)
        waiting(live, 2)
        assert alex.approve(other).is_success
        assert second.result(SOON_SECONDS)["status"] == "approved"
        assert not first.done()
        assert alex.reject(asked).is_success
        assert first.result(SOON_SECONDS)["status"] == "rejected"


def test_a_decision_between_the_look_and_the_wait_is_not_slept_through(
    live: Live, program: Program, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = confirmations.get
    decided = False

    async def decided_meanwhile(reader: Reader, confirmation: str) -> Confirmation | None:
        nonlocal decided
        found = await get(reader, confirmation)
        if not decided and len(live.runtime.waiters):
            decided = True
            await reject(live.runtime, asked)
        return found  # still pending: it was read before

    monkeypatch.setattr(confirmations, "get", decided_meanwhile)
    with background() as start:
        read: Future[JSON] = start(program.read, asked, wait=25)
        assert read.result(SOON_SECONDS)["status"] == "rejected"
    assert decided


def test_no_wake_up_is_lost_in_a_crowd(live: Live, program: Program, alex: Person) -> None:
    ids = [program.ask(alex.username)["id"] for _ in range(150)]

    async def soon(rt: Runtime, confirmation: str) -> Confirmation:
        for _ in range(random.randrange(12)):
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            return await watch.get(rt, confirmation, wait_seconds=FAR_SECONDS)

    async def decide_soon(rt: Runtime, confirmation: str) -> Confirmation:
        for _ in range(random.randrange(12)):
            await asyncio.sleep(0)
        return await reject(rt, confirmation)

    async def race(rt: Runtime) -> list[Confirmation]:
        calls = [call(rt, one) for one in ids for call in (soon, decide_soon, soon, soon)]
        return await asyncio.gather(*calls)

    assert {found.status for found in live.run(race)} == {"rejected"}


def test_who_waits_across_the_deadline_is_told_expired_once(
    live: Live, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username, ttlSeconds=1)["id"]
    with background() as start:
        reads: list[Future[JSON]] = [start(program.read, asked, wait=25) for _ in range(8)]
        assert {read.result(SOON_SECONDS)["status"] for read in reads} == {"expired"}
    with opened(live.data_dir / "cosignet.db") as rows:
        sql = "SELECT count(*) FROM deliveries WHERE confirmation_id = ?"
        assert rows.execute(sql, [asked]).fetchone()[0] == 1


def test_who_waits_is_told_pending_when_the_wait_is_over(program: Program, asked: str) -> None:
    assert program.read(asked, wait=1)["status"] == "pending"


def test_nobody_waits_for_what_is_not_theirs(live: Live, stranger: Program, asked: str) -> None:
    assert stranger.get(f"/api/confirmations/{asked}", wait=25).status_code == 404
    assert stranger.get("/api/confirmations/none", wait=25).status_code == 404
    assert len(live.runtime.waiters) == 0


def hold(
    port: int, program: Program, path: str, headers: Mapping[str, str] = MappingProxyType({})
) -> socket.socket:
    """Send a request that waits, and do not read."""
    connection = socket.create_connection(("localhost", port))
    fields = {"Host": "localhost", "X-Api-Key": program.key, **headers}
    lines = [f"GET {path}?wait=25 HTTP/1.1", *(f"{name}: {fields[name]}" for name in fields)]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def assert_answered(connection: socket.socket, status: str) -> None:
    """Assert that a request that waited is answered, with a status."""
    with connection, HTTPResponse(connection) as answer:
        connection.settimeout(SOON_SECONDS)
        answer.begin()
        assert (answer.status, json.load(answer)["status"]) == (200, status)


def hang_up(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("leave", [hang_up, reset])
@pytest.mark.parametrize("path", ["/api/confirmations/{}", "/confirm/{}/data"])
def test_who_hangs_up_is_not_waited_for(
    live: Live,
    program: Program,
    alex: Person,
    asked: str,
    path: str,
    leave: Callable[[socket.socket], None],
) -> None:
    connections = [hold(live.port, program, path.format(asked)) for _ in range(50)]
    waiting(live, 50)
    for connection in connections[:40]:
        leave(connection)
    waiting(live, 10)
    assert program.get("/healthz").is_success
    assert alex.approve(asked).is_success
    for connection in connections[40:]:
        assert_answered(connection, "approved")


def test_a_client_that_leaves_while_it_performs_an_expiry_does_no_harm(
    live: Live, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username, ttlSeconds=1)["id"]
    connections = [hold(live.port, program, f"/api/confirmations/{asked}") for _ in range(20)]
    waiting(live, 20)
    live.clock.advance(2)
    for connection in connections:
        hang_up(connection)
    waiting(live, 0)
    assert program.read(asked)["status"] == "expired"


UUID_CHARACTERS = 36
API, PAGE = "/api/confirmations/{}", "/confirm/{}/data"


@pytest.mark.parametrize(
    ("path", "limit", "status", "code"),
    [
        (API, "held_per_key", 429, "too_many_waiting"),
        (API, "held_per_organisation", 429, "too_many_waiting"),
        (PAGE, "held_per_page", 429, "too_many_waiting"),
        (API, "held_per_node", 503, "node_full"),
        (PAGE, "held_per_node", 503, "node_full"),
    ],
)
def test_who_waits_beyond_a_limit_is_told_so_at_once(
    live: Live,
    program: Program,
    alex: Person,
    asked: str,
    path: str,
    limit: str,
    status: int,
    code: str,
) -> None:
    with allowing(live, **{limit: 3}):
        held = [hold(live.port, program, path.format(asked)) for _ in range(3)]
        waiting(live, 3)
        whose = [name.partition(" ")[2] for name in live.runtime.waiters._taken]
        assert all(len(one) == UUID_CHARACTERS for one in whose), "nobody shares with others"
        refused = program.get(path.format(asked), wait=25)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert int(refused.headers["retry-after"]) > 0
        assert program.get(path.format(asked)).is_success, "who does not wait needs no place"
        hang_up(held.pop())
        waiting(live, 2)
        held.append(hold(live.port, program, path.format(asked)))
        waiting(live, 3)
        assert alex.approve(asked).is_success
        assert program.get(path.format(asked), wait=25).is_success
        for connection in held:
            assert_answered(connection, "approved")
    eventually(lambda: not live.runtime.waiters._taken and not live.runtime.waiters._all)


@pytest.mark.parametrize(
    ("limit", "whose"), [("held_per_key", "colleague"), ("held_per_organisation", "stranger")]
)
def test_who_waits_too_much_leaves_others_their_places(
    live: Live,
    program: Program,
    alex: Person,
    asked: str,
    limit: str,
    whose: str,
    request: pytest.FixtureRequest,
) -> None:
    other: Program = request.getfixturevalue(whose)
    with allowing(live, **{limit: 1}):
        held = hold(live.port, program, API.format(asked))
        waiting(live, 1)
        own = API.format(asked)
        assert program.get(own, wait=1).status_code == 429
        wanted = 404 if whose == "stranger" else 200
        assert other.get(own, wait=1).status_code == wanted
        hang_up(held)


def test_a_reserve_of_descriptors_is_kept() -> None:
    found = {number: held_per_node(number) for number in (64, 512, 1024, 65_536, 1 << 20)}
    assert found == {64: 1, 512: 256, 1024: 768, 65_536: 20_000, 1 << 20: 20_000}


@pytest.mark.parametrize("path", [API, PAGE])
def test_nobody_is_held_any_more_by_a_server_that_stops(
    live: Live, program: Program, asked: str, path: str
) -> None:
    live.runtime.waiters.release()
    try:
        connection = hold(live.port, program, path.format(asked))
        assert_answered(connection, "pending")
    finally:
        live.runtime.waiters.released = False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_answers_all_who_wait_with_what_there_is(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Process(tmp_path / "data") as server:
        owner = Person(server.url)
        owner.register(server.owner_link(), "alex")
        program = Program(server.url, owner.practise()["apiKey"]["key"])
        asked = program.ask("alex")["id"]
        paths = [f"/api/confirmations/{asked}", f"/confirm/{asked}/data"] * 5
        connections = [hold(server.port, program, path) for path in paths]
        for _ in range(5):
            # Each on a connection of its own, which is accepted after those that wait.
            assert httpx2.get(f"{server.url}/healthz").is_success
        server.process.send_signal(number)
        for connection in connections:
            assert_answered(connection, "pending")
        server.process.wait(SOON_SECONDS)
    assert "Traceback" not in server.said
