"""The door outside: no spelling, name, redirect or change of mind leads to this machine."""

import asyncio
import ipaddress
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tests.certificates import Authority
from tests.receiver import (
    Receiver,
    drip,
    gzip_bomb,
    hang,
    hang_up,
    pour,
    raw,
    redirect,
    status,
)

from cosignet.core.errors import FieldInvalid
from cosignet.core.webhook import RESPONSE_BYTES_MAX
from cosignet.core.webhook_url import Target, is_public, parse_webhook_url
from cosignet.server.outbound import http
from cosignet.server.outbound.http import Answered, NotSent, Outside

CASES = json.loads(Path(__file__).with_name("outside.json").read_text())
INSIDE: list[str] = CASES["inside"]
"""Addresses that are nobody's, or nearer than the internet."""
OUTSIDE: list[str] = CASES["outside"]
SPELLINGS: list[str] = CASES["spellings"]
"""URLs that some program or other reads as this machine's; `{p}` is a port, `{q}` 65,536 more."""
REBINDINGS: list[list[list[str]]] = CASES["rebindings"]
"""What a name stands for, each time that somebody asks."""


@pytest.fixture
def canary() -> Iterator[Receiver]:
    """Something on this machine that must never hear from anybody."""
    with Receiver(host="") as running:
        yield running
        assert running.connections == 0


def post(outside: Outside, url: str | Target, body: bytes = b"{}") -> Answered:
    """Do what the sender does with a URL, registration's check included."""
    target = url
    if isinstance(url, str):
        target = parse_webhook_url(url, allow_private=outside.allow_private)
    assert isinstance(target, Target)
    # On the loop that a server runs on.
    return uvloop.run(outside.post(target, {"Content-Type": "application/json"}, body))


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_one_host_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_no_spelling_of_this_machine_reaches_it(canary: Receiver) -> None:
    outside = Outside(allow_private=False, seconds=2)
    refused = 0
    for spelling in SPELLINGS:
        for scheme in ("http:", "https:"):
            url = spelling.replace("{p}", str(canary.port)).replace(
                "{q}", str(canary.port + 65_536)
            )
            url = url.replace("http:", scheme, 1)
            with pytest.raises((FieldInvalid, NotSent)):
                post(outside, url)
            refused += 1
    assert refused >= 400
    assert canary.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("address", INSIDE)
def test_no_name_leads_inside(canary: Receiver, address: str, scheme: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return [address]

    outside = Outside(allow_private=False, resolve=resolve, seconds=2)
    # As if registration had let it pass.
    target = Target(scheme, "hooks.example", canary.port, "/")
    with pytest.raises(NotSent, match="where webhooks are not sent"):
        post(outside, target)


@pytest.mark.parametrize("answers", REBINDINGS)
def test_a_name_that_changes_its_mind_leads_nowhere(
    canary: Receiver, answers: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [*answers]
    connect = asyncio.open_connection

    async def stay(host: str, port: int, **rest: Any) -> Any:
        if is_public(ipaddress.ip_address(host)):
            raise ConnectionRefusedError  # no test leaves this machine
        return await connect(host, port, **rest)

    monkeypatch.setattr(asyncio, "open_connection", stay)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    outside = Outside(allow_private=False, resolve=resolve, seconds=2)
    for _ in range(3):
        with pytest.raises(NotSent):
            post(outside, Target("https", "hooks.example", canary.port, "/"))


def test_a_name_is_asked_once_and_the_address_that_was_judged_is_what_is_connected_to() -> None:
    asked: list[str] = []

    with Receiver() as receiver:

        async def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1" if len(asked) == 1 else "192.0.2.1"]

        outside = Outside(allow_private=True, resolve=resolve, seconds=5)
        target = Target("http", "hooks.example", receiver.port, "/x?y=z")
        assert post(outside, target).status == 200
        assert asked == ["hooks.example"]
        [request] = receiver.requests
        assert request.line == "POST /x?y=z HTTP/1.1"
        assert request.headers["host"] == f"hooks.example:{receiver.port}"


def test_a_name_that_cannot_be_resolved_leads_nowhere() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError(-3, "Temporary failure in name resolution")

    with pytest.raises(NotSent, match="Temporary failure"):
        post(Outside(allow_private=True, resolve=resolve), "http://hooks.example/")


def test_a_silent_name_server_ends_with_the_deadline() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(NotSent, match="no answer within"):
        post(Outside(allow_private=True, resolve=resolve, seconds=0.1), "http://hooks.example/")


def test_what_is_public_is_reached_by_https_only_even_in_development() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34"]

    with pytest.raises(NotSent, match="where webhooks are not sent"):
        post(Outside(allow_private=True, resolve=resolve), "http://hooks.example/")


def test_where_it_has_really_led_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = asyncio.open_connection

    async def elsewhere(host: str, port: int, **rest: Any) -> Any:
        return await connect("127.0.0.1", port, **rest)

    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34"]

    monkeypatch.setattr(asyncio, "open_connection", elsewhere)
    with Receiver() as receiver:
        target = Target("https", "hooks.example", receiver.port, "/")
        with pytest.raises(NotSent, match=r"leads to 127\.0\.0\.1"):
            post(Outside(allow_private=False, resolve=resolve, seconds=5), target)
        receiver.wait_for_a_connection()
    assert receiver.requests == []


def test_a_connection_that_has_ended_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = asyncio.open_connection

    async def lose(host: str, port: int, **rest: Any) -> Any:
        reader, writer = await connect(host, port, **rest)
        # What an event loop says of a socket that has been reset by then.
        monkeypatch.setattr(writer, "get_extra_info", lambda _: None)
        return reader, writer

    monkeypatch.setattr(asyncio, "open_connection", lose)
    with Receiver() as receiver:
        with pytest.raises(NotSent, match="ended before"):
            post(Outside(allow_private=True), receiver.url)
        receiver.wait_for_a_connection()
    assert receiver.requests == []


def resolving(*addresses: str) -> Any:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


@pytest.mark.parametrize(
    ("dead", "words"), [("silent", "no connection within"), ("refusing", "Connection refused")]
)
def test_an_address_that_is_dead_leaves_time_for_the_next(
    dead: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = asyncio.open_connection

    async def hold(host: str, port: int, **rest: Any) -> Any:
        if host == "127.0.0.2" and dead == "silent":
            await asyncio.Event().wait()
        return await connect(host, port, **rest)

    monkeypatch.setattr(http, "CONNECT_SECONDS_MAX", 0.1)
    monkeypatch.setattr(asyncio, "open_connection", hold)
    with Receiver() as receiver:
        target = Target("http", "hooks.example", receiver.port, "/")
        outside = Outside(allow_private=True, resolve=resolving("127.0.0.2", "127.0.0.1"))
        assert post(outside, target).status == 200
        outside = Outside(allow_private=True, resolve=resolving("127.0.0.2"))
        with pytest.raises(NotSent, match=words):
            post(outside, target)


def test_only_so_many_addresses_of_a_name_are_tried() -> None:
    with Receiver() as receiver:
        addresses = [f"127.0.0.{n}" for n in range(2, 2 + http.ADDRESSES_TRIED_MAX)]
        outside = Outside(allow_private=True, resolve=resolving(*addresses, "127.0.0.1"))
        with pytest.raises(NotSent):
            post(outside, Target("http", "hooks.example", receiver.port, "/"))
        outside = Outside(allow_private=True, resolve=resolving(*addresses[1:], "127.0.0.1"))
        assert post(outside, Target("http", "hooks.example", receiver.port, "/")).status == 200


LEADING_ON = [
    "Location: {url}",
    "Location: //127.0.0.1:{p}/",
    "Location: http://[::1]:{p}/",
    "Refresh: 0; url={url}",
    "Content-Location: {url}",
    "Link: <{url}>; rel=preload",
    'Alt-Svc: http/1.1="127.0.0.1:{p}"',
]
"""Header fields by which an answer may want somebody to go elsewhere."""


def test_redirects_are_told_and_not_followed(canary: Receiver) -> None:
    with Receiver() as receiver:
        outside = Outside(allow_private=True, seconds=5)
        for code in (201, 202, 300, 301, 302, 303, 304, 305, 306, 307, 308, 401, 407, 426):
            for form in LEADING_ON:
                field = form.replace("{url}", canary.url).replace("{p}", str(canary.port))
                receiver.answer(status(code, field, body=b""))
                assert post(outside, receiver.url).status == code
        receiver.answer(redirect(canary.url))
        assert post(outside, receiver.url).status == 307


def test_the_environments_proxy_is_not_used(
    canary: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, canary.url)
        monkeypatch.setenv(name.upper(), canary.url)
    with Receiver() as receiver:
        assert post(Outside(allow_private=True, seconds=5), receiver.url).status == 200


SILENT: list[tuple[Any, str]] = [
    (hang, "no answer within"),
    (hang_up, "."),
    (raw(b""), "ended before there was an answer"),
    (raw(b"HTTP/1.1 200 OK\r\n"), "ended before there was an answer"),
    (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + b"x: y\r\n" * 100), "no answer within"),
    (drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "no answer within"),
    (raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "not HTTP"),
    (raw(b"HTTP/1.1 OK\r\n\r\n"), "not HTTP"),
    (raw(b"HTTP/1.1 101 Upgraded\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"), "not HTTP"),
    (raw(b"HTTP/1.1 200 OK\nContent-Length: 0\r\n x\r\n\r\n"), "."),
    (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), "not HTTP"),
    (raw(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "not HTTP"),
    (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"), "not HTTP"),
    (pour(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 1000 + b"\r\n"), "longer than|not HTTP"),
    (pour(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 99), "longer than"),
]


@pytest.mark.parametrize(("answer", "words"), SILENT)
def test_what_never_gives_a_whole_head_has_not_answered(answer: Any, words: str) -> None:
    with Receiver(otherwise=answer) as receiver:
        with pytest.raises(NotSent, match=words):
            post(Outside(allow_private=True, seconds=1), receiver.url)
        assert len(receiver.wait_for(1)) == 1


def test_nonsense_is_told_in_few_words() -> None:
    nonsense = b"HTTP/1.1 200 OK\r\nx: " + bytes(15_000) + b"\r\n\r\n"
    with Receiver(otherwise=raw(nonsense)) as receiver, pytest.raises(NotSent) as told:
        post(Outside(allow_private=True, seconds=5), receiver.url)
    assert "not HTTP" in str(told.value)
    assert len(str(told.value)) < 300


ENDLESS: list[Any] = [
    pour(b"HTTP/1.1 200 OK\r\n\r\n"),
    pour(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1000),
    pour(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"),
    raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
    raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    gzip_bomb(),
]


@pytest.mark.parametrize("answer", ENDLESS)
def test_an_answer_without_end_counts_by_its_status_and_is_cut(answer: Any) -> None:
    with Receiver(otherwise=answer) as receiver:
        assert post(Outside(allow_private=True, seconds=10), receiver.url).status == 200


@pytest.mark.parametrize("hint", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_what_is_said_before_the_answer_is_not_the_answer(hint: str) -> None:
    said = f"HTTP/1.1 {hint}\r\nLink: </>\r\n\r\n".encode() * 2
    with Receiver(otherwise=raw(said + b"HTTP/1.1 204 No Content\r\n\r\n")) as receiver:
        assert post(Outside(allow_private=True, seconds=5), receiver.url).status == 204


def test_an_endpoint_may_finish_what_it_says() -> None:
    finished: list[bool] = []

    async def slow(writer: asyncio.StreamWriter) -> None:
        await raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")(writer)
        await asyncio.sleep(0.2)
        finished.append(not writer.transport.is_closing())
        await raw(b"ok")(writer)

    with Receiver(otherwise=slow) as receiver:
        assert post(Outside(allow_private=True, seconds=5), receiver.url).status == 200
    assert finished == [True]


def test_a_dripping_body_is_not_waited_for() -> None:
    async def dripping(writer: asyncio.StreamWriter) -> None:
        await raw(b"HTTP/1.1 200 OK\r\n\r\n")(writer)
        while True:
            await drip(b"x")(writer)

    # Else it would be the deadline that ends it, and that counts as no answer.
    with Receiver(otherwise=dripping) as receiver:
        assert post(Outside(allow_private=True, seconds=10), receiver.url).status == 200


def test_no_more_is_read_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    read = asyncio.StreamReader.read

    async def count(self: asyncio.StreamReader, n: int = -1) -> bytes:
        data = await read(self, n)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(asyncio.StreamReader, "read", count)
    with Receiver(otherwise=pour(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000)) as receiver:
        assert post(Outside(allow_private=True, seconds=10), receiver.url).status == 200
    assert sum(sizes) == RESPONSE_BYTES_MAX


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def posted_over_tls(server: ssl.SSLContext, trusted: ssl.SSLContext | None) -> Receiver:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with Receiver(tls=server) as receiver:
        target = Target("https", "hooks.example", receiver.port, "/")
        outside = Outside(allow_private=True, tls=trusted, resolve=resolve, seconds=5)
        assert post(outside, target).status == 200
        return receiver


def test_a_certificate_for_the_name_in_the_url_is_accepted(authority: Authority) -> None:
    posted_over_tls(authority.server("hooks.example"), authority.client())


@pytest.mark.parametrize(
    ("name", "days", "trusted", "words"),
    [
        ("other.example", 1, True, "not trusted: Hostname mismatch"),
        ("localhost", 1, True, "not trusted: Hostname mismatch"),
        ("hooks.example", -1, True, "not trusted: certificate has expired"),
        ("hooks.example", 1, False, "not trusted: unable to get local issuer"),
    ],
)
def test_any_other_certificate_is_not(
    authority: Authority, name: str, days: int, trusted: bool, words: str
) -> None:
    client = authority.client() if trusted else None
    with pytest.raises(NotSent, match=words):
        posted_over_tls(authority.server(name, days=days), client)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_not_spoken(authority: Authority) -> None:
    server = authority.server("hooks.example")
    server.minimum_version = ssl.TLSVersion.TLSv1
    server.maximum_version = ssl.TLSVersion.TLSv1_1
    server.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(NotSent):
        posted_over_tls(server, authority.client())


def test_the_head_of_an_answer_is_kept_up_to_a_point() -> None:
    fields = [f"X-{number}: {'y' * 900}" for number in range(9)]
    with Receiver(otherwise=status(201, "Retry-After: 7", *fields)) as receiver:
        answered = post(Outside(allow_private=True, seconds=5), receiver.url)
    assert answered.head.startswith("HTTP/1.1 201\nContent-Length: 2\nRetry-After: 7\nX-0: y")
    assert (len(answered.head), answered.retry_after) == (4096, "7")
