"""Traces: what a collector is told, and that it can do nothing to the server."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.collector import Collector, Mood
from tests.engines import engines
from tests.live import Process, free_port
from tests.people import Person, Program
from tests.server.together import eventually

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class TracedProcess(Process):
    """A server that was told of a collector."""

    collector = ""
    delay_ms = "50"

    @property
    def environ(self) -> dict[str, str]:
        """Its settings: spans leave at once, and requests are not compressed."""
        return super().environ | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector,
            "OTEL_BSP_SCHEDULE_DELAY": self.delay_ms,
            "PYTHONWARNINGS": "default",
        }


@contextmanager
def traced(folder: Path, url: str, *options: str) -> Iterator[TracedProcess]:
    server = TracedProcess(folder / "data", options=options)
    server.collector = url
    with server:
        yield server


def attributes(span: object) -> dict[str, object]:
    return {
        one.key: one.value.string_value or one.value.int_value
        for one in span.attributes  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_request_is_a_span_below_the_callers_and_tells_no_secret(
    tmp_path: Path, engine: str
) -> None:
    options = ("--workers", "2") if engine == "postgres" else ()
    with engines.used(engine), Collector() as collector:
        with traced(tmp_path, collector.url, *options) as server:
            owner = Person(server.url)
            owner.register(server.owner_link(), "olga")
            key = owner.practise()["apiKey"]["key"]
            program = Program(server.url, key)
            program.http.headers["traceparent"] = f"00-{TRACE}-{SPAN}-01"
            program.http.headers["tracestate"] = f"vendor={key}"
            asked = program.ask("olga", {"word": "confidential"})["id"]
            program.get(f"/api/confirmations/{asked}", wait=1)
            for odd in ("nonsense", f"00-{'0' * 32}-{SPAN}-01", "", f"00-{TRACE}-{SPAN}-01-x"):
                headers = {"traceparent": odd}
                assert Program(server.url, "").http.get("/healthz", headers=headers).is_success
        spans = collector.spans()
    names = {span.name for span in spans}
    assert {"POST /api/confirmations", "GET /api/confirmations/{id}", "GET /healthz"} <= names
    for span in spans:
        below = span.trace_id.hex() == TRACE and span.parent_span_id.hex() == SPAN
        assert below == ("/api/confirmations" in span.name)
        assert set(attributes(span)) == {
            "http.request.method",
            "http.route",
            "http.response.status_code",
        }
    for secret in (key, asked, "confidential", "vendor="):
        assert not [body for body in collector.bodies if secret.encode() in body]


def test_what_has_not_left_yet_leaves_when_the_server_stops(tmp_path: Path) -> None:
    server = TracedProcess(tmp_path / "data")
    with Collector() as collector:
        server.collector, server.delay_ms = collector.url, "3600000"
        with server:
            assert Program(server.url, "").http.get("/readyz").is_success
            assert collector.bodies == []
    assert "GET /readyz" in {span.name for span in collector.spans()}


MOODS: tuple[Mood, ...] = ("refuses", "hangs", "lies", "cuts off", "asks to wait")


@pytest.mark.parametrize("mood", MOODS)
def test_a_collector_that_misbehaves_is_not_noticed(tmp_path: Path, mood: Mood) -> None:
    with Collector(mood) as collector, traced(tmp_path, collector.url) as server:
        http = Program(server.url, "").http
        assert http.get("/healthz").is_success
        assert collector.asked.wait(20)
        assert {http.get("/readyz").status_code for _ in range(50)} == {200}
        server.process.terminate()
        assert server.process.wait(10) in (0, -signal.SIGTERM)


def test_a_collector_that_is_not_there_is_not_noticed(tmp_path: Path) -> None:
    with traced(tmp_path, f"http://127.0.0.1:{free_port()}") as server:
        http = Program(server.url, "").http
        assert {http.get("/readyz").status_code for _ in range(50)} == {200}
        server.process.terminate()
        assert server.process.wait(10) in (0, -signal.SIGTERM)


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from cosignet.cli.main import main
sys.exit(main(["serve"]))
"""


def test_where_the_packages_are_missing_the_server_says_so_and_serves(tmp_path: Path) -> None:
    server = TracedProcess(tmp_path / "data")
    server.collector = "http://127.0.0.1:9"
    command = [sys.executable, "-c", WITHOUT]
    with subprocess.Popen(command, env=server.environ, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert run.stderr.readline().endswith("pip install 'cosignet[otel]'.\n")
        eventually(lambda: answers(server.url))
        run.terminate()


def answers(url: str) -> bool:
    try:
        return Program(url, "").http.get("/healthz").is_success
    except OSError:
        return False
    except Exception as error:
        if "Connect" in type(error).__name__:
            return False
        raise


def test_without_a_collector_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from cosignet.cli import running; from cosignet.server.config import"
        " read_config; running._wrapping(read_config({}));"
        " print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
