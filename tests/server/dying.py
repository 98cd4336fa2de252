"""Commands that are killed at a chosen line of the source: `python -m tests.server.dying`.

One process loads the program and forks a command for every order it reads. The command counts the
lines that it runs in some of our files, and ends with SIGKILL at the chosen one.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from cosignet.cli import backups, main
from cosignet.server import install
from cosignet.server.store import backup, postgres_backup, private_file, sqlite_backup

ROOT = Path(__file__).parents[2]
WATCHED = {
    module.__file__
    for module in (backups, install, backup, postgres_backup, private_file, sqlite_backup)
}


def _die_at(line: int) -> None:
    left = [line]

    def count(_: FrameType, event: str, __: Any) -> Any:
        left[0] -= event == "line"
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    def enter(frame: FrameType, _: str, __: Any) -> Any:
        return count if frame.f_code.co_filename in WATCHED else None

    sys.settrace(enter)


def _command(order: dict[str, Any]) -> None:
    for name in [name for name in os.environ if name.startswith("COSIGNET_")]:
        del os.environ[name]
    os.environ.update(order["environ"])
    with Path(order["stderr"]).open("ab") as stderr:
        os.dup2(stderr.fileno(), 2)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    _die_at(order["line"])
    status = main.main(order["arguments"])
    sys.settrace(None)
    os._exit(status)


def obey() -> None:
    """Fork a command for every order on standard input; say how each has ended."""
    for line in sys.stdin:
        if not (pid := os.fork()):
            try:
                _command(json.loads(line))
            finally:
                os._exit(70)
        print(os.waitpid(pid, 0)[1], flush=True)


class Dying:
    """Runs commands, each up to some line."""

    def __init__(self, stderr: Path) -> None:
        self.stderr = stderr

    def __enter__(self) -> "Dying":
        self._launcher = subprocess.Popen(
            [sys.executable, "-m", "tests.server.dying"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        with self._launcher:
            pass

    def run(self, arguments: list[str], environ: dict[str, str], *, line: int) -> bool:
        """Run a command up to a line; whether it ended before that, as it should."""
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        order = {
            "arguments": arguments,
            "environ": environ,
            "line": line,
            "stderr": str(self.stderr),
        }
        self._launcher.stdin.write(json.dumps(order) + "\n")
        self._launcher.stdin.flush()
        status = int(self._launcher.stdout.readline())
        assert status in (0, signal.SIGKILL), self.stderr.read_text()
        return status == 0


if __name__ == "__main__":
    obey()
