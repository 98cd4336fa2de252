"""TLS in front of a server, as a proxy in production ends it."""

import asyncio
import ssl
import threading
from pathlib import Path

_PIECE = 64 * 1024


class Ending:
    """A proxy on a port of localhost that ends TLS and passes bytes on to another port."""

    def __init__(self, port: int, behind: int, certificate: Path, key: Path) -> None:
        self._port, self._behind = port, behind
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._listens = threading.Event()

    def __enter__(self) -> "Ending":
        self._thread.start()
        self._listens.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(
            self._pass_on, "127.0.0.1", self._port, ssl=self._context
        )
        self._listens.set()
        await self._stop.wait()
        server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass  # whoever asked has gone
    finally:
        writer.close()
