"""Holding a request open until it is answered or its client has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

Answer = TypeVar("Answer")


async def unless_gone(
    receive: Receive, answering: Coroutine[Any, Any, Answer], *, waits: bool
) -> Answer:
    """Return the answer, or stop working on it as soon as the client hangs up.

    A server does not cancel an endpoint whose client has left; without this, an abandoned wait
    would be held until its end.

    Raises:
        ClientDisconnect: nobody is there to be answered.
    """
    if not waits:
        return await answering
    present = asyncio.timeout(None)
    try:
        async with present:
            watch = asyncio.ensure_future(_gone(receive, present))
            try:
                return await answering
            finally:
                watch.cancel()
    except TimeoutError:
        if present.expired():
            raise ClientDisconnect from None
        raise


async def _gone(receive: Receive, present: asyncio.Timeout) -> None:
    """Let the time be up as soon as the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    present.reschedule(0)  # a time that has passed
