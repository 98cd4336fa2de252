"""Head and body of an answer in one write: one system call less, and one packet."""

import asyncio
from typing import Any


class Together(asyncio.Transport):
    """A transport that keeps one write back until the next, or to the end of the loop's turn.

    Uvicorn writes the head of an answer and at once, in the same turn, its body.
    """

    __slots__ = ("_kept", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._kept = b""

    def write(self, data: Any) -> None:
        """Write, or keep the first of several."""
        if self._kept:
            kept, self._kept = self._kept, b""
            self._transport.write(kept + data)
        elif data:
            self._kept = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Write what is kept, and close when all of it is sent."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows of its socket."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take no more from the client for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the client again."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; what is kept is lost."""
        self._kept = b""
        self._transport.abort()

    def _flush(self) -> None:
        if self._kept:
            kept, self._kept = self._kept, b""
            self._transport.write(kept)
