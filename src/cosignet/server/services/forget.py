"""Forgetting: rows that have ended go, a few at a time (`core/retention.py` says when)."""

from collections.abc import Awaitable, Callable
from functools import partial

from cosignet.core.retention import FORGOTTEN_AT_ONCE, PROMPTS_OPEN_MAX, RETENTION, Kept
from cosignet.server.runtime import Runtime
from cosignet.server.store import retention
from cosignet.server.store.db import Transaction


async def forget_ended(rt: Runtime) -> None:
    """Forget what has been kept long enough."""
    for kept in RETENTION:
        if await retention.any_old(rt.database.reader, kept):
            await _in_steps(rt, partial(_forget, kept))


async def end_prompts_beyond(rt: Runtime, most: int = PROMPTS_OPEN_MAX) -> None:
    """End the oldest passkey prompts where too many are open: anybody may open one."""
    until = await retention.newest_prompt_too_many(rt.database.reader, most)
    if until is not None:
        await _in_steps(rt, lambda tx, limit: retention.end_prompts(tx, until, limit))


async def _forget(kept: Kept, tx: Transaction, limit: int) -> int:
    return await retention.forget(tx, kept, limit)


async def _in_steps(rt: Runtime, step: Callable[[Transaction, int], Awaitable[int]]) -> None:
    count = FORGOTTEN_AT_ONCE
    while count == FORGOTTEN_AT_ONCE:
        async with rt.database.transaction() as tx:
            count = await step(tx, FORGOTTEN_AT_ONCE)
