"""A huge company for the benchmarks: 40 teams of very different sizes with users, payments, jobs and an audit log.

It is made by set-based SQL with triggers off; what the triggers would have kept (counters of jobs, days of users, the
numbers) is worked out afterwards in the same way. The same ``--rows`` gives the same company, but for the clock.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from app import clock
from app.actor import Staff
from app.ids import uuid7
from app.permissions import Role
from app.seals import partitions
from benchmarks.database import Bench
from migrations.versions.v0003_company import BUCKET, FACTS

USERS = 1_000_000
TEAMS = 40
TEAMS_OF_TESS = 3
DATASETS = 400
LOG_DAYS = 180
PER_USER = {"payments": 2, "jobs": 2, "audit_entries": 5}
"""Rows of the other tables for each user."""
TABLES = ("users", "payments", "jobs", "audit_entries", "user_days", "stats_buckets")


@dataclass(frozen=True, slots=True)
class BigCompany:
    """How much there is, the teams, the largest first, and somebody who sees only a few of them."""

    users: int
    teams: tuple[UUID, ...]
    tess: Staff

    def rows(self, table: str) -> int:
        """How many rows a table was given."""
        return self.users * PER_USER.get(table, 1)


async def make(at: Bench, users: int) -> BigCompany:
    """Fill the database: indexes come after the rows, then VACUUM ANALYZE. Two connections share the work."""
    now = clock.now()
    await _months(at.admin, now)
    teams = (at.team, *(uuid7() for _ in range(TEAMS - 1)))
    await _teams(at.admin, teams)
    tess = await _tess(at.admin, teams[1 : 1 + TEAMS_OF_TESS])
    async with _connected(at) as one, _connected(at) as two, _few_checkpoints(at.admin):
        indexes = await _without_indexes(one)
        moment = f"timestamptz '{now.isoformat()}'"
        for connection in (one, two):
            await connection.execute(_functions(moment, teams))
        await asyncio.gather(_customers(one, users, moment), _log(two, users, at.ann, tess))
        await asyncio.gather(_indexed(one, indexes, first=True), _indexed(two, indexes, first=False))
        await asyncio.gather(one.execute("VACUUM ANALYZE audit_entries"), two.execute(_VACUUM))
        await one.execute("CHECKPOINT")
    return BigCompany(users, teams, tess)


@asynccontextmanager
async def _connected(at: Bench) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection on which no trigger fires and nothing waits for the disk."""
    connection = await asyncpg.connect(at.admin_url)
    try:
        await connection.execute(
            "SET session_replication_role = replica; SET synchronous_commit = off; SET work_mem = '512MB';"
            "SET maintenance_work_mem = '1GB'; SET jit = off"
        )
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _few_checkpoints(admin: asyncpg.Connection) -> AsyncIterator[None]:
    await admin.execute("ALTER SYSTEM SET max_wal_size = '16GB'")
    await admin.execute("SELECT pg_reload_conf()")
    yield
    await admin.execute("ALTER SYSTEM RESET max_wal_size")
    await admin.execute("SELECT pg_reload_conf()")


async def _months(admin: asyncpg.Connection, now: datetime) -> None:
    """As the owner, as workers make them."""
    async with admin.transaction():
        await admin.execute("SET LOCAL ROLE quarterdeck_owner")
        await partitions.make(admin, partitions.months(now - timedelta(days=LOG_DAYS), now))


async def _teams(admin: asyncpg.Connection, teams: Sequence[UUID]) -> None:
    await admin.execute(
        "INSERT INTO teams (id, name, status, version, created_at, updated_at)"
        " SELECT id, 'Team ' || n, CASE WHEN n % 13 = 0 THEN 'suspended' ELSE 'active' END, 1, now(), now()"
        " FROM unnest($1::uuid[]) WITH ORDINALITY AS t (id, n)",
        teams[1:],
    )
    await admin.execute(
        "WITH made AS (INSERT INTO schemas (id, team_id, name, current_version, created_at)"
        " SELECT uuidv7(), ($1::uuid[])[1 + n % $2], 'Set ' || n, 1, now() FROM generate_series(1, $3::int) AS n"
        " RETURNING id, team_id, name, created_at)"
        " INSERT INTO datasets (id, team_id, schema_id, name, next_position, status, version, created_at, updated_at)"
        " SELECT uuidv7(), team_id, id, name, 1, 'active', 1, created_at, created_at FROM made",
        *(list(teams), TEAMS, DATASETS),
    )


async def _tess(admin: asyncpg.Connection, teams: Sequence[UUID]) -> Staff:
    now, staff, session = clock.now(), uuid7(), uuid7()
    await admin.execute(
        "INSERT INTO staff (id, email, name, password_hash, role, limited, status, version, created_at, updated_at)"
        " VALUES ($1, 'tess.tam@example.com', 'Tess Tam', 'no password', 'admin', true, 'active', 1, $2, $2)",
        *(staff, now),
    )
    await admin.execute(
        "INSERT INTO staff_teams (staff_id, team_id) SELECT $1, unnest($2::uuid[])", *(staff, list(teams))
    )
    await admin.execute(
        "INSERT INTO staff_sessions (id, staff_id, created_at, last_seen_at, expires_at, authenticated_at)"
        " VALUES ($1, $2, $3, $3, $4, $3)",
        *(session, staff, now, now + timedelta(days=1)),
    )
    return Staff(session, staff, "Tess Tam", "tess.tam@example.com", Role.ADMIN, tuple(teams), ip="127.0.0.1")


async def _without_indexes(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Drop what no constraint needs, and tell how to make it again, as (table, statement). PostgreSQL prints an index
    of a table with partitions as one ON ONLY that table: made so, no partition would have it.
    """
    rows = await connection.fetch(
        "SELECT t.relname, i.relname AS name, pg_get_indexdef(x.indexrelid) AS made"
        " FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid"
        " WHERE t.relname = ANY ($1) AND t.relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid) ORDER BY 1, 2",
        list(TABLES),
    )
    for row in rows:
        await connection.execute(f'DROP INDEX "{row["name"]}"')
    return [(row["relname"], row["made"].replace(" ON ONLY ", " ON ", 1)) for row in rows]


async def _indexed(connection: asyncpg.Connection, indexes: Sequence[tuple[str, str]], *, first: bool) -> None:
    """Make the indexes: one connection those of the log, the other one all others, so that none waits for locks."""
    for table, made in indexes:
        if (table != "audit_entries") == first:
            await connection.execute(made)


def _functions(now: str, teams: Sequence[UUID]) -> str:
    """What makes a row from its number: dice, times, ids that grow with time, teams (a few large, many small)."""
    array = "ARRAY[" + ", ".join(f"'{team}'::uuid" for team in teams) + "]"
    return f"""
        CREATE FUNCTION pg_temp.dice(n bigint, salt int) RETURNS bigint LANGUAGE sql IMMUTABLE
            AS $$ SELECT abs(hashint8(n * 31 + salt)::bigint) $$;
        CREATE FUNCTION pg_temp.at(n bigint, many bigint, days int) RETURNS timestamptz LANGUAGE sql IMMUTABLE
            AS $$ SELECT {now} - (many - n) * 86400000.0 * days / many * interval '1 ms' $$;
        CREATE FUNCTION pg_temp.id(salt text, n bigint, at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE
            AS $$ SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
                || substr(md5(salt || n), 1, 3) || '8' || substr(md5(salt || n), 4, 15))::uuid $$;
        CREATE FUNCTION pg_temp.team(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
            AS $$ SELECT ({array})[1 + ({TEAMS} * (pg_temp.dice(n, 1) % 1000 / 1000.0) ^ 2)::int % {TEAMS}] $$;
    """


async def _customers(connection: asyncpg.Connection, users: int, now: str) -> None:
    """Users, payments, jobs, and everything that follows from them."""
    await connection.execute(_USERS.format(users=users))
    # Those of the first 70 % signed up before the first payment and job.
    several = {"users": users, "some": max(users * 7 // 10, 1), "now": now}
    await connection.execute(_PAYMENTS.format(many=users * PER_USER["payments"], **several))
    await connection.execute(_JOBS.format(many=users * PER_USER["jobs"], **several))
    await connection.execute(_COUNTS)
    await connection.execute(_DAYS)
    seeded = ("users", "payments", "jobs")
    facts = [fact.format(rows=table, sign=1) for table in seeded for fact in FACTS[table]]
    active = "SELECT 'active', team_id, '', day::timestamp AT TIME ZONE 'UTC', 1, 0 FROM user_days"
    again = (
        "SELECT 'active_after', NULL::uuid, coalesce((lag(day) OVER (PARTITION BY user_id ORDER BY day))::text, ''),"
        " day::timestamp AT TIME ZONE 'UTC', 1, 0 FROM user_days"
    )
    for fact in (*facts, active, again):
        await connection.execute(_BUCKETS.format(fact=fact))


async def _log(connection: asyncpg.Connection, users: int, ann: Staff, tess: Staff) -> None:
    many = users * PER_USER["audit_entries"]
    numbers = {"users": users, "many": many, "days": LOG_DAYS}
    await connection.execute(_AUDIT.format(**numbers, ann=ann.staff_id, tess=tess.staff_id))
    fact = f"SELECT 'actions', team_id, action, {BUCKET.format('at')}, 1, 0 FROM audit_entries"
    await connection.execute(_BUCKETS.format(fact=fact + " WHERE actor_kind = 'staff'"))


_FIRST = "ARRAY['Ada', 'Bo', 'Chen', 'Dana', 'Emil', 'Fatou', 'Grete', 'Hugo', 'Ines', 'Jun', 'Kaya', 'Lars', 'Mina',\
 'Noor', 'Olga', 'Pau', 'Rosa', 'Sami', 'Tove', 'Uma', 'Vito', 'Wen', 'Yara', 'Zoë']"
_LAST = "ARRAY['Adeyemi', 'Bianchi', 'Carvalho', 'Dubois', 'Eriksen', 'Fischer', 'García', 'Haddad', 'Ivanova',\
 'Jensen', 'Kowalski', 'Lindqvist', 'Moreau', 'Nakamura', 'Okafor', 'Petrov', 'Quispe', 'Rossi', 'Schneider',\
 'Tanaka', 'Ueda', 'Varga', 'Weber', 'Xu', 'Yılmaz', 'Zhang', 'Øster', 'Šimić', 'Wójcik', 'Nguyễn']"
_USERS = f"""
    INSERT INTO users (id, team_id, email, name, plan, status, options, version, created_at, updated_at)
    SELECT pg_temp.id('u', n, at), pg_temp.team(n), 'user' || n || '@' || (ARRAY['example.com', 'example.org',
        'mail.example.net'])[1 + n % 3], ({_FIRST})[1 + pg_temp.dice(n, 2) % 24] || ' ' ||
        ({_LAST})[1 + pg_temp.dice(n, 3) % 30], (ARRAY['free', 'premium'])[1 + (pg_temp.dice(n, 4) % 5 = 0)::int],
        (ARRAY['active', 'deactivated'])[1 + (pg_temp.dice(n, 5) % 50 = 0)::int], '{{{{}}}}', 1, at, at
    FROM generate_series(1, {{users}}::bigint) AS n, pg_temp.at(n, {{users}}, 730) AS at
"""
_PAYMENTS = """
    INSERT INTO payments (id, team_id, user_id, amount_minor, currency, status, refunded_minor, description, failure,
                          stripe_payment_intent, stripe_charge, last_event_at, version, created_at, updated_at)
    SELECT pg_temp.id('p', n, at), pg_temp.team(u), pg_temp.id('u', u, pg_temp.at(u, {users}, 730)), amount,
        (ARRAY['EUR', 'EUR', 'USD', 'JPY'])[1 + pg_temp.dice(n, 12) % 4], status,
        CASE WHEN status = 'succeeded' AND pg_temp.dice(n, 13) % 60 = 0 THEN amount ELSE 0 END,
        'Document of ' || 1 + n % 90 || ' pages', CASE status WHEN 'failed' THEN 'Your card was declined.' END,
        'pi_' || md5('p' || n), CASE WHEN status <> 'pending' THEN 'ch_' || md5('c' || n) END, at, 1, at, at
    FROM (SELECT n, pg_temp.at(n, {many}, 180) AS at, 1 + pg_temp.dice(n, 10) % {some} AS u,
            100 + pg_temp.dice(n, 11) % 50000 AS amount,
            (ARRAY['succeeded', 'failed', 'pending', 'disputed', 'cancelled'])[CASE
                WHEN n > {many} * 0.999 THEN 3 WHEN pg_temp.dice(n, 14) % 100 > 6 THEN 1
                WHEN pg_temp.dice(n, 14) % 100 > 1 THEN 2 ELSE 4 + pg_temp.dice(n, 14) % 2 END] AS status
        FROM generate_series(1, {many}::bigint) AS n OFFSET 0) AS made
"""
_JOBS = """
    INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,
                      deliveries, progress, progress_done, progress_text, cost_micros, created_at, started_at,
                      finished_at, user_id, error_code, error, error_signature)
    SELECT pg_temp.id('j', n, at), pg_temp.team(u),
        (ARRAY['document.generate', 'dataset.import', 'dataset.delete', 'import.delete'])[kind],
        '{{}}', 'default', 0, status, 1, 1, 3, at, 1, CASE status WHEN 'succeeded' THEN 100 ELSE 0 END, 0, '', 0, at,
        CASE WHEN status <> 'queued' THEN at + interval '1 s' END,
        CASE WHEN status IN ('succeeded', 'failed', 'cancelled') THEN
            at + (1500 + pg_temp.dice(n, 22) % 60000) * interval '1 ms' END,
        CASE kind WHEN 1 THEN pg_temp.id('u', u, pg_temp.at(u, {users}, 730)) END,
        CASE status WHEN 'failed' THEN 'RENDER_FAILED' END, CASE status WHEN 'failed' THEN
            (ARRAY['The printer of page ', 'The model refused page ', 'No answer in time for page '])[1 + n % 3]
            || n % 90 || ' gave up.' END, CASE status WHEN 'failed' THEN 'signature ' || n % 3 END
    FROM (SELECT n, pg_temp.at(n, {many}, 180) AS at, 1 + pg_temp.dice(n, 20) % {some} AS u,
            CASE WHEN pg_temp.dice(n, 21) % 100 > 3 THEN 1 ELSE 2 + pg_temp.dice(n, 23) % 3 END AS kind,
            CASE WHEN n > {many} * 0.9999 THEN 'running' WHEN n > {many} * 0.998 THEN 'queued'
                WHEN pg_temp.dice(n, 24) % 100 > 4 THEN 'succeeded' WHEN pg_temp.dice(n, 24) % 100 > 0 THEN 'failed'
                ELSE 'cancelled' END AS status
        FROM generate_series(1, {many}::bigint) AS n OFFSET 0) AS made
"""
_COUNTS = """
    INSERT INTO job_counts (team_id, kind, status, slot, n)
    SELECT team_id, kind, status, 0, count(*) FROM jobs GROUP BY 1, 2, 3
"""
_DAYS = """
    INSERT INTO user_days (user_id, day, team_id)
    SELECT user_id, (created_at AT TIME ZONE 'UTC')::date, any_value(team_id) FROM (
        SELECT user_id, created_at, team_id FROM jobs WHERE user_id IS NOT NULL
        UNION ALL SELECT user_id, created_at, team_id FROM payments) AS acts GROUP BY 1, 2 ORDER BY 1, 2
"""
_BUCKETS = """
    INSERT INTO stats_buckets (metric, team_id, dimension, bucket, n, total)
    SELECT metric, team_id, dimension, bucket, sum(n), sum(total)
    FROM ({fact}) AS facts (metric, team_id, dimension, bucket, n, total)
    GROUP BY GROUPING SETS ((metric, team_id, dimension, bucket), (metric, dimension, bucket))
    HAVING GROUPING(team_id) = 1 OR team_id IS NOT NULL
"""
_VACUUM = "VACUUM ANALYZE users, payments, jobs, user_days, stats_buckets, job_counts, teams, datasets, schemas, staff"
_AUDIT = """
    INSERT INTO audit_entries (at, team_id, actor_id, actor_name, actor_kind, action, target_type, target_id,
                               target_label, reason, before, after)
    SELECT pg_temp.at(n, {many}, {days}), CASE WHEN what < 7 THEN pg_temp.team(u) END,
        CASE WHEN staff THEN (ARRAY['{ann}', '{tess}']::uuid[])[1 + (n % 40 = 0)::int] END,
        CASE WHEN staff THEN (ARRAY['Ann Adler', 'Tess Tam'])[1 + (n % 40 = 0)::int] ELSE 'Job' END,
        CASE WHEN staff THEN 'staff' ELSE 'system' END,
        (ARRAY['row.edited', 'row.edited', 'import.finished', 'job.retried', 'user.plan_changed', 'user.deactivated',
            'session.started'])[what],
        (ARRAY['row', 'row', 'import', 'job', 'user', 'user', 'session'])[what],
        pg_temp.id('u', u, pg_temp.at(u, {users}, 730))::text, 'record ' || u,
        CASE WHEN what IN (4, 5, 6) THEN 'Asked for by the customer, ticket ' || n % 100000 END,
        CASE what WHEN 5 THEN '{{"plan": "free"}}'::jsonb WHEN 6 THEN '{{"status": "active"}}' END,
        CASE what WHEN 5 THEN '{{"plan": "premium"}}'::jsonb WHEN 6 THEN '{{"status": "deactivated"}}' END
    FROM (SELECT n, 1 + pg_temp.dice(n, 30) % {users} AS u, pg_temp.dice(n, 31) % 4 = 0 AS staff,
            1 + pg_temp.dice(n, 32) % 70 / 10 AS what
        FROM generate_series(1, {many}::bigint) AS n OFFSET 0) AS made
"""
