"""Background work: finds what is due by reading rows, does it, and sleeps."""

import asyncio
import logging
import math

from cosignet.core.errors import Refusal
from cosignet.server.runtime import Runtime
from cosignet.server.services import forget, operate, practice, watch

SWEEP_SECONDS = 1.0
SHARE_SECONDS = 5.0
"""So old are the figures of another process at most."""
log = logging.getLogger("cosignet")


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
            log.warning("looking for decisions waits: %s", refusal)
        except Exception:
            log.exception("looking for decisions failed")


async def sweep(rt: Runtime) -> None:
    """Perform expiries that nobody read, write leaves that waited for a practice approval, forget
    what has ended.

    Crashing anywhere in here loses nothing: the next sweep finds the same rows.
    """
    while True:
        try:
            await watch.expire_due(rt)
            await practice.log_unproven(rt)
            await forget.forget_ended(rt)
            await forget.end_prompts_beyond(rt)
            rt.meter.swept(rt.clock())
        except Refusal as refusal:
            rt.meter.sweep_failed()
            log.warning("background work waits: %s", refusal)
        except Exception:
            # A defect in one kind of work must not end the others for good.
            rt.meter.sweep_failed()
            log.exception("background work failed")
        await asyncio.sleep(SWEEP_SECONDS)
