"""Clients that mean no good, in a process of their own: each says `ready`, and goes on until ended.

    python -m bench.besiegers slow PORT COUNT      send a byte of a head each second, on COUNT lines
    python -m bench.besiegers drop PORT REQUEST    ask and hang up, over and over, on 64 lines

Who is hung up on comes again. REQUEST is a file with the bytes of a request.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from pathlib import Path

import uvloop

DRIP_SECONDS = 1.0
DROPPING = 64
HEAD = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: "
_RESET = struct.pack("ii", 1, 0)


async def slow(port: int, count: int) -> None:
    """Keep so many connections open that never come to the end of a head."""
    writers = [await _open(port, HEAD) for _ in range(count)]
    print("ready", flush=True)
    while True:
        await asyncio.sleep(DRIP_SECONDS)
        for number, writer in enumerate(writers):
            if writer.is_closing():
                writers[number] = await _open(port, HEAD)
            else:
                writer.write(b"x")


async def drop(port: int, request: bytes) -> None:
    """Let requests come and be dropped as soon as they are sent."""
    storm = asyncio.gather(*(_drop(port, request) for _ in range(DROPPING)))
    print("ready", flush=True)
    await storm


async def _drop(port: int, request: bytes) -> None:
    while True:
        writer = await _open(port, request)
        found: socket.socket = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # So that the server has begun to answer; it is told of the reset right after.
        await asyncio.sleep(0.001)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _open(port: int, data: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    return writer


if __name__ == "__main__":
    kind, at, what = sys.argv[1:]
    if kind == "slow":
        uvloop.run(slow(int(at), int(what)))
    else:
        uvloop.run(drop(int(at), Path(what).read_bytes()))
