"""Uvicorn's side of a connection, with bounds: how long a request may take to come, and how big.

Uvicorn has neither: one byte a minute keeps a connection for ever (slowloris, CVE-2007-6750 in
Apache), and a head of any size is kept in memory. One timer per connection and no task; a request
that arrives whole, as nearly all do, sets none. Uvicorn's general way of answering, a part at a
time and for any application, is an `Exchange` here: an eighth of a read's time went into it.
"""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from itertools import chain
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cosignet.core.errors import Refusal
from cosignet.core.limits import HEAD_BYTES_MAX, HEADER_FIELDS_MAX, Limits
from cosignet.core.request_errors import (
    HeadTooLarge,
    RequestMalformed,
    TooManyConnections,
    TooSlow,
)
from cosignet.server.web.errors import Defect
from cosignet.server.web.exchange import Exchange


class _Awaiting(Enum):
    """What the client has still to send."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class Protocol(HttpToolsProtocol):
    """A connection."""

    # A dictionary of more attributes than uvicorn's own would be one of its own for each
    # connection, a kilobyte and a half larger.
    __slots__ = ("_awaiting", "_begun", "_deadline", "_earlier", "_parts", "_timer")
    limits: ClassVar[Limits] = Limits()
    refuse: ClassVar[Callable[[Refusal], bytes]]
    """Writes an answer to a request that no application has seen."""

    def connection_made(  # pyright: ignore[reportIncompatibleMethodOverride] (as uvicorn's own)
        self, transport: asyncio.Transport
    ) -> None:
        """Serve a connection that has just been opened."""
        super().connection_made(transport)
        self._awaiting = _Awaiting.HEAD
        self._begun = False
        """Whether something of the request that is awaited has come."""
        self._parts = 0
        """In how many parts its head has come so far."""
        self._earlier = 0
        """How many bytes came in the parts after the first."""
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        if self.client is None:
            # It hung up while it waited to be served, and has no address any more. What it sent can
            # still be read, and would be answered at length.
            transport.abort()
            return
        if len(self.connections) > self.limits.connections_per_node:
            # Taken, it would cost a file that the database or the log opens next.
            self._begun = True
            self._end(TooManyConnections())
            return
        self._expect(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, never more than a head's worth at once."""
        if len(data) <= HEAD_BYTES_MAX:
            self._take(data)
            return
        for start in range(0, len(data), HEAD_BYTES_MAX):
            self._take(data[start : start + HEAD_BYTES_MAX])
            if self.transport.is_closing():
                return

    def _take(self, data: bytes) -> None:
        before = self._awaiting
        if before is _Awaiting.NOTHING:
            # From here on a head is due, also where this begins no request (RFC 9112, section 2.2
            # lets empty lines come first).
            self._awaiting = _Awaiting.HEAD
            self._begun = False
        self._parts += 1
        if self._begun:
            self._earlier += len(data)
        super().data_received(data)
        if self._awaiting is _Awaiting.NOTHING:
            return
        if self._awaiting is _Awaiting.HEAD and self._earlier > HEAD_BYTES_MAX:
            self._end(HeadTooLarge())
        elif self._deadline is None or before is not self._awaiting:
            self._expect_rest()

    def _expect_rest(self) -> None:
        waits_for_head = self._awaiting is _Awaiting.HEAD
        self._expect(self.limits.head_seconds if waits_for_head else self.limits.body_seconds)

    def on_message_begin(self) -> None:
        """A head begins."""
        self.url = b""
        self.headers = []
        self._awaiting = _Awaiting.HEAD
        self._begun = True
        self._parts = 1
        self._earlier = 0
        self._deadline = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of a head."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is complete: pass it on, if it is within bounds."""
        if self.transport.is_closing():
            return  # it was sent behind a request that has ended the connection
        # What came in one part is no larger than that.
        if len(self.headers) > HEADER_FIELDS_MAX or (self._parts > 1 and self._too_large()):
            self._end(HeadTooLarge())
            return
        self._awaiting = _Awaiting.BODY
        answering = self._answering()
        application = cast(Any, self.app)  # pyright: ignore[reportUnknownMemberType]
        self.cycle = self._exchange(self.parser)
        if answering:
            # Answers go out in the order of the requests (RFC 9112, section 9.3.2).
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, application))
        else:
            self._start_asgi_task(self.cycle, application)

    def _exchange(self, parser: Any) -> Any:
        # What uvicorn's own does, but for what is turned off here: upgrades, a limit of all
        # connections, prefixes of paths.
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": self.headers,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
        }
        keep_alive = version != "1.0" and parser.should_keep_alive()
        return Exchange(self, scope, keep_alive=keep_alive)

    def on_body(self, body: bytes) -> None:
        """Keep a part of a body, unless its head was refused, or it is not asked for any more."""
        if self._awaiting is not _Awaiting.BODY or self.cycle.response_complete:
            return
        self.cycle.body += body
        if len(self.cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        """A request is complete."""
        if self._awaiting is _Awaiting.BODY:
            self._awaiting = _Awaiting.NOTHING
            self.cycle.more_body = False
            self.cycle.message_event.set()
            self._deadline = None
            if self.cycle.response_complete:
                self._expect(self.timeout_keep_alive)

    def on_response_complete(self) -> None:
        """An answer is written: go on with the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._awaiting is _Awaiting.NOTHING:
            self._expect(self.timeout_keep_alive)

    def fail(self) -> None:
        """Close, because a request could not be answered."""
        self._end(Defect())

    @property
    def default_fields(self) -> list[tuple[bytes, bytes]]:
        """Header fields of every answer: the date."""
        return self.server_state.default_headers

    def _too_large(self) -> bool:
        fields = sum(map(len, chain.from_iterable(self.headers)))
        return len(self.url) + fields > HEAD_BYTES_MAX

    def _expect(self, seconds: float) -> None:
        """Let what is awaited be due in so many seconds."""
        self._deadline = self.loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        """See whether what is awaited is late; the timer was not moved whenever that changed."""
        self._timer = None
        if self._deadline is None or self.transport.is_closing():
            return
        if self._deadline > self.loop.time():
            self._timer = self.loop.call_at(self._deadline, self._look)
        elif self._awaiting is _Awaiting.NOTHING:
            self.transport.close()
        elif self._sends_ahead():
            # While an earlier request of its own is held, which is not cut off for that.
            self._expect_rest()
        else:
            self._end(TooSlow())

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in our own words and headers."""
        self._end(RequestMalformed())

    def _answering(self) -> bool:
        # There is none before the first request, whatever uvicorn's type says.
        return bool(self.cycle) and not self.cycle.response_complete

    def _sends_ahead(self) -> bool:
        """Whether an earlier request is not answered yet (RFC 9112, section 9.3.2)."""
        return bool(self.pipeline) or (self._awaiting is _Awaiting.HEAD and self._answering())

    def _end(self, refusal: Refusal) -> None:
        """Close, and say why: where something was asked, and where nothing else is being said."""
        if self.transport.is_closing():
            return
        in_body = self._awaiting is _Awaiting.BODY
        unanswered = not self.cycle.response_complete if in_body else self._begun
        if unanswered and not self._sends_ahead():
            self.transport.write(type(self).refuse(refusal))
        if self._answering():
            # Whoever reads the body learns that no more of it comes.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._awaiting = _Awaiting.HEAD
        self.transport.close()


def protocol_of(limits: Limits, refuse: Callable[[Refusal], bytes]) -> type[Protocol]:
    """Return how a node with these limits, which refuses in these words, serves a connection."""
    members = {"__slots__": (), "limits": limits, "refuse": staticmethod(refuse)}
    return type("NodeProtocol", (Protocol,), members)
