"""Events of a stream (HTML, "Server-sent events"), as far as MCP uses them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event: its data, and where to go on after it."""

    data: bytes
    id: str | None = None
    retry: float | None = None
    """Seconds."""


def events_of(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield each event that ended; what breaks off in the middle is none."""
    data: list[bytes] = []
    id_: str | None = None
    retry: float | None = None
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if not line:
            if data or id_ or retry is not None:
                yield Event(b"\n".join(data), id_, retry)
            data, id_, retry = [], None, None
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"id" and value.isascii():
            id_ = value.decode("ascii")
        elif name == b"retry" and value.isdigit() and len(value) < 7:
            retry = int(value) / 1000
