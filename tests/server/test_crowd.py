"""A crowd decides: a process beside the server verifies, and its death costs no decision."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import bench.servers
import httpx2
import pytest
from bench.cast import registered
from bench.load import send
from tests.live import Live
from tests.people import Person, Program
from tests.server.rows import check, opened
from tests.server.together import background, children, eventually

from cosignet.server.process import processors
from cosignet.server.verifying import Expected, VerifiedAnswer, verifier
from cosignet.server.webauthn.errors import ChallengeNotOurs

CROWD = 24


@pytest.fixture(scope="module")
def live(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("crowd") / "data", processors=2) as running:
        yield running


@pytest.fixture(autouse=True)
def _everybody_is_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "CROWD_PER_SECOND", 0)
    monkeypatch.setattr(verifier, "PAUSE_SECONDS", 0.1)


class Here:
    """Counts what the server verifies itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._verify = verifier.verify_answer
        monkeypatch.setattr(verifier, "verify_answer", self._counted)

    def _counted(self, value: Any, expected: Expected, relying_party: Any) -> VerifiedAnswer:
        self.count += 1
        return self._verify(value, expected, relying_party)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(monkeypatch)


def processes(of: str | int = "self") -> list[int]:
    """The processes that verify beside this one, or beside another."""

    def verifies(pid: int) -> bool:
        return b"verify_until_quiet" in Path(f"/proc/{pid}/cmdline").read_bytes()

    return [pid for pid in children(of) if verifies(pid)]


def ask(program: Program, person: Person) -> str:
    return program.ask(person.username)["id"]


def until_beside(program: Program, person: Person, here: Here) -> int:
    """Let decisions be made until the process verifies them; return how many it did not."""

    def is_beside() -> bool:
        before = here.count
        assert person.approve(ask(program, person)).status_code == 200
        return here.count == before

    eventually(is_beside)
    return here.count


def test_what_is_verified_beside_is_decided_and_kept_whole(
    live: Live, program: Program, alex: Person, here: Here
) -> None:
    count = until_beside(program, alex, here)
    confirmation = ask(program, alex)
    assert alex.approve(confirmation).status_code == 200
    assert program.read(confirmation)["status"] == "approved"
    assert here.count == count
    with opened(live.data_dir / "cosignet.db") as rows:
        check(rows)


def test_a_forged_answer_is_refused_by_name(program: Program, alex: Person, here: Here) -> None:
    count = until_beside(program, alex, here)
    confirmation, other = ask(program, alex), ask(program, alex)
    refused = alex.post_approval(confirmation, alex.sign(other))
    assert refused.json()["code"] == ChallengeNotOurs.code
    assert program.read(confirmation)["status"] == "pending"
    assert here.count == count
    assert alex.approve(confirmation).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_no_decision_is_lost_with_the_process(
    live: Live, program: Program, alex: Person, here: Here, number: int
) -> None:
    until_beside(program, alex, here)
    wanted = [ask(program, alex) for _ in range(CROWD)]
    signed = [(one, alex.sign(one)) for one in wanted]
    with background() as submit:
        answers: list[Future[httpx2.Response]] = [
            submit(alex.post_approval, *one) for one in signed
        ]
        [pid] = processes()
        os.kill(pid, number)
        assert [answer.result().status_code for answer in answers] == [200] * CROWD
    assert {program.read(one)["status"] for one in wanted} == {"approved"}
    with opened(live.data_dir / "cosignet.db") as rows:
        check(rows)
    until_beside(program, alex, here)


@pytest.mark.engine("sqlite")
@pytest.mark.skipif(processors() < 2, reason="a server with one processor starts none")
def test_a_server_starts_it_in_a_crowd_and_not_before(tmp_path: Path) -> None:
    many = 1_000
    with bench.servers.cosignet(tmp_path) as server:
        cast = registered(server, pending=many)
        assert processes(server.pid) == []
        send(server.port, cast.approvals(cast.create(many)))
        eventually(lambda: len(processes(server.pid)) == 1)
