"""Connections of the driver that end what they are busy with when they are lost.

asyncpg writes what is long piece by piece, and waits without a limit until the socket takes more. Nothing wakes it
when the connection is lost at that moment: the COPY of a killed database would never end, nor would whoever waits for
it. A timeout of its own does not count that wait. So every connection that the application makes comes from here.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a connection of one's own raises when the database goes away. The last one is a question that was put between
the server's last words and its end.
"""
COPY_SECONDS = 180.0
"""How long one COPY may take. The database's own limits are shorter; this one is for a database that is silent."""


@asynccontextmanager
async def until_lost(connection: asyncpg.Connection, limit: float | None = None) -> AsyncGenerator[None, None]:
    """End the block as soon as the connection is lost. After ``limit`` seconds it is cut.

    Raises:
        asyncpg.ConnectionDoesNotExistError: it was lost, or cut.
    """
    patience = asyncio.timeout(limit)
    over = False

    def lose(_: object) -> None:
        if not over and not patience.expired():
            patience.reschedule(asyncio.get_running_loop().time())

    connection.add_termination_listener(lose)
    try:
        async with patience:
            yield
    except TimeoutError as problem:
        if not patience.expired():
            raise
        # What it was busy with was left in its middle: nothing more can be said on it, not even ROLLBACK.
        connection.terminate()
        raise asyncpg.ConnectionDoesNotExistError("the connection to the database was lost") from problem
    finally:
        over = True
        connection.remove_termination_listener(lose)


@contextmanager
def _ending(connection: asyncpg.Connection) -> Iterator[None]:
    """End a connection whose question came between the server's last words and its end: asyncpg hangs up then, and
    tells nobody who listens for the end.
    """
    try:
        yield
    except asyncpg.InternalClientError:
        connection.terminate()
        raise


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """asyncpg's connection; all that it writes piece by piece ends with it."""

    __slots__ = ()

    async def execute(self, *args: Any, **options: Any) -> str:  # noqa: ANN401 - asyncpg's own
        """Run a statement; says what it did."""
        with _ending(self):
            return str(await super().execute(*args, **options))

    async def _execute(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - asyncpg's own: every question
        with _ending(self):
            return await super()._execute(*args, **options)

    async def executemany(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - asyncpg's own
        """Run a statement for each of many arguments."""
        async with until_lost(self):
            await super().executemany(*args, **options)

    async def copy_to_table(self, *args: Any, **options: Any) -> str:  # noqa: ANN401 - asyncpg's own
        """COPY a file into a table; says how many rows."""
        async with until_lost(self, COPY_SECONDS):
            return str(await super().copy_to_table(*args, **options))

    async def copy_records_to_table(self, *args: Any, **options: Any) -> str:  # noqa: ANN401 - asyncpg's own
        """COPY records into a table; says how many rows."""
        async with until_lost(self, COPY_SECONDS):
            return str(await super().copy_records_to_table(*args, **options))

    async def copy_from_table(self, *args: Any, **options: Any) -> str:  # noqa: ANN401 - asyncpg's own
        """COPY a table into a file; says how many rows."""
        async with until_lost(self, COPY_SECONDS):
            return str(await super().copy_from_table(*args, **options))

    async def copy_from_query(self, *args: Any, **options: Any) -> str:  # noqa: ANN401 - asyncpg's own
        """COPY what a query finds into a file; says how many rows."""
        async with until_lost(self, COPY_SECONDS):
            return str(await super().copy_from_query(*args, **options))


async def connect(url: str, **options: Any) -> asyncpg.Connection:  # noqa: ANN401 - asyncpg's own
    """Connect as ``asyncpg.connect`` does."""
    return await asyncpg.connect(url, connection_class=Connection, **options)
