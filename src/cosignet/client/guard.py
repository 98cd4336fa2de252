"""A command that runs once somebody has signed it: exactly that argv, there, with those files."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cosignet.client.environment import variables
from cosignet.client.errors import (
    Cancelled,
    CosignetError,
    EvidenceRefused,
    Expired,
    Rejected,
    RequestRefused,
    SetupIncomplete,
    Unavailable,
    Undecided,
)
from cosignet.core.jsontext import JsonValue

EXIT_CODES: dict[type[Exception], int] = {
    Rejected: 10,
    Expired: 11,
    Undecided: 11,
    Cancelled: 12,
    SetupIncomplete: 64,
    Unavailable: 75,
    EvidenceRefused: 76,
    RequestRefused: 77,
}
"""How the guards end when the command did not run; 64 and more are those of sysexits.h."""


def exit_code(error: Exception) -> int:
    """Return the exit status for what kept the command from running."""
    return EXIT_CODES.get(type(error), 1)


class CommandFailed(CosignetError):
    """The command ran, and says that it failed."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The command ended with {status}.")
        self.status = status


class FileChanged(CosignetError):
    """A file that was approved by its hash is another one now. Nothing was run."""


@dataclass(frozen=True, slots=True)
class Command:
    """What shall run, as it is signed."""

    argv: tuple[str, ...]
    program: str
    """The file that is run, with its whole path."""
    cwd: str
    host: str
    environment: dict[str, str | None]
    files: dict[str, str]
    """Path as it was given → SHA-256 in hex."""

    @property
    def payload(self) -> dict[str, Any]:
        """What the approver reads; without what was not named."""
        whole = {
            "argv": list(self.argv),
            "program": self.program,
            "cwd": self.cwd,
            "host": self.host,
            "environment": self.environment,
            "files": self.files,
        }
        return {name: value for name, value in whole.items() if value != {}}


def read_command(argv: Sequence[str], *, names: list[str], paths: list[str]) -> Command:
    """Take down a command as it would run now; `names` are variables, `paths` files to pin.

    Raises:
        SetupIncomplete: there is no such program, or a file cannot be read.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise SetupIncomplete(f"{argv[0]}: there is no such program.")
    return Command(
        argv=tuple(argv),
        program=str(Path(program).absolute()),
        cwd=str(Path.cwd()),
        host=os.uname().nodename,
        environment=variables(names),
        files={path: _sha256(path) for path in paths},
    )


def run_signed(payload: dict[str, JsonValue]) -> None:
    """Run what was signed, without a shell.

    Raises:
        CommandFailed: it ended with another status than 0.
        FileChanged: a file is not the one that was approved.
    """
    for path, approved in cast("dict[str, str]", payload.get("files", {})).items():
        if _sha256(path) != approved:
            raise FileChanged(f"{path} is not what was approved. Nothing was run.")
    status = _run(payload)
    if status:
        # As shells tell it: 128 and the number of the signal.
        raise CommandFailed(status if status > 0 else 128 - status)


def _run(payload: dict[str, JsonValue]) -> int:
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        if not started:
            early.append(number)
            return
        with contextlib.suppress(PermissionError):  # it runs as somebody else, by sudo perhaps
            started[0].send_signal(number)

    with _signals_left_to_the_command(pass_on):
        running = subprocess.Popen(  # noqa: S603 - what runs was signed, and no shell reads it
            cast("list[str]", payload["argv"]),
            executable=cast(str, payload["program"]),
            cwd=cast(str, payload["cwd"]),
        )
        started.append(running)
        for number in early:
            pass_on(number, None)
        return running.wait()


@contextmanager
def _signals_left_to_the_command(pass_on: Callable[[int, object], None]) -> Generator[None]:
    """Let the command end as it likes, and this after it: nobody would wait for it otherwise.

    Ctrl-C the terminal sends to the command, too; other signals are passed on. What is ignored, as
    under nohup, stays ignored, in the command as well.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {signal.SIGINT: _nothing, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    before = {number: signal.getsignal(number) for number in handlers}
    handled = [number for number in handlers if before[number] is not signal.SIG_IGN]
    try:
        for number in handled:
            signal.signal(number, handlers[number])
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])


def _nothing(_number: int, _frame: object) -> None:
    """Do nothing: a KeyboardInterrupt would leave the command alone, and lose its status."""


def _sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SetupIncomplete(f"{path} cannot be read: {error.strerror}") from None
