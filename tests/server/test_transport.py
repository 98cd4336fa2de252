"""Head and body of an answer leave in one write, and nothing stays behind."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from cosignet.server.connection import Protocol
from cosignet.server.web.transport import Together


class Recording(asyncio.Transport):
    """A transport that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str | bytes] = []

    def write(self, data: Any) -> None:
        self.told.append(bytes(data))

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.told

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 8000) if name in ("peername", "sockname") else default


Doing = Callable[[Together], None]
CASES: dict[str, tuple[Doing, list[str | bytes]]] = {
    "two are one": (lambda t: (t.write(b"head"), t.write(b"body"))[0], [b"headbody"]),
    "three keep their order": (
        lambda t: (t.write(b"head"), t.write(b"one"), t.write(b"two"))[0],
        [b"headone", b"two"],
    ),
    "a lone one leaves at the end of the turn": (lambda t: t.write(b"head"), [b"head"]),
    "closing sends what was kept first": (
        lambda t: (t.write(b"head"), t.close())[0],
        [b"head", "close"],
    ),
    "aborting sends nothing": (lambda t: (t.write(b"head"), t.abort())[0], ["abort"]),
    "nothing is nothing": (lambda t: t.write(b""), []),
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_written_in_one_turn_is_sent_together(what: str) -> None:
    doing, told = CASES[what]
    below = Recording()

    async def turn() -> None:
        doing(Together(below))
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert below.told == told


def test_an_answer_is_one_write() -> None:
    async def application(_: Any, __: Any, send: Any) -> None:
        headers = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"body"})

    async def turn() -> Recording:
        config = Config(
            application,
            http=Protocol,
            interface="asgi3",
            lifespan="off",
            access_log=False,
            log_config=None,
        )
        config.load()
        below = Recording()
        protocol = Protocol(config, ServerState(), {})
        protocol.connection_made(below)
        protocol.data_received(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        for _ in range(5):
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        return below

    [answer] = [told for told in asyncio.run(turn()).told if isinstance(told, bytes)]
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nbody")
