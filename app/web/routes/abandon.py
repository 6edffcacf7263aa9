"""Stop asking when nobody listens any more: a browser that hung up cancels its question, down to PostgreSQL."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from app.errors import AppError

T = TypeVar("T")


class HungUp(AppError):
    """The browser went away before the answer; nobody reads this sentence."""

    code = "CANCELLED"
    status = 499


async def unless_abandoned(request: Request, question: Awaitable[T]) -> T:
    """The answer to ``question``, which is cancelled as soon as the browser hangs up.

    Raises:
        HungUp: it did.
    """
    outcome: list[T | Exception] = []

    async def ask() -> None:
        try:
            outcome.append(await question)
        except Exception as problem:  # noqa: BLE001 - carried out of the task group as it is
            outcome.append(problem)

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ask())
        watching = group.create_task(_hung_up(request))
        await asyncio.wait({asking, watching}, return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        watching.cancel()
    if not outcome:
        raise HungUp("The browser went away.")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
