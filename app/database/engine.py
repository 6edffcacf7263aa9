"""Engine and sessions, bound once per process by :func:`configure`. Only the door and authentication use them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from app.config import Settings
from app.database import driver, driver_errors
from app.errors import Unavailable
from app.values import exact_json

_SESSION = {"application_name": "quarterdeck", "search_path": "public", "timezone": "UTC", "jit": "off"}
"""What we rely on, whatever a database of one's own has for its defaults."""
_LEAST_SILENCE = 5.0
"""Seconds. A process that says nothing in the middle of a transaction for a lease's time is gone or frozen; what it
holds locked is let go, or nobody could take over its jobs.
"""
_engine: AsyncEngine | None = None
_sessions: async_sessionmaker[AsyncSession] | None = None


def silence(settings: Settings) -> float:
    """For how many seconds a process may say nothing in the middle of a transaction."""
    return max(settings.lease_seconds, _LEAST_SILENCE)


def configure(settings: Settings) -> None:
    """Bind this process to ``settings.database_url``. Opens no connection yet."""
    global _engine, _sessions
    if settings.database_url is None:
        raise Unavailable("No database is configured.")
    driver_errors.forget()
    secret = settings.database_url
    session = _SESSION | {"idle_in_transaction_session_timeout": f"{round(silence(settings) * 1000)}ms"}

    async def connect() -> asyncpg.Connection:
        # The driver reads the address itself: it knows sslmode and its kin, SQLAlchemy does not.
        return await driver.connect(secret.get_secret_value(), timeout=5, server_settings=session)

    _engine = create_async_engine(
        make_url(secret.get_secret_value()).set(drivername="postgresql+asyncpg"),
        async_creator=connect,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=10,
        json_serializer=exact_json.dumps,
        json_deserializer=exact_json.loads_kept,
        hide_parameters=True,  # an error's text reaches logs and screens; what people typed must not
    )
    _sessions = async_sessionmaker(_engine, expire_on_commit=False)
    _end_with(_engine)


def _end_with(engine: AsyncEngine) -> None:
    """Close connections that come back after the engine was disposed of: its pool would keep them, known to nobody."""

    @event.listens_for(engine.sync_engine, "checkin")
    def checkin(connection: DBAPIConnection | None, _record: ConnectionPoolEntry) -> None:
        if engine is not _engine and connection is not None:
            connection.driver_connection.terminate()


def url() -> str:
    """Where the application signs in, for a connection beside the engine's."""
    if _engine is None:
        raise Unavailable("The database is not connected yet. Try again in a moment.")
    return _engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


async def dispose() -> None:
    """Close all connections; :func:`configure` may be called again."""
    global _engine, _sessions
    engine, _engine, _sessions = _engine, None, None
    if engine is not None:
        await engine.dispose()


def pool_use() -> tuple[int, int]:
    """How many connections are in use, and how many there may be."""
    pool = None if _engine is None else _engine.pool
    return (pool.checkedout(), pool.size()) if isinstance(pool, QueuePool) else (0, 0)


def session() -> AsyncSession:
    """A new session of the login role, which by itself can read nothing."""
    if _sessions is None:
        raise Unavailable("The database is not connected yet. Try again in a moment.")
    return _sessions()


@asynccontextmanager
async def login() -> AsyncIterator[AsyncSession]:
    """A transaction of the bare login role, for the sign-in functions of the database and nothing else."""
    async with session() as opened, opened.begin():
        yield opened
