"""What an operator sees of `cosignet serve`: its log as lines, and its figures at `/metrics`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import engines
from tests.live import Process
from tests.people import Person, Program, client
from tests.server.together import eventually

TOKEN = "0123456789abcdef-a-token"


class Watched(Process):
    """A server whose operator wants to know everything."""

    @property
    def environ(self) -> dict[str, str]:
        """Its settings."""
        return super().environ | {
            "COSIGNET_METRICS_TOKEN": TOKEN,
            "COSIGNET_LOG_FORMAT": "json",
            "COSIGNET_LOG_LEVEL": "info",
        }

    def metrics(self) -> str:
        http = client(self.url, {"Authorization": f"Bearer {TOKEN}"})
        return http.get("/metrics").text


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Watched]:
    with engines.used("postgres"), Watched(tmp_path / "data", options=("--workers", "2")) as found:
        yield found


def test_any_of_several_workers_tells_the_figures_of_all(workers: Watched) -> None:
    def told() -> set[str]:
        return set(re.findall(r'cosignet_build_info{.*worker="(\d)"', workers.metrics()))

    eventually(lambda: told() == {"0", "1"})
    assert workers.metrics().count("# HELP cosignet_build_info ") == 1
    Program(workers.url, "").get("/nowhere")

    def answered() -> float:
        pattern = r'cosignet_http_requests_total{.*route="none",status="4xx".*} (.*)'
        return sum(map(float, re.findall(pattern, workers.metrics())))

    # The one that answered tells at once, the other one knows within some seconds.
    eventually(lambda: answered() == 1)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_each_line_of_the_log_is_an_object_and_holds_no_secret(tmp_path: Path, engine: str) -> None:
    with engines.used(engine), Watched(tmp_path / "data") as server:
        link = server.owner_link()
        owner = Person(server.url)
        owner.register(link, "olga")
        key = owner.practise()["apiKey"]["key"]
        program = Program(server.url, key)
        asked = program.ask("olga", {"word": "confidential"})["id"]
        owner.approve(asked)
        program.get("/api/confirmations/" + asked, wait=1)
        assert Program(server.url, key).get("/" + key).status_code == 404
        password = server.environ.get("COSIGNET_ENCRYPTION_KEY", TOKEN)
    after_start = server.said.rpartition("invite create")[2].partition("\n")[2]
    lines = [json.loads(line) for line in after_start.splitlines() if line.startswith("{")]
    assert {"/register", "/confirm/{id}/approve", "none"} <= {line["route"] for line in lines}
    assert all(re.fullmatch("[0-9a-f]{16}", line["requestId"]) for line in lines)
    secrets = [link.partition("invite=")[2], key, asked, "confidential", TOKEN, password]
    assert [one for one in secrets if one in after_start] == []
