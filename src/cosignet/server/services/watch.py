"""Reading and waiting. A read past the deadline performs the expiry; it never derives one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from cosignet.core.access import ApiKey
from cosignet.core.confirmation import Confirmation, Wanted
from cosignet.core.errors import NotFound
from cosignet.server.ledger import current, visible
from cosignet.server.runtime import Runtime, Share, Waiter
from cosignet.server.store import confirmations

EXPIRY_BATCH = 500
LOOK_BATCH = 500
CLOCKS_APART_SECONDS = 0.005
"""How long to wait for the database's clock, where it is behind this node's."""
_Read = Callable[[], Awaitable[Confirmation]]


@dataclass(frozen=True, slots=True)
class Page:
    """Some confirmations, newest first, and where the next page begins."""

    items: list[Confirmation]
    next_before: tuple[int, str] | None


async def get(
    rt: Runtime,
    confirmation_id: str,
    *,
    view: str | None = None,
    wait_seconds: float = 0,
    address: str | None = None,
) -> Confirmation:
    """Return a confirmation to its page, as soon as it is decided or after `wait_seconds`.

    `view` is the secret of a browser in which a private one was unlocked; `address` is where that
    browser is, if that is known.

    Raises:
        NotFound: there is none.
        Locked: it is private, and locked in this browser.
        TooManyWaiting, NodeFull: nobody more is held; it never becomes a shorter wait.
        Unavailable: its state cannot be proven now.
    """
    if not wait_seconds:
        return await visible(rt, confirmation_id, view)
    shares = [Share(f"page {confirmation_id}", rt.limits.held_per_page)]
    if address is not None:
        shares.append(Share(f"address {address}", rt.limits.held_per_address))
    read = partial(visible, rt, confirmation_id, view)
    return await _held(rt, confirmation_id, read, wait_seconds, shares)


async def get_own(
    rt: Runtime, key: ApiKey, confirmation_id: str, *, wait_seconds: float = 0
) -> Confirmation:
    """Return a confirmation of the key's organisation; another's looks as if it did not exist.

    Raises:
        NotFound, Unavailable, TooManyWaiting, NodeFull.
    """
    if not wait_seconds:
        return await _own(rt, key, confirmation_id)
    shares = [
        Share(f"key {key.id}", rt.limits.held_per_key),
        Share(f"organisation {key.organisation_id}", rt.limits.held_per_organisation),
    ]
    read = partial(_own, rt, key, confirmation_id)
    return await _held(rt, confirmation_id, read, wait_seconds, shares)


async def _held(
    rt: Runtime, confirmation_id: str, read: _Read, seconds: float, shares: list[Share]
) -> Confirmation:
    """Return what `read` returns, as soon as it is decided or after so many seconds.

    Whether it may be seen is for `read` to say, before anything is held open and before it is told.
    """
    with rt.waiters.register(confirmation_id) as waiter:
        found = await read()
        if found.decided:
            return found
        with rt.waiters.place(*shares, of_all=rt.limits.held_per_node):
            expires_at = found.expires_at
            del found  # as in `_wait`
            return await _wait(rt, waiter, read, expires_at, seconds)


async def _wait(
    rt: Runtime, waiter: Waiter, read: _Read, expires_at: int, seconds: float
) -> Confirmation:
    """Return a confirmation that was pending, when it is decided or after so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        until_expiry = (expires_at - rt.clock()) / 1000
        # Late by this node's clock and pending all the same: the database's clock is behind.
        until_look = until_expiry if until_expiry > 0 else CLOCKS_APART_SECONDS
        await waiter.sleep(min(deadline - loop.time(), until_look))
        found = await read()
        if found.decided or deadline <= loop.time() or rt.waiters.released:
            return found
        # It is some kilobytes, of which those who wait, ten thousand perhaps, need nothing.
        del found


async def _own(rt: Runtime, key: ApiKey, confirmation_id: str) -> Confirmation:
    found = await current(rt, confirmation_id)
    if found.organisation_id != key.organisation_id:
        raise NotFound
    return found


async def look(rt: Runtime) -> None:
    """Wake those whose confirmation was decided without a word to this node.

    One question for hundreds who wait: if each asked, they would keep the database busy.

    Raises:
        Unavailable: the database cannot be asked.
    """
    awaited = rt.waiters.awaited
    for start in range(0, len(awaited), LOOK_BATCH):
        some = awaited[start : start + LOOK_BATCH]
        # Always as many, so that it is always the same statement.
        some += some[-1:] * (LOOK_BATCH - len(some))
        for confirmation_id in await confirmations.decided_among(rt.database.reader, some):
            rt.waiters.wake(confirmation_id)


async def page(
    rt: Runtime,
    key: ApiKey,
    wanted: Wanted,
    *,
    before: tuple[int, str] | None,
    limit: int,
) -> Page:
    """Return a page of the organisation's confirmations; expiries that are due come first."""
    await expire_due(rt)
    items = await confirmations.page(
        rt.database.reader,
        key.organisation_id,
        wanted,
        before=before,
        limit=limit + 1,
    )
    more = len(items) > limit
    last = items[limit - 1] if more else None
    return Page(items[:limit], None if last is None else (last.created_at, last.id))


async def expire_due(rt: Runtime) -> int:
    """Perform the expiries that are due and return how many there were."""
    count = 0
    while True:
        ids = await confirmations.due(rt.database.reader, EXPIRY_BATCH)
        # At once, so that they share a commit.
        await asyncio.gather(*(current(rt, confirmation_id) for confirmation_id in ids))
        count += len(ids)
        if len(ids) < EXPIRY_BATCH:
            return count
