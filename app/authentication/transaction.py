"""Before anybody is somebody: the transaction in which the sign-in asks the database, and nothing else does."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import engine
from app.database.driver import LOST
from app.database.driver_errors import translated
from app.errors import Unavailable
from app.trace import request_reference

log = logging.getLogger(__name__)


@asynccontextmanager
async def asking(*, only_reads: bool = False) -> AsyncIterator[AsyncSession]:
    """The login role's transaction; a database that is away comes out as a sentence. What is written into the audit log
    within carries the reference of the request; ``only_reads`` spares what is asked at every request the telling of it.
    """
    try:
        async with engine.login() as login:
            if not only_reads and (reference := request_reference()) is not None:
                await login.execute(select(func.set_config("app.request", reference, True)))
            yield login
    except DBAPIError as problem:
        meaning = translated(problem)
        if meaning is problem:
            raise
        log.warning("The database refused: %s: %s", type(problem.orig).__name__, problem.orig)
        raise meaning from problem
    except (*LOST, PoolTimeoutError) as problem:
        log.warning("The database does not answer: %s: %s", type(problem).__name__, problem)
        raise Unavailable("The database does not answer. Try again in a moment.") from problem


STRANGERS_AT_ONCE = 2
STRANGERS_WAITING = 100
"""Who comes when so many wait already is told to come back."""


@dataclass(slots=True)
class _Turns:
    """Whose turn it is in one event loop."""

    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STRANGERS_AT_ONCE))
    waiting: int = 0


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


@asynccontextmanager
async def in_turn() -> AsyncIterator[None]:
    """However many strangers come at once, they hold few of this process's connections inside this block: the others
    are for those who work.

    Raises:
        Unavailable: too many wait already.
    """
    turns = _turns.setdefault(asyncio.get_running_loop(), _Turns())
    if turns.waiting >= STRANGERS_WAITING:
        raise Unavailable("Too many people are signing in at this moment. Try again in a few seconds.")
    turns.waiting += 1
    try:
        await turns.free.acquire()
    finally:
        turns.waiting -= 1
    try:
        yield
    finally:
        turns.free.release()
