"""Roles, database, schema: what has to be there before anything runs. Safe to repeat."""

import logging
from collections.abc import Mapping
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from app.database import driver
from app.errors import StartupProblem
from app.job_queue.engines.pgqueuer import queries
from app.models import Base
from app.postgres.connecting import PATIENCE, SESSION
from app.postgres.roles import LOGINS, OWNER, ROLES

__all__ = ["DATABASE", "LOGINS", "ROLES", "SchemaProblem", "config", "head", "make_database", "prepare", "upgrade"]

DATABASE = "quarterdeck"
_ONE_AT_A_TIME = 7_305_180_419
"""The advisory lock of a migration: two machines may start at the same moment."""

log = logging.getLogger(__name__)


class SchemaProblem(StartupProblem):
    """The database's schema is newer than this program, or damaged."""


async def prepare(admin_url: str, passwords: Mapping[str, str], *, database: str = DATABASE) -> None:
    """Make the roles and the database. ``admin_url`` is a superuser's, of any database; ``passwords`` by login role."""
    connection = await driver.connect(admin_url)
    try:
        for role in (*LOGINS, *ROLES):
            kind = "LOGIN NOINHERIT" if role in LOGINS else "NOLOGIN"
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f"CREATE ROLE {role} {kind}")
        for role in LOGINS:
            if role in passwords:
                quoted = await connection.fetchval("SELECT quote_literal($1::text)", passwords[role])
                await connection.execute(f"ALTER ROLE {role} PASSWORD {quoted}")
        await connection.execute(f"GRANT {', '.join(ROLES)} TO quarterdeck_app WITH INHERIT FALSE, SET TRUE")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await make_database(connection, database)
    finally:
        await connection.close()


async def make_database(connection: asyncpg.Connection, name: str, *, template: str = "template1") -> None:
    """Make a database that only our roles may enter."""
    # As files: page by page through the log takes six times as long, and nobody else works on this server.
    await connection.execute(
        f'CREATE DATABASE "{name}" OWNER quarterdeck_owner TEMPLATE "{template}" STRATEGY FILE_COPY'
    )
    await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO quarterdeck_app, quarterdeck_worker')
    await connection.execute(f'GRANT TEMPORARY ON DATABASE "{name}" TO {", ".join(ROLES)}')


async def upgrade(migration_url: str) -> None:
    """Bring the schema to this program's version, and install the engine's tables; ``quarterdeck_owner`` owns all.

    Who signs in by ``migration_url`` is that role, or may become it.

    Raises:
        SchemaProblem: the schema is newer than this program, or damaged.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: _connect(migration_url), hide_parameters=True
    )
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
        async with engine.connect() as connection:
            missing = await connection.run_sync(_missing_tables)
    except CommandError as problem:
        raise SchemaProblem(
            f"The database was made by a newer version of Quarterdeck ({problem}). Start that version, or restore "
            "a backup made by this one."
        ) from None
    finally:
        await engine.dispose()
    if missing:
        raise SchemaProblem(
            f"The database is damaged: {', '.join(sorted(missing))} missing. Restore a backup of the data folder."
        )
    await _install_engine(migration_url)


async def _connect(migration_url: str) -> asyncpg.Connection:
    """As the owner, whoever signs in. The driver reads the address itself: it knows sslmode, SQLAlchemy does not."""
    connection = await driver.connect(migration_url, timeout=PATIENCE, server_settings=SESSION)
    await connection.execute(f"SET ROLE {OWNER}")
    return connection


def config() -> Config:
    """Alembic's configuration: only where the versions are."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations").replace("%", "%%"))
    return made


def head() -> str | None:
    """The newest revision that this program knows."""
    return ScriptDirectory.from_config(config()).get_current_head()


def _upgrade(connection: Connection) -> None:
    made = config()
    script = ScriptDirectory.from_config(made)
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None:
        script.get_revision(current)  # an unknown revision raises CommandError
    if current == script.get_current_head():
        return
    made.attributes["connection"] = connection
    command.upgrade(made, "head")
    log.info("The database schema went from %s to %s.", current or "nothing", script.get_current_head())


def _missing_tables(connection: Connection) -> set[str]:
    return set(Base.metadata.tables) - set(inspect(connection).get_table_names())


async def _install_engine(migration_url: str) -> None:
    """PgQueuer's own tables, in the schema ``engine``: workers reach them, others may only enqueue."""
    connection = await _connect(migration_url)
    try:
        if not await connection.fetchval("SELECT to_regclass('engine.pgqueuer')"):
            async with connection.transaction():
                await connection.execute("CREATE SCHEMA IF NOT EXISTS engine")
                await queries(AsyncpgDriver(connection)).install(create_schema=False)
        async with connection.transaction():
            await connection.execute(ENGINE_GRANTS)
    finally:
        await connection.close()


ENGINE_GRANTS = """
GRANT USAGE ON SCHEMA engine TO quarterdeck_worker, quarterdeck_platform, quarterdeck_team, quarterdeck_keeper;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA engine TO quarterdeck_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA engine TO quarterdeck_worker;
GRANT USAGE ON SEQUENCE engine.pgqueuer_id_seq TO quarterdeck_platform, quarterdeck_team, quarterdeck_keeper;
GRANT INSERT (id, priority, entrypoint, payload, execute_after, dedupe_key, headers, status),
    SELECT (id, entrypoint, priority, dedupe_key, status)
    ON engine.pgqueuer TO quarterdeck_platform, quarterdeck_team, quarterdeck_keeper;
GRANT INSERT (job_id, status, entrypoint, priority)
    ON engine.pgqueuer_log TO quarterdeck_platform, quarterdeck_team, quarterdeck_keeper;
"""
