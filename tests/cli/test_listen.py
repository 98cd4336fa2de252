"""`cosignet listen`: what is decided arrives at a URL that the server could not reach."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.live import Live
from tests.people import Program, raise_for
from tests.receiver import Receiver, status

from cosignet.core.webhook import verify


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("listen") / "data") as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@contextmanager
def listening(
    program: Program, receiver: Receiver, *options: str
) -> "Iterator[subprocess.Popen[str]]":
    own = {"COSIGNET_API_KEY": program.key, "COSIGNET_BASE_URL": program.url}
    command = [sys.executable, "-m", "cosignet", "listen", "--forward-to", receiver.url, *options]
    with subprocess.Popen(
        command, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        assert "signed with that secret" in running.stderr.readline()
        yield running
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130


def test_what_is_decided_is_forwarded_like_a_webhook(live: Live, receiver: Receiver) -> None:
    program, alex = live.program(), live.newcomer()
    before = program.ask(alex.username)["id"]
    raise_for(alex.reject(before))
    waiting = program.ask(alex.username)["id"]
    with listening(program, receiver) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        secret = running.stdout.readline().strip()
        receiver.answer(status(200), status(500))
        raise_for(alex.approve(waiting))
        receiver.wait_for(1)
        later = program.ask(alex.username)["id"]
        raise_for(program.post(f"/api/confirmations/{later}/cancel"))
        for request, id_, event in zip(
            receiver.wait_for(2), (waiting, later), ("approved", "expired"), strict=True
        ):
            now = live.clock()
            told = verify(request.headers, request.body, secret=secret, now_ms=now)
            read = program.read(id_)
            del read["payload"], read["payloadText"]
            assert (told.event, told.confirmation) == (event, read)
            assert json.loads(request.body)["occurredAt"] == read["decidedAt"]
        said = [running.stderr.readline() for _ in range(2)]
    assert said == [f"approved  {waiting}  → 200\n", f"expired  {later}  → 500\n"]


def test_only_the_events_that_are_wanted_are_forwarded(live: Live, receiver: Receiver) -> None:
    program, alex = live.program(), live.newcomer()
    with listening(program, receiver, "--event", "approved"):
        cancelled, approved = (program.ask(alex.username)["id"] for _ in range(2))
        raise_for(program.post(f"/api/confirmations/{cancelled}/cancel"))
        raise_for(alex.approve(approved))
        [request] = receiver.wait_for(1)
    assert json.loads(request.body)["confirmation"]["id"] == approved


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"COSIGNET_API_KEY": ""}, "Set COSIGNET_API_KEY"),
        ({"COSIGNET_API_KEY": "cosk_wrong"}, "No valid API key"),
        ({"COSIGNET_API_KEY": "x", "COSIGNET_BASE_URL": "http://localhost:1"}, "refused"),
        ({"COSIGNET_API_KEY": "x", "COSIGNET_BASE_URL": "ftp://localhost"}, "no http or https"),
    ],
)
def test_what_keeps_it_from_listening_is_said(live: Live, own: dict[str, str], words: str) -> None:
    command = [sys.executable, "-m", "cosignet", "listen", "--forward-to", "http://localhost:1/"]
    environ = os.environ | {"COSIGNET_BASE_URL": live.url} | own
    ran = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1
    assert words in ran.stderr
