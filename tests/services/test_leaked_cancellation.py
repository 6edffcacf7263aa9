"""A connection that dies while it is closed raises CancelledError: the door says what that means, and tasks go on."""

import asyncio

import asyncpg
import pytest

from app.database import keeping
from app.errors import Unavailable
from tests.people import Company


async def test_a_cancellation_that_nobody_meant_is_an_outage(company: Company) -> None:
    with pytest.raises(Unavailable, match="went away"):
        async with keeping("tests"):
            raise asyncio.CancelledError


async def test_a_question_between_the_last_words_of_a_server_and_its_end_is_an_outage(company: Company) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        async with keeping("tests"):
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")


async def test_a_cancellation_that_somebody_meant_ends_the_task(company: Company) -> None:
    inside = asyncio.Event()

    async def keep() -> None:
        async with keeping("tests"):
            inside.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep())
        await inside.wait()
        task.cancel()
    assert task.cancelled()


async def test_a_block_that_takes_too_long_still_times_out(company: Company) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), keeping("tests"):
            await asyncio.Event().wait()
