"""Clients that send slowly, stop, or send too much: their connections end, nobody else's do."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pytest
from tests.live import Live
from tests.people import Person, Program
from tests.server.test_exchange import Recording
from tests.server.together import eventually
from uvicorn import Config
from uvicorn.server import ServerState

from cosignet.core.limits import HEAD_BYTES_MAX, HEADER_FIELDS_MAX, Limits
from cosignet.server.connection import protocol_of
from cosignet.server.web.headers import DATA_POLICY

SHORT = Limits(head_seconds=0.3, body_seconds=0.3)
SECONDS = 20
"""Only tells an answer from none."""
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("connection") / "data", limits=SHORT) as running:
        yield running


class Client:
    """Whoever speaks to a server byte by byte."""

    def __init__(self, live: Live) -> None:
        self._port = live.port

    @cached_property
    def socket(self) -> socket.socket:
        """The connection; it is opened when it is first needed."""
        return socket.create_connection(("localhost", self._port), SECONDS)

    def send(self, data: bytes) -> None:
        """Send, as long as somebody listens."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def drip(self, data: bytes, pause: float = 0.02) -> bytes:
        """Send one byte after the other until something comes back; return all that comes."""
        self.socket.settimeout(pause)
        for byte in data:
            self.send(bytes([byte]))
            try:
                first = self.socket.recv(65536)
            except TimeoutError:
                continue
            self.socket.settimeout(SECONDS)
            return first + self.rest() if first else b""
        raise AssertionError("it took everything")

    def reset(self) -> None:
        """Hang up at once, whatever is under way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def rest(self) -> bytes:
        """Return what comes until the server closes."""
        data = b""
        try:
            while part := self.socket.recv(65536):
                data += part
        except ConnectionResetError:
            pass
        return data

    def answer(self, status: bytes) -> bytes:
        """Return what is there by the time the server has said a status."""
        data = b""
        while status not in data:
            part = self.socket.recv(65536)
            assert part, data
            data += part
        return data


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    found = Client(live)
    yield found
    found.socket.close()


def assert_refused(answer: bytes, status: int, code: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    problem = json.loads(body)
    assert (problem["code"], problem["status"]) == (code, status)
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert fields[b"connection"] == b"close"
    assert fields[b"content-security-policy"] == DATA_POLICY.encode()
    assert fields[b"x-request-id"].decode() == problem["requestId"]
    assert int(fields[b"content-length"]) == len(body)


def creation(program: Program, *, body: bytes, announced: int) -> bytes:
    head = f"POST /api/confirmations HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {program.key}\r\n"
    return f"{head}Content-Length: {announced}\r\n\r\n".encode() + body


# --- Time -----------------------------------------------------------------------------------------


def test_who_says_nothing_is_hung_up_on_without_a_word(client: Client) -> None:
    assert client.rest() == b""


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", HEALTH[:-1]])
def test_a_head_that_stops_is_answered_408(client: Client, sent: bytes) -> None:
    client.send(sent)
    assert_refused(client.rest(), 408, "request_timeout")


def test_a_head_that_drips_is_answered_408_however_busy_it_looks(client: Client) -> None:
    assert_refused(client.drip(b"GET /healthz?" + b"x" * 5000), 408, "request_timeout")


def test_empty_lines_are_no_way_to_stay(client: Client) -> None:
    client.send(HEALTH)
    client.answer(OK)
    assert client.drip(b"\r\n" * 2000) == b""


def test_a_body_that_stops_is_answered_408_and_makes_nothing(
    client: Client, program: Program
) -> None:
    client.send(creation(program, body=b'{"action"', announced=100))
    assert_refused(client.rest(), 408, "request_timeout")
    assert program.get("/api/confirmations").json()["items"] == []


def test_a_body_that_drips_is_answered_408(client: Client, program: Program) -> None:
    client.send(creation(program, body=b"", announced=5000))
    assert_refused(client.drip(b" " * 5000), 408, "request_timeout")


def test_a_body_that_comes_after_its_answer_does_not_keep_the_connection(client: Client) -> None:
    client.send(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n")
    answer = client.drip(b" " * 5000)
    assert answer.startswith(b"HTTP/1.1 404")
    assert answer.count(b"HTTP/1.1") == 1


def test_who_hung_up_before_being_served_is_not_served(
    live: Live, program: Program, alex: Person
) -> None:
    """Else a storm of dropped connections is one of requests, and all others wait behind it."""
    gate = threading.Event()
    live.loop.call_soon_threadsafe(gate.wait, SECONDS)
    for _ in range(20):
        gone = Client(live)
        gone.send(asking(program, alex, "dropped"))
        gone.reset()
    stays = Client(live)
    stays.send(asking(program, alex, "kept"))
    gate.set()
    stays.answer(b"HTTP/1.1 201 Created\r\n")
    stays.socket.close()
    assert [item["action"] for item in program.get("/api/confirmations").json()["items"]] == [
        "kept"
    ]


def asking(program: Program, person: Person, action: str) -> bytes:
    body = json.dumps({"username": person.username, "action": action, "payload": {}}).encode()
    return creation(program, body=body, announced=len(body))


def test_a_second_head_has_a_deadline_too(client: Client) -> None:
    client.send(HEALTH + b"GET /healthz HT")
    answer = client.answer(OK) + client.rest()
    assert_refused(answer[answer.index(b"HTTP/1.1 408") :], 408, "request_timeout")


def test_between_requests_nothing_is_due(client: Client) -> None:
    client.send(HEALTH)
    client.answer(OK)
    client.socket.settimeout(4 * SHORT.head_seconds)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    client.send(HEALTH)
    client.answer(OK)


@pytest.mark.parametrize("ahead", [b"", b"\r\n", b"GET /he"])
def test_a_held_poll_is_not_cut_off(
    live: Live, client: Client, program: Program, alex: Person, ahead: bytes
) -> None:
    asked = program.ask(alex.username)["id"]
    head = f"GET /api/confirmations/{asked}?wait=2 HTTP/1.1\r\nHost: localhost\r\n"
    client.send(f"{head}X-Api-Key: {program.key}\r\n\r\n".encode())
    eventually(lambda: len(live.runtime.waiters) == 1)
    client.send(ahead)
    assert b'"pending"' in client.answer(b'"pending"')


def test_what_waits_behind_a_held_poll_is_answered_after_it(
    client: Client, program: Program, alex: Person
) -> None:
    asked = program.ask(alex.username)["id"]
    head = f"GET /api/confirmations/{asked}?wait=2 HTTP/1.1\r\nHost: localhost\r\n"
    client.send(f"{head}X-Api-Key: {program.key}\r\n\r\n".encode())
    client.send(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1")
    answer = client.rest()
    assert answer.index(b'"pending"') < answer.index(b"HTTP/1.1 404")


# --- Size -----------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    """A request whose target and fields have so many bytes, by the server's count."""
    known = len(b"/healthz" + b"host" + b"localhost" + b"x")
    return HEALTH[:-2] + b"X: " + b"a" * (size - known) + b"\r\n\r\n"


def test_a_head_of_the_largest_size_is_taken(client: Client) -> None:
    client.send(padded(HEAD_BYTES_MAX))
    client.answer(OK)


@pytest.mark.parametrize("before", [b"", HEALTH, HEALTH * 300])
def test_a_larger_head_is_answered_431(client: Client, before: bytes) -> None:
    client.send(before + padded(HEAD_BYTES_MAX + 1))
    answer = client.rest()
    assert answer.count(OK) == before.count(HEALTH[:10]) or not answer
    if answer and not before:
        assert_refused(answer, 431, "head_too_large")


def test_a_head_without_an_end_is_refused_as_soon_as_it_is_too_large(client: Client) -> None:
    client.send(HEALTH[:-2] + b"X: " + b"a" * (2 * HEAD_BYTES_MAX))
    assert_refused(client.rest(), 431, "head_too_large")


def test_forty_megabytes_of_headers_are_not_taken(client: Client) -> None:
    client.send(HEALTH[:-2] + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 4000) for n in range(10_000)))
    assert OK not in client.rest()


def fields(count: int) -> bytes:
    return HEALTH[:-2] + b"".join(b"X-%d: 1\r\n" % n for n in range(count - 1)) + b"\r\n"


def test_as_many_fields_as_allowed_are_taken(client: Client) -> None:
    client.send(fields(HEADER_FIELDS_MAX))
    client.answer(OK)


def test_one_field_more_is_answered_431(client: Client) -> None:
    client.send(fields(HEADER_FIELDS_MAX + 1))
    assert_refused(client.rest(), 431, "head_too_large")


BIG = fields(HEADER_FIELDS_MAX + 1)


@pytest.mark.parametrize(
    "sent",
    [
        BIG + HEALTH,
        BIG + b"X" * 3 * HEAD_BYTES_MAX,
        BIG[:-2] + b"Content-Length: 4\r\n\r\nbody" + HEALTH,
        HEALTH[:-2] + b"X: " + b"a" * (3 * HEAD_BYTES_MAX) + b"\r\n\r\n" + HEALTH,
    ],
)
def test_nothing_behind_a_refused_head_is_looked_at(sent: bytes) -> None:
    assert asyncio.run(spoken(sent)) == ([b"head_too_large", "close"], [])


def test_a_body_behind_a_refused_head_is_dropped_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = BIG[:-2] + b"Content-Length: 4\r\n\r\nbody"
    assert asyncio.run(spoken(sent)) == ([b"head_too_large", "close"], [])
    # It belongs to no request: whoever takes it for one tells the operator of malformed HTTP.
    assert caplog.messages == []


def test_an_application_that_reads_learns_that_no_more_comes() -> None:
    sent = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
    told, seen = asyncio.run(spoken(sent))
    assert told == [b"request_timeout", "close"]
    assert seen[-1] == "http.disconnect"


async def spoken(sent: bytes) -> tuple[list[str | bytes], list[str]]:
    """Return what a client is told, and what the application sees, of what a client sends."""
    seen: list[str] = []

    async def application(_: Any, receive: Any, __: Any) -> None:
        seen.append("called")
        while seen[-1] != "http.disconnect":
            seen.append((await receive())["type"])

    http = protocol_of(SHORT, lambda refusal: refusal.code.encode())
    config = Config(application, http=http, interface="asgi3", lifespan="off", log_config=None)
    config.load()
    below = Recording()
    protocol = http(config, ServerState(), {})
    protocol.connection_made(below)
    protocol.data_received(sent)
    for _ in range(SECONDS * 100):
        await asyncio.sleep(0.01)
        if "close" in below.told and (not seen or seen[-1] == "http.disconnect"):
            break
    found = [*below.told], [*seen]
    protocol.connection_lost(None)
    return found


def test_what_is_not_http_is_refused_in_the_servers_own_words(client: Client) -> None:
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    assert_refused(client.rest(), 400, "request_malformed")


def test_a_body_whose_length_lies_is_refused(client: Client) -> None:
    client.send(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x\r\n\r\n")
    assert_refused(client.rest(), 400, "request_malformed")
