"""Numbers as they are read: days and hours of every zone, within one's teams, and by the index of their range."""

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
from sqlalchemy import event

from app.database import engine
from app.errors import Forbidden
from app.models.stats import Metric
from app.services import stats
from app.values import periods
from app.values.periods import Period
from app.worker.stats import add_up
from tests.people import Company

NOW = datetime(2026, 4, 2, 10, 7, tzinfo=UTC)
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
    assert engine._engine is not None
    asked: list[tuple[str, tuple[Any, ...]]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "stats_" in statement:
            asked.append((statement, tuple(parameters)))

    event.listen(engine._engine.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine._engine.sync_engine, "before_cursor_execute", note)
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
