"""Numbers: exact whatever happens to the facts and whenever they are added up, for every zone, within one's teams."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy import event, func, select

from app import db, periods
from app.errors import Forbidden, Unavailable
from app.ids import uuid7
from app.models.stats import Metric
from app.periods import Period
from app.repositories import stats as stats_table
from app.services import stats
from app.work import keeping
from app.worker.stats import add_up
from tests.factories import add_import, make_dataset
from tests.people import Company

NOW = datetime(2026, 4, 2, 10, 7, tzinfo=UTC)
QUARTER = "to_timestamp(floor(extract(epoch FROM {}) / 900) * 900)"
ALWAYS = "to_timestamp(0)"
FACTS = f"""
    SELECT 'teams' AS metric, id AS team_id, status AS dimension, {ALWAYS} AS bucket, 1 AS n, 0 AS total FROM teams
    UNION ALL SELECT 'datasets', team_id, status, {ALWAYS}, 1, 0 FROM datasets
    UNION ALL SELECT 'users', team_id, plan || '|' || status, {ALWAYS}, 1, 0 FROM users
    UNION ALL SELECT 'signups', team_id, '', {QUARTER.format("created_at")}, 1, 0 FROM users
    UNION ALL SELECT 'payments', team_id, currency || '|' || status, {QUARTER.format("created_at")}, 1, amount_minor
        FROM payments
    UNION ALL SELECT 'payments_now', team_id, currency || '|' || status, {ALWAYS}, 1, amount_minor FROM payments
    UNION ALL SELECT 'refunds', team_id, currency, {QUARTER.format("created_at")}, 1, refunded_minor FROM payments
        WHERE refunded_minor > 0
    UNION ALL SELECT 'jobs', team_id, kind || '|' || status, {QUARTER.format("finished_at")}, 1,
        coalesce(round(extract(epoch FROM finished_at - started_at) * 1000), 0)
        FROM jobs WHERE finished_at IS NOT NULL AND status IN ('succeeded', 'failed', 'cancelled')
    UNION ALL SELECT 'active', team_id, '', date_trunc('day', day AT TIME ZONE 'UTC', 'UTC'), 1, 0 FROM user_days
    UNION ALL SELECT 'actions', team_id, action, {QUARTER.format("at")}, 1, 0 FROM audit_entries
        WHERE actor_kind = 'staff'
"""


async def told(admin: asyncpg.Connection, *, all_teams: bool) -> dict[tuple[Any, ...], tuple[int, int]]:
    """What buckets and deltas say together."""
    team, here = ("NULL::uuid", "IS NULL") if all_teams else ("team_id", "IS NOT NULL")
    delta_here = "" if all_teams else "WHERE team_id IS NOT NULL"
    return _numbers(
        await admin.fetch(
            f"SELECT metric, team_id, dimension, bucket, sum(n), sum(total) FROM ("
            f" SELECT metric, team_id, dimension, bucket, n, total FROM stats_buckets WHERE team_id {here}"
            f" UNION ALL SELECT metric, {team}, dimension, bucket, n, total FROM stats_deltas {delta_here}"
            ") AS known GROUP BY 1, 2, 3, 4"
        )
    )


async def recounted(admin: asyncpg.Connection, *, all_teams: bool) -> dict[tuple[Any, ...], tuple[int, int]]:
    """The same from the facts themselves."""
    team, here = ("NULL::uuid", "true") if all_teams else ("team_id", "team_id IS NOT NULL")
    return _numbers(
        await admin.fetch(
            f"SELECT metric, {team}, dimension, bucket, sum(n), sum(total) FROM ({FACTS}) AS f WHERE {here}"
            " GROUP BY 1, 2, 3, 4"
        )
    )


def _numbers(rows: list[asyncpg.Record]) -> dict[tuple[Any, ...], tuple[int, int]]:
    return {tuple(row)[:4]: (int(row[4]), int(row[5])) for row in rows if row[4] or row[5]}


class Chance:
    """A company to which things happen at random, and what happened once and stays, counted beside it."""

    def __init__(self, admin: asyncpg.Connection, company: Company, seed: int) -> None:
        self.admin, self.random = admin, random.Random(seed)  # noqa: S311 - chance, no secret
        self.teams = [company.acme, company.nordlicht]
        self.events: Counter[tuple[Any, ...]] = Counter()
        self.rows: Counter[tuple[Any, ...]] = Counter()

    def moment(self) -> datetime:
        return NOW - timedelta(minutes=self.random.randrange(3 * 24 * 60), seconds=self.random.randrange(60))

    async def any_of(self, table: str) -> UUID | None:
        found: UUID | None = await self.admin.fetchval(
            f"SELECT id FROM {table} ORDER BY md5(id::text || $1) LIMIT 1", str(self.random.random())
        )
        return found

    async def change(self, table: str, change: str) -> None:
        """Some of its rows, in one statement."""
        salt = str(self.random.random())
        await self.admin.execute(f"UPDATE {table} SET {change} WHERE md5(id::text || $1) < '4'", salt)

    async def sign_up(self) -> None:
        at = self.moment()
        for _ in range(self.random.choice([1, 1, 4])):
            await self.admin.execute(
                "INSERT INTO users (id, team_id, email, name, plan, status, options, version, created_at, updated_at)"
                " VALUES ($1, $2, $3, 'X', 'free', 'active', '{}', 1, $4, $4)",
                *(uuid7(), self.random.choice(self.teams), f"{uuid7()}@example.com", at),
            )

    async def change_users(self) -> None:
        moved = f"team_id = '{self.random.choice(self.teams)}'"
        change = self.random.choice(["plan = 'premium'", "status = 'deactivated'", "name = 'Y'", moved])
        await self.change("users", change)

    async def pay(self) -> None:
        await self.admin.execute(
            "INSERT INTO payments (id, team_id, user_id, amount_minor, currency, status, refunded_minor, description,"
            " version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 0, '', 1, $7, $7)",
            *(uuid7(), self.random.choice(self.teams), await self.any_of("users"), self.random.randrange(100, 9_000)),
            *(self.random.choice(["EUR", "JPY"]), self.random.choice(["succeeded", "pending"]), self.moment()),
        )

    async def change_payments(self) -> None:
        refund = "refunded_minor = amount_minor / 2"
        await self.change("payments", self.random.choice(["status = 'disputed'", refund, "refunded_minor = 0"]))

    async def start_job(self) -> None:
        status = self.random.choice(["queued", "queued", "failed"])
        at = self.moment()
        ended = at + timedelta(seconds=self.random.randrange(5_000)) if status == "failed" else None
        await self.admin.execute(
            "INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts,"
            " run_after, deliveries, progress, progress_done, progress_text, cost_micros, created_at, started_at,"
            " finished_at, user_id) VALUES ($1, $2, $3, '{}', 'default', 0, $4, 0, 1, 3, now(), 1, 0, 0, '', 0, $5, $5,"
            " $6, $7)",
            *(uuid7(), self.random.choice(self.teams), self.random.choice(["a", "b"]), status, at, ended),
            await self.any_of("users"),
        )

    async def change_jobs(self) -> None:
        change = self.random.choice(
            [
                f"status = 'succeeded', finished_at = '{self.moment():%Y-%m-%d %H:%M:%S+00}'",
                f"status = 'cancelled', finished_at = '{self.moment():%Y-%m-%d %H:%M:%S+00}'",
                "status = 'queued', finished_at = NULL",
                "progress = 50",
                "started_at = started_at - interval '1 second'",
            ]
        )
        await self.change("jobs", change)

    async def forget(self) -> None:
        table = self.random.choice(["jobs", "payments", "jobs"])
        await self.admin.execute(f"DELETE FROM {table} WHERE id = $1", await self.any_of(table))

    async def suspend(self) -> None:
        status = self.random.choice(["active", "suspended"])
        await self.admin.execute("UPDATE teams SET status = $1 WHERE id = $2", status, self.random.choice(self.teams))

    async def act(self) -> None:
        await self.admin.execute(
            "INSERT INTO audit_entries (at, team_id, actor_name, actor_kind, action, target_type, target_id,"
            " target_label) VALUES ($1, $2, 'Ann', $3, $4, 'x', 'x', 'x')",
            *(self.moment(), self.random.choice([*self.teams, None]), self.random.choice(["staff", "staff", "system"])),
            self.random.choice(["user.renamed", "job.retried"]),
        )

    async def import_rows(self) -> None:
        made = await make_dataset(self.admin, self.random.choice(self.teams), str(uuid7()), {"n": "integer"})
        rows, at = self.random.randrange(1, 5), self.moment()
        import_id = await add_import(self.admin, made, rows, "jsonb_build_object('n', n)")
        day = await self.admin.fetchval("SELECT now()")
        self._happened("imported", made.team_id, "", periods.floored(day), rows)
        await self.admin.execute("UPDATE imports SET status = 'failed' WHERE id = $1", import_id)
        await self.admin.execute(
            "UPDATE imports SET status = 'succeeded', finished_at = $2 WHERE id = $1", import_id, at
        )
        self._happened("imported", made.team_id, "", periods.floored(at), rows)
        await self.admin.execute("UPDATE imports SET status = 'deleting' WHERE id = $1", import_id)

    async def review(self) -> None:
        at, decision = self.moment(), self.random.choice(["approved", "rejected"])
        row, team = await self.any_of("dataset_rows"), None
        if row is not None:
            team = await self.admin.fetchval(
                "UPDATE dataset_rows SET status = $2, reviewed_at = $3 WHERE id = $1 RETURNING team_id",
                *(row, decision, at),
            )
            self._happened("reviewed", team, decision, periods.floored(at), 0)
            await self.admin.execute("UPDATE dataset_rows SET data = '{}' WHERE id = $1", row)

    def _happened(self, metric: str, team: UUID, dimension: str, bucket: datetime, total: int) -> None:
        self.events[metric, team, dimension, bucket] += 1
        self.rows[metric, team, dimension, bucket] += total

    @property
    def acts(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            *(self.sign_up, self.change_users, self.pay, self.change_payments, self.start_job, self.change_jobs),
            *(self.forget, self.suspend, self.act, self.import_rows, self.review),
        ]

    async def happen(self) -> None:
        await self.random.choice([*self.acts, self.pay, self.start_job, self.change_jobs])()

    def expected(self, *, all_teams: bool) -> dict[tuple[Any, ...], tuple[int, int]]:
        found: dict[tuple[Any, ...], tuple[int, int]] = {}
        for (metric, team, dimension, bucket), n in self.events.items():
            key = (metric, None if all_teams else team, dimension, bucket)
            before = found.get(key, (0, 0))
            found[key] = (before[0] + n, before[1] + self.rows[metric, team, dimension, bucket])
        return found


async def roll(limit: int) -> int:
    async with keeping("stats: add up") as work:
        return await stats_table.add_up(work, limit)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_number_equals_the_recount_of_the_facts(
    company: Company, admin: asyncpg.Connection, seed: int
) -> None:
    chance = Chance(admin, company, seed)
    for act in (*chance.acts, chance.pay, chance.start_job, *(chance.act for _ in range(20))):
        await act()
    await admin.execute("UPDATE payments SET refunded_minor = amount_minor / 2")
    await admin.execute("UPDATE jobs SET status = 'failed', finished_at = created_at")
    assert {key[0] for key in await told(admin, all_teams=True)} == {metric.value for metric in Metric}
    for n in range(160):
        async with admin.transaction():
            await chance.happen()
        if chance.random.random() < 0.15:
            await roll(chance.random.choice([1, 5, 1_000]))
        if n % 40 == 39:
            for all_teams in (True, False):
                wanted = await recounted(admin, all_teams=all_teams) | chance.expected(all_teams=all_teams)
                assert await told(admin, all_teams=all_teams) == wanted
    await add_up()
    assert await admin.fetchval("SELECT count(*) FROM stats_deltas") == 0
    assert await told(admin, all_teams=True) == await recounted(admin, all_teams=True) | chance.expected(all_teams=True)


async def test_a_transaction_that_is_undone_counts_nothing(company: Company, admin: asyncpg.Connection) -> None:
    chance = Chance(admin, company, 4)
    before = await told(admin, all_teams=True)
    transaction = admin.transaction()
    await transaction.start()
    for act in (chance.sign_up, chance.pay, chance.start_job, chance.act):
        await act()
    await transaction.rollback()
    assert await told(admin, all_teams=True) == before


async def test_many_workers_add_up_at_the_same_time_while_things_go_on(
    company: Company, admin: asyncpg.Connection
) -> None:
    chance = Chance(admin, company, 5)

    async def live() -> None:
        for _ in range(60):
            await chance.happen()

    async def work() -> int:
        moved = 0
        for _ in range(25):
            moved += await roll(7)
            await asyncio.sleep(0)
        return moved

    moved = asyncio.gather(*(work() for _ in range(4)))
    await asyncio.gather(live(), moved)
    assert sum(moved.result()) > 0
    for all_teams in (True, False):
        wanted = await recounted(admin, all_teams=all_teams) | chance.expected(all_teams=all_teams)
        assert await told(admin, all_teams=all_teams) == wanted


async def test_a_worker_that_dies_while_it_adds_up_loses_and_doubles_nothing(
    company: Company, admin: asyncpg.Connection
) -> None:
    chance = Chance(admin, company, 6)
    for _ in range(40):
        await chance.happen()
    before = await told(admin, all_teams=True)
    with pytest.raises(Unavailable):
        async with keeping("stats: add up") as work:
            assert await stats_table.add_up(work) > 0
            await admin.execute("SELECT pg_terminate_backend($1)", await work.scalar(select(func.pg_backend_pid())))
    assert await told(admin, all_teams=True) == before
    assert await add_up() > 0
    assert await told(admin, all_teams=True) == before


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati"]


@pytest.fixture
async def arrivals(company: Company, admin: asyncpg.Connection) -> list[tuple[UUID, datetime]]:
    """Sign-ups of both teams around the nights on which clocks change, half of them added up."""
    chance = random.Random(7)  # noqa: S311 - chance, no secret
    moments = [
        datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(0, 32 * 24 * 60)) for _ in range(400)
    ]
    people = [(chance.choice([company.acme, company.nordlicht]), at) for at in moments]
    for half in (people[:200], people[200:]):
        await admin.executemany(
            "INSERT INTO users (id, team_id, email, name, plan, status, options, version, created_at, updated_at)"
            " VALUES (gen_random_uuid(), $1, gen_random_uuid() || '@example.com', 'X', 'free', 'active', '{}', 1, $2,"
            " $2)",
            half,
        )
        if half is people[200:]:
            break
        await add_up()
    return people


@pytest.mark.parametrize("zone", ZONES)
async def test_days_of_every_zone_add_up(company: Company, arrivals: list[tuple[UUID, datetime]], zone: str) -> None:
    period = periods.preset("30d", zone, NOW)
    clock = ZoneInfo(zone)
    for who, teams in ((company.ann, {company.acme, company.nordlicht}), (company.tess, {company.acme})):
        mine = [at for team, at in arrivals if team in teams]
        answer = await stats.signups(who, period)
        [line] = answer.lines[Metric.SIGNUPS]
        days = Counter(at.astimezone(clock).date() for at in mine)
        assert line.n == tuple(days[period.first + timedelta(days=n)] for n in range(30))
        start, until = period.before
        assert line.n_before == sum(start <= at < until for at in mine)
        assert answer.since == periods.floored(min(mine))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("America/New_York", date(2026, 3, 8), 23),
        ("UTC", date(2026, 3, 8), 24),
    ],
)
async def test_hours_of_a_day_on_which_clocks_change(
    company: Company, arrivals: list[tuple[UUID, datetime]], zone: str, day: date, hours: int
) -> None:
    period = Period("", zone, day, day, NOW)
    [line] = (await stats.signups(company.ann, period)).lines[Metric.SIGNUPS]
    assert len(line.n) == hours
    assert sum(line.n) == sum(at.astimezone(ZoneInfo(zone)).date() == day for _, at in arrivals)
    for n, start in zip(line.n, period.edges, strict=False):
        assert n == sum(start <= at < start + timedelta(hours=1) for _, at in arrivals)


async def test_numbers_about_something_need_the_right_to_see_it(company: Company) -> None:
    period = periods.preset("7d", "UTC", NOW)
    for verb in _verbs():
        assert (await verb(company.ann, period)).period.days == 7
        with pytest.raises(Forbidden):
            await verb(company.nil, period)
    with pytest.raises(Forbidden):
        await stats.actions(company.vic, period)


def _verbs() -> Iterator[Callable[..., Awaitable[stats.Answer]]]:
    yield from (stats.signups, stats.active, stats.revenue, stats.jobs, stats.imported, stats.reviewed, stats.actions)


async def test_a_number_reads_only_its_range_and_no_raw_table(company: Company, admin: asyncpg.Connection) -> None:
    """A year in which something happened every hour."""
    await admin.execute(
        "INSERT INTO stats_buckets (metric, team_id, dimension, bucket, n, total)"
        " SELECT 'jobs', t, d, timestamptz '2025-04-01' + q * interval '1 hour', 1, 1"
        " FROM generate_series(0, 8783) AS q, unnest(ARRAY['a|failed', 'a|succeeded']) AS d,"
        " unnest(ARRAY[NULL, $1::uuid, $2::uuid]) AS t",
        *(company.acme, company.nordlicht),
    )
    await admin.execute("VACUUM ANALYZE stats_buckets")
    for who in (company.ann, company.tess):
        with _overheard() as asked:
            answer = await stats.jobs(who, periods.preset("30d", "Europe/Berlin", NOW))
        assert sum(line.n_before for line in answer.lines[Metric.JOBS]) > 0
        for statement, parameters in asked:
            plan = await _explained(admin, statement, parameters, company.acme if who.team_ids else None)
            scans = [node for node in _nodes(plan) if "Relation Name" in node]
            assert {scan["Relation Name"] for scan in scans} <= {"stats_buckets", "stats_deltas"}
            for scan in (scan for scan in scans if scan["Relation Name"] == "stats_buckets"):
                assert scan["Node Type"] != "Seq Scan", statement
                assert scan["Actual Rows"] * scan["Actual Loops"] <= 2 * 24 * 61


@contextmanager
def _overheard() -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """The questions about numbers, as they reach the driver."""
    assert db._engine is not None
    asked: list[tuple[str, tuple[Any, ...]]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "stats_" in statement:
            asked.append((statement, tuple(parameters)))

    event.listen(db._engine.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db._engine.sync_engine, "before_cursor_execute", note)
    assert asked


async def _explained(
    admin: asyncpg.Connection, statement: str, parameters: tuple[Any, ...], team: UUID | None
) -> dict[str, Any]:
    async with admin.transaction():
        await admin.execute("SELECT set_config('app.team_ids', $1, true)", f"{{{team or ''}}}")
        await admin.execute(f"SET LOCAL ROLE quarterdeck_{'team' if team else 'platform'}")
        told = await admin.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *parameters)
    plan: dict[str, Any] = json.loads(told)[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
