"""Work aside of the event loop: everybody gets their own answer, and many share one hand-over."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cosignet.core.errors import NotFound
from cosignet.server.aside import Aside

SECONDS = 20


def play(scenario: Callable[[Aside], Awaitable[None]]) -> None:
    async def run() -> None:
        aside = Aside()
        async with asyncio.timeout(SECONDS):
            await scenario(aside)
        aside.close()

    asyncio.run(run())


def test_everybody_gets_their_own_result_or_refusal() -> None:
    def refused() -> int:
        raise NotFound

    async def scenario(aside: Aside) -> None:
        outcomes = await asyncio.gather(
            aside.run(lambda: 1), aside.run(refused), aside.run(lambda: 3), return_exceptions=True
        )
        assert [outcomes[0], outcomes[2]] == [1, 3]
        assert isinstance(outcomes[1], NotFound)
        assert await aside.run(lambda: 4) == 4

    play(scenario)


def test_the_loop_goes_on_meanwhile_and_what_comes_together_is_done_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit = ThreadPoolExecutor.submit
    handed_over: list[object] = []

    def counted(*given: Any) -> Any:
        handed_over.append(given)
        return submit(*given)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", counted)
    gate = threading.Event()
    threads: list[str] = []

    def note() -> str:
        threads.append(threading.current_thread().name)
        return threads[-1]

    async def scenario(aside: Aside) -> None:
        held = asyncio.create_task(aside.run(lambda: gate.wait(SECONDS)))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(aside.run(note)) for _ in range(50)]
        await asyncio.sleep(0.05)
        assert not held.done()
        assert threads == []
        gate.set()
        assert await held
        assert len(set(await asyncio.gather(*others))) == 1

    play(scenario)
    assert len(threads) == 50
    assert len(handed_over) == 2
    assert threading.current_thread().name not in threads


def test_who_leaves_takes_no_neighbour_along() -> None:
    gate = threading.Event()

    async def scenario(aside: Aside) -> None:
        tasks = [asyncio.create_task(aside.run(lambda: gate.wait(SECONDS))) for _ in range(3)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        tasks[1].cancel()
        gate.set()
        assert await tasks[2]

    play(scenario)


def test_without_a_thread_whoever_waits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario(aside: Aside) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            with pytest.raises(RuntimeError, match="thread"):
                await aside.run(lambda: 1)
        assert await aside.run(lambda: 2) == 2

    play(scenario)
