"""Background work: finds what is due by reading rows, does it, and sleeps."""

import asyncio
import logging

from cosignet.core.errors import Refusal
from cosignet.server.runtime import Runtime
from cosignet.server.services import forget, practice, watch

SWEEP_SECONDS = 1.0
log = logging.getLogger("cosignet")


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
        except Refusal as refusal:
            log.warning("background work waits: %s", refusal)
        except Exception:
            # A defect in one kind of work must not end the others for good.
            log.exception("background work failed")
        await asyncio.sleep(SWEEP_SECONDS)
