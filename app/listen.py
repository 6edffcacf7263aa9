"""Hearing what other processes tell: one connection that LISTENs and hands each change to this process's topics."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

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
    """After a lost connection every topic hears "many changed": something may have been missed."""
    tries = 0
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1
            continue
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _, lost=lost: lost.set())
            await connection.add_listener(CHANNEL, _hear)
            if tries:
                _tell_all()
            tries = 0
            await lost.wait()
            tries = 1
            log.warning("The connection for live updates was lost; trying again.")
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
