"""What PostgreSQL itself enforces, read from its catalog: whose rows, which role, which columns."""

import asyncpg
import pytest

from app.database.bookkeeping import BOOKKEEPING, Kept
from app.models import GLOBAL_TABLES
from app.postgres.migrate import LOGINS, ROLES

# What is about the console itself, and sums over all teams: only people who see all teams read them.
NULL_TEAM = {
    *("audit_entries", "audit_personal", "audit_words", "stats_deltas", "stats_buckets"),
    *("jobs", "job_events", "job_words", "bulk_acts", "bulk_items"),
}
BY_ID = {"teams"}  # a team is its own team
KEEPER_READS_ONLY_SO_MUCH = {
    "staff_sessions": {"id", "last_seen_at"},
    "api_tokens": {"id", "last_used_at"},
}
APPLICATION = ("quarterdeck_app", "quarterdeck_worker", *ROLES)


async def tables(admin: asyncpg.Connection) -> list[asyncpg.Record]:
    found = await admin.fetch(
        "SELECT relname AS name, oid, relrowsecurity AS enabled, relforcerowsecurity AS forced,"
        " pg_get_userbyid(relowner) AS owner FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')"
    )
    assert len(found) > 15
    return list(found)


async def test_every_table_is_protected_by_team_or_named_global(admin: asyncpg.Connection) -> None:
    for table in await tables(admin):
        name = table["name"]
        if name in GLOBAL_TABLES:
            continue
        assert table["enabled"], name
        assert table["forced"], name
        column = "id" if name in BY_ID else "team_id"
        not_null = await admin.fetchval(
            "SELECT attnotnull FROM pg_attribute WHERE attrelid = $1 AND attname = $2", table["oid"], column
        )
        assert not_null == (name not in NULL_TEAM), name
        policies = await admin.fetch("SELECT * FROM pg_policies WHERE schemaname = 'public' AND tablename = $1", name)
        by_name = {policy["policyname"]: policy for policy in policies}
        assert by_name.keys() - {"keeper"} == {"platform", "team", "owner"}, name
        for kind, policy in by_name.items():
            assert policy["roles"] == [f"quarterdeck_{kind}"]
            assert (policy["permissive"], policy["cmd"], policy["with_check"]) == ("PERMISSIVE", "ALL", None)
        assert by_name["platform"]["qual"] == by_name["owner"]["qual"] == "true"
        teams = "( SELECT (current_setting('app.team_ids'::text, true))::uuid[] AS current_setting)"
        mine = f"({column} = ANY ({teams}::uuid[]))"
        assert by_name["team"]["qual"] == mine, name


async def test_global_tables_exist_and_the_team_role_reaches_none_of_them(admin: asyncpg.Connection) -> None:
    assert {table["name"] for table in await tables(admin)} >= GLOBAL_TABLES
    for table in GLOBAL_TABLES:
        for privilege in ("SELECT", "INSERT", "UPDATE"):
            question = "SELECT has_any_column_privilege('quarterdeck_team', $1::text::regclass, $2)"
            assert not await admin.fetchval(question, table, privilege), table
        for privilege in ("DELETE", "TRUNCATE"):
            question = "SELECT has_table_privilege('quarterdeck_team', $1::text::regclass, $2)"
            assert not await admin.fetchval(question, table, privilege), table


async def test_the_login_roles_own_nothing_inherit_nothing_and_are_nothing_special(admin: asyncpg.Connection) -> None:
    roles = await admin.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit, rolcanlogin"
        " FROM pg_roles WHERE rolname = ANY ($1::text[])",
        [*LOGINS, *ROLES],
    )
    assert len(roles) == len(LOGINS) + len(ROLES)
    for role in roles:
        assert not any(role[f"rol{right}"] for right in ("super", "bypassrls", "createrole", "createdb", "replication"))
        assert role["rolcanlogin"] == (role["rolname"] in LOGINS)
        assert not (role["rolcanlogin"] and role["rolinherit"]), role
    for role in APPLICATION:
        owned = "SELECT count(*) FROM pg_shdepend WHERE refobjid = $1::text::regrole AND deptype = 'o'"
        assert await admin.fetchval(owned, role) == 0, role
    members = await admin.fetch(
        "SELECT member::regrole::text AS member, roleid::regrole::text AS role, inherit_option, admin_option"
        " FROM pg_auth_members WHERE member = ANY (SELECT oid FROM pg_roles WHERE rolname LIKE 'quarterdeck%')"
    )
    assert {(m["member"], m["role"]) for m in members} == {("quarterdeck_app", role) for role in ROLES}
    assert not any(m["inherit_option"] or m["admin_option"] for m in members)


async def test_the_login_roles_touch_no_table_themselves(admin: asyncpg.Connection) -> None:
    for table in await tables(admin):
        for role in ("quarterdeck_app", "quarterdeck_worker"):
            for right in ("SELECT", "INSERT", "UPDATE"):
                may = await admin.fetchval(
                    "SELECT has_any_column_privilege($1, $2::oid, $3)", role, table["oid"], right
                )
                allowed = (role, table["name"], right) == ("quarterdeck_app", "alembic_version", "SELECT")
                assert may == allowed, (role, table["name"], right)
        assert table["owner"] == "quarterdeck_owner"


async def test_public_may_do_nothing_here(admin: asyncpg.Connection) -> None:
    assert not await admin.fetch(
        "SELECT relname FROM pg_class, aclexplode(relacl) AS a WHERE a.grantee = 0"
        " AND relnamespace IN ('public'::regnamespace, 'engine'::regnamespace)"
    )
    for schema in ("public", "engine"):
        rights = (
            "SELECT a.privilege_type FROM pg_namespace, aclexplode(nspacl) AS a WHERE a.grantee = 0 AND nspname = $1"
        )
        assert not await admin.fetch(rights, schema)
    database = "SELECT a.privilege_type FROM pg_database, aclexplode(datacl) AS a WHERE a.grantee = 0 AND datname = $1"
    assert not await admin.fetch(database, await admin.fetchval("SELECT current_database()"))


async def _kept(admin: asyncpg.Connection, table: str) -> Kept | None:
    async def may(right: str) -> bool:
        return bool(await admin.fetchval("SELECT has_table_privilege('quarterdeck_keeper', $1, $2)", table, right))

    columns = await admin.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
        " AND has_column_privilege('quarterdeck_keeper', $1::text, attname, 'UPDATE')",
        table,
    )
    kept = Kept(await may("INSERT"), await may("DELETE"), frozenset(column["attname"] for column in columns))
    return None if kept == Kept() else kept


async def test_the_keeper_may_write_exactly_what_book_keeping_lists(admin: asyncpg.Connection) -> None:
    granted = {table["name"]: await _kept(admin, table["name"]) for table in await tables(admin)}
    assert {name: kept for name, kept in granted.items() if kept} == dict(BOOKKEEPING)
    for table in granted:
        for right in ("TRUNCATE", "REFERENCES", "TRIGGER"):
            for role in APPLICATION:
                assert not await admin.fetchval("SELECT has_table_privilege($1, $2, $3)", role, table, right)


async def test_the_keeper_inserts_whole_rows_only_where_it_may(admin: asyncpg.Connection) -> None:
    for table in await tables(admin):
        some = "SELECT has_any_column_privilege('quarterdeck_keeper', $1::oid, 'INSERT')"
        assert await admin.fetchval(some, table["oid"]) == BOOKKEEPING.get(table["name"], Kept()).insert, table["name"]


@pytest.mark.parametrize("schema", ["public", "engine"])
async def test_functions_that_act_for_the_owner_are_closed(admin: asyncpg.Connection, schema: str) -> None:
    found = await admin.fetch(
        "SELECT oid, proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = $1::text::regnamespace", schema
    )
    assert (len(found) > 5) == (schema == "public")
    for function in found:
        assert function["proconfig"] == ["search_path=pg_catalog, pg_temp"], function["proname"]
        public = "SELECT 1 FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a"
        open_to_all = await admin.fetchval(f"{public} WHERE a.grantee = 0 AND pg_proc.oid = $1", function["oid"])
        assert not open_to_all, function["proname"]


async def test_nobody_changes_the_audit_log_or_chooses_its_number_and_time(admin: asyncpg.Connection) -> None:
    for role in APPLICATION:
        for right in ("UPDATE", "DELETE", "TRUNCATE"):
            assert not await admin.fetchval("SELECT has_table_privilege($1, 'audit_entries', $2)", role, right)
        for column in ("id", "at"):
            for right in ("INSERT", "UPDATE"):
                may = "SELECT has_column_privilege($1, 'audit_entries', $2, $3)"
                assert not await admin.fetchval(may, role, column, right), (role, column, right)
    triggers = "SELECT tgenabled FROM pg_trigger WHERE tgname = 'append_only' AND tgrelid = 'audit_entries'::regclass"
    assert await admin.fetchval(triggers) == b"A"


async def test_password_hashes_are_readable_by_nobody_but_the_sign_in(admin: asyncpg.Connection) -> None:
    for role in APPLICATION:
        assert not await admin.fetchval("SELECT has_column_privilege($1, 'staff', 'password_hash', 'SELECT')", role)
    for table, columns in KEEPER_READS_ONLY_SO_MUCH.items():
        readable = await admin.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
            " AND has_column_privilege('quarterdeck_keeper', $1::text, attname, 'SELECT')",
            table,
        )
        assert {row["attname"] for row in readable} == columns
