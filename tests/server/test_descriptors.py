"""A server that runs out of descriptors: it raises its limit, and it survives the end of them."""

import json
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from tests.live import Process
from tests.server.cramped import DESCRIPTORS
from tests.server.together import eventually

from cosignet.core.limits import DESCRIPTORS_RESERVED_MIN

pytestmark = [
    pytest.mark.engine("sqlite"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]
SOFT = 256
SPARE = 10
CROWD = 60
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
SECONDS = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, before[1]))
    with ExitStack() as stack:
        try:
            started = stack.enter_context(Process(tmp_path / "data"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        yield started


def files(server: Process) -> int:
    """Return how many files and sockets a server has open."""
    return len([*Path(f"/proc/{server.process.pid}/fd").iterdir()])


def connect(server: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), SECONDS)


def answers(connection: socket.socket) -> bool:
    connection.sendall(HEALTH)
    return connection.recv(65536).startswith(b"HTTP/1.1 200")


def late_answers(server: Process) -> bool:
    """Whether it takes a new connection, and does not just hang up."""
    try:
        with connect(server) as late:
            return answers(late)
    except ConnectionResetError:
        return False


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_serve_raises_its_limit_to_the_hard_one(server: Process) -> None:
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard > SOFT


def test_without_descriptors_it_goes_on_and_does_not_spin(server: Process) -> None:
    pid = server.process.pid
    with ExitStack() as stack, connect(server) as early:
        assert answers(early)
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files(server) + SPARE, hard))
        crowd = [stack.enter_context(connect(server)) for _ in range(CROWD)]
        assert answers(early)
        before = cpu_ticks(pid)
        time.sleep(1)
        # A loop that accepts and fails takes all of a core.
        assert cpu_ticks(pid) - before < os.sysconf("SC_CLK_TCK") // 2
        assert answers(early)
        for connection in crowd:
            connection.close()
    # Until those have gone, newcomers are hung up on.
    eventually(lambda: late_answers(server))
    assert server.process.poll() is None


def test_connections_leave_the_database_and_the_log_their_files(tmp_path: Path) -> None:
    allowed = DESCRIPTORS - DESCRIPTORS_RESERVED_MIN
    with ExitStack() as stack:
        server = stack.enter_context(Process(tmp_path / "data", program="tests.server.cramped"))
        crowd: list[socket.socket] = []

        def join() -> bool:
            connection = stack.enter_context(connect(server))
            # In its place may still be the one that asked whether the server is up.
            with suppress(ConnectionError):
                if answers(connection):
                    crowd.append(connection)
                    return True
            return False

        for _ in range(allowed):
            eventually(join)
        for _ in range(CROWD):
            with connect(server) as late:
                refused = b"".join(iter(lambda late=late: late.recv(65536), b""))
            head, _, body = refused.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503")
            assert b"retry-after" in head.lower()
            assert json.loads(body)["code"] == "too_many_connections"
        assert all(answers(connection) for connection in crowd), "who is in stays in"
        crowd.pop().close()
        eventually(lambda: late_answers(server))
