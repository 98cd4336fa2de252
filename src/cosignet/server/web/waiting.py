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
    answer = asyncio.ensure_future(answering)
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        answer.cancel()
        gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
