"""Background work: finds what is due by reading rows, does it, and sleeps."""

import asyncio
import logging

from cosignet.core.errors import Refusal
from cosignet.server.runtime import Runtime
from cosignet.server.services import forget, operate, practice, publish, sequence, watch
from cosignet.server.services.follow import Follower
from cosignet.server.services.sequence import Sequencer

SWEEP_SECONDS = 1.0
SHARE_SECONDS = 5.0
"""So old are the figures of another process at most."""
BATCH_SECONDS = 0.2
"""How often the log takes what is pending …"""
BATCH_AT_ONCE = 1_000
"""… unless it was as much as this; then it goes on at once."""
ELECTION_SECONDS = 1.0
"""How often a node that does not keep the log asks whether somebody still does."""
log = logging.getLogger("cosignet")


async def share_figures(rt: Runtime) -> None:
    """Leave this process's figures for the others behind its port, again and again."""
    while True:
        try:
            await operate.leave_figures(rt)
        except Exception:
            log.exception("figures could not be shared")
        await asyncio.sleep(SHARE_SECONDS)


async def sweep(rt: Runtime) -> None:
    """Perform expiries that nobody read, write leaves that waited for a practice approval, forget
    what has ended.

    Crashing anywhere in here loses nothing: the next sweep finds the same rows.
    """
    follower = Follower(rt)
    while True:
        try:
            await watch.expire_due(rt)
            await practice.log_unproven(rt)
            await forget.forget_ended(rt)
            await forget.end_prompts_beyond(rt)
            await follower.look()
            rt.meter.swept(rt.clock())
        except Refusal as refusal:
            rt.meter.sweep_failed()
            log.warning("background work waits: %s", refusal)
        except Exception:
            # A defect in one kind of work must not end the others for good.
            rt.meter.sweep_failed()
            log.exception("background work failed")
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
            log.warning("the log waits: %s", refusal)
        except Exception:
            log.exception("the log failed")
        await asyncio.sleep(ELECTION_SECONDS)


async def _keep(rt: Runtime, sequencer: Sequencer) -> None:
    while True:
        count = await sequencer.take()
        await publish.publish(rt, sequencer.epoch)
        if count < BATCH_AT_ONCE:
            await asyncio.sleep(BATCH_SECONDS)
