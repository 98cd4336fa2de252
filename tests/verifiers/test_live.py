"""A decision on a real server, and its evidence checked by each program that can."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from tests.authenticator import Authenticator
from tests.bundles import ALGORITHMS, ROOT, decided, publish_all, trust_in, used
from tests.conftest import NODE
from tests.engines import ENGINES, engines
from tests.live import Live
from tests.people import JSON, Person, client, raise_for

from cosignet.client.bundle import Trust
from cosignet.core.errors import SetupError

PROGRAMS = {
    "verify.py": [sys.executable, str(ROOT / "verifiers/verify.py")],
    "verify.mjs": [str(NODE), str(ROOT / "verifiers/verify.mjs")],
    "cosignet": [sys.executable, "-m", "cosignet", "verify"],
}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path / "data") as server:
        yield server


@pytest.fixture(params=ENGINES)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Live]:
    """A server on each engine."""
    with engines.used(request.param), Live(tmp_path / "data") as server:
        yield server


def run(
    program: str, *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAMS[program], *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | (environ or {})
    )


def pinned(live: Live, person: Person, kind: str = "approval") -> list[str]:
    """What somebody says who has asked the operator and the approver."""
    vkey = client(live.listens_at, {"accept": "text/plain"}).get("/public/log/key").text.strip()
    key = hashlib.sha256(person.passkey.spki).hexdigest()
    pins = ["--vkey", vkey, "--origin", live.url, "--credential-key", key]
    return [*pins, "--kind", kind]


def fetched(live: Live, bundle: JSON) -> bytes:
    """The evidence as its route answers it."""
    path = f"/public/log/entries/{bundle['evidenceId']}/verification"
    return client(live.listens_at, {}).get(path).content


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_decision_is_proven_by_every_program_and_each_says_the_same(
    either: Live, tmp_path: Path, algorithm: str
) -> None:
    live = either
    person = Person(live.url, Authenticator(algorithm=ALGORITHMS[algorithm]))
    person.register(live.invite(), "alex")
    file, payload = tmp_path / "bundle.json", tmp_path / "payload.json"
    for kind in ("approval", "rejection"):
        bundle = decided(live, person, kind)
        file.write_bytes(fetched(live, bundle))
        payload.write_text(json.dumps(json.loads(bundle["payload"]), indent=2))
        known = [str(file), *pinned(live, person, kind), "--payload", str(payload)]
        said = {name: run(name, *known) for name in PROGRAMS}
        assert {ran.returncode for ran in said.values()} == {0}, said
        assert len({ran.stdout for ran in said.values()}) == 1
        assert [line[3:13].rstrip() for line in said["verify.py"].stdout.splitlines()] == [
            "NOT PROVEN" if place in (2, 12, 13) else "OK" for place in range(14)
        ]
        for name in PROGRAMS:
            assert run(name, str(file), "--kind", kind).returncode == 3
            other = "rejection" if kind == "approval" else "approval"
            assert run(name, str(file), *pinned(live, person, other)).returncode == 1


def test_what_was_used_is_proven_by_the_log_key_alone(either: Live) -> None:
    live = either
    bundles = used(live, live.person())
    for kind, bundle in bundles.items():
        [vkey] = bundle["log"]["vkeys"]
        for what in (bundle["evidenceId"], f"{live.url}/verify?id={bundle['evidenceId']}"):
            ran = run("cosignet", what, "--vkey", vkey, "--kind", kind, "--server", live.url)
            assert (ran.returncode, ran.stderr) == (0, "")
            ran = run("cosignet", what, "--kind", kind, "--server", live.url)
            assert ran.returncode == 3


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def alex(live: Live) -> Person:
    return live.person("alex")


def test_evidence_is_named_by_a_file_a_link_or_an_id(
    live: Live, alex: Person, tmp_path: Path
) -> None:
    id_ = decided(live, alex, "approval")["evidenceId"]
    file = tmp_path / "bundle.json"
    file.write_bytes(fetched(live, {"evidenceId": id_}))
    environ = {"COSIGNET_BASE_URL": live.url}
    for what in (
        str(file),
        id_,
        id_.upper(),
        f"{live.url}/public/log/entries/{id_}/verification",
        f"{live.url}/verify?kind=approval&id={id_}",
    ):
        ran = run("cosignet", what, *pinned(live, alex), environ=environ)
        assert (ran.returncode, ran.stderr) == (0, ""), what
    ran = run("cosignet", id_, *pinned(live, alex), "--server", live.url, "--json")
    said: JSON = json.loads(ran.stdout)
    assert (ran.returncode, said["status"], len(said["steps"])) == (0, 0, 14)
    assert said["steps"][6] == {
        "step": "signature",
        "verdict": "OK",
        "why": "The passkey's key signed exactly this.",
    }


def test_pins_come_from_a_file_too(live: Live, alex: Person, tmp_path: Path) -> None:
    bundle = decided(live, alex, "approval")
    known = trust_in(bundle)
    key = base64.urlsafe_b64encode(alex.passkey.spki).decode().rstrip("=")
    pin = {"origin": live.url, "approver": "alex", "credential": "c", "key": key}
    elsewhere = pin | {"origin": "https://approve.example"}
    file, wrong = tmp_path / "pins.json", tmp_path / "wrong.json"
    file.write_text(json.dumps({"version": 1, "pins": [pin], "logs": known["vkeys"]}))
    where = [bundle["evidenceId"], "--server", live.url]
    assert run("cosignet", *where, "--pins", str(file)).returncode == 0
    wrong.write_text(json.dumps({"version": 1, "pins": [pin, elsewhere], "logs": known["vkeys"]}))
    ran = run("cosignet", *where, "--pins", str(wrong))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "several origins" in ran.stderr
    named = run("cosignet", *where, "--pins", str(wrong), "--origin", live.url)
    assert named.returncode == 0
    wrong.write_text(json.dumps({"version": 1, "pins": [elsewhere], "logs": known["vkeys"]}))
    ran = run("cosignet", *where, "--pins", str(wrong), "--origin", live.url)
    assert ran.returncode == 3, "whose key it is is not pinned"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"pins": [{}]}', '{"pins": 1}', '{"pins": [{"origin": "o", "key": "a"}]}']
)
def test_a_file_of_pins_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "pins.json"
    file.write_text(text)
    with pytest.raises(SetupError, match=r"pins\.json|base64url"):
        Trust("approval").add_pins(file)


def test_what_is_not_there_is_said_in_one_line(live: Live, alex: Person, tmp_path: Path) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    asked = live.program().ask(alex.username)["id"]
    publish_all(live)
    raise_for(alex.approve(asked))
    pending = live.program().read(asked)["evidenceId"]
    file = tmp_path / "bundle.json"
    file.write_text("{")
    for what, words in (
        (unknown, "no entry under that name"),
        (pending, "not signed it yet"),
        ("nothing", "is no file, no link to evidence, and no evidence id"),
        (f"ftp://approve.example/{unknown}", "is no file, no link"),
        (f"http://localhost:1/verify?id={unknown}", "refused"),
        (str(file), "is no JSON"),
    ):
        ran = run("cosignet", what, "--server", live.url)
        assert (ran.returncode, ran.stdout) == (1, ""), what
        assert len(ran.stderr.splitlines()) == 1
        assert words in ran.stderr, ran.stderr


def test_the_verifiers_are_served_and_packaged_as_they_are(live: Live) -> None:
    packaged = resources.files("cosignet") / "verifiers"
    for name in ("verify.py", "verify.mjs"):
        ours = (ROOT / "verifiers" / name).read_bytes()
        served = client(live.listens_at, {}).get(f"/static/{name}")
        assert (served.status_code, served.content) == (200, ours)
        assert (packaged / name).read_bytes() == ours


def test_the_command_names_the_package_that_it_needs() -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from cosignet.cli.main import main; sys.exit(main(['verify', 'x']))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.strip().endswith("pip install 'cosignet[verify]'")
