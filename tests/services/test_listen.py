"""Live updates over a connection that gets lost: nothing ends, and every topic hears once that many changed."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from app import topics
from app.database import listening
from app.ids import uuid7
from app.topics import Change
from tests.conftest import Database

OTHERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = 'quarterdeck_app'"


class Heard:
    """What the topics told, in order."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[Change] = asyncio.Queue()

    async def next(self) -> Change:
        async with asyncio.timeout(30):  # the bound of a hang, not a measure
            return await self.changes.get()

    async def many(self) -> set[Change]:
        """As many as there are topics."""
        return {await self.next() for _ in topics.TOPICS}


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    stops = [topic.subscribe(made.changes.put_nowait) for topic in topics.TOPICS.values()]
    yield made
    for stop in stops:
        stop()


async def listeners(admin: asyncpg.Connection) -> list[int]:
    async with asyncio.timeout(30):
        while not (found := await admin.fetch(OTHERS + " AND query LIKE 'LISTEN%'")):  # noqa: ASYNC110 - of the server
            await asyncio.sleep(0.02)
        return [row["pid"] for row in found]


async def tell(admin: asyncpg.Connection, change: Change) -> None:
    await admin.execute("SELECT pg_notify($1, $2)", topics.CHANNEL, change.encode())


async def test_with_every_connection_each_topic_hears_once_and_then_of_each_change(
    database: Database, admin: asyncpg.Connection, heard: Heard
) -> None:
    first, second = Change("jobs", uuid7()), Change("rows", uuid7())
    everything = {Change(name) for name in topics.TOPICS}
    async with listening.listening(database.url("quarterdeck_app")):
        assert await heard.many() == everything, "what was told before it listened"
        (pid,) = await listeners(admin)
        await tell(admin, first)
        assert await heard.next() == first
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        assert await heard.many() == everything
        await tell(admin, second)
        assert await heard.next() == second
    assert heard.changes.empty()


@pytest.mark.parametrize(
    "problem", [asyncpg.InterfaceError("closed"), asyncpg.ConnectionDoesNotExistError("gone"), OSError("reset")]
)
async def test_an_error_while_it_begins_to_listen_is_tried_again(
    database: Database,
    admin: asyncpg.Connection,
    heard: Heard,
    monkeypatch: pytest.MonkeyPatch,
    problem: Exception,
) -> None:
    genuine, problems = asyncpg.Connection.add_listener, [problem]

    async def add_listener(connection: asyncpg.Connection, *values: object) -> None:
        if problems:
            raise problems.pop()
        await genuine(connection, *values)

    monkeypatch.setattr(asyncpg.Connection, "add_listener", add_listener)
    async with listening.listening(database.url("quarterdeck_app")):
        assert await heard.many() == {Change(name) for name in topics.TOPICS}
        assert len(await listeners(admin)) == 1, "the connection that failed was closed"
