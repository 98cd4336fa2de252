"""The log: one line an event, and no secret in any, whatever the server went through."""

import io
import json
import logging
import re
import secrets as random
from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.live import Live
from tests.people import Person, Program, client

from cosignet.core.access import Scope
from cosignet.server import logs
from cosignet.server.runtime import Runtime
from cosignet.server.web import told
from cosignet.server.web.routes import ROUTES

FORMS: tuple[logs.LogFormat, ...] = ("text", "json")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged; where to is as before afterwards."""
    ours = logging.getLogger(logs.LOGGER)
    before = (logging.root.handlers[:], logging.root.level, ours.level, logging.raiseExceptions)
    yield io.StringIO()
    handlers, root, level, raises = before
    logging.root.handlers[:] = handlers
    logging.root.setLevel(root)
    ours.setLevel(level)
    logging.raiseExceptions = raises


async def nothing(_: Runtime) -> None:
    """Be done once everything before is."""


def settled(live: Live, written: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines once the server is done with every request that has been answered."""

    live.run(nothing)
    return lines(written)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def wander(live: Live) -> set[str]:
    """Use every route, well and badly; return every secret that occurred."""
    owner, kim = live.person(f"o{random.token_hex(4)}"), live.newcomer()
    program, admin = live.program(), live.program(Scope.ADMIN, name="admin")
    word = f"confidential-{random.token_hex(8)}"
    kinds: list[dict[str, Any]] = [{}, {"risk": "high"}, {"private": True}, {}, {}]
    asked = [program.ask(kim.username, {"of": word}, **kind) for kind in kinds]
    ids = [one["id"] for one in asked]
    kim.sign_in()
    owner.sign_in()
    kim.approve(ids[0])
    kim.approve(ids[1], match_code=asked[1]["matchCode"])
    kim.unlock(ids[2])
    kim.reject(ids[3])
    invite = admin.post("/api/invites", {"note": word}).json()
    found = {program.key, admin.key, word, invite["code"], *ids}
    found |= {asked[1]["matchCode"] or "", kim.page_token, kim.credential_id}
    for person in (kim, owner):
        found |= {cookie.value or "" for cookie in person.http.cookies.jar}
    badly = Person(live.url, base_url=live.listens_at)
    badly.http.cookies.update(kim.http.cookies)
    for row in ROUTES:
        for id_ in (ids[4], invite["code"]):
            path = re.sub(r"\{\w+\}", id_, row.path)
            for http in (badly.http, program.http, admin.http):
                sent = {"content": json.dumps({"token": word, "odd": program.key})}
                more = cast(dict[str, Any], {} if row.method == "GET" else sent)
                query = {"token": word, "cursor": word, "wait": program.key, "email": "a@b.example"}
                http.request(row.method, path, **more)
                http.request(row.method, path, params=query, **more)
                http.request("PUT", path + "/" + word, **more)
    Program(live.listens_at, word, live.url).get("/api/confirmations")
    return {one for one in found if len(one) > 3} | {"a@b.example"}


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_gets_into_the_log_of_a_busy_server(
    tmp_path_factory: pytest.TempPathFactory,
    written: io.StringIO,
    form: logs.LogFormat,
    engine: str,
) -> None:
    logs.set_up(form, "debug", written)
    token = random.token_hex(16)
    settings = {"COSIGNET_METRICS_TOKEN": token}
    with Live(tmp_path_factory.mktemp("logged") / "data", settings) as live:
        found = wander(live) | {token}
        http = client(live.listens_at, {"Authorization": f"Bearer {token}"})
        told_by_metrics = http.get("/metrics").text
        fail(live, found)
        found |= passwords(live)
    # It has ended, and all of it is written.
    said = written.getvalue()
    assert said.count("/api/confirmations/{id}") > 10
    assert said.count("a defect") == 1
    for text in (said, told_by_metrics):
        assert [one for one in found if one in text] == []


def passwords(live: Live) -> set[str]:
    url = live.config.database_url
    key = live.config.encryption_key
    return {part for part in (key, url if "@" in url else None) if part}


def fail(live: Live, found: set[str]) -> None:
    """Let an endpoint raise what quotes every secret."""

    async def broken(*_: object, **__: object) -> None:
        try:
            raise KeyError(*found)
        except KeyError as error:
            raise ValueError(f"{found} is wrong") from error

    reader = type(live.runtime.database.reader)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reader, "find", broken)
        patched.setattr(reader, "fetch_one", broken)
        answer = live_program(live, found).get("/api/confirmations")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


def live_program(live: Live, found: set[str]) -> Program:
    key = next(one for one in found if one.startswith("cosk_"))
    return Program(live.listens_at, key, live.url)


def test_a_request_is_one_line_that_says_who_and_what(
    live: Live, program: Program, written: io.StringIO
) -> None:
    logs.set_up("json", "info", written)
    answer = program.get("/api/confirmations/none", wait=1)
    [line] = settled(live, written)
    assert line.pop("ms") >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    key = live.run(lambda rt: rt.database.reader.fetch("SELECT * FROM api_keys"))
    ours = {(row["id"], row["organisation_id"]) for row in key}
    assert (line.pop("keyId"), line.pop("organisationId")) in ours
    assert line == {
        "level": "info",
        "event": "request",
        "method": "GET",
        "route": "/api/confirmations/{id}?wait",
        "status": 404,
        "code": "not_found",
        "requestId": answer.headers["x-request-id"],
    }


def test_by_default_only_what_went_wrong_or_took_long_is_told(
    live: Live, program: Program, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.set_up("json", "warning", written)
    program.get("/api/confirmations")
    program.get("/api/confirmations/none")
    assert settled(live, written) == []
    monkeypatch.setattr(told, "SLOW_SECONDS", -1.0)
    program.get("/api/confirmations/none", wait=1)
    assert settled(live, written) == []
    program.get("/api/confirmations")
    [slow] = settled(live, written)
    assert (slow["level"], slow["route"]) == ("warning", "/api/confirmations")


def test_a_defect_is_told_by_its_kind_and_place_under_the_requests_id(
    live: Live, program: Program, written: io.StringIO
) -> None:
    logs.set_up("json", "error", written)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cosignet.server.services.operate.probe", None)
        answer = program.get("/readyz")
    [line] = settled(live, written)
    assert answer.status_code == 500
    assert line["requestId"] == answer.headers["x-request-id"] == answer.json()["requestId"]
    assert (line["level"], line["error"]) == ("error", "builtins.TypeError")
    assert any(place.startswith("public.py:") for place in line["where"])


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_level_lets_through_itself_and_what_is_worse(
    written: io.StringIO, level: logs.LogLevel
) -> None:
    logs.set_up("json", level, written)
    ours, others = logging.getLogger("cosignet"), logging.getLogger("somebody")
    levels = ["debug", "info", "warning", "error"]
    for logger in (ours, others):
        for name in levels:
            getattr(logger, name)(name)
    told_by = {
        name: [one["event"] for one in lines(written) if one.get("logger", "cosignet") == name]
        for name in ("cosignet", "somebody")
    }
    assert told_by["cosignet"] == levels[levels.index(level) :]
    assert told_by["somebody"] == levels[max(2, levels.index(level)) :]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_that_is_told_begins_a_line_of_its_own(
    written: io.StringIO, form: logs.LogFormat
) -> None:
    logs.set_up(form, "info", written)
    odd = 'a\nforged line\r\x1b[31m\u2028\u202e"'
    logging.getLogger("cosignet").info("odd %s", odd, extra=logs.fields(odd=odd, plain="/a/{id}"))
    said = written.getvalue()
    assert said.count("\n") == 1
    assert said.isascii()
    assert re.fullmatch(r"[ -~]*\n", said)
    assert "/a/{id}" in said


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else_happens(
    live: Live, program: Program, written: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("json", "info", written)
    written.close()
    assert program.get("/api/confirmations").status_code == 200
    live.run(nothing)
    assert capsys.readouterr().err == ""
