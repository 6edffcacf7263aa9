"""A connection that is lost ends what it was busy with, also where the driver itself would wait for ever."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.config import Settings
from app.database import driver, keeping
from app.errors import Unavailable
from app.ids import uuid7
from app.repositories import imports as imports_table
from app.worker.execution import Execution
from tests.conftest import Database
from tests.people import Company
from tests.processes.contracts import eventually
from tests.services.books import Books, worker

BOUND = 60
"""Seconds after which it hangs: a bound, not a measure."""
WAITS = "SELECT state = 'active' AND wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = $1"
LONG = b"x" * 999 + b"\n"
Act = Callable[[Any], Awaitable[object]]
Sink = Callable[[bytes], Awaitable[None]]


@asynccontextmanager
async def cut_in_the_middle(connection: Any, admin: asyncpg.Connection) -> AsyncIterator[None]:
    """The socket takes nothing more, as when the server is too busy to read; then the connection is lost."""
    pid = connection.get_server_pid()
    connection._protocol.pause_writing()  # what asyncio calls as soon as too much waits to be sent

    async def cut() -> None:
        await eventually(lambda: admin.fetchval(WAITS, pid), "the server waiting for more")
        await admin.execute("SELECT pg_terminate_backend($1)", pid)

    async with asyncio.timeout(BOUND), asyncio.TaskGroup() as group:
        group.create_task(cut())
        yield


async def never(_: bytes) -> None:
    await asyncio.Event().wait()


async def pieces() -> AsyncIterator[bytes]:
    while True:
        yield LONG * 100


WRITING: dict[str, Act] = {
    "copy_to_table": lambda connection: connection.copy_to_table("words", source=pieces()),
    "copy_records_to_table": lambda connection: connection.copy_records_to_table(
        "words", records=[("x" * 1000,)] * 10_000
    ),
    "executemany": lambda connection: connection.executemany("INSERT INTO words VALUES ($1)", [("x" * 1000,)] * 10_000),
}
READING: dict[str, Callable[[Any, Sink], Awaitable[object]]] = {
    "copy_from_table": lambda connection, sink: connection.copy_from_table("pg_class", output=sink),
    "copy_from_query": lambda connection, sink: connection.copy_from_query(ENDLESS, output=sink),
}
ENDLESS = "SELECT repeat('x', 1000), generate_series(1, 1000000000)"


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    opened = await driver.connect(database.admin_url)
    await opened.execute("CREATE TEMP TABLE words (word text)")
    yield opened
    opened.terminate()


@pytest.mark.parametrize("ask", ["execute", "fetch", "fetchval"])
async def test_a_question_after_the_servers_last_words_ends_whoever_waits_for_the_end(
    connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    def hang_up(*_: object, **__: object) -> None:  # as asyncpg does between a FATAL error and the end that follows it
        connection._protocol.abort()
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    monkeypatch.setattr(asyncpg.Connection, "_execute", hang_up)
    monkeypatch.setattr(asyncpg.Connection, "execute", hang_up)
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        async with asyncio.timeout(BOUND), driver.until_lost(connection):
            with pytest.raises(asyncpg.InternalClientError):
                await getattr(connection, ask)("SELECT 1")
            await asyncio.Event().wait()


async def test_a_question_of_a_person_after_the_servers_last_words_is_no_bug_of_ours(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    monkeypatch.setattr(asyncpg.Connection, "prepare", late)
    with pytest.raises(Unavailable):
        async with keeping("test"):
            pytest.fail("nobody got in")


@pytest.mark.parametrize("how", WRITING)
async def test_what_is_being_written_ends_with_its_connection(
    connection: asyncpg.Connection, admin: asyncpg.Connection, how: str
) -> None:
    async with cut_in_the_middle(connection, admin):
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await WRITING[how](connection)
    assert connection.is_closed()


async def test_what_is_being_read_ends_with_its_connection(
    connection: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    async def cut(_: bytes) -> None:
        await admin.execute("SELECT pg_terminate_backend($1)", pid)

    pid = connection.get_server_pid()
    async with asyncio.timeout(BOUND):
        with pytest.raises((asyncpg.ConnectionDoesNotExistError, asyncpg.AdminShutdownError)):
            await READING["copy_from_query"](connection, cut)


@pytest.mark.parametrize("how", ["copy_to_table", "copy_records_to_table", "copy_from_table", "copy_from_query"])
async def test_a_copy_that_does_not_get_on_is_cut(
    connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(driver, "COPY_SECONDS", 0.05)
    connection._protocol.pause_writing()
    async with asyncio.timeout(BOUND):
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await (WRITING[how](connection) if how in WRITING else READING[how](connection, never))
    assert connection.is_closed()


def test_nothing_that_copies_is_left_out() -> None:
    copying = {name for name, _ in inspect.getmembers(asyncpg.Connection) if name.startswith("copy_")}
    assert copying == {*WRITING, *READING} - {"executemany"}
    assert all(name in vars(driver.Connection) for name in {*WRITING, *READING})


async def test_an_import_whose_database_is_gone_says_so_at_once(company: Company, admin: asyncpg.Connection) -> None:
    where: Any = {"number": 1, "team_id": company.acme, "first": 1, "schema_version": 1, "import_id": uuid7()}
    with pytest.raises(Unavailable, match="does not answer"):
        async with keeping("test", team_id=company.acme) as work, cut_in_the_middle(await work.raw(), admin):
            await imports_table.load_rows(work, b'1\t{"n": 1}\n' * 100_000, **where)
    async with keeping("test"):
        pass  # the next one has a connection of its own


async def test_a_run_in_the_middle_of_something_else_ends_with_its_transaction(
    books: Books, admin: asyncpg.Connection, settings: Settings
) -> None:
    context = Execution(await books.claimed(), worker(), settings).context
    with pytest.raises(Unavailable):
        async with asyncio.timeout(BOUND), context.keeping("test") as work:
            await admin.execute("SELECT pg_terminate_backend($1)", (await work.raw()).get_server_pid())
            await asyncio.Event().wait()


async def test_a_block_whose_time_is_over_times_out_as_ever(connection: asyncpg.Connection) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), driver.until_lost(connection):
            await asyncio.Event().wait()
    assert not connection.is_closed()
    async with driver.until_lost(connection):
        connection.terminate()  # what is over before it is told of the loss goes on
    await asyncio.sleep(0)
