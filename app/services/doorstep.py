"""Before anybody is somebody: the transaction in which the sign-in asks the database, and nothing else does."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from app import db
from app.errors import Unavailable

log = logging.getLogger(__name__)


@asynccontextmanager
async def asking() -> AsyncIterator[AsyncSession]:
    """The login role's transaction; a database that is away comes out as a sentence."""
    try:
        async with db.login() as login:
            yield login
    except (OSError, OperationalError, InterfaceError, PoolTimeoutError, asyncpg.PostgresConnectionError) as problem:
        log.warning("The database does not answer: %s: %s", type(problem).__name__, problem)
        raise Unavailable("The database does not answer. Try again in a moment.") from problem
