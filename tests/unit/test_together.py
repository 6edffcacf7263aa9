"""Wishes that come at the same time go together; none waits for company, and none suffers from another."""

import asyncio
from collections.abc import Sequence

import pytest

from app.worker.batching import AT_MOST, Together


class Halves:
    """Halves numbers, a batch at a time, when the test lets it. Odd ones it cannot."""

    def __init__(self) -> None:
        self.batches: list[Sequence[int]] = []
        self.began, self.may_go = asyncio.Event(), asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(numbers)
        self.began.set()
        await self.may_go.wait()
        if any(number % 2 for number in numbers):
            raise ValueError("odd")
        return [number // 2 for number in numbers]


async def test_the_first_goes_at_once_and_the_others_together() -> None:
    halve = Halves()
    async with asyncio.TaskGroup() as group:
        together = Together(group, halve)
        first = group.create_task(together(8))
        await halve.began.wait()
        others = [group.create_task(together(number)) for number in range(0, 2 * AT_MOST + 2, 2)]
        await asyncio.sleep(0)
        halve.may_go.set()
    assert first.result() == 4
    assert [task.result() for task in others] == list(range(AT_MOST + 1))
    assert [len(batch) for batch in halve.batches] == [1, AT_MOST, 1]


async def test_one_that_fails_harms_no_other() -> None:
    halve = Halves()
    halve.may_go.set()
    async with asyncio.TaskGroup() as group:
        together = Together(group, halve)
        answers = await asyncio.gather(*(together(number) for number in (2, 3, 4)), return_exceptions=True)
    assert (answers[0], answers[2]) == (1, 2)
    assert isinstance(answers[1], ValueError)
    assert halve.batches == [[2, 3, 4], [2], [3], [4]]


async def test_who_waits_hears_that_there_will_be_no_answer() -> None:
    halve = Halves()

    async def stop_over_it() -> None:
        async with asyncio.TaskGroup() as group:
            together = Together(group, halve)
            asked.append(loop.create_task(together(2)))
            await halve.began.wait()
            asked.append(loop.create_task(together(4)))
            await asyncio.sleep(0)
            raise ZeroDivisionError

    loop, asked = asyncio.get_running_loop(), list[asyncio.Task[int]]()
    with pytest.raises(ExceptionGroup):
        await stop_over_it()
    await asyncio.wait(asked)
    assert [task.cancelled() for task in asked] == [True, True]
