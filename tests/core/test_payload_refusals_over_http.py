"""Every refusal of a payload as a program meets it: 422, its code, the cure, nothing created."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.live import Live
from tests.people import Program
from tests.test_vectors import CASES, input_bytes

from cosignet.core.errors import BodyNotJson, PayloadRefused

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BY_CODE = {kind.code: kind for kind in [BodyNotJson, *PayloadRefused.__subclasses__()]}
REFUSED = {name: case for name, case in CASES["payload"].items() if "wantErr" in case}
ACCEPTED = {name: case for name, case in CASES["payload"].items() if "want" in case}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp("live") / "data"
    with Live(folder) as running:
        running.person("alex")
        yield running


@pytest.fixture(scope="module")
def key(live: Live) -> str:
    return live.program().key


@pytest.fixture
def program(live: Live, key: str) -> Program:
    return Program(live.url, key)


def body_with(payload: bytes) -> bytes:
    return b'{"username":"alex","action":"Deploy to production","payload":' + payload + b"}"


def post(program: Program, body: bytes) -> httpx2.Response:
    headers = {"Content-Type": "application/json"}
    return program.http.post("/api/confirmations", content=body, headers=headers)


def assert_refused(answer: httpx2.Response, code: str) -> dict[str, Any]:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["type"].endswith(code)
    assert problem["title"] == BY_CODE[code].title()
    assert problem["cure"] == BY_CODE[code].cure()
    assert problem["requestId"]
    return problem


def assert_nothing_was_created(program: Program) -> None:
    answer = program.get("/api/confirmations")
    assert answer.json() == {"items": [], "nextCursor": None}


def test_every_refused_payload_is_refused_and_nothing_is_created(program: Program) -> None:
    codes: set[str] = set()
    for name, case in sorted(REFUSED.items()):
        payload, code = input_bytes(case["inputs"]), case["wantErr"]
        # A byte order mark is one at the start of the body; before the payload it is no JSON.
        body = body_with(payload)
        if code == "payload_byte_order_mark":
            body = BYTE_ORDER_MARK + body_with(payload.removeprefix(BYTE_ORDER_MARK))
        problem = assert_refused(post(program, body), code)
        field = problem.get("field")
        assert field is None or field.startswith("payload"), name
        codes.add(code)
    assert codes == BY_CODE.keys()
    assert_nothing_was_created(program)


@pytest.mark.parametrize(
    ("payload", "code", "field"),
    [
        (b'{"a":{"b":[1,1e400]}}', "payload_number_too_large", "payload.a.b[1]"),
        (b'{"a":0.1234567890123456789}', "payload_number_inexact", "payload.a"),
        (b'{"a":1e999}', "payload_number_too_long", "payload.a"),
        (b'{"a":NaN}', "payload_not_a_number", "payload.a"),
        (b'{"a":{"b":1,"b":2}}', "payload_duplicate_key", "payload.a.b"),
        (b'{"a":["\\ud800"]}', "payload_lone_surrogate", "payload.a[0]"),
        (b'{"\\ud800":1,"\\ud800":2}', "payload_duplicate_key", "payload.?"),
        (b'{"\\ud800":1e400}', "payload_number_too_large", "payload.?"),
        (b'{"a.b":1e400}', "payload_number_too_large", 'payload["a.b"]'),
        (b"[]", "payload_not_object", "payload"),
        (b'"{}"', "payload_not_object", "payload"),
        (b"null", "payload_not_object", "payload"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "payload_too_deep", "payload.a" + "[0]" * 63),
        (b'{"a":"' + b"x" * 65529 + b'"}', "payload_too_large", "payload"),
        (b'{"a":[' + b"0," * 500 + b"0]}", "payload_too_many_values", "payload"),
    ],
)
def test_a_refusal_names_the_place(program: Program, payload: bytes, code: str, field: str) -> None:
    assert assert_refused(post(program, body_with(payload)), code)["field"] == field
    assert_nothing_was_created(program)


def test_a_large_hostile_body_is_refused_without_a_key_too(live: Live) -> None:
    # Anybody may post here; what reads the body is the same.
    body = f'{{"{"k" * 20_000}":[{"0," * 14_000}1e400]}}'
    headers = {"Origin": live.url, "Sec-Fetch-Site": "same-origin"}
    answer = httpx2.post(f"{live.url}/register/options", content=body, headers=headers)
    assert_refused(answer, "payload_number_too_large")
    assert len(answer.content) < 2_000


def test_every_accepted_payload_comes_back_as_text_and_as_value(tmp_path: Path) -> None:
    # A server of its own: the other one shows that nothing was created.
    with Live(tmp_path / "data") as live:
        live.person("alex")
        program = live.program()
        for name, case in sorted(ACCEPTED.items()):
            assert_kept(program, input_bytes(case["inputs"]), case["want"], name)


def assert_kept(program: Program, payload: bytes, want: dict[str, Any], name: str) -> None:
    answer = post(program, body_with(payload))
    assert answer.status_code == 201, f"{name}: {answer.text}"
    assert answer.json()["payloadHash"] == want["sha256"], name
    read = program.get(f"/api/confirmations/{answer.json()['id']}")
    text = read.json()["payloadText"]
    assert text == want.get("canonical", text), name
    assert hashlib.sha256(text.encode()).hexdigest() == want["sha256"], name
    assert f'"payload":{text}' in read.content.decode(), name
