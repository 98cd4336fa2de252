"""The packed TypeScript SDK where it says it runs: a browser, Deno, Workers. A real server answers.

Deno and workerd are tried where they are on the path; `npm install deno workerd` brings both.
"""

import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
from playwright.sync_api import sync_playwright
from tests.authenticator import Authenticator, base64url
from tests.client.faulty_log import VKEY
from tests.client.test_packages import pack
from tests.e2e.browser import launch
from tests.live import Live, free_port
from tests.people import Person

JSON = dict[str, Any]
Gate = Callable[[JSON], JSON]
SCRIPTS = Path(__file__).parent / "anywhere"
PAYLOAD = {"10": 1, "customer": "cus_8821", "note": "é ✓"}
SECONDS = 60
OLD, NEW = "2023-01-01", "2026-11-01"
"""Dates on which Workers behaved differently; the older one knows no `cache`."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the scripts, and with what the npm package holds."""
    made = tmp_path_factory.mktemp("anywhere")
    shutil.unpack_archive(pack(made), made)
    shutil.copytree(SCRIPTS, made, dirs_exist_ok=True)
    (made / "package" / "dist").rename(made / "sdk")
    return made


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("live") / "data", works=True) as server:
        yield server


@pytest.fixture(scope="module")
def passkey(live: Live) -> Authenticator:
    return live.person().passkey


@pytest.fixture
def alex(live: Live, passkey: Authenticator) -> Person:
    return Person(live.url, passkey, "alex")


# --- Where it runs --------------------------------------------------------------------------------


def serving(folder: Path, port: int) -> type[SimpleHTTPRequestHandler]:
    """Serve the scripts, and what Cosignet answers: no page of another site can ask that itself."""

    class Handler(SimpleHTTPRequestHandler):
        extensions_map: ClassVar = {".mjs": "text/javascript", ".js": "text/javascript"}

        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            if self.path == "/":
                return self.tell(200, "text/html", b"<!doctype html>")
            return self.forward() if self.path.count("/") > 2 else super().do_GET()

        def do_POST(self) -> None:
            self.forward()

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            names = ("X-Api-Key", "Content-Type", "Idempotency-Key")
            kept = {name: self.headers[name] for name in names if name in self.headers}
            with closing(http.client.HTTPConnection("localhost", port)) as there:
                there.request(self.command, self.path, body or None, kept)
                answer = there.getresponse()
                self.tell(answer.status, "application/json", answer.read())

        def tell(self, status: int, kind: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler


@contextmanager
def in_a_browser(folder: Path, live: Live) -> Iterator[Gate]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), serving(folder, live.port))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        page.goto(f"http://localhost:{server.server_port}/")
        call = "async (given) => (await import('/gate.mjs')).gate(given)"
        here = {"baseUrl": f"http://localhost:{server.server_port}", "origin": live.url}
        yield lambda given: page.evaluate(call, given | here)
        browser.close()
    server.shutdown()
    server.server_close()
    thread.join()


def found(name: str) -> str:
    """Return where a program is; without it the test is skipped."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not on the path; `npm install {name}` brings it")
    return path


@contextmanager
def in_deno(folder: Path, _live: Live) -> Iterator[Gate]:
    options = ["run", "--quiet", "--no-prompt", "--no-config", "--no-remote"]
    command = [found("deno"), *options, "--allow-net=localhost", str(folder / "deno.mjs")]

    def gate(given: JSON) -> JSON:
        ran = subprocess.run(
            [*command, json.dumps(given)],
            env={"DENO_DIR": str(folder / "deno"), "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    yield gate


def worker_config(folder: Path, port: int, date: str) -> str:
    modules = ["worker.mjs", "gate.mjs", *(f"sdk/{one.name}" for one in folder.glob("sdk/*.js"))]
    listed = ", ".join(f'(name = "{name}", esModule = embed "{name}")' for name in modules)
    return f"""using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (modules = [{listed}], compatibilityDate = "{date}")),
    (name = "internet", network = (allow = ["private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")],
);
"""


@contextmanager
def in_workers(folder: Path, _live: Live, date: str = NEW) -> Iterator[Gate]:
    program, port = found("workerd"), free_port()
    config = folder / f"{date}.capnp"
    config.write_text(worker_config(folder, port, date))
    process = subprocess.Popen([program, "serve", config])
    url = f"http://127.0.0.1:{port}/"
    try:
        await_port(port)
        yield lambda given: httpx2.post(url, json=given, timeout=SECONDS).json()
    finally:
        process.terminate()
        process.wait()


def await_port(port: int) -> None:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


@contextmanager
def in_older_workers(folder: Path, live: Live) -> Iterator[Gate]:
    with in_workers(folder, live, OLD) as gate:
        yield gate


PLACES = [in_a_browser, in_deno, in_workers, in_older_workers]


# --- What it does there ---------------------------------------------------------------------------


class Deciding:
    """Decides what is asked next, in a thread of its own."""

    def __init__(self, live: Live, decide: Callable[[str], httpx2.Response]) -> None:
        self.program, self.decide = live.program(), decide
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            asked = self.program.get("/api/confirmations", status="pending").json()["items"]
            if asked:
                assert self.decide(asked[0]["id"]).is_success
                return
            time.sleep(0.05)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.thread.join()


@pytest.mark.parametrize("place", PLACES)
def test_the_sdk_runs_there_and_fails_closed(
    place: Any, folder: Path, live: Live, alex: Person, passkey: Authenticator
) -> None:
    given: JSON = {
        "apiKey": live.program().key,
        "baseUrl": live.url,
        "username": "alex",
        "payload": PAYLOAD,
        "approverKeys": {"alex": [base64url(passkey.spki)]},
        "logKeys": live.program().get("/public/log/key").json()["vkeys"],
    }
    other = {"approverKeys": {"alex": [base64url(Authenticator().spki)]}}
    with place(folder, live) as gate:
        with Deciding(live, alex.approve):
            did = gate(given)
        assert (did["verdict"], did["runs"]) == ("ran", [PAYLOAD]), did
        for lie in (other, {"logKeys": [VKEY]}):
            with Deciding(live, alex.approve):
                did = gate(given | lie)
            assert (did["verdict"], did["runs"]) == ("EvidenceRefused", []), did
        with Deciding(live, alex.reject):
            did = gate(given)
        assert (did["verdict"], did["runs"]) == ("Rejected", []), did
        did = gate(given | {"apiKey": "cosk_wrong"})
        assert (did["verdict"], did["runs"]) == ("RequestRefused", []), did
