"""Whether a server says that it lives while it is besieged."""

import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.cast import registered
from bench.crowd_figures import Figure, Many
from bench.load import get
from bench.probe import HEALTHZ, Probe, Times, health, timed
from bench.servers import Running, cosignet

EVERY_SECONDS = 0.02
GOAL_MS = 50


def siege(many: Many, folder: Path, tell: Callable[[Figure], None]) -> None:
    """Measure `/healthz` in peace, and during each attack."""
    with cosignet(folder) as server:
        cast = registered(server)
        [asked] = cast.create(1)
        request = folder / "held.request"
        request.write_bytes(get(f"/api/confirmations/{asked}?wait=25", cast.as_program()))
        tell(_figure("in peace", _asking(many, lambda: health(server.port)), None))
        with _besieged("slow", server, str(many.slow)):
            times = _asking(many, lambda: health(server.port))
        tell(_figure(f"{many.slow:,} slow connections", times))
        with _besieged("drop", server, str(request)):
            times = _asking(many, lambda: health(server.port))
        tell(_figure("a storm of dropped requests", times))
        tell(_figure("no descriptor left", _without_descriptors(server, many)))


def _figure(what: str, times: Times, goal: float | None = GOAL_MS) -> Figure:
    return Figure(f"/healthz, {what}, p99", times.p99, "ms", goal)


def _asking(many: Many, ask: Callable[[], object]) -> Times:
    return timed(ask, max(1, int(many.siege_seconds / EVERY_SECONDS)), EVERY_SECONDS)


@contextmanager
def _besieged(kind: str, server: Running, what: str) -> Generator[None]:
    """Attack while the block runs (see `bench.besiegers`)."""
    command = [sys.executable, "-m", "bench.besiegers", kind, str(server.port), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield
            # One that has given up has measured peace.
            assert process.poll() is None
        finally:
            process.terminate()


def _without_descriptors(server: Running, many: Many) -> Times:
    """Ask on a connection that is there already; newcomers cannot be taken."""
    probe = Probe(server.port)
    probe.ask(HEALTHZ)
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (many.descriptors, limits[1]))
    with ExitStack() as stack:
        stack.callback(resource.prlimit, server.pid, resource.RLIMIT_NOFILE, limits)
        for _ in range(many.descriptors):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        return _asking(many, lambda: probe.ask(HEALTHZ))
