"""Background work: finds what is due by reading rows, does it, and sleeps."""

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping

from cosignet.core.delivery import Claim
from cosignet.core.errors import Refusal
from cosignet.core.rate import Rate
from cosignet.server.runtime import Runtime
from cosignet.server.services import (
    assets,
    deliver,
    forget,
    operate,
    practice,
    publish,
    sequence,
    watch,
)
from cosignet.server.services.deliver import Due
from cosignet.server.services.follow import Follower
from cosignet.server.services.sequence import Sequencer

SWEEP_SECONDS = 1.0
SHARE_SECONDS = 5.0
"""So old are the figures of another process at most."""
BATCH_SECONDS = 0.2
"""How often the log takes what is pending, unless that is more than it takes at once."""
ELECTION_SECONDS = 1.0
"""How often a node that does not keep the log asks whether somebody still does."""
SAID_AGAIN = Rate(1, 60)
"""How often the same reason for waiting is told."""
STOPPING_SECONDS = 4.0
"""How long attempts that are under way may go on when the node stops; the others are made again."""
log = logging.getLogger("cosignet")


async def work_on(rt: Runtime, *, files: Mapping[str, str]) -> None:
    """Do all that happens by itself, until cancelled; `files` are what `log_assets` logs."""
    shares = rt.metrics_token is not None and rt.place.folder is not None
    work = [sweep(rt), look(rt), Sender(rt).run()]
    work += [keep_log(rt), follow_log(rt), log_assets(rt, files)]
    work += [share_figures(rt)] if shares else []
    # Else the first that ends when all are told to would be waited for, and none that still works.
    await asyncio.gather(*work, return_exceptions=True)


async def log_assets(rt: Runtime, files: Mapping[str, str]) -> None:
    """Log which files this release serves, by path and SHA-256, as soon as there is a log."""
    done = False

    async def record(rt: Runtime) -> None:
        nonlocal done
        done = await assets.record(rt, files)

    while not done:
        await _unless_it_fails(record, rt)
        await asyncio.sleep(SWEEP_SECONDS)


async def share_figures(rt: Runtime) -> None:
    """Leave this process's figures for the others behind its port, again and again."""
    while True:
        try:
            await operate.leave_figures(rt)
        except Exception:
            log.exception("figures could not be shared")
        await asyncio.sleep(SHARE_SECONDS)


async def look(rt: Runtime) -> None:
    """Look for decisions of which a notification was lost, where one can be lost."""
    while math.isfinite(rt.database.poll_seconds):
        await asyncio.sleep(rt.database.poll_seconds)
        try:
            await watch.look(rt)
        except Refusal as refusal:
            _say(rt, "looking for decisions waits", refusal)
        except Exception:
            log.exception("looking for decisions failed")


async def sweep(rt: Runtime) -> None:
    """Perform expiries that nobody read, forget what has ended, write leaves that waited for a
    practice approval.

    Crashing anywhere in here loses nothing: the next sweep finds the same rows.
    """
    while True:
        try:
            await watch.expire_due(rt)
            await forget.forget_ended(rt)
            await forget.end_prompts_beyond(rt)
            # Last: it needs room in the log, and what has ended makes some.
            await practice.log_unproven(rt)
            rt.meter.swept(rt.clock())
        except Refusal as refusal:
            rt.meter.sweep_failed()
            _say(rt, "background work waits", refusal)
        except Exception:
            # A defect in one kind of work must not end the others for good.
            rt.meter.sweep_failed()
            log.exception("background work failed")
        await asyncio.sleep(SWEEP_SECONDS)


async def follow_log(rt: Runtime) -> None:
    """See how the log does, whatever else fails: it is what lets decisions through again."""
    follower = Follower(rt)
    while True:
        await _unless_it_fails(lambda _: follower.look(), rt)
        await asyncio.sleep(SWEEP_SECONDS)


async def keep_log(rt: Runtime) -> None:
    """Number pending leaves and publish signed heads, on one node at a time.

    Whatever goes wrong ends this node's turn: nothing that it held in memory is used again.
    """
    while True:
        try:
            async with sequence.elected(rt) as sequencer:
                if sequencer is not None:
                    await _keep(rt, sequencer)
        except Refusal as refusal:
            _say(rt, "the log waits", refusal)
        except Exception:
            log.exception("the log failed")
        await asyncio.sleep(ELECTION_SECONDS)


async def _keep(rt: Runtime, sequencer: Sequencer) -> None:
    while True:
        count = await sequencer.take()
        await publish.publish(rt, sequencer.epoch)
        if count < sequence.BATCH_MAX:
            await asyncio.sleep(BATCH_SECONDS)


class Sender:
    """Sends the deliveries that are due, those of one webhook never in the way of another's."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._under_way: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send until cancelled, and then let what is under way come to its end."""
        try:
            while True:
                self._rt.owed.clear()
                await _unless_it_fails(self._begin_due, self._rt)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SWEEP_SECONDS):
                        await self._rt.owed.wait()
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOPPING_SECONDS)

    async def _begin_due(self, rt: Runtime) -> None:
        due = sorted(await deliver.due(rt), key=lambda one: self._under_way[one.id])
        for claim in await deliver.claim(rt, self._share_out(due)):
            self._under_way[claim.delivery.webhook_id] += 1
            task = asyncio.create_task(self._attempt(claim))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _share_out(self, due: Iterable[Due]) -> dict[Due, int]:
        """Say how many more deliveries of each webhook may begin now.

        Nobody takes more than half of what is free, so that there is mostly room for one more.
        """
        limits = self._rt.limits
        free = limits.sending_per_node - len(self._tasks)
        shares: dict[Due, int] = {}
        for one in due:
            most = 1 if one.failing else limits.sending_per_webhook
            shares[one] = max(0, min(most - self._under_way[one.id], (free + 1) // 2))
            free -= shares[one]
        return shares

    async def _attempt(self, claim: Claim) -> None:
        webhook_id = claim.delivery.webhook_id
        try:
            await _unless_it_fails(lambda rt: deliver.attempt(rt, claim), self._rt)
        finally:
            self._under_way[webhook_id] -= 1
            self._under_way += Counter()  # forgets whose count is zero
            self._rt.owed.set()


async def _unless_it_fails(some: Callable[[Runtime], Awaitable[None]], rt: Runtime) -> None:
    """Do some work; if it fails, say so, and let the rest go on."""
    try:
        await some(rt)
    except Refusal as refusal:
        _say(rt, "background work waits", refusal)
    except Exception:
        # A defect in one kind of work must not end the others for good.
        log.exception("background work failed")


def _say(rt: Runtime, words: str, refusal: Refusal) -> None:
    """Tell the operator what waits, and why; what is tried each second is not told each second."""
    if not rt.buckets.take(f"said {words} {refusal}", SAID_AGAIN, rt.monotonic()):
        log.warning("%s: %s", words, refusal)
