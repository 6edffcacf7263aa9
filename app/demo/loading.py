"""Loads the demo company into an empty database, and starts it over while nobody has worked with it.

The owner writes it, before the first real entry of the audit log; its own entries are marked ``origin = 'demo'``.
"""

import asyncio
from datetime import datetime
from pathlib import Path

import asyncpg

from app.database import driver
from app.demo import company
from app.demo.writer import write
from app.errors import StartupProblem
from app.models import Action
from app.seals import partitions
from app.tabular.report import ErrorFile
from app.worker.tasks.documents import keep

_LOCK = 0x71645F64656D6F  # "qd_demo"
_EMPTY = "SELECT NOT (EXISTS (SELECT FROM teams) OR EXISTS (SELECT FROM staff) OR EXISTS (SELECT FROM audit_entries))"
_LOOKED_ON = [
    Action.SESSION_STARTED.value,
    Action.SESSION_ENDED.value,
    Action.SESSION_REFUSED.value,
    Action.SESSION_THROTTLED.value,
    Action.SESSION_PROVED.value,
    Action.SESSION_NOT_PROVED.value,
    Action.ACCESS_REFUSED.value,
]
"""Who only signs in and looks has changed nothing."""
_WORKED = """
SELECT count(*) FROM audit_entries AS e WHERE origin <> 'demo' AND action <> ALL ($1::text[]) AND NOT (
    actor_kind = 'command' AND (action = 'staff.password_changed' OR e.id = (
        SELECT min(id) FROM audit_entries WHERE origin <> 'demo' AND action = 'staff.created')))
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename LIKE 'quarterdeck%'
"""
# Schemas, extensions and rights stay: others may have made them. CASCADE takes policies, triggers and sequences along.
_REMOVE = """
-- All names first: what a CASCADE has dropped has none any more.
DO $$ DECLARE ours oid[] := ARRAY(SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'engine')); thing text; BEGIN
    FOREACH thing IN ARRAY ARRAY(
        SELECT format('TABLE IF EXISTS %s', oid::regclass) FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace = ANY (ours)
        UNION ALL
        SELECT format('ROUTINE IF EXISTS %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = ANY (ours)
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        UNION ALL
        SELECT format('TYPE IF EXISTS %s', oid::regtype) FROM pg_type WHERE typtype = 'e' AND typnamespace = ANY (ours)
    ) LOOP
        EXECUTE 'DROP ' || thing || ' CASCADE';
    END LOOP;
END $$
"""


async def load(owner_url: str, data_dir: Path, now: datetime) -> bool:
    """Load the demo company as it is at ``now``. False: the database is not empty, and stays as it is."""
    connection = await _owner(owner_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if not await connection.fetchval(_EMPTY):
                return False
            made = await asyncio.to_thread(company.found, now)
            told = [entry["at"] for entry in made.tables["audit_entries"]]
            await partitions.make(connection, partitions.months(min(told), max(told)))
            await write(connection, made)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    await asyncio.to_thread(_keep_files, made, data_dir)
    return True


async def clear(owner_url: str) -> None:
    """Remove everything from the database, so that its schema can be made anew.

    Raises:
        StartupProblem: somebody has worked here, or Quarterdeck runs.
    """
    connection = await _owner(owner_url)
    try:
        async with connection.transaction():
            if await connection.fetchval(_OTHERS):
                raise StartupProblem("Quarterdeck is running. Stop it first, then run this again.")
            if entries := await connection.fetchval(_WORKED, _LOOKED_ON):
                raise StartupProblem(
                    f"Nothing was reset: people have worked here ({entries:,} entries in the audit log are not the"
                    " demo's). For a fresh demo, choose another folder with --data-dir."
                )
            await connection.execute(_REMOVE)
    finally:
        await connection.close()


async def _owner(url: str) -> asyncpg.Connection:
    """As the owner of the tables, whoever signs in."""
    connection = await driver.connect(url)
    await connection.execute("SET ROLE quarterdeck_owner")
    # The demo tells its own history: what it writes is no change by anybody.
    await connection.execute("SET app.unrecorded = 'on'")
    return connection


def _keep_files(made: company.Company, data_dir: Path) -> None:
    for job_id, text in made.documents.items():
        keep(data_dir, job_id, text)
    for import_id, (plan, bad) in made.bad_rows.items():
        with ErrorFile(data_dir / "uploads" / f"{import_id}.errors.csv", plan.labels) as file:
            file.write(bad)
