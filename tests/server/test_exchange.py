"""How requests are answered on a connection: whole, in order, and never with a wrong head."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from cosignet.core.limits import Limits
from cosignet.server.connection import Protocol, protocol_of
from cosignet.server.web.exchange import LINES, WHOLE, written


class Recording(asyncio.Transport):
    """A transport that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str | bytes] = []

    def write(self, data: Any) -> None:
        self.told.append(bytes(data))

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")

    def is_closing(self) -> bool:
        return "close" in self.told

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 8000) if name in ("peername", "sockname") else default


Answering = Callable[[Any, Any], Coroutine[Any, Any, None]]
GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
LIMITS = Limits()
SHORT = Limits(head_seconds=0.1, body_seconds=0.1)
SECONDS = 20
"""Only tells an answer from none."""
LENGTH_4 = (b"content-length", b"4")


def connected(
    application: Answering, keep_alive: float = 75, limits: Limits = LIMITS
) -> tuple[Protocol, Recording]:
    """Return a connection on which an application answers, and what is told to its client."""

    async def served(_: Any, receive: Any, send: Any) -> None:
        await application(receive, send)

    return serving(served, keep_alive, limits)


def serving(
    served: Callable[..., Coroutine[Any, Any, None]],
    keep_alive: float = 75,
    limits: Limits = LIMITS,
) -> tuple[Protocol, Recording]:
    """Likewise, for an application that sees all of a request."""
    http = protocol_of(limits, lambda refusal: b"refused " + refusal.code.encode())
    config = Config(served, http=http, interface="asgi3", lifespan="off", log_config=None)
    config.load()
    protocol = http(config, ServerState(), {})
    protocol.timeout_keep_alive = cast(int, keep_alive)
    below = Recording()
    protocol.connection_made(below)
    return protocol, below


async def turns() -> None:
    """Let the loop do what there is to do."""
    for _ in range(5):
        await asyncio.sleep(0)


async def until_closed(below: Recording) -> list[str | bytes]:
    """Return all that a client is told until its connection is closed."""
    for _ in range(SECONDS * 100):
        if "close" in below.told:
            break
        await asyncio.sleep(0.01)
    return below.told


def said(told: list[str | bytes]) -> list[str | bytes]:
    """Leave out when reading paused."""
    return [one for one in told if one not in ("pause", "resume")]


async def told(application: Answering, *sent: bytes) -> list[str | bytes]:
    """Return what a client is told that sends all this, with a moment between the parts."""
    protocol, below = connected(application)
    for part in sent:
        protocol.data_received(part)
        await turns()
    protocol.connection_lost(OSError())
    return below.told


def saying(body: bytes, *fields: tuple[bytes, bytes], status: int = 200) -> Answering:
    """An application that answers this without looking."""

    async def application(_: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(fields)})
        await send({"type": "http.response.body", "body": body})

    return application


def test_an_answer_is_one_write() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx: y\r\n\r\nbody"
    assert asyncio.run(told(saying(b"body", LENGTH_4, (b"x", b"y")), GET)) == [answer]


def test_an_answer_that_comes_whole_is_one_write_and_has_the_fields_that_were_written() -> None:
    async def application(_: Any, send: Any) -> None:
        start = {"status": 201, "headers": [LENGTH_4], LINES: written([(b"x", b"y"), (b"z", b"")])}
        await send({"type": WHOLE, **start, "body": b"body"})

    answer = b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\nx: y\r\nz: \r\n\r\nbody"
    assert asyncio.run(told(application, GET)) == [answer]


@pytest.mark.parametrize("control", [*range(0x20), 0x7F])
def test_no_field_holds_a_control_character_but_a_tab(control: int) -> None:
    field = (b"x", b"a%cb" % control)
    if control == ord("\t"):
        assert written([field]) == b"x: a\tb\r\n"
    else:
        with pytest.raises(ValueError, match="control"):
            written([(b"before", b"it"), field, (b"behind", b"it")])


def test_a_head_alone_is_answered_without_the_body() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
    assert asyncio.run(told(saying(b"body", LENGTH_4), GET.replace(b"GET", b"HEAD"))) == [head]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_needs_no_length(status: int) -> None:
    [answer] = asyncio.run(told(saying(b"", status=status), GET))
    assert isinstance(answer, bytes)
    assert answer.endswith(b"\r\n\r\n")
    assert b"content-length" not in answer


def test_the_date_and_what_else_the_server_says_stands_first() -> None:
    async def scenario() -> list[str | bytes]:
        protocol, below = connected(saying(b"body", LENGTH_4))
        protocol.server_state.default_headers = [(b"date", b"today")]
        protocol.data_received(GET)
        await turns()
        return below.told

    [answer] = asyncio.run(scenario())
    assert str(answer).startswith("b'HTTP/1.1 200 OK\\r\\ndate: today\\r\\ncontent-length: 4")


CLOSING = {
    "it asks for that": GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
    "HTTP/1.0": GET.replace(b"1.1", b"1.0"),
    "HTTP/1.0 that would like to": GET.replace(b"1.1\r\n", b"1.0\r\nconnection: keep-alive\r\n"),
    "more behind it": GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + GET,
}


@pytest.mark.parametrize("why", CLOSING)
def test_a_connection_that_is_not_kept_is_closed_and_says_so(why: str) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"
    assert said(asyncio.run(told(saying(b"body", LENGTH_4), CLOSING[why]))) == [answer, "close"]


def in_parts(*parts: bytes, ends: bool = True) -> Answering:
    """An application that answers a part at a time."""

    async def application(_: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if ends:
            await send({"type": "http.response.body", "body": b""})

    return application


def test_an_answer_in_parts_is_sent_as_they_come_and_the_connection_goes_on() -> None:
    parts = in_parts(b"first", b"", b"x" * 26)
    head = b"HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n"
    first = [head + b"5\r\nfirst\r\n", b"", b"1a\r\n" + b"x" * 26 + b"\r\n", b"0\r\n\r\n"]
    assert said(asyncio.run(told(parts, GET, GET))) == first * 2


def test_a_client_of_http_1_0_gets_the_parts_and_then_the_end() -> None:
    old = GET.replace(b"1.1", b"1.0")
    head = b"HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\n\r\n"
    assert said(asyncio.run(told(in_parts(b"a", b"b"), old))) == [head + b"a", b"b", b"", "close"]


def test_an_answer_that_breaks_off_is_cut_off_and_not_ended() -> None:
    first, *rest = said(asyncio.run(told(in_parts(b"a", ends=False), GET)))
    assert str(first).endswith("1\\r\\na\\r\\n'")
    assert rest == ["close"]


WRONG: dict[str, Answering] = {
    "a line end in a value": saying(b"body", LENGTH_4, (b"location", b"/\r\nset-cookie: a=b")),
    "a line end in a name": saying(b"body", LENGTH_4, (b"x\n", b"y")),
    "a NUL": saying(b"body", LENGTH_4, (b"x", b"\0")),
    "a body longer than it says": saying(b"bodies", LENGTH_4),
    "a body shorter than it says": saying(b"bod", LENGTH_4),
    "a body of no stated length": saying(b"body"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_is_not_sent(what: str) -> None:
    assert asyncio.run(told(WRONG[what], GET)) == [b"refused internal_error", "close"]


def test_who_is_not_answered_is_told_that_the_server_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def silent(_: Any, __: Any) -> None:
        pass

    async def broken(_: Any, __: Any) -> None:
        raise RuntimeError("of ours")

    for application in (silent, broken):
        assert asyncio.run(told(application, GET)) == [b"refused internal_error", "close"]
    assert "of ours" in caplog.text


def test_requests_sent_ahead_are_answered_in_order() -> None:
    asked: list[bytes] = []

    async def echo(receive: Any, send: Any) -> None:
        asked.append((await receive())["body"])
        await asyncio.sleep(0)
        await saying(asked[-1], (b"content-length", b"1"))(receive, send)

    posts = b"".join(
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n%d" % n for n in range(3)
    )
    sent = asyncio.run(told(echo, posts, b"", b""))
    assert [one[-1:] for one in said(sent) if isinstance(one, bytes)] == [b"0", b"1", b"2"]


def test_who_sends_ahead_is_not_read_until_the_first_answer() -> None:
    sent = asyncio.run(told(saying(b"body", LENGTH_4), GET * 3))
    assert [one if isinstance(one, str) else "answer" for one in sent] == [
        "pause",
        "answer",
        "resume",
        "answer",
        "answer",
    ]


def test_a_body_that_waits_to_be_asked_for_is_asked_for_once() -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"
    other = head.replace(b"expect: 100-continue\r\n", b"")
    sent = asyncio.run(told(echoing, head, b"bo", b"dy", other, b"body"))
    asked, *answers = [one for one in said(sent) if isinstance(one, bytes)]
    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert [one[-4:] for one in answers] == [b"body", b"body"]


async def echoing(receive: Any, send: Any) -> None:
    """Answer with the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    await saying(body, (b"content-length", str(len(body)).encode()))(receive, send)


def test_no_more_of_a_body_is_kept_than_is_taken() -> None:
    body = bytes(200_000)
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n"

    async def scenario() -> tuple[list[str | bytes], list[str | bytes]]:
        wanted = asyncio.Event()

        async def late(receive: Any, send: Any) -> None:
            await wanted.wait()
            await echoing(receive, send)

        protocol, below = connected(late)
        protocol.data_received(head + body[:100_000])
        await turns()
        before = [*below.told]
        wanted.set()
        await turns()
        protocol.data_received(body[100_000:])
        await turns()
        return before, below.told

    before, after = asyncio.run(scenario())
    assert before == ["pause"]
    assert after[:2] == ["pause", "resume"]
    [answer] = [one for one in after if isinstance(one, bytes)]
    assert answer.endswith(b"\r\n\r\n" + body)


def test_a_body_that_comes_after_its_answer_is_not_kept() -> None:
    async def scenario() -> tuple[bytes, list[str | bytes]]:
        protocol, below = connected(saying(b"body", LENGTH_4), keep_alive=0.05)
        protocol.data_received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n")
        await turns()
        protocol.data_received(b"late")
        kept = bytes(protocol.cycle.body)
        return kept, await until_closed(below)

    kept, sent = asyncio.run(scenario())
    assert kept == b""
    assert [one if isinstance(one, str) else one[-4:] for one in sent] == [b"body", "close"]


def test_a_path_is_read_as_it_is_meant() -> None:
    assert [path_of(b"/a%20b/%C3%A9"), path_of(b"/a+b")] == ["/a b/é", "/a+b"]


def path_of(target: bytes) -> str:
    """Return what an application sees of a request's path."""
    seen: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await saying(b"", status=204)(receive, send)

    async def scenario() -> None:
        protocol, _ = serving(application)
        protocol.data_received(GET.replace(b"/ ", target + b" ", 1))
        await turns()

    asyncio.run(scenario())
    return seen[0]


def test_who_waits_for_more_of_a_request_is_woken_by_its_answer() -> None:
    seen: list[str] = []

    async def application(receive: Any, send: Any) -> None:
        async def watch() -> None:
            while "http.disconnect" not in seen:
                seen.append((await receive())["type"])

        watching = asyncio.ensure_future(watch())
        await asyncio.sleep(0)
        await saying(b"body", LENGTH_4)(receive, send)
        await watching

    async def scenario() -> None:
        protocol, _ = connected(application)
        protocol.data_received(GET)
        await turns()
        await turns()

    asyncio.run(scenario())
    assert seen == ["http.request", "http.disconnect"]


def test_who_takes_no_answers_is_not_sent_more() -> None:
    async def scenario() -> tuple[list[str | bytes], list[str | bytes]]:
        protocol, below = connected(saying(b"body", LENGTH_4))
        protocol.pause_writing()
        protocol.data_received(GET)
        await turns()
        before = [*below.told]
        protocol.resume_writing()
        await turns()
        return before, below.told

    before, after = asyncio.run(scenario())
    assert before == []
    assert len(after) == 1


def test_who_leaves_unanswered_is_not_written_to() -> None:
    async def scenario() -> list[str | bytes]:
        left = asyncio.Event()

        async def late(receive: Any, send: Any) -> None:
            await left.wait()
            assert (await receive())["type"] == "http.disconnect"
            await saying(b"body", LENGTH_4)(receive, send)

        protocol, below = connected(late)
        protocol.data_received(GET)
        await turns()
        protocol.connection_lost(OSError())
        left.set()
        await turns()
        return below.told

    assert asyncio.run(scenario()) == []


IN_PARTS = [b"POST" + GET[3:-2] + b"content-length: 1\r\n\r\n", b"1"]


@pytest.mark.parametrize(("parts", "count"), [([GET + GET], 2), (IN_PARTS, 1)])
def test_a_connection_is_closed_a_while_after_its_last_answer(
    parts: list[bytes], count: int
) -> None:
    async def scenario() -> list[str | bytes]:
        async def slow(receive: Any, send: Any) -> None:
            await asyncio.sleep(0.3)
            await saying(b"body", LENGTH_4)(receive, send)

        protocol, below = connected(slow, keep_alive=0.05, limits=SHORT)
        for part in parts:
            protocol.data_received(part)
        return await until_closed(below)

    *answers, closed = said(asyncio.run(scenario()))
    assert [str(answer)[-5:-1] for answer in answers] == ["body"] * count
    assert closed == "close"


def test_what_is_noted_of_a_request_is_free_as_soon_as_it_is_answered() -> None:
    """Python looks for circles while everybody waits, and looks through all who are held."""

    class Noted:
        def __init__(self, *known: object) -> None:
            self.known = known

    left: list[weakref.ref[Noted]] = []

    async def notes(scope: Any, receive: Any, send: Any) -> None:
        scope["noted"] = Noted(scope, receive)
        left.append(weakref.ref(scope["noted"]))
        await echoing(receive, send)

    async def scenario() -> list[Noted | None]:
        protocol, _ = serving(notes)
        protocol.data_received(GET)
        await turns()
        return [noted() for noted in left]

    gc.disable()
    try:
        assert asyncio.run(scenario()) == [None]
    finally:
        gc.enable()
