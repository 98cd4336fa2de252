"""`cosignet webhook` and `cosignet worker`, as an operator uses them."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import ENGINES, engines
from tests.live import Process
from tests.people import JSON
from tests.receiver import Receiver, drip, status
from tests.server.together import eventually

from cosignet.core.webhook import verify
from cosignet.server.app import now_ms

ALLOW = {"COSIGNET_ALLOW_PRIVATE_WEBHOOKS": "yes"}


@pytest.fixture(scope="module", params=ENGINES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("cli") / "data"
    with engines.used(request.param), Process(folder, settings=ALLOW) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def rows(server: Process, *arguments: str) -> list[JSON]:
    return json.loads(server.command("webhook", *arguments, "--json").stdout)


def test_the_whole_life_of_a_webhook(server: Process, receiver: Receiver) -> None:
    made = server.command("webhook", "create", "--url", receiver.url, "--event", "rejected")
    secret = made.stdout.strip()
    assert secret.startswith("whsec_")
    [webhook] = [one for one in rows(server, "list") if one["url"] == receiver.url]
    assert webhook["events"] == ["rejected"]
    assert f"The webhook is {webhook['id']}." in made.stderr
    [sent] = rows(server, "test", webhook["id"])
    [request] = receiver.wait_for(1)
    verify(request.headers, request.body, secret=secret, now_ms=now_ms())
    eventually(lambda: rows(server, "deliveries", "--status", "delivered") != [])
    [delivery] = rows(server, "deliveries", "--webhook", webhook["id"])
    assert (delivery["id"], delivery["attempts"], delivery["last"]) == (sent["id"], 1, 200)
    assert rows(server, "deliveries", "--confirmation", "none") == []
    server.command("webhook", "redeliver", sent["id"])
    receiver.wait_for(2)
    rotated = server.command("webhook", "rotate", webhook["id"], "--overlap", "0")
    assert rotated.stdout.startswith("whsec_")
    assert rotated.stdout.count("\n") == 1
    receiver.answer(status(410))
    server.command("webhook", "test", webhook["id"])
    eventually(lambda: rows(server, "list")[0]["disabledReason"] == "gone")
    examined = server.command("doctor", check=False)
    assert "1 disabled, as they were gone or failed" in examined.stdout
    assert "COSIGNET_ALLOW_PRIVATE_WEBHOOKS=yes" in examined.stdout
    assert rows(server, "enable", webhook["id"])[0]["disabledAt"] is None
    assert rows(server, "revoke", webhook["id"])[0]["revokedAt"] is not None
    # It may find fault with the tests' own PostgreSQL, but no more with webhooks.
    assert "they were gone" not in server.command("doctor", check=False).stdout
    assert server.command("webhook", "test", webhook["id"], check=False).returncode == 1


def test_the_start_says_that_webhooks_may_lead_inside(server: Process) -> None:
    server.owner_link()
    assert "COSIGNET_ALLOW_PRIVATE_WEBHOOKS=yes" in server.said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "--url", "http://example.com@localhost/"], "url:"),
        (["create", "--url", "https://127.1/"], "url:"),
        (["rotate", "x", "--overlap", "-1"], "--overlap:"),
        (["revoke", "nobody"], "Nothing is here"),
    ],
)
def test_a_refusal_is_told_in_words(server: Process, arguments: list[str], words: str) -> None:
    refused = server.command("webhook", *arguments, check=False)
    assert refused.returncode == 1
    assert words in refused.stderr


def worker(server: Process) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "cosignet", "worker"]
    return subprocess.Popen(command, env=server.environ, stderr=subprocess.PIPE, text=True)


def test_on_sqlite_the_server_does_the_work(tmp_path: Path) -> None:
    with engines.used("sqlite"), Process(tmp_path / "data", settings=ALLOW) as server:
        running = worker(server)
        _, said = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "need PostgreSQL" in said


def test_a_worker_sends_without_a_server_and_ends_what_it_has_begun(
    tmp_path: Path, receiver: Receiver
) -> None:
    # Told to stop in the middle of this answer, which takes most of a second.
    receiver.answers = [drip(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", pause=0.02)]
    with engines.used("postgres"):
        store = Process(tmp_path / "data", settings=ALLOW)
        store.command("migrate")
        store.command("webhook", "create", "--url", receiver.url)
        [webhook] = rows(store, "list")
        [sent] = rows(store, "test", webhook["id"])
        running = worker(store)
        try:
            [request] = receiver.wait_for(1)
        finally:
            running.send_signal(signal.SIGTERM)
            _, said = running.communicate(timeout=30)
        assert request.headers["cosignet-delivery-id"] == sent["id"]
        assert (running.returncode, "Traceback" in said) == (0, False)
        assert "COSIGNET_ALLOW_PRIVATE_WEBHOOKS=yes" in said
        [delivery] = rows(store, "deliveries")
        assert delivery["status"] == "delivered"
