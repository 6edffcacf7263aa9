"""Numbers: exact whatever happens to the facts and whenever they are added up, for every zone, within one's teams."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import func, select

from app.database import keeping
from app.errors import Unavailable
from app.ids import uuid7
from app.models.stats import Metric
from app.repositories import stats as stats_table
from app.values import periods
from app.worker.stats import add_up
from tests.factories import add_import, make_dataset
from tests.people import Company

NOW = datetime(2026, 4, 2, 10, 7, tzinfo=UTC)
QUARTER = "to_timestamp(floor(extract(epoch FROM {}) / 900) * 900)"
ALWAYS = "to_timestamp(0)"
COUNTED_ELSEWHERE = {Metric.FAILURES, Metric.FAILURES_NOW, Metric.BULK_JOBS}
"""How often a job ever failed stands nowhere but in its events: tests/services/test_failures.py counts these, and
test_bulk.py what became of the jobs of an act."""
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
    UNION ALL SELECT 'active_after', NULL, coalesce((lag(day) OVER (PARTITION BY user_id ORDER BY day))::text, ''),
        date_trunc('day', day AT TIME ZONE 'UTC', 'UTC'), 1, 0 FROM user_days
    UNION ALL SELECT 'actions', team_id, action, {QUARTER.format("at")}, 1, 0 FROM audit_entries
        WHERE actor_kind = 'staff'
    UNION ALL SELECT 'other_actions', team_id, action, {QUARTER.format("at")}, 1, 0 FROM audit_entries
        WHERE actor_kind <> 'staff'
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
    metrics = {metric.value for metric in Metric} - COUNTED_ELSEWHERE
    assert {key[0] for key in await told(admin, all_teams=True)} == metrics
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
