"""Starting what is measured: floors and the real server, each a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

START_SECONDS = 30
LIMITS = "requests_per_key=1000000/1 creations_per_key=1000000/1 prompts_per_invite=1000/1"
"""Of one program that asks as fast as it can, and of an invite for a whole cast; what is pending
for one person is limited as it is."""
_POLL_SECONDS = 0.002
_HEALTHZ = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Running:
    """A server process that answers."""

    port: int
    pid: int
    start_seconds: float
    """From the call that started the process to the end of its first answer's first line."""
    said: Path
    """What it writes to standard error."""
    settings: Mapping[str, str]
    """What it was told by its environment."""

    @property
    def public_url(self) -> str:
        """Where people believe it to be."""
        return self.settings["COSIGNET_PUBLIC_URL"]

    @property
    def cpu_seconds(self) -> float:
        """Processor time used so far (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def command(self, *arguments: str) -> str:
        """Run `cosignet` on the same store and return what it prints."""
        ran = subprocess.run(
            [sys.executable, "-m", "cosignet", *arguments],
            env=_environ(self.settings),
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.strip()

    @property
    def memory_mb(self) -> float:
        """Resident memory in MB (10^6 bytes), with that of processes it has started."""
        command = ["ps", "-o", "rss=", "-p", str(self.pid), "--ppid", str(self.pid)]
        told = subprocess.run(command, capture_output=True, check=True).stdout
        return sum(map(int, told.split())) * 1024 / 1e6


@contextmanager
def floor(
    kind: str, folder: Path, *, answer: bytes = b"{}", key: bytes = b""
) -> Generator[Running]:
    """Run a floor (see `bench.floor`) in a folder of its own while the block runs."""
    answer_file, key_file = folder / f"{kind}.answer", folder / f"{kind}.key"
    answer_file.write_bytes(answer)
    key_file.write_bytes(key)
    port = _free_port()
    program = ["bench.floor", str(port), kind, str(answer_file), str(key_file)]
    with _running(program, port, folder / f"{kind}.stderr", {}) as running:
        yield running


@contextmanager
def blank(folder: Path) -> Generator[Running]:
    """Run the server that answers without reading while the block runs."""
    port = _free_port()
    with _running(["bench.blank", str(port)], port, folder / "blank.stderr", {}) as running:
        yield running


@contextmanager
def postgres_floor(folder: Path, url: str, like: str, answer: bytes) -> Generator[Running]:
    """Run the floor on PostgreSQL (see `bench.postgres_floor`) while the block runs."""
    answer_file = folder / "postgres.answer"
    answer_file.write_bytes(answer)
    port = _free_port()
    program = ["bench.postgres_floor", str(port), url, like, str(answer_file)]
    with _running(program, port, folder / "postgres.stderr", {}) as running:
        yield running


@contextmanager
def mcp_floor(folder: Path, answer: bytes) -> Generator[Running]:
    """Run the floor of MCP (see `bench.mcp_floor`) while the block runs."""
    answer_file = folder / "mcp.answer"
    answer_file.write_bytes(answer)
    port = _free_port()
    program = ["bench.mcp_floor", str(port), str(answer_file)]
    with _running(program, port, folder / "mcp.stderr", {}) as running:
        yield running


@contextmanager
def cosignet(
    folder: Path, settings: Mapping[str, str] = MappingProxyType({})
) -> Generator[Running]:
    """Run `cosignet serve` with a fresh data directory while the block runs."""
    port = _free_port()
    own = {
        "COSIGNET_DATA_DIR": str(folder / f"data-{port}"),
        "COSIGNET_PUBLIC_URL": f"http://localhost:{port}",
        "COSIGNET_LIMITS": LIMITS,
    }
    said = folder / f"cosignet-{port}.stderr"
    program = ["cosignet", "serve", "--port", str(port)]
    with _running(program, port, said, {**own, **settings}) as running:
        yield running


@contextmanager
def _running(
    program: Sequence[str], port: int, said: Path, settings: Mapping[str, str]
) -> Generator[Running]:
    started = time.perf_counter()
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", *program], env=_environ(settings), stderr=stderr
        )
    try:
        _await_answer(process, port, started + START_SECONDS)
        yield Running(port, process.pid, time.perf_counter() - started, said, settings)
    except TimeoutError as error:
        raise RuntimeError(said.read_text()) from error
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _environ(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COSIGNET_")}
    return inherited | dict(settings)


def _await_answer(process: subprocess.Popen[bytes], port: int, deadline: float) -> None:
    while process.poll() is None and time.perf_counter() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), START_SECONDS) as connection:
                connection.sendall(_HEALTHZ)
                if connection.recv(4096).startswith(b"HTTP/1.1 200"):
                    return
        except ConnectionError:
            pass
        time.sleep(_POLL_SECONDS)
    raise TimeoutError


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
