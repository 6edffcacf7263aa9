"""Entries of a log that is there already lose their personal values to the table beside it, and nothing else."""

import json

import asyncpg
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from app.ids import uuid7
from app.postgres.embedded import EmbeddedPostgres
from app.postgres.migrate import config, make_database, upgrade
from tests.conftest import PASSWORD

NAME = "test_before_recorded"
NEEDLE = "Ada Lovelace"
ENTRY = (
    "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label, reason, before,"
    " after) VALUES ('Ann', 'staff', $1, $2, $3, $4, $5, $6, $7)"
)


def _to_0012(connection: Connection) -> None:
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, "0012")


async def test_personal_values_of_older_entries_are_moved(server: EmbeddedPostgres) -> None:
    postgres = await asyncpg.connect(server.superuser_url("postgres"))
    await make_database(postgres, NAME)
    owner = server.url("quarterdeck_owner", PASSWORD, NAME)
    engine = create_async_engine(make_url(owner).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.run_sync(_to_0012)
    await engine.dispose()
    admin = await asyncpg.connect(server.superuser_url(NAME))
    try:
        person = str(uuid7())
        told = json.dumps({"name": NEEDLE, "plan": "free"})
        await admin.execute(ENTRY, "user.created", "user", person, NEEDLE, None, None, told)
        await admin.execute(ENTRY, "team.renamed", "team", str(uuid7()), "Acme", f"{NEEDLE} asked", None, None)
        await admin.execute(ENTRY, "row.edited", "row", str(uuid7()), "row 1", None, '{"data.a": 1}', '{"data.a": 2}')
        plain = await admin.fetchval("SELECT e::text FROM audit_entries e ORDER BY id DESC LIMIT 1")
        await upgrade(owner)
        entries = await admin.fetch("SELECT * FROM audit_entries ORDER BY id")
        assert NEEDLE not in str([dict(entry) for entry in entries])
        assert [entry["personal"] is not None for entry in entries] == [True, True, False]
        assert json.loads(entries[0]["after"]) == {"name": "$personal", "plan": "free"}
        assert await admin.fetchval("SELECT e::text FROM audit_entries e ORDER BY id DESC LIMIT 1") == plain
        shown = await admin.fetch("SELECT target_label, reason, after FROM audit_told()")
        assert (shown[0]["target_label"], json.loads(shown[0]["after"])) == (NEEDLE, json.loads(told))
        assert shown[1]["reason"] == f"{NEEDLE} asked"
        assert str(await admin.fetchval("SELECT subject FROM audit_personal WHERE subject IS NOT NULL")) == person
        guards = await admin.fetch("SELECT tgenabled FROM pg_trigger WHERE tgname = 'append_only'")
        assert {guard["tgenabled"] for guard in guards} == {b"A"}
    finally:
        await admin.close()
        await postgres.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
        await postgres.close()
