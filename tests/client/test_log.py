"""Clients that are told a log's key, against a real server and its real log."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.authenticator import EDDSA, ES256, RS256, Authenticator, base64url
from tests.client.clients import CLIENTS, Asking
from tests.client.faulty import APPROVER
from tests.client.faulty_log import VKEY
from tests.client.test_client import client
from tests.live import Live
from tests.people import Person

from cosignet.client import Asked, Cosignet, EvidenceRefused, SetupIncomplete, Unavailable
from cosignet.client.environment import read_settings
from cosignet.server.services import log_keys

CHECKING = [name for name in CLIENTS if ".sh" not in name]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("log") / "data", works=True) as server:
        yield server


@pytest.fixture(scope="module")
def passkey(live: Live) -> Authenticator:
    return live.person(APPROVER).passkey


@pytest.fixture
def alex(live: Live, passkey: Authenticator) -> Person:
    return Person(live.url, passkey, APPROVER)


def vkeys(live: Live) -> list[str]:
    return live.program().get("/public/log/key").json()["vkeys"]


def asks(live: Live, person: Person, **options: Any) -> Callable[[], Any]:
    """Return what asks for an approval that comes at once."""

    def approve(asked: Asked) -> None:
        assert person.approve(asked.id).is_success

    asking = client(live, person, **options)
    return partial(
        asking.request_approval,
        username=person.username,
        action="Refund",
        payload={"amount": 1},
        on_created=approve,
    )


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_an_approval_by_any_kind_of_passkey_is_found_in_the_log(live: Live, algorithm: int) -> None:
    person = Person(live.url, Authenticator(algorithm=algorithm))
    person.register(live.invite(), f"logged{-algorithm}")
    decision = asks(live, person, log_keys=vkeys(live))()
    assert decision.status == "approved"
    assert decision.approval is not None


@pytest.mark.parametrize("named", CHECKING)
def test_every_client_waits_for_the_log_and_runs(
    live: Live, alex: Person, named: str, tmp_path: Path
) -> None:
    program = live.program()

    def approve() -> None:
        while not (items := program.get("/api/confirmations", status="pending").json()["items"]):
            threading.Event().wait(0.05)
        assert alex.approve(items[0]["id"]).is_success

    approving = threading.Thread(target=approve)
    approving.start()
    pin, keys = base64url(alex.passkey.spki), (VKEY, *vkeys(live))
    did = CLIENTS[named](Asking(live.url, 30, tmp_path, program.key, pin, keys))
    approving.join()
    assert (did.runs, did.verdict) == (1, "ran"), did.said


def test_a_key_that_came_later_and_the_one_before_are_both_good(live: Live, alex: Person) -> None:
    before = vkeys(live)
    live.run(partial(log_keys.rotate, overlap_days=1))
    later = vkeys(live)
    assert later[:-1] == before
    for key in later:
        assert asks(live, alex, log_keys=[key])().approval is not None


def test_another_logs_key_refuses_and_takes_nothing_for_approved(live: Live, alex: Person) -> None:
    with pytest.raises(EvidenceRefused, match="log_proof"):
        asks(live, alex, log_keys=[VKEY])()


def test_a_log_that_signs_nothing_is_an_outage(tmp_path: Path) -> None:
    with Live(tmp_path / "data") as idle:
        person = idle.person()
        with pytest.raises(Unavailable, match="the log has not signed"):
            asks(idle, person, log_keys=[VKEY])()


def test_the_key_comes_from_the_environment_too(
    live: Live, alex: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGNET_LOG_VKEY", VKEY)
    with pytest.raises(EvidenceRefused, match="log_proof"):
        asks(live, alex)()
    assert asks(live, alex, log_keys=[])().approval is not None
    several = read_settings({"COSIGNET_LOG_VKEY": f" {VKEY}\n{VKEY} "})
    assert several.log_keys == [VKEY, VKEY]
    monkeypatch.setenv("COSIGNET_LOG_VKEY", VKEY[:-1])
    with pytest.raises(SetupIncomplete, match="not a verifier key"):
        Cosignet(api_key="k")


@pytest.mark.parametrize("script", ["cli-approval/cosignet-guard.sh", "ci-cd/gate.sh"])
def test_a_script_that_cannot_check_the_log_says_so(script: str, tmp_path: Path) -> None:
    recipes = Path(__file__).parent.parent.parent / "recipes"
    for option, env in ((["--log-key", VKEY], {}), ([], {"COSIGNET_LOG_VKEY": VKEY})):
        ran = subprocess.run(
            ["bash", recipes / script, "--action", "x", *option],
            env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
            | {"COSIGNET_API_KEY": "k", "COSIGNET_USER": "alex"}
            | env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 64
        assert "The scripts do not check the log. Use cosignet guard" in ran.stderr
