"""`/metrics`: whom it answers, in which format, and what it counts."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from tests.live import Live
from tests.people import Person, client

from cosignet.core.errors import Unavailable
from cosignet.server import exposition
from cosignet.server.exposition import Place
from cosignet.server.meter import Meter
from cosignet.server.services import access, operate, watch
from cosignet.server.web.routes import ROUTES

TOKEN = "0123456789abcdef-a-token"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def watched(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = {"COSIGNET_METRICS_TOKEN": TOKEN}
    with Live(tmp_path_factory.mktemp("watched") / "data", settings) as live:
        yield live


def scrape(live: Live, token: str = TOKEN, **headers: str) -> Any:
    http = client(live.listens_at, {"Authorization": f"Bearer {token}", **headers})
    return http.get("/metrics")


def samples(live: Live) -> Samples:
    answer = scrape(live)
    assert answer.status_code == 200, answer.text
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in parse_text(answer.text)
        for one in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset({**labels, "worker": "0"}.items())), 0.0)


def test_without_a_token_of_the_operators_nothing_is_there(live: Live) -> None:
    for token in (TOKEN, "None"):
        answer = scrape(live, token)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


WRONG = ["", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer", "é"]


@pytest.mark.parametrize("sent", WRONG)
def test_another_token_is_refused(watched: Live, sent: str) -> None:
    http = client(watched.listens_at, {})
    answer = http.get("/metrics", headers={"Authorization": sent.encode()} if sent else {})
    assert (answer.status_code, answer.json()["code"]) == (401, "metrics_token_missing")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_neither_a_key_nor_a_session_nor_a_query_reads_metrics(watched: Live) -> None:
    person = watched.newcomer()
    person.sign_in()
    assert person.http.get("/metrics").status_code == 401
    assert watched.program().get("/metrics").status_code == 401
    assert person.http.get("/metrics", params={"token": TOKEN}).status_code == 401


def test_a_scraper_that_knows_only_an_address_is_answered(watched: Live) -> None:
    assert scrape(watched, Host="10.0.0.7:8000").status_code == 200


def test_it_is_the_text_format_or_openmetrics_for_who_asks(watched: Live) -> None:
    plain = scrape(watched)
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    asked = scrape(watched, Accept="application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = [
        {family.name for family in families}
        for families in (parse_text(plain.text), parse_openmetrics(asked.text))
    ]
    assert names[0] == names[1]
    assert {"cosignet_http_requests", "process_cpu_seconds", "cosignet_build_info"} <= names[0]


def test_what_happens_is_counted(watched: Live) -> None:
    person, program = watched.newcomer(), watched.program()
    before = samples(watched)
    ids = [program.ask(person.username)["id"] for _ in range(4)]
    person.approve(ids[0])
    person.reject(ids[1])
    program.post(f"/api/confirmations/{ids[2]}/cancel")
    program.post(f"/api/confirmations/{ids[2]}/cancel")
    watched.clock.advance(3600)
    program.read(ids[3])
    watched.clock.advance(-3600)
    after = samples(watched)

    def rise(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert rise("cosignet_confirmations_created_total") == 4
    for end in ("approved", "rejected", "expired", "cancelled"):
        assert rise("cosignet_confirmations_decided_total", end=end) == 1, end
    create = {"route": "/api/confirmations", "method": "POST"}
    assert rise("cosignet_http_requests_total", **create, status="2xx") == 4
    cancel = {"route": "/api/confirmations/{id}/cancel", "method": "POST"}
    assert rise("cosignet_http_requests_total", **cancel, status="4xx") == 1
    assert rise("cosignet_refusals_total", code="already_decided") == 1
    route = "/api/confirmations/{id}/cancel"
    assert rise("cosignet_http_request_duration_seconds_count", route=route) == 2
    assert rise("cosignet_commit_writers_count") >= 8
    assert rise("cosignet_commit_duration_seconds_sum") > 0
    assert rise("cosignet_commit_failures_total") == 0
    assert value(after, "cosignet_database_readable") == 1
    assert value(after, "process_open_fds") > 0
    if watched.engine == "postgres":
        assert value(after, "cosignet_database_connections", pool="reads", state="most") == 6
        assert value(after, "cosignet_database_connections", pool="reads", state="used") == 0


def test_what_waits_and_who_waits_is_counted(watched: Live) -> None:
    person, program = watched.newcomer(), watched.program()
    asked = program.ask(person.username)

    async def held(rt: Any) -> float:
        waiting = asyncio.ensure_future(operate_wait(rt, program.key, asked["id"]))
        while not rt.waiters.held:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        body, _ = await operate.expose(rt, accept="")
        waiting.cancel()
        [found] = re.findall(r'^cosignet_held_requests{worker="0"} (.*)$', body.decode(), re.M)
        return float(found)

    assert watched.run(held) == 1
    found = samples(watched)
    assert value(found, "cosignet_held_requests") == 0
    assert value(found, "cosignet_waiting", what="confirmations") >= 1
    assert value(found, "cosignet_waiting", what="expiries") == 0


async def operate_wait(rt: Any, secret: str, id_: str) -> None:
    key = await access.authenticate(rt, secret)
    await watch.get_own(rt, key, id_, wait_seconds=20)


def test_no_label_grows_with_what_strangers_send(watched: Live) -> None:
    http = Person(watched.url, base_url=watched.listens_at).http

    def wander(word: str) -> set[Any]:
        for path in (f"/{word}", f"/confirm/{word}", f"/static/{word}", f"/api/keys/{word}/rotate"):
            for method in ("GET", "POST", word.upper()):
                http.request(method, path)
                http.request(method, path, params={word: word, "wait": "1"})
        return set(samples(watched))

    first = wander("first")
    assert wander("second") == first
    templates = {row.path for row in ROUTES} | {"none", "/static/{name}"}
    for _, labels in first:
        route = dict(labels).get("route", "none")
        assert route.removesuffix("?wait") in templates


def test_while_the_database_is_away_metrics_say_so(
    watched: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("away")

    assert value(samples(watched), "cosignet_database_readable") == 1
    monkeypatch.setattr(type(watched.runtime.database.reader), "fetch", away)
    found = samples(watched)
    assert value(found, "cosignet_database_readable") == 0
    assert not [name for name, _ in found if name == "cosignet_waiting"]
    monkeypatch.undo()
    assert value(samples(watched), "cosignet_database_readable") == 1


# --- Several processes behind one port -----------------------------------------------------------


def left_by(folder: Path, number: int, answers: int) -> Meter:
    meter = Meter()
    for _ in range(answers):
        meter.answers.add("/", "GET", 200, 0.01)
    found = exposition.families(meter.registry, worker=number)
    Place(number, folder).leave(found)
    return meter


def test_whoever_is_asked_tells_the_figures_of_all(tmp_path: Path) -> None:
    for number, answers in ((0, 1), (1, 2), (2, 3)):
        meter = left_by(tmp_path, number, answers)
    ours = exposition.families(meter.registry, worker=2)
    body, _ = exposition.expose([ours, *Place(2, tmp_path).gather()], accept="")
    text = body.decode()
    told = re.findall(r'^cosignet_http_requests_total\{.*worker="(\d)".*\} (.*)$', text, re.M)
    assert sorted(told) == [("0", "1.0"), ("1", "2.0"), ("2", "3.0")]
    assert text.count("# TYPE cosignet_http_requests_total ") == 1
    assert Place().gather() == []


@pytest.mark.parametrize("left", [b"", b"{", b"[1, 2", b"\xff\xfe"])
def test_what_another_process_has_left_broken_is_left_out(tmp_path: Path, left: bytes) -> None:
    left_by(tmp_path, 0, 1)
    tmp_path.joinpath("1.json").write_bytes(left)
    tmp_path.joinpath("2.draft").write_bytes(left)
    found = Place(5, tmp_path).gather()
    assert len(found) == 1
