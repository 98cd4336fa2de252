"""The doctor: what is right is OK, and everything that is broken on purpose is found and cured."""

import asyncio
import base64
import json
import secrets
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.engines import ENGINES, engines
from tests.live import Process, free_port
from tests.people import Person
from tests.server.rows import opened, value

from cosignet.cli import machine, reach
from cosignet.cli.finding import Finding
from cosignet.server.config import read_config
from cosignet.server.outbound.ask import Unheard, ask


@pytest.fixture(scope="module", params=ENGINES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("doctor") / "data"
    with engines.used(request.param), Process(folder) as running:
        yield running


def examined(process: Process, *arguments: str) -> dict[str, dict[str, str]]:
    """Return what the doctor finds, the worst of each check."""
    ran = process.command("doctor", "--json", *arguments, check=False)
    assert "Traceback" not in ran.stderr
    found = json.loads(ran.stdout)
    assert (ran.returncode == 1) == any(row["result"] == "FAIL" for row in found)
    worst = sorted(found, key=lambda row: ["OK", "WARN", "FAIL"].index(row["result"]))
    return {row["check"]: row for row in worst}


def results(found: dict[str, dict[str, str]], result: str) -> set[str]:
    return {check for check, row in found.items() if row["result"] == result}


def test_a_server_in_order_is_ok_but_for_what_is_still_to_do(server: Process) -> None:
    found = examined(server)
    # The database server of the tests syncs nothing.
    postgres = {"postgresql"} if engines.current == "postgres" else set[str]()
    assert results(found, "FAIL") == postgres
    assert results(found, "WARN") == {"invites", "owner", "backup"}
    looked = {"settings", "python", "sqlite", "descriptors", "key", "identity", "schema"}
    looked |= {"writing", "clock", "server", "ready", "host"}
    if engines.current == "sqlite":
        looked |= {"permissions", "ownership", "disk", "file system", "durable write"}
    assert looked <= results(found, "OK")
    for row in found.values():
        assert (row["result"] == "OK") or row["cure"], row


def test_for_people_each_line_begins_with_its_result_and_a_cure_follows(server: Process) -> None:
    said = server.command("doctor", check=False).stdout.splitlines()
    assert all(line[:4].strip() in ("OK", "WARN", "FAIL", "") for line in said)
    [at] = [n for n, line in enumerate(said) if line.startswith("WARN  invites")]
    assert "activate" in said[at + 1]


def test_what_was_missing_and_is_there_now_is_ok(tmp_path: Path) -> None:
    with engines.used("sqlite"), Process(tmp_path / "data") as server:
        owner = Person(server.url)
        owner.register(server.owner_link(), "ada")
        server.command("backup", str(tmp_path / "backup"))
        assert results(examined(server), "WARN") == {"invites"}
        found = examined(server)
    assert found["backup"]["result"] == "OK"
    noted = server.data_dir / machine.LAST_BACKUP_FILE
    about = json.loads(noted.read_text())
    about["at"] = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    noted.write_text(json.dumps(about))
    with engines.used("sqlite"):
        found = examined(server)
    assert found["backup"]["result"] == "WARN"
    assert found["server"]["result"] == "WARN"
    assert "cosignet serve" in found["server"]["cure"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Process]:
    with engines.used("sqlite"):
        made = Process(tmp_path / "data")
        made.command("migrate")
        yield made


def test_files_that_others_can_open_are_found_with_the_command_that_helps(store: Process) -> None:
    for name in (".", "encryption.key", "cosignet.db"):
        path = store.data_dir / name
        mode = path.stat().st_mode
        path.chmod(mode | 0o044)
        found = examined(store)["permissions"]
        assert found["result"] == "FAIL"
        subprocess.run(["sh", "-c", found["cure"]], check=True)
        assert path.stat().st_mode == mode
        assert examined(store)["permissions"]["result"] == "OK"


def test_another_key_another_url_and_no_key_are_found(store: Process, tmp_path: Path) -> None:
    key = store.data_dir / "encryption.key"
    kept = key.read_bytes()
    key.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    assert "not the one" in examined(store)["identity"]["what"]
    key.write_text("no key")
    assert examined(store)["key"]["result"] == "FAIL"
    key.unlink()
    assert results(examined(store), "FAIL") >= {"key", "identity"}
    assert not key.exists()
    key.write_bytes(kept)
    moved = Process(store.data_dir, port=free_port())
    assert "belongs to" in examined(moved)["identity"]["what"]


def test_pending_and_unknown_migrations_are_told_and_nothing_is_migrated(store: Process) -> None:
    database = store.data_dir / "cosignet.db"
    with opened(database) as rows:
        last = str(value(rows, "SELECT max(name) FROM schema_migrations"))
        rows.execute("DELETE FROM schema_migrations WHERE name = ?", (last,))
        rows.commit()
    found = examined(store)["schema"]
    assert (found["result"], last in found["what"]) == ("WARN", True)
    assert examined(store)["schema"] == found
    with opened(database) as rows:
        rows.execute("INSERT INTO schema_migrations VALUES ('9999_x.sql', '', 0)")
        rows.commit()
    assert examined(store)["schema"]["result"] == "FAIL"


def test_a_clock_behind_the_stores_own_time_is_found(store: Process) -> None:
    with opened(store.data_dir / "cosignet.db") as rows:
        rows.execute("UPDATE schema_migrations SET applied_at = applied_at + 3600000")
        rows.commit()
    assert examined(store)["clock"]["result"] == "FAIL"


def test_a_database_that_is_none_or_busy_or_away_is_found(store: Process, tmp_path: Path) -> None:
    with opened(store.data_dir / "cosignet.db") as rows:
        rows.execute("BEGIN IMMEDIATE")
        assert examined(store)["writing"]["result"] == "FAIL"
    (store.data_dir / "cosignet.db").write_text(
        "no database at all, and long enough to be looked at"
    )
    assert examined(store)["database"]["result"] == "FAIL"
    with engines.used("postgres"):
        away = Process(tmp_path / "away")
        environ = away.environ
        url = environ["COSIGNET_DATABASE_URL"].replace(str(engines.server.folder), str(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-m", "cosignet", "doctor", "--json"],
        env={**environ, "COSIGNET_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    [found] = [row for row in json.loads(ran.stdout) if row["check"] == "database"]
    assert (ran.returncode, found["result"]) == (1, "FAIL")


@pytest.mark.parametrize("apart_ms", [-5000, 5000])
def test_a_clock_that_is_not_the_databases_is_found(tmp_path: Path, apart_ms: int) -> None:
    with engines.used("postgres"):
        store = Process(tmp_path / "data")
        store.command("migrate")
        engines.set_clock(store.data_dir, stopped_at=None, offset_ms=apart_ms)
        assert examined(store)["clock"]["result"] == "FAIL"


def test_wrong_settings_are_told_alone(store: Process) -> None:
    wrong = Process(store.data_dir, public_url="http://192.0.2.1")
    assert list(examined(wrong)) == ["settings"]


# --- This machine ---------------------------------------------------------------------------------


def config(folder: Path, **more: str) -> Any:
    return read_config({"COSIGNET_DATA_DIR": str(folder), **more})


def found_on(folder: Path) -> dict[str, Finding]:
    return {one.check: one for one in machine.examine(config(folder))}


def test_little_room_few_descriptors_and_old_programs_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [50 * 1024**2]
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    assert found_on(tmp_path)["disk"].result == "FAIL"
    free[0] = 500 * 1024**2
    assert found_on(tmp_path)["disk"].result == "WARN"
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (256, 1024))
    assert found_on(tmp_path)["descriptors"].result == "WARN"
    monkeypatch.setattr(machine.sqlite_driver, "version", lambda: (3, 51, 2))
    assert found_on(tmp_path)["sqlite"].result == "FAIL"
    monkeypatch.setattr(machine.sqlite_driver, "version", lambda: (3, 51, 3))
    assert found_on(tmp_path)["sqlite"].result == "OK"
    monkeypatch.setattr(machine, "PYTHON_MIN", (9, 0))
    assert found_on(tmp_path)["python"].result == "FAIL"


def test_another_users_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    assert found_on(tmp_path)["ownership"].result == "OK"
    monkeypatch.setattr(machine.os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert found_on(tmp_path)["ownership"].result == "WARN"


def test_a_disk_that_takes_no_durable_write_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found_on(tmp_path)["durable write"].result == "OK"

    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(machine.os, "fsync", refuse)
    assert "Input/output error" in found_on(tmp_path)["durable write"].what


@pytest.mark.parametrize(
    ("kind", "url", "result"),
    [
        ("ext4", "", "OK"),
        ("nfs4", "", "FAIL"),
        ("cifs", "", "FAIL"),
        ("nfs4", "postgresql://a@db/a", "WARN"),
    ],
)
def test_a_data_directory_on_a_network_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, url: str, result: str
) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    mounts = tmp_path / "mounts"
    point = str(folder).replace(" ", "\\040")
    mounts.write_text(
        "22 1 8:1 / / rw - tmpfs /dev/sda1 rw\n"
        f"30 22 0:5 / {point} rw shared:1 - {kind} host:/x rw\n"
    )
    monkeypatch.setattr(machine, "file_system", lambda path: machine_file_system(path, mounts))
    more = {"COSIGNET_DATABASE_URL": url} if url else {}
    found = {one.check: one for one in machine.examine(config(folder, **more))}
    assert found["file system"].result == result
    assert machine_file_system(tmp_path, mounts) == "tmpfs"


machine_file_system = machine.file_system


# --- Over HTTP ------------------------------------------------------------------------------------


def certificate(folder: Path) -> ssl.SSLContext:
    """Return a server's TLS with a certificate for localhost that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "localhost.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@contextmanager
def answering(
    answers: dict[tuple[str, str], tuple[int, bytes]], tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve chosen answers by path and Host header (`*` for any); give the port."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers["Host"]
            status, body = answers.get(
                (self.path, host), answers.get((self.path, "*"), (404, b"nothing"))
            )
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as http:
        if tls is not None:
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield http.server_address[1]
        finally:
            http.shutdown()
            thread.join()


OURS = {("/healthz", "*"): (200, b'{"status":"ok"}'), ("/readyz", "*"): (200, b"")}


def findings(url: str, port: int | None) -> list[Finding]:
    async def work() -> list[Finding]:
        settings = read_config({"COSIGNET_PUBLIC_URL": url})
        return [one async for one in reach.examine(settings, port)]

    return asyncio.run(work())


def reached(url: str, port: int | None) -> dict[str, str]:
    return {one.check: one.result for one in findings(url, port)}


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({}, {"server": "FAIL"}),
        ({("/healthz", "*"): (200, b"fine")}, {"server": "FAIL"}),
        (
            {**OURS, ("/", "localhost:9999"): (200, b""), ("/", "*"): (421, b"")},
            {"server": "OK", "ready": "OK", "host": "OK"},
        ),
        (
            {**OURS, ("/", "*"): (200, b"")},
            {"server": "OK", "ready": "OK", "host": "FAIL"},
        ),
        (
            {**OURS, ("/", "*"): (421, b""), ("/readyz", "*"): (503, b"")},
            {"server": "OK", "ready": "FAIL", "host": "FAIL"},
        ),
    ],
)
def test_what_answers_on_the_port_is_looked_at(
    answers: dict[tuple[str, str], tuple[int, bytes]], found: dict[str, str]
) -> None:
    with answering(answers) as port:
        assert reached("http://localhost:9999", port) == found


def test_where_nobody_answers_it_is_said() -> None:
    assert reached(f"http://localhost:{free_port()}", None) == {"server": "WARN"}


@pytest.mark.parametrize(
    ("status", "trusted", "result", "words"),
    [
        (200, True, "OK", ""),
        (421, True, "FAIL", "pass Host on"),
        (404, True, "FAIL", "every path"),
        (200, False, "WARN", "certificate"),
    ],
)
def test_the_public_url_is_asked_as_people_reach_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    trusted: bool,
    result: str,
    words: str,
) -> None:
    tls = certificate(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
    with answering({("/", "*"): (status, b"")}, tls) as port:
        [found] = findings(f"https://localhost:{port}", None)
    assert (found.check, found.result) == ("public url", result)
    assert words in found.cure


def test_what_is_silent_or_speaks_something_else_is_unheard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cosignet.server.outbound.ask.ASK_SECONDS", 0.2)

    async def work(greeting: bytes) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(greeting)
            if not greeting:
                await reader.read()  # until the other side has enough
            writer.close()

        listening = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        async with listening:
            with pytest.raises(Unheard):
                await ask("127.0.0.1", port, "/", named="x")
            await asyncio.sleep(0.05)

    for greeting in (b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n"):
        asyncio.run(work(greeting))
