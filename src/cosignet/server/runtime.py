"""What one running node has at hand; wired in `app.py`, passed to every service."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cosignet.core.errors import Unavailable
from cosignet.core.limits import Limits
from cosignet.core.request_errors import NodeFull, TooManyWaiting
from cosignet.server.secret import Sealer
from cosignet.server.store.db import Database
from cosignet.server.store.remembered import RememberedHead
from cosignet.server.webauthn import RelyingParty


@dataclass(frozen=True, slots=True)
class Share:
    """For whom a place is taken, and how many they may take."""

    whose: str
    places: int


class Waiters:
    """Who waits for which confirmation. A waiter is one event: no thread, no connection."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._taken: dict[str, int] = defaultdict(int)
        self._all = 0
        self.released = False
        """Set at shutdown: everybody answers with what they have."""

    @contextmanager
    def place(self, *shares: Share, of_all: int) -> Generator[None]:
        """Take a place for as long as the block runs; who gets none is not held at all.

        Raises:
            TooManyWaiting: one of the shares is used up.
            NodeFull: all places are taken.
        """
        if self._all >= of_all:
            raise NodeFull
        if any(self._taken.get(share.whose, 0) >= share.places for share in shares):
            raise TooManyWaiting
        self._all += 1
        for share in shares:
            self._taken[share.whose] += 1
        try:
            yield
        finally:
            self._all -= 1
            for share in shares:
                self._taken[share.whose] -= 1
                if not self._taken[share.whose]:
                    del self._taken[share.whose]

    @contextmanager
    def register(self, key: str) -> Generator[asyncio.Event]:
        """Be woken from now on. Read the state after this, or a wake-up could be lost."""
        event = asyncio.Event()
        self._events[key].add(event)
        try:
            yield event
        finally:
            self._events[key].discard(event)
            if not self._events[key]:
                del self._events[key]

    def wake(self, key: str | None) -> None:
        """Wake whoever waits for a key; for None everybody, who then look for themselves."""
        if key is None:
            self._wake_all()
            return
        for event in self._events.get(key, ()):
            event.set()

    def release(self) -> None:
        """Wake everybody, for ever."""
        self.released = True
        self._wake_all()

    def _wake_all(self) -> None:
        for events in self._events.values():
            for event in events:
                event.set()

    def __len__(self) -> int:
        return sum(len(events) for events in self._events.values())


@dataclass(slots=True)
class LogGate:
    """What this node saw last of the log: whether it takes entries, and whether it goes on."""

    origin: str
    remembered: RememberedHead
    refusal: Unavailable | None = None
    """Why nothing may be added; None: it may."""
    stalled: bool = False
    """Whether entries wait that nobody publishes."""

    def require_room(self) -> None:
        """Let a decision through, if what it leaves behind can be kept.

        Raises:
            LogFull, DiskLow.
        """
        if self.refusal is not None:
            raise self.refusal


@dataclass(frozen=True, slots=True)
class Runtime:
    """One node: its store, its identity, its clock and its randomness."""

    database: Database
    relying_party: RelyingParty
    public_url: str
    sealer: Sealer
    trust_api_invites: bool
    """Whether approvers invited by an API key are activated at once."""
    clock: Callable[[], int]
    """Unix milliseconds."""
    random: Callable[[int], bytes]
    """That many unpredictable bytes."""
    log: LogGate
    waiters: Waiters = field(default_factory=Waiters)
    limits: Limits = field(default_factory=Limits)

    def new_id(self) -> str:
        """Return a fresh UUID with 122 random bits (RFC 9562, version 4)."""
        octets = bytearray(self.random(16))
        octets[6] = octets[6] & 0x0F | 0x40
        octets[8] = octets[8] & 0x3F | 0x80
        text = octets.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def seal(self, plain: bytes, *, purpose: str) -> bytes:
        """Seal under a fresh nonce."""
        return self.sealer.seal(plain, purpose=purpose, nonce=self.random(12))
