"""An MCP server that is a command: it speaks on standard input and output."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cosignet.client.environment import without_ours
from cosignet.client.errors import SetupIncomplete

CLOSING_SECONDS = 5
"""How long it has to end by itself once nothing more comes."""


@dataclass
class Child:
    """A command that runs; its standard error is ours."""

    argv: Sequence[str]
    running: "subprocess.Popen[bytes]" = field(init=False)
    _writing: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        try:
            self.running = subprocess.Popen(  # noqa: S603 - the command that the user has written
                self.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # It is not trusted with the key that asks.
                env=without_ours(),
            )
        except OSError as error:
            raise SetupIncomplete(f"{self.argv[0]} does not start: {error}") from None

    def send(self, line: bytes) -> None:
        """Write one line."""
        stdin = self.running.stdin
        with self._writing:
            if stdin is None or stdin.closed:
                raise BrokenPipeError("its input is closed")
            stdin.write(line)
            stdin.flush()

    def lines(self) -> Iterator[bytes]:
        """Yield what it says, line by line."""
        if self.running.stdout is not None:
            yield from self.running.stdout

    def close(self) -> None:
        """Close its input; if it does not end then, end it (MCP, lifecycle, shutdown)."""
        # Whoever writes to a server that does not read holds the lock until that has ended.
        if self.running.stdin is not None and self._writing.acquire(timeout=1):
            with contextlib.suppress(OSError):
                self.running.stdin.close()
            self._writing.release()
        for end in (self.running.terminate, self.running.kill):
            try:
                self.running.wait(CLOSING_SECONDS)
                return
            except subprocess.TimeoutExpired:
                end()
        self.running.wait()

    @property
    def status(self) -> int:
        """How it ended, as shells tell it."""
        status = self.running.wait()
        return status if status >= 0 else 128 - status
