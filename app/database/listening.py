"""Hearing what other processes tell: one connection that LISTENs and hands each change to this process's topics."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.database import cancellation, driver
from app.topics import CHANNEL, TOPICS, Change

log = logging.getLogger(__name__)

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[None]:
    """Listen as long as the block runs. ``url`` is the application's database."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_listen(url))
        yield
        task.cancel()


async def _listen(url: str) -> None:
    """With every new connection each topic hears "many changed": something may have been missed before."""
    tries = 0
    while True:
        try:
            async with _heard(url) as lost:
                _tell_all()
                tries = 0
                await lost.wait()
            log.warning("The connection for live updates was lost; trying again.")
        except (*driver.LOST, asyncio.CancelledError) as problem:
            if isinstance(problem, asyncio.CancelledError) and cancellation.is_meant():
                raise
            log.warning("No live updates: %s. Trying again.", problem or type(problem).__name__)
        await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
        tries += 1


@asynccontextmanager
async def _heard(url: str) -> AsyncIterator[asyncio.Event]:
    """A connection whose messages are heard; the event comes when it is lost."""
    connection = await driver.connect(url, timeout=5)
    try:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, _hear)
        yield lost
    finally:
        connection.terminate()


def _hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
    try:
        change = Change.decode(str(payload))
        topic = TOPICS[change.topic]
    except (ValueError, KeyError, TypeError):
        log.warning("A live message could not be read: %.100r", payload)
        return
    topic.tell(change)


def _tell_all() -> None:
    for topic in TOPICS.values():
        topic.tell(Change(topic.name))
