"""The command line, as an operator uses it: on a store that a server may be running on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import ENGINES, Engine, engines
from tests.live import Process
from tests.people import Person, Program


@pytest.fixture(scope="module", params=ENGINES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("cli") / "my data"
    with engines.used(request.param), Process(folder) as running:
        yield running


def test_the_first_start_prints_a_link_and_commands_that_work(server: Process) -> None:
    link = server.owner_link()
    said = server.said
    assert link.startswith(f"{server.url}/register?invite=")
    commands = [line.strip() for line in said.splitlines() if "COSIGNET_DATA_DIR=" in line]
    assert len(commands) == 2
    for command in commands:
        assert "'" in command  # the folder has a space in its name
        # What is secret is not printed: on PostgreSQL the reader has it in their environment.
        own = engines.settings(server.data_dir)
        ran = subprocess.run(
            ["sh", "-c", command], env=os.environ | own, capture_output=True, text=True, check=True
        )
        assert not any(secret in said for secret in own.values())
        assert ran.stdout.startswith(("cosk_", f"{server.url}/register?invite="))
    assert "COSIGNET_API_INVITES=trusted" in said


def test_minting_prints_just_the_secret(server: Process) -> None:
    made = server.command("apikey", "create", "--name", "agent")
    assert made.stdout.startswith("cosk_")
    assert made.stdout.count("\n") == 1
    assert Program(server.url, made.stdout.strip()).get("/api/confirmations").is_success
    link = server.command("invite", "create", "--username", "Alex", "--note", "for Alex")
    assert Person(server.url).register(link.stdout.strip(), "alex")["activated"] is True


def test_rotating_prints_just_the_secret_and_says_when_the_old_one_ends(server: Process) -> None:
    made = json.loads(server.command("apikey", "create", "--name", "agent", "--json").stdout)
    rotated = server.command("apikey", "rotate", made["id"])
    assert rotated.stdout.startswith("cosk_")
    assert rotated.stdout.count("\n") == 1
    assert "The old one ends at 2" in rotated.stderr
    second = rotated.stdout.strip()
    assert Program(server.url, second).get("/api/confirmations").is_success
    assert Program(server.url, made["key"]).get("/api/confirmations").status_code == 401
    said = server.command("apikey", "rotate", made["id"], "--overlap", "600", "--json").stdout
    third = json.loads(said)
    assert (third["id"], third["name"]) == (made["id"], "agent")
    assert third["rotatedAt"] < third["oldSecretEndsAt"]
    for secret in (second, third["key"]):
        assert Program(server.url, secret).get("/api/confirmations").is_success
    listed = json.loads(server.command("apikey", "list", "--json").stdout)
    [found] = [key for key in listed if key["id"] == made["id"]]
    assert found.items() <= third.items()
    server.command("apikey", "revoke", made["id"])
    for secret in (second, third["key"]):
        assert Program(server.url, secret).get("/api/confirmations").status_code == 401


def test_json_says_all_there_is(server: Process) -> None:
    made = json.loads(
        server.command("apikey", "create", "--name", "bot", "--scope", "admin", "--json").stdout
    )
    assert (made["name"], made["scopes"]) == ("bot", ["admin"])
    assert made["key"].startswith(made["prefix"])
    keys = server.command("apikey", "list", "--json").stdout
    assert made["key"] not in keys
    assert made["id"] in {key["id"] for key in json.loads(keys)}
    server.command("apikey", "revoke", made["id"])
    assert Program(server.url, made["key"]).get("/api/confirmations").status_code == 401
    invite = json.loads(server.command("invite", "create", "--max-uses", "3", "--json").stdout)
    assert invite["uses"] == "0/3"
    server.command("invite", "revoke", invite["code"])


def test_an_approver_is_listed_and_revoked(server: Process) -> None:
    person = Person(server.url)
    person.register(server.command("invite", "create").stdout.strip(), "zoe")
    assert "zoe" in server.command("approver", "list").stdout
    (passkey,) = json.loads(server.command("approver", "passkeys", "zoe", "--json").stdout)
    assert passkey["id"] == person.passkey.credential_id.hex()
    assert passkey["enrolledBy"] == "operator"
    server.command("approver", "revoke-passkey", passkey["id"])
    (passkey,) = json.loads(server.command("approver", "passkeys", "zoe", "--json").stdout)
    assert passkey["revoked"] is True
    server.command("approver", "revoke", "zoe")
    late = server.command("approver", "activate", "zoe", check=False)
    assert (late.returncode, "was revoked" in late.stderr) == (1, True)
    key = server.command("apikey", "create", "--name", "agent").stdout.strip()
    problem = Program(server.url, key).post(
        "/api/confirmations", {"username": "zoe", "action": "x", "payload": {}}
    )
    assert problem.json()["code"] == "approver_unknown"


def test_an_approver_is_made_an_admin_and_the_only_owner_stays(server: Process) -> None:
    for name in ("olive", "max"):
        link = server.command("invite", "create", "--username", name).stdout.strip()
        Person(server.url).register(link, name)
    made = server.command("approver", "role", "max", "admin")
    assert "max" in made.stdout
    assert "admin" in made.stdout
    assert "activates people" in made.stderr
    [told] = json.loads(server.command("approver", "role", "max", "admin", "--json").stdout)
    assert (told["username"], told["role"]) == ("max", "admin")
    listed = json.loads(server.command("approver", "list", "--json").stdout)
    assert {one["username"]: one["role"] for one in listed}["max"] == "admin"
    server.command("approver", "role", "olive", "owner")
    refused = server.command("approver", "role", "olive", "approver", check=False)
    assert refused.returncode == 1
    assert "the only owner" in refused.stderr
    assert "Make somebody else an owner first" in refused.stderr
    wrong = server.command("approver", "role", "max", "king", check=False)
    assert (wrong.returncode, "auditor" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["invite", "create", "--username", "é"], "--username"),
        (["invite", "create", "--max-uses", "0"], "--max-uses"),
        (["invite", "create", "--max-uses", "9223372036854775808"], "--max-uses"),
        (["invite", "create", "--note", "x" * 201], "--note"),
        (["invite", "create", "--username", "demo-x"], "--username"),
        (["apikey", "create", "--name", ""], "--name"),
        (["apikey", "create", "--name", "x" * 81], "--name"),
        (["approver", "revoke-passkey", "="], "id"),
        (["invite", "revoke", "nothing"], "Nothing is here"),
        (["apikey", "revoke", "nothing"], "Nothing is here"),
        (["apikey", "rotate", "nothing"], "Nothing is here"),
        (["apikey", "rotate", "x", "--overlap", "86401"], "--overlap"),
        (["apikey", "rotate", "x", "--overlap", "-1"], "--overlap"),
        (["approver", "activate", "nobody"], "Nothing is here"),
        (["approver", "role", "nobody", "admin"], "Nothing is here"),
        (["serve"], "Another server is running"),
        (["serve", "--port", "1"], "COSIGNET_PUBLIC_URL"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_1(
    server: Process, arguments: list[str], words: str
) -> None:
    if arguments == ["serve"] and engines.current == "postgres":
        words = "cannot be listened on"  # another one may run there, on another port
    refused = server.command(*arguments, check=False)
    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


def test_on_https_it_is_said_that_no_proxy_is_named(tmp_path: Path) -> None:
    url, words = "https://approve.example", "COSIGNET_TRUSTED_PROXIES is not set"
    with Process(tmp_path / "unnamed", public_url=url) as server:
        assert server.owner_link()
        assert words in server.said
        assert words in server.command("doctor", check=False).stdout
    named = {"COSIGNET_TRUSTED_PROXIES": "127.0.0.1"}
    with Process(tmp_path / "named", public_url=url, settings=named) as server:
        assert server.owner_link()
        assert words not in server.said + server.command("doctor", check=False).stdout


@pytest.mark.parametrize("engine", ENGINES)
def test_a_command_in_the_wrong_place_makes_no_store(tmp_path: Path, engine: Engine) -> None:
    nowhere = Process(tmp_path / "nowhere")
    with engines.used(engine):
        for arguments in (("invite", "create"), ("apikey", "create", "--name", "x")):
            refused = nowhere.command(*arguments, check=False)
            assert refused.returncode == 1
            assert "There is no store" in refused.stderr
        assert not nowhere.data_dir.exists()
        assert "there is none yet" in nowhere.command("doctor", check=False).stdout
        assert "up to date" in nowhere.command("migrate").stderr
        assert (nowhere.data_dir / "cosignet.db").exists() is (engine == "sqlite")
        assert nowhere.command("invite", "create").stdout


def test_a_taken_port_leaves_no_store_behind(server: Process, tmp_path: Path) -> None:
    second = Process(tmp_path / "second", port=server.port)
    refused = second.command("serve", check=False)
    assert refused.returncode == 1
    assert "cannot be listened on" in refused.stderr
    assert not (second.data_dir / "cosignet.db").exists()


def test_a_name_with_control_characters_is_shown_escaped(server: Process) -> None:
    server.command("apikey", "create", "--name", "x\x1b[2Jy\u202ez")
    listed = server.command("apikey", "list").stdout
    assert "\x1b" not in listed
    assert "x\\u{1b}[2Jy\\u{202e}z" in listed


def test_help_needs_no_installed_package() -> None:
    source = Path(__file__).parents[2] / "src"
    ran = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(source)!r}); "
            "from cosignet.cli.main import main; main(['--help'])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    for command in (
        "serve",
        "migrate",
        "backup",
        "restore",
        "doctor",
        "apikey",
        "invite",
        "approver",
    ):
        assert command in ran.stdout


def test_without_the_servers_packages_a_command_says_how_to_get_them() -> None:
    source = Path(__file__).parents[2] / "src"
    ran = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(source)!r}); "
            "from cosignet.cli.main import main; sys.exit(main(['doctor']))",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "pip install 'cosignet[server]'" in ran.stderr
