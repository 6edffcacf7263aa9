"""Strangers take turns at the sign-in, so that they never hold the connections of those who work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from app.authentication import transaction
from app.database import engine
from app.errors import Unavailable


async def test_a_database_that_is_starting_is_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def login() -> AsyncIterator[None]:
        raise DBAPIError(
            None, None, asyncpg.CannotConnectNowError("the database system is not yet accepting connections")
        )
        yield

    monkeypatch.setattr(engine, "login", login)
    with pytest.raises(Unavailable, match="does not answer"):
        async with transaction.asking():
            pytest.fail("nobody is let in")


async def test_few_strangers_are_inside_and_all_get_their_turn() -> None:
    inside, most, done = 0, 0, 0

    async def stranger() -> None:
        nonlocal inside, most, done
        async with transaction.in_turn():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(stranger())
    assert (most, done) == (transaction.STRANGERS_AT_ONCE, 50)


async def test_who_comes_when_too_many_wait_is_told_so_and_those_who_leave_make_room() -> None:
    leave = asyncio.Event()

    async def stranger() -> None:
        async with transaction.in_turn():
            await leave.wait()

    loop = asyncio.get_running_loop()
    places = transaction.STRANGERS_AT_ONCE + transaction.STRANGERS_WAITING
    tasks = [loop.create_task(stranger()) for _ in range(places)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="Too many people"):
        await stranger()
    for task in tasks[transaction.STRANGERS_AT_ONCE :]:
        task.cancel()
    await asyncio.wait(tasks[transaction.STRANGERS_AT_ONCE :])
    leave.set()
    await asyncio.gather(stranger(), *tasks[: transaction.STRANGERS_AT_ONCE])
