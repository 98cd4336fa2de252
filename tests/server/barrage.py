"""Many HTTP requests at once, from a process of its own: `python -m tests.server.barrage`.

Reads a line of JSON, `{"port", "connections", "shots": [[method, path, headers, body], …]}`, opens
the connections, says `ready`, waits for a line, fires, and prints a line with the hits. Standard
library only, so that it starts quickly.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Shot:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: object = None

    @property
    def wire(self) -> list[object]:
        return [self.method, self.path, self.headers, self.body]


@dataclass(frozen=True)
class Hit:
    """Its answer, and when (monotonic seconds, the same for all processes of a machine)."""

    shot: Shot
    status: int
    body: Any
    began: float
    ended: float


class Barrage:
    """Several processes that fire their shares of one list together."""

    def __init__(self, *ports: int, processes: int = 2, connections: int = 8) -> None:
        self._ports = ports
        self._count = processes
        self._connections = connections

    def __enter__(self) -> "Barrage":
        command = [sys.executable, "-m", "tests.server.barrage"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._processes = [
            subprocess.Popen(command, cwd=ROOT, text=True, bufsize=1, **pipes)
            for _ in range(self._count)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.communicate()

    def fire(
        self, shots: Sequence[Shot], meanwhile: Callable[[], None] = lambda: None
    ) -> list[Hit]:
        """Fire all shots, dealt out in turn, and return the hits in the order of the shots."""
        shares = [shots[first :: self._count] for first in range(self._count)]
        for number, (process, share) in enumerate(zip(self._processes, shares, strict=True)):
            # Of several ports each process takes one.
            port = self._ports[number % len(self._ports)]
            order = {"port": port, "connections": self._connections}
            self._tell(process, json.dumps(order | {"shots": [shot.wire for shot in share]}))
        for process in self._processes:
            assert self._hear(process) == "ready"
        for process in self._processes:
            self._tell(process, "fire")
        meanwhile()
        answers = [json.loads(self._hear(process)) for process in self._processes]
        return [
            Hit(shot, *answers[number % self._count][number // self._count])
            for number, shot in enumerate(shots)
        ]

    @staticmethod
    def _tell(process: "subprocess.Popen[str]", line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(line + "\n")

    @staticmethod
    def _hear(process: "subprocess.Popen[str]") -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _fire(order: dict[str, Any]) -> list[list[object]]:
    queue = [(number, _encode(*shot)) for number, shot in enumerate(order["shots"])][::-1]
    hits: list[list[object]] = [[] for _ in queue]

    async def shoot(connection: Connection) -> None:
        while queue:
            number, data = queue.pop()
            hits[number] = await _exchange(connection, data)

    connections = await asyncio.gather(
        *(
            asyncio.open_connection("localhost", order["port"])
            for _ in range(min(order["connections"], len(queue)))
        )
    )
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*map(shoot, connections))
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()
    return hits


def _encode(method: str, path: str, headers: dict[str, str], body: object) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    fields = {"Host": "localhost", "Content-Length": len(content), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def _exchange(connection: Connection, data: bytes) -> list[object]:
    reader, writer = connection
    began = time.monotonic()
    writer.write(data)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].split()[0])
    content = await reader.readexactly(length)
    return [int(head.split()[1]), json.loads(content), began, time.monotonic()]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(asyncio.run(_fire(json.loads(line)))), flush=True)
