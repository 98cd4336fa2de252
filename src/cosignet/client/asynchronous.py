"""The same client for asyncio: each wait has a thread of its own, and is given up with its task."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from cosignet.client.cosignet import Asked, Cosignet
from cosignet.client.decision import Decision
from cosignet.core.jsontext import JsonValue

Result = TypeVar("Result")


class AsyncCosignet:
    """A `Cosignet` to be awaited. Cancelling the task takes back what waits for the approver."""

    def __init__(self, client: Cosignet | None = None, **options: Any) -> None:
        """Wrap a client, or make one with the options of `Cosignet`."""
        self.client = client or Cosignet(**options)

    async def request_approval(
        self, *, on_created: Callable[[Asked], object] = lambda _: None, **request: Any
    ) -> Decision:
        """Ask, wait, verify; arguments and refusals as in `Cosignet.request_approval`."""
        stop = threading.Event()
        created: list[Asked] = []

        def note(asked: Asked) -> None:
            created.append(asked)
            on_created(asked)

        work = asyncio.to_thread(
            self.client.request_approval, on_created=note, stop=stop, **request
        )
        try:
            return await work
        except asyncio.CancelledError:
            stop.set()
            for asked in created:
                await asyncio.to_thread(self.client.cancel, asked)
            raise

    async def run(
        self, decision: Decision, action: Callable[[dict[str, JsonValue]], Awaitable[Result]]
    ) -> Result:
        """Consume, run with the signed payload, report the outcome; as `Cosignet.run`."""
        approval = decision.require_approved()
        await asyncio.to_thread(self.client.consume, approval)
        try:
            result = await action(approval.payload)
        except BaseException as error:
            await asyncio.to_thread(self.client.report, approval, "failed", type(error).__name__)
            raise
        await asyncio.to_thread(self.client.report, approval, "executed")
        return result
