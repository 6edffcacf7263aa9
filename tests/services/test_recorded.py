"""What reaches a table past the door leaves an entry, too; and what entries tell of persons lies beside the log."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.database import keeping, writing
from app.database.bookkeeping import UNWATCHED
from app.database.masking import personal_columns
from app.models import Base
from app.permissions import Permission
from app.services import users
from tests.conftest import Database
from tests.factories import add_job, add_payment, add_user
from tests.people import Company

NEEDLE = "Ada Lovelace"
NEVER_TOLD_OF = {"job_event", "bulk_item", "failure"}
"""No entry is about these: the log tells of the job, and of the bulk act."""
AS_ROLE = "SELECT set_config('role', $1, true), set_config('app.team_ids', $2, true)"


@asynccontextmanager
async def raw(database: Database, role: str, teams: str = "{}") -> AsyncIterator[asyncpg.Connection]:
    """A transaction of the application's login, as one of its roles: what injected SQL would be."""
    connection = await asyncpg.connect(database.url("quarterdeck_app"))
    try:
        async with connection.transaction():
            await connection.execute("SELECT 1")
            await connection.fetch(AS_ROLE, role, teams)
            yield connection
    finally:
        await connection.close()


async def changes(admin: asyncpg.Connection) -> list[dict[str, Any]]:
    """What was recorded of changes past the door, oldest first."""
    found = await admin.fetch("SELECT * FROM audit_told() WHERE action = 'database.changed' ORDER BY id")
    return [json.loads(row["detail"])["tables"] for row in found]


async def test_every_table_is_watched_or_book_keeping(admin: asyncpg.Connection) -> None:
    tables = await admin.fetch(
        "SELECT c.relname AS name, ARRAY(SELECT t.tgname::text || ' ' || t.tgenabled::text FROM pg_trigger t"
        " WHERE t.tgrelid = c.oid AND t.tgname LIKE 'watch%' ORDER BY 1) AS triggers FROM pg_class c"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    )
    watched = {table["name"]: table["triggers"] for table in tables}
    assert watched.keys() == {*Base.metadata.tables, "alembic_version"}
    always = [f"watch_{act} A" for act in ("delete", "insert", "truncate", "update")]
    for name, triggers in watched.items():
        assert triggers == ([] if name in UNWATCHED else always) or name in {"audit_entries", "audit_personal"}, name
    assert watched.keys() >= UNWATCHED.keys()
    assert watched["audit_entries"] == ["watch_insert A"], "an entry tells of itself"
    assert watched["audit_personal"] == ["watch_update A"], "erasing is a change, and nothing else is possible"


async def test_what_is_not_watched_is_written_by_nobody_but_the_keeper_and_the_database(
    admin: asyncpg.Connection,
) -> None:
    for table in UNWATCHED:
        for role in ("quarterdeck_platform", "quarterdeck_team", "quarterdeck_app"):
            for right in ("INSERT", "UPDATE", "DELETE"):
                question = f"SELECT has_table_privilege($1, $2, '{right}')"
                may = await admin.fetchval(question, role, table)
                assert not may, (role, right, table)


async def test_a_transaction_that_was_open_for_long_back_dates_nothing(
    company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    async with raw(database, "quarterdeck_platform") as connection:
        began = await connection.fetchval("SELECT now()")
        await connection.execute("UPDATE teams SET name = 'Acme Inc.' WHERE id = $1", company.acme)
    assert await admin.fetchval("SELECT at > $1 FROM audit_entries ORDER BY id DESC LIMIT 1", began)


@pytest.mark.parametrize("role", ["quarterdeck_platform", "quarterdeck_team"])
async def test_raw_sql_leaves_an_entry(
    role: str, company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    ada = await add_user(admin, company.acme, NEEDLE, "ada@example.com")
    async with raw(database, role, f"{{{company.acme}}}") as connection:
        await connection.execute("UPDATE users SET name = 'Eve', plan = 'premium' WHERE id = $1", ada)
        await connection.execute("UPDATE users SET options = '{\"a\": 1}'")
        await connection.execute("DELETE FROM users")
    [told] = await changes(admin)
    assert told == {
        "users": {
            "update": {"rows": 2, "ids": [str(ada)] * 2, "columns": ["name", "options", "plan"]},
            "delete": {"rows": 1, "ids": [str(ada)]},
        }
    }
    entry = await admin.fetchrow("SELECT * FROM audit_entries")
    assert (entry["actor_kind"], entry["actor_name"]) == ("database", "quarterdeck_app")
    assert (entry["team_id"], entry["target_type"], entry["target_id"]) == (None, "database", "users")
    assert NEEDLE not in str(dict(entry)), "names of columns, no values"
    assert await admin.fetchval("SELECT count(*) FROM audit_pending") == 0


async def test_each_role_and_each_way_of_writing(
    company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    async with raw(database, "quarterdeck_platform") as connection:
        await connection.execute(
            "INSERT INTO teams (id, name, status, version, created_at, updated_at)"
            " SELECT uuidv7(), 'Team ' || n, 'active', 1, now(), now() FROM generate_series(1, 50) AS n"
        )
    await admin.execute("SET app.unrecorded = 'off'; TRUNCATE staff_links")
    await admin.execute("SET app.unrecorded = 'on'; DELETE FROM teams WHERE name LIKE 'Team %'")
    first, second = await changes(admin)
    assert first["teams"]["insert"]["rows"] == 50
    assert len(first["teams"]["insert"]["ids"]) == 20
    assert second == {"staff_links": {"truncate": {"rows": 0}}}
    names = await admin.fetch("SELECT actor_name FROM audit_entries ORDER BY id")
    assert [row["actor_name"] for row in names] == [
        "quarterdeck_app",
        await admin.fetchval("SELECT session_user::text"),
    ]


async def test_no_role_of_the_application_can_keep_quiet(
    company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    ways = ["SET app.unrecorded = 'on'", "SET CONSTRAINTS ALL IMMEDIATE", "SET app.actor = 'somebody'"]
    for n, way in enumerate(ways):
        async with raw(database, "quarterdeck_platform") as connection:
            await connection.execute(way)
            await connection.execute(f"UPDATE teams SET name = 'T{n}' WHERE id = $1", company.acme)
    assert len(await changes(admin)) == len(ways)
    for refused in ("DELETE FROM audit_pending", "SET session_replication_role = 'replica'", "DISABLE"):
        sql = "ALTER TABLE teams DISABLE TRIGGER ALL" if refused == "DISABLE" else refused
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with raw(database, "quarterdeck_platform") as connection:
                await connection.execute(sql)


async def test_what_an_entry_tells_of_is_told_once_and_what_is_undone_never(
    company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    made = await users.create(company.ann, company.acme, NEEDLE, "ada@example.com")
    await users.change_plan(company.ann, made.id, "premium", "Ordered by phone")
    async with raw(database, "quarterdeck_platform") as connection:
        await connection.execute("SAVEPOINT here")
        await connection.execute("UPDATE teams SET name = 'Other' WHERE id = $1", company.acme)
        await connection.execute("ROLLBACK TO here")
        await connection.execute("UPDATE teams SET name = 'None' WHERE name = 'there is none'")
    with pytest.raises(ZeroDivisionError):
        async with raw(database, "quarterdeck_platform") as connection:
            await connection.execute("UPDATE teams SET name = 'Other' WHERE id = $1", company.acme)
            raise ZeroDivisionError
    async with keeping("test") as work:
        await (await work.raw()).execute("UPDATE staff_sessions SET last_seen_at = now()")
    assert await changes(admin) == []
    assert await admin.fetchval("SELECT count(*) FROM audit_pending") == 0


async def test_raw_work_inside_the_door_is_told_by_its_entry(company: Company, admin: asyncpg.Connection) -> None:
    """And what a block does by raw SQL and tells nobody of is told by the database."""
    async with writing(company.ann, Permission.DATASETS_CREATE) as work:
        await (await work.raw()).execute("UPDATE teams SET name = 'Acme Ltd' WHERE id = $1", company.acme)
    [told] = await changes(admin)
    assert told["teams"]["update"]["columns"] == ["name"]


async def test_a_lock_is_no_change(company: Company) -> None:
    async with writing(company.ann, Permission.DATASETS_CREATE) as work:
        for lock in ("UPDATE", "NO KEY UPDATE", "UPDATE SKIP LOCKED"):
            await work.execute(text(f"SELECT id FROM teams FOR {lock}"))


# -- personal values ---------------------------------------------------------------------------------------------------
async def test_what_may_name_a_person_is_what_the_models_say(admin: asyncpg.Connection) -> None:
    for mapper in Base.registry.mappers:
        table = mapper.class_.__tablename__
        if table.startswith("audit_") or not (marked := personal_columns(mapper.class_)):
            continue
        kind = table.removesuffix("s")
        if kind in NEVER_TOLD_OF:
            continue
        assert set(await admin.fetchval("SELECT audit_personal_columns($1)", kind)) == set(marked), kind


async def test_an_entry_refers_to_what_it_tells_of_a_person(company: Company, admin: asyncpg.Connection) -> None:
    ada = await users.create(company.ann, company.acme, NEEDLE, "ada@example.com")
    await users.correct_email(company.ann, ada.id, "ada@new.example", "ada@example.com", f"{NEEDLE} called")
    entries = await admin.fetch("SELECT * FROM audit_entries ORDER BY id")
    assert NEEDLE not in str([dict(entry) for entry in entries])
    assert "ada@" not in str([dict(entry) for entry in entries])
    created, corrected = entries
    assert created["target_label"] == corrected["target_label"] == corrected["reason"] == "$personal"
    after = json.loads(created["after"])
    assert (after["name"], after["email"], after["plan"], after["options"]) == ("$personal", "$personal", "free", {})
    for entry in entries:
        held = await admin.fetchrow("SELECT * FROM audit_personal WHERE entry_id = $1", entry["id"])
        assert (held["subject"], held["team_id"], held["at"]) == (ada.id, company.acme, entry["at"])
        assert hashlib.sha256(held["salt"] + held["value"].encode()).hexdigest() == entry["personal"]
    told = await admin.fetchrow("SELECT * FROM audit_told() ORDER BY id DESC")
    assert (told["target_label"], told["reason"]) == (NEEDLE, f"{NEEDLE} called")
    assert json.loads(told["before"]) == {"email": "ada@example.com"}


@pytest.mark.parametrize("kind", ["user", "payment", "job"])
async def test_whoever_writes_an_entry_refers(kind: str, company: Company, admin: asyncpg.Connection) -> None:
    """Raw SQL and loads as well; every column that the models mark."""
    ada = await add_user(admin, company.acme, NEEDLE, "ada@example.com")
    record = ada
    if kind == "payment":
        record = await add_payment(admin, company.acme, user_id=ada)
    elif kind == "job":
        record = await add_job(admin, company.acme)
        await admin.execute("UPDATE jobs SET user_id = $1 WHERE id = $2", ada, record)
    columns = await admin.fetchval("SELECT audit_personal_columns($1)", kind)
    told = json.dumps(dict.fromkeys(columns, NEEDLE) | {f"{columns[0]}.part": [NEEDLE], "status": "failed"})
    await admin.execute(
        "INSERT INTO audit_entries (team_id, actor_name, actor_kind, action, target_type, target_id, target_label,"
        " reason, before, after) VALUES ($1, 'A', 'staff', 'x.y', $2, $3, $4, $4, $5, $5)",
        *(company.acme, kind, str(record), NEEDLE, told),
    )
    entry = await admin.fetchrow("SELECT * FROM audit_entries")
    assert NEEDLE not in str(dict(entry))
    assert json.loads(entry["after"])["status"] == "failed"
    assert await admin.fetchval("SELECT subject FROM audit_personal") == ada
    shown = await admin.fetchrow("SELECT * FROM audit_told()")
    assert json.loads(shown["before"]) == json.loads(shown["after"]) == json.loads(told)
    assert (shown["target_label"], shown["reason"]) == (NEEDLE, NEEDLE)


async def test_numbers_in_personal_values_stay_exact(company: Company, admin: asyncpg.Connection) -> None:
    exact = '{"price": 0.1000000000000000055511151231257827, "big": 12345678901234567890123456789}'
    ada = await add_user(admin, company.acme, NEEDLE, "ada@example.com")
    await admin.execute(
        "INSERT INTO audit_entries (actor_name, actor_kind, action, target_type, target_id, target_label, after)"
        f" VALUES ('A', 'staff', 'x.y', 'user', $1, 'A', jsonb_build_object('options', '{exact}'::jsonb))",
        str(ada),
    )
    shown = await admin.fetchval("SELECT after -> 'options' FROM audit_told()")
    assert await admin.fetchval("SELECT $1::jsonb::text = $2::jsonb::text", shown, exact)


async def test_a_personal_value_can_be_erased_and_nothing_else(
    company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    await users.create(company.ann, company.acme, NEEDLE, "ada@example.com")
    for sql in (
        "UPDATE audit_personal SET value = '{}'",
        "UPDATE audit_personal SET subject = NULL",
        "UPDATE audit_personal SET erased_at = now()",
        "UPDATE audit_personal SET value = NULL, salt = NULL",
        "DELETE FROM audit_personal",
        "TRUNCATE audit_personal",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(f"SET session_replication_role = 'replica'; {sql}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with raw(database, "quarterdeck_platform") as connection:
                await connection.execute(sql)
    await admin.execute("UPDATE audit_personal SET value = NULL, salt = NULL, erased_at = '2026-11-21'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await admin.execute("UPDATE audit_personal SET value = '{}', salt = '', erased_at = NULL")
    told = await admin.fetchrow("SELECT * FROM audit_told()")
    user_id = await admin.fetchval("SELECT id FROM users")
    assert told["target_label"] == f"user {user_id.hex[-8:]}, erased on 2026-11-21"
    assert json.loads(told["after"])["name"] == {"$erased": "2026-11-21"}


async def test_teams_read_the_personal_values_of_their_own_entries(
    company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    for team, mail in ((company.acme, "a@example.com"), (company.nordlicht, "n@example.com")):
        await users.create(company.ann, team, NEEDLE, mail)
    async with raw(database, "quarterdeck_team", f"{{{company.acme}}}") as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit_personal") == 1
