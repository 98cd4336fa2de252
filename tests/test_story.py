"""The whole way, as a new user goes it: from an empty folder to an approved action."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import NODE
from tests.engines import ENGINES, engines
from tests.live import Process
from tests.people import Person, Program

SELF_CHECK = Path(__file__).parent / "js" / "selfcheck.mjs"


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    with engines.used(request.param), Process(tmp_path / "data") as running:
        yield running


def test_from_an_empty_folder_to_an_approved_action(server: Process) -> None:
    owner = Person(server.url)
    registered = owner.register(server.owner_link(), "Alex")
    assert registered["username"] == "alex"
    assert registered["role"] == "owner"
    practised = owner.practise()
    program = Program(server.url, practised["apiKey"]["key"])

    asked = program.ask("alex", {"b": 1.0, "10": 1e2, "2": "é", "nested": {"a": [True, None]}})
    assert asked["status"] == "pending"
    assert asked["url"] == f"{server.url}/confirm/{asked['id']}"
    assert program.read(asked["id"])["rawAssertion"] is None

    approved = owner.approve(asked["id"])
    assert approved.status_code == 200
    decision = program.read(asked["id"])
    assert decision["status"] == "approved"
    text = '{"2":"é","10":100,"b":1,"nested":{"a":[true,null]}}'
    assert decision["payloadText"] == text
    assert decision["payloadHash"] == hashlib.sha256(text.encode()).hexdigest()
    assert decision["signedAt"] is not None
    assert decision["credentialId"] == owner.credential_id
    again = owner.post_approval(asked["id"], decision["rawAssertion"])
    assert again.status_code == 409
    assert again.json()["confirmationStatus"] == "approved"
    check = subprocess.run(
        [NODE, SELF_CHECK, server.url, asked["id"], program.key],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(check.stdout) == {"binding": True, "context": True, "signature": True}
