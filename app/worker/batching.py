"""Doing in one transaction what many ask for at the same time: while one is under way, further wishes gather, and go
together in the next. Nothing waits when nothing is under way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")

AT_MOST = 100
"""Wishes that go together."""


class Together(Generic[Wish, Answer]):
    """``act`` gets wishes and gives an answer to each, in their order. Its work belongs to ``group``."""

    def __init__(self, group: asyncio.TaskGroup, act: Callable[[Sequence[Wish]], Awaitable[Sequence[Answer]]]) -> None:
        self._group, self._act = group, act
        self._waiting: list[tuple[Wish, asyncio.Future[Answer]]] = []
        self._busy = False

    async def __call__(self, wish: Wish) -> Answer:
        """The answer to this wish; raises what ``act`` raised for it."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((wish, answer))
        if not self._busy:
            self._busy = True
            self._group.create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        some: list[tuple[Wish, asyncio.Future[Answer]]] = []
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
                await self._answer(some)
        finally:
            self._busy = False
            for _, answer in (*some, *self._waiting):
                answer.cancel()  # only those that this was stopped over: nobody would ever answer them

    async def _answer(self, some: Sequence[tuple[Wish, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._act([wish for wish, _ in some])
        except Exception as problem:  # noqa: BLE001 - whoever asked gets it
            if len(some) > 1:  # what one of them brought fails no other
                for one in some:
                    await self._answer([one])
            elif not some[0][1].done():
                some[0][1].set_exception(problem)
            return
        for (_, future), answer in zip(some, answers, strict=True):
            if not future.done():
                future.set_result(answer)
