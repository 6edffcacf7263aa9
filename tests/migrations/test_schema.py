"""The migrations make exactly what the models say, can be repeated, and a schema that does not fit is a sentence."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.models import Base
from app.postgres.migrate import SchemaProblem, head, upgrade
from tests.conftest import Database


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The owner's engine, as migrations use it."""
    made = create_async_engine(make_url(database.url("quarterdeck_owner")).set(drivername="postgresql+asyncpg"))
    yield made
    await made.dispose()


async def test_the_migrations_make_what_the_models_say(engine: AsyncEngine) -> None:
    def compare(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return [change for change in compare_metadata(context, Base.metadata) if not _is_alembics(change)]

    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []


def _is_alembics(change: object) -> bool:
    return isinstance(change, tuple) and change[0] == "remove_table" and change[1].name == "alembic_version"


async def test_checks_keys_and_indexes_are_those_of_the_models(engine: AsyncEngine, database: Database) -> None:
    """Alembic compares neither CHECKs nor the WHERE, the order and the method of an index: a second database made
    from the models alone says what they ought to be.
    """
    superuser = create_async_engine(make_url(database.admin_url).set(drivername="postgresql+asyncpg"))
    async with superuser.begin() as connection:
        await connection.exec_driver_sql("CREATE SCHEMA twin")
        await connection.exec_driver_sql("SET LOCAL search_path = twin, public")
        await connection.run_sync(lambda c: Base.metadata.create_all(c, checkfirst=False))
    await superuser.dispose()
    admin = await asyncpg.connect(database.admin_url)
    try:
        for question in (_INDEXES, _CONSTRAINTS, _COLUMNS, _OPTIONS):
            made, wanted = [await admin.fetch(question, schema) for schema in ("public", "twin")]
            assert wanted
            assert {_plain(row) for row in made} == {_plain(row) for row in wanted}
    finally:
        await admin.close()


def _plain(row: asyncpg.Record) -> tuple[str, ...]:
    return tuple(str(value).replace("twin.", "").replace("public.", "") for value in row)


_INDEXES = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename <> 'alembic_version'"
_CONSTRAINTS = """
    SELECT c.relname, o.conname, pg_get_constraintdef(o.oid) FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
    WHERE o.connamespace = $1::text::regnamespace AND c.relname <> 'alembic_version' AND o.contype <> 't'
"""
_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, identity_generation
    FROM information_schema.columns WHERE table_schema = $1 AND table_name <> 'alembic_version'
"""
_OPTIONS = """
    SELECT relname, reloptions FROM pg_class
    WHERE relnamespace = $1::text::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""


async def test_the_tables_are_those_of_the_models_and_all_their_parts_have_names(engine: AsyncEngine) -> None:
    for table in Base.metadata.tables.values():
        assert all(constraint.name is not None for constraint in table.constraints), table.name
        assert all(index.name is not None for index in table.indexes), table.name
    async with engine.connect() as connection:
        there = await connection.run_sync(lambda c: inspect(c).get_table_names())
    assert {*Base.metadata.tables, "alembic_version"} == set(there)


async def test_upgrading_twice_changes_nothing(database: Database, admin: asyncpg.Connection) -> None:
    before = await _everything(admin)
    await upgrade(database.url("quarterdeck_owner"))
    assert await _everything(admin) == before
    assert await admin.fetchval("SELECT version_num FROM alembic_version") == head()


async def _everything(admin: asyncpg.Connection) -> list[list[asyncpg.Record]]:
    """The catalog: tables and their rights, columns' rights, indexes, constraints, functions, policies, triggers."""
    places = "('public'::regnamespace, 'engine'::regnamespace)"
    questions = (
        f"SELECT oid, relname, relacl, relrowsecurity FROM pg_class WHERE relnamespace IN {places} ORDER BY 1",
        "SELECT attrelid, attname, attacl FROM pg_attribute WHERE attacl IS NOT NULL ORDER BY 1, 2",
        "SELECT oid, conname FROM pg_constraint ORDER BY oid",
        f"SELECT oid, proname, proacl, prosrc FROM pg_proc WHERE pronamespace IN {places} ORDER BY oid",
        "SELECT oid, polname FROM pg_policy ORDER BY oid",
        "SELECT oid, tgname FROM pg_trigger ORDER BY oid",
        "SELECT version_num FROM alembic_version",
    )
    found = [await admin.fetch(question) for question in questions]
    assert all(found)
    return found


async def test_a_newer_schema_is_a_sentence(database: Database, admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaProblem, match="made by a newer version of Quarterdeck") as refused:
        await upgrade(database.url("quarterdeck_owner"))
    assert "9999" in str(refused.value)
    assert await admin.fetchval("SELECT version_num FROM alembic_version") == "9999"


async def test_missing_tables_are_a_sentence(database: Database, admin: asyncpg.Connection) -> None:
    await admin.execute("DROP TABLE import_errors; DROP TABLE users CASCADE")
    with pytest.raises(SchemaProblem, match="The database is damaged: import_errors, users missing"):
        await upgrade(database.url("quarterdeck_owner"))
