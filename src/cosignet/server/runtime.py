"""What one running node has at hand; wired in `app.py`, passed to every service."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cosignet.core.address import Network
from cosignet.core.errors import Unavailable
from cosignet.core.limits import BUCKETS_MAX, Limits
from cosignet.core.rate import Buckets, Rate
from cosignet.core.request_errors import NodeFull, TooManyRequests, TooManyWaiting
from cosignet.server.exposition import Place
from cosignet.server.meter import Meter
from cosignet.server.outbound.http import Outside
from cosignet.server.secret import Sealer
from cosignet.server.store.db import Database
from cosignet.server.store.remembered import RememberedHead
from cosignet.server.verifying import Verifier
from cosignet.server.webauthn import RelyingParty

_VARIANTS = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}
"""What a hexadecimal digit becomes whose upper bits say what kind of UUID it is."""


@dataclass(frozen=True, slots=True)
class Share:
    """For whom a place is taken, and how many they may take."""

    whose: str
    places: int


class Waiter:
    """Somebody who sleeps until woken; a single future, as there may be ten thousand."""

    __slots__ = ("_sleeping", "_woken")

    def __init__(self) -> None:
        self._woken = False
        self._sleeping: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Wake; who is awake does not fall asleep the next time."""
        self._woken = True
        if self._sleeping is not None and not self._sleeping.done():
            self._sleeping.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Sleep until woken, or for so many seconds of the monotonic clock."""
        if not self._woken:
            loop = asyncio.get_running_loop()
            self._sleeping = loop.create_future()
            alarm = loop.call_later(seconds, self.wake)
            try:
                await self._sleeping
            finally:
                alarm.cancel()
                self._sleeping = None
        self._woken = False


class Waiters:
    """Who waits for which confirmation: no thread, no connection for any of them."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[Waiter]] = defaultdict(set)
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
    def register(self, key: str) -> Generator[Waiter]:
        """Be woken from now on. Read the state after this, or a wake-up could be lost."""
        waiter = Waiter()
        if self.released:
            waiter.wake()
        self._waiting[key].add(waiter)
        try:
            yield waiter
        finally:
            self._waiting[key].discard(waiter)
            if not self._waiting[key]:
                del self._waiting[key]

    def wake(self, key: str | None) -> None:
        """Wake whoever waits for a key; for None everybody, who then look for themselves."""
        if key is None:
            self._wake_all()
            return
        for waiter in self._waiting.get(key, ()):
            waiter.wake()

    @property
    def awaited(self) -> list[str]:
        """What somebody waits for."""
        return list(self._waiting)

    def release(self) -> None:
        """Wake everybody, for ever."""
        self.released = True
        self._wake_all()

    def _wake_all(self) -> None:
        for waiting in self._waiting.values():
            for waiter in waiting:
                waiter.wake()

    @property
    def held(self) -> int:
        """How many places are taken."""
        return self._all

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))


@dataclass(slots=True)
class Readiness:
    """How the last proof went that this node can do its work, or how the one goes that runs."""

    proof: "asyncio.Task[None] | None" = None
    begun_at: float = 0.0
    """By the event loop's clock (seconds)."""


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
    verifier: Verifier
    public_url: str
    sealer: Sealer
    trust_api_invites: bool
    """Whether approvers invited by an API key are activated at once."""
    clock: Callable[[], int]
    """Unix milliseconds."""
    random: Callable[[int], bytes]
    """That many unpredictable bytes."""
    log: LogGate
    outside: Outside
    """The door to other people's servers."""
    monotonic: Callable[[], float]
    """Seconds that never go back."""
    trusted_proxies: tuple[Network, ...] = ()
    """Who says from which address a request comes; nobody else is believed."""
    waiters: Waiters = field(default_factory=Waiters)
    owed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when webhooks are owed something; whoever sends looks for themselves."""
    limits: Limits = field(default_factory=Limits)
    meter: Meter = field(default_factory=Meter)
    metrics_token: str | None = field(default=None, repr=False)
    """Who has it reads the meter; None: nobody does."""
    place: Place = field(default_factory=Place)
    readiness: Readiness = field(default_factory=Readiness)
    buckets: Buckets = field(default_factory=lambda: Buckets(BUCKETS_MAX))

    def take(self, whose: str, rate: Rate) -> None:
        """Let something happen once more, unless it happens too often.

        Raises:
            TooManyRequests: it does, on this node.
        """
        wait = self.buckets.take(whose, rate, self.monotonic())
        if wait:
            raise TooManyRequests(retryAfterSeconds=math.ceil(wait))

    def new_id(self) -> str:
        """Return a fresh UUID with 122 random bits (RFC 9562, version 4)."""
        text = self.random(16).hex()
        variant = _VARIANTS[text[16]]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

    def seal(self, plain: bytes, *, purpose: str) -> bytes:
        """Seal under a fresh nonce."""
        return self.sealer.seal(plain, purpose=purpose, nonce=self.random(12))
