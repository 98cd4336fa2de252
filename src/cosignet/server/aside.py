"""Arithmetic aside of the event loop: what takes long and needs nothing but a processor."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Aside:
    """One thread that calculates for many callers.

    Handing over costs about as much as checking one signature, so the thread is given all that has
    come together since it was last free.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._working: asyncio.Task[None] | None = None

    async def run(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Return what a function returns, or raise what it raises; it touches nothing shared."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((partial(function, *args, **kwargs), future))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await future

    def close(self) -> None:
        """End the thread; nobody may wait any more."""
        self._thread.shutdown()

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            functions = [function for function, _ in batch]
            outcomes = await self._outcomes(functions)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                _tell(future, outcome)
        self._working = None

    async def _outcomes(self, functions: list[Callable[[], Any]]) -> Sequence[Any]:
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, _outcomes, functions
            )
        except RuntimeError as error:  # no thread could be started: whoever waits is told
            return [_Raised(error)] * len(functions)


class _Raised:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _outcomes(functions: list[Callable[[], Any]]) -> list[Any]:
    return [_outcome(function) for function in functions]


def _outcome(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return _Raised(error)


def _tell(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return  # a client that has left
    if isinstance(outcome, _Raised):
        future.set_exception(outcome.error)
    else:
        future.set_result(outcome)
