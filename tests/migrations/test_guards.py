"""What guards the log is written down as the migrations make it, and whatever differs from that is told."""

from datetime import date

import asyncpg
import pytest

from app.config import Settings
from app.doctor import database as doctor
from app.postgres.migrate import head
from app.seals import guards, partitions
from app.services import alerts, seals
from pages.shared.audit_verification import verdict_of
from tests.conftest import Database
from tests.guards import TEXT
from tests.people import Company
from tests.services.sealed import log_of

DAMAGE = {
    "ALTER TABLE staff DISABLE TRIGGER watch_update": "staff: triggers are switched off: watch_update.",
    "ALTER TABLE staff ENABLE TRIGGER watch_update": (
        "staff: triggers do not fire in every session, as they have to: watch_update."
    ),
    "ALTER TABLE audit_months.other DISABLE TRIGGER append_only": (
        "audit_months.other: triggers are switched off: append_only."
    ),
    "ALTER TABLE staff DISABLE TRIGGER ALL": (
        "staff: foreign keys are not looked at, because their triggers are switched off."
    ),
    "DROP TRIGGER watch_delete ON users": "users: triggers are missing: watch_delete.",
    "CREATE TRIGGER a BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()": (
        "users: triggers are there that no migration made: a."
    ),
    "CREATE OR REPLACE TRIGGER watch_insert AFTER INSERT ON audit_entries FOR EACH STATEMENT WHEN (false)"
    " EXECUTE FUNCTION watch_entries(); ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER watch_insert": (
        "audit_entries: triggers were changed: watch_insert."
    ),
    "CREATE RULE nothing AS ON INSERT TO audit_entries DO INSTEAD NOTHING": (
        "audit_entries: rules are there that no migration made: nothing."
    ),
    "DROP POLICY team ON users": "users: row-level policies are missing: team.",
    "ALTER POLICY team ON users USING (true)": "users: row-level policies were changed: team.",
    "ALTER TABLE users NO FORCE ROW LEVEL SECURITY": "users: row-level security is not forced, and has to be forced.",
    "GRANT DELETE ON audit_entries TO quarterdeck_platform": (
        "audit_entries: quarterdeck_platform was granted DELETE."
    ),
    "REVOKE SELECT ON alembic_version FROM quarterdeck_keeper": "alembic_version: quarterdeck_keeper lost SELECT.",
    "GRANT UPDATE (role) ON staff TO PUBLIC": "staff: PUBLIC was granted UPDATE of role.",
    "GRANT EXECUTE ON FUNCTION audit_told TO quarterdeck_team": ("audit_told(): quarterdeck_team was granted EXECUTE."),
    "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RETURN NULL; END $$": (
        "audit_is_append_only(): the function does something else, because its body was changed."
    ),
    "ALTER FUNCTION audit_state SECURITY INVOKER": "audit_state(): the function runs in another way",
    "ALTER TABLE users OWNER TO quarterdeck_app": "users: belongs to quarterdeck_app, not to quarterdeck_owner.",
    "DROP FUNCTION audit_told": "audit_told() is missing.",
}


async def test_the_manifest_is_what_the_migrations_make(admin: asyncpg.Connection) -> None:
    made = guards.written(head(), await guards.facts(admin))
    assert TEXT.read_text("utf-8") == made, "Run `make guards`, and look at what changed."
    assert await guards.differences(admin) == []


async def test_each_month_is_guarded_as_all_others_are(admin: asyncpg.Connection) -> None:
    async with admin.transaction():
        await admin.execute("SET LOCAL ROLE quarterdeck_owner")
        assert await partitions.make(admin, [date(2031, 5, 1)]) == 1
    months = await admin.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'audit_months'::regnamespace"
                               " AND relkind = 'r' AND relname LIKE 'm%'")  # fmt: skip
    assert await guards.differences(admin) == []
    await admin.execute(f"ALTER TABLE audit_months.{months[-1][0]} DISABLE TRIGGER ALL")
    [told] = await guards.differences(admin)
    assert told.startswith(f"audit_months.{months[-1][0]}: triggers are switched off: append_only, refer_personal")


@pytest.mark.parametrize(("damage", "sentence"), DAMAGE.items())
async def test_each_way_to_switch_the_watch_off_is_named(admin: asyncpg.Connection, damage: str, sentence: str) -> None:
    await admin.execute(damage)
    told = await guards.differences(admin)
    assert any(one.startswith(sentence) for one in told), told
    assert len(told) == (2 if "TRIGGER ALL" in damage else 1)


async def test_another_schema_cannot_be_compared_and_that_is_told(admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE alembic_version SET version_num = '9999'")
    [told] = await guards.differences(admin)
    assert "could not be compared" in told


async def test_what_the_database_holds_besides_is_none_of_ours(admin: asyncpg.Connection) -> None:
    await admin.execute(
        "CREATE TABLE notes (n int); CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n'"
    )
    assert await guards.differences(admin) == []


async def test_doctor_worker_badge_and_home_say_it_and_take_it_back(
    bound: Settings, company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    log = log_of(bound, admin)
    await log.sealed(1)
    app = await asyncpg.connect(database.url("quarterdeck_app"))
    try:
        for statement, sentence in (
            ("ALTER TABLE staff DISABLE TRIGGER watch_update", "staff: triggers are switched off: watch_update."),
            ("DROP POLICY team ON users", "users: row-level policies are missing: team."),
            ("GRANT DELETE ON audit_entries TO quarterdeck_platform", "quarterdeck_platform was granted DELETE."),
        ):
            await admin.execute(statement)
            assert await log.sealer.look()
            badge = verdict_of(await seals.state(company.ann))
            assert badge.tone == "bad"
            assert any(found.sentence.endswith(sentence) for found in badge.findings), badge.findings
            [alert] = [a for a in await alerts.current(company.ann) if a.kind is alerts.AlertKind.TAMPERED]
            assert alert.number == len(badge.findings)
            assert alert.sentence.startswith(badge.findings[0].sentence)
            assert alert.is_serious
            found = await doctor._guards(app)
            assert any(finding.sentence.endswith(sentence) for finding in found), found
    finally:
        await app.close()


async def test_what_was_put_back_is_told_no_more(bound: Settings, company: Company, admin: asyncpg.Connection) -> None:
    log = log_of(bound, admin)
    await log.sealed(1)
    await admin.execute("ALTER TABLE staff DISABLE TRIGGER watch_update")
    assert await log.sealer.look()
    assert not (await seals.state(company.ann)).is_good
    await admin.execute("ALTER TABLE staff ENABLE ALWAYS TRIGGER watch_update")
    assert await log.sealer.look()
    assert (await seals.state(company.ann)).is_good
