"""An audit log of an older version moves into its months as it was, and is sealed from then on."""

import asyncpg
import pytest
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from app.config import Settings
from app.database import engine as db
from app.postgres.embedded import EmbeddedPostgres
from app.postgres.migrate import config, make_database, upgrade
from tests.conftest import Database, settings_for
from tests.services.sealed import ENTRY, log_of

BEFORE = "0011"
OLD = """
    INSERT INTO audit_entries (id, at, actor_name, actor_kind, action, target_type, target_id, target_label, before,
        after) OVERRIDING SYSTEM VALUE
    SELECT n * 3, now() - n * interval '11 days', 'Ann', 'staff', 'team.renamed', 'team', n::text, 'Acme',
        jsonb_build_object('name', n), '{"name": 1.10}' FROM generate_series(1, 9) AS n
"""
SAME = "SELECT id, at, actor_name, action, target_id, before::text, after::text, origin FROM audit_entries ORDER BY id"


@pytest.fixture
async def older(server: EmbeddedPostgres) -> Database:
    """A database of the version before, with nine entries of three months."""
    made = Database(server, "test_older_log")
    superuser = await asyncpg.connect(server.superuser_url("postgres"))
    await superuser.execute(f"DROP DATABASE IF EXISTS {made.name} WITH (FORCE)")
    await make_database(superuser, made.name)
    await superuser.close()
    engine = create_async_engine(make_url(made.url("quarterdeck_owner")).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade_to_before)
    await engine.dispose()
    return made


def _upgrade_to_before(connection: Connection) -> None:
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, BEFORE)


async def test_entries_keep_their_numbers_times_and_words(older: Database, settings: Settings) -> None:
    admin = await asyncpg.connect(older.admin_url)
    await admin.execute(OLD)
    await admin.execute("ALTER SEQUENCE audit_entries_id_seq RESTART WITH 28")
    before = await admin.fetch(SAME)
    counted = await admin.fetchval("SELECT count(*) FROM stats_deltas")
    await upgrade(older.url("quarterdeck_owner"))
    assert await admin.fetch(SAME) == before
    assert await admin.fetchval("SELECT count(*) FROM stats_deltas") == counted, "what moved is not counted again"
    months = "SELECT count(DISTINCT tableoid) FROM audit_entries WHERE tableoid <> 'audit_months.other'::regclass"
    assert await admin.fetchval(months) >= 3
    assert await admin.fetchval("SELECT count(*) FROM audit_months.other") == 0
    assert await admin.fetchval(ENTRY, "next") == 28
    db.configure(settings_for(older, settings.data_dir))
    log = log_of(settings, admin)
    assert await log.sealer.seal() == 10
    assert await log.verified() == []
    await db.dispose()
    await admin.close()
