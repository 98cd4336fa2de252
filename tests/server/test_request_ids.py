"""Request ids: in every answer, in every problem document, and the client's own if it is plain."""

import re

import pytest
from tests.live import Live
from tests.people import Person, Program
from tests.server.test_http import EVERYWHERE

from cosignet.server.web.request_id import REQUEST_ID_PATTERN

OURS = re.compile("[0-9a-f]{16}")
PLAIN = ["0af76519", "A-b_c-D_", "3f2b8c1e-6a4d-4e0b-9c57-1d2e3f4a5b6c", "z" * 36]
NOT_PLAIN = [
    b"",
    b"short77",
    b"z" * 37,
    b"-begins-oddly",
    b"has a space",
    b"has\ttab-in-it",
    b'quoted"12345',
    b"a.dot.in.it.",
    b"\xe9\xe8\xe0\xe9\xe8\xe0\xe9\xe8",
    b"%0aforged: line",
    b"cosk_" + b"A" * 43,
]


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
def test_every_answer_has_an_id_and_a_problem_names_the_same(
    live: Live, method: str, path: str
) -> None:
    http = Person(live.url).http
    given = []
    for headers in ({}, {"X-Request-Id": "a-client-of-ours"}):
        answer = http.request(method, path, headers=headers)
        given.append(answer.headers["x-request-id"])
        if answer.headers["content-type"] == "application/problem+json":
            assert answer.json()["requestId"] == given[-1]
    assert OURS.fullmatch(given[0])
    assert given[1] == "a-client-of-ours"


@pytest.mark.parametrize("sent", PLAIN)
def test_a_plain_id_of_the_clients_is_taken(live: Live, sent: str) -> None:
    assert re.search(REQUEST_ID_PATTERN, sent)
    answer = Program(live.url, "").http.get("/healthz", headers={"X-Request-Id": sent})
    assert answer.headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", NOT_PLAIN)
def test_anything_else_is_left_out(live: Live, sent: bytes) -> None:
    answer = Program(live.url, "").http.get("/healthz", headers={"X-Request-Id": sent})
    assert OURS.fullmatch(answer.headers["x-request-id"])


def test_two_ids_are_none(live: Live) -> None:
    headers = [("X-Request-Id", "first-of-two"), ("X-Request-Id", "second-of-two")]
    answer = Program(live.url, "").http.get("/healthz", headers=headers)
    assert OURS.fullmatch(answer.headers["x-request-id"])


def test_no_two_requests_have_the_same_id(live: Live) -> None:
    http = Program(live.url, "").http
    assert len({http.get("/healthz").headers["x-request-id"] for _ in range(50)}) == 50


def test_openapi_names_the_header_and_its_form(live: Live) -> None:
    document = Person(live.url).http.get("/api/openapi.json").json()
    told = document["paths"]["/healthz"]["get"]["responses"]["200"]["headers"]["X-Request-Id"]
    assert told["schema"]["pattern"] == REQUEST_ID_PATTERN
