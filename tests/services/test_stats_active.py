"""Active users: each counted once, in whatever days, in whatever order their days became known."""

import asyncio
import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.actor import Staff
from app.ids import uuid7
from app.models.stats import Metric
from app.services import stats
from app.values.periods import Period, Step
from app.worker.stats import add_up
from tests.conftest import Database
from tests.factories import add_user
from tests.people import Company

FIRST, LAST = date(2026, 1, 5), date(2026, 7, 26)
NOW = datetime(2026, 7, 30, 10, 7, tzinfo=UTC)
Days = dict[UUID, set[date]]
ACT = (
    "INSERT INTO jobs (id, team_id, kind, input, queue, priority, status, epoch, attempts, max_attempts, run_after,"
    " deliveries, progress, progress_done, progress_text, cost_micros, created_at, user_id)"
    " VALUES ($1, $2, 'a', '{}', 'default', 0, 'queued', 0, 1, 3, now(), 1, 0, 0, '', 0, $3, $4)"
)


async def act(admin: asyncpg.Connection, team: UUID, user: UUID, day: date) -> None:
    at = datetime(day.year, day.month, day.day, 13, 5, tzinfo=UTC)
    await admin.execute(ACT, uuid7(), team, at, user)


@pytest.fixture
async def acted(company: Company, admin: asyncpg.Connection) -> dict[UUID, Days]:
    """By team: on which days each user did something, told in no order, half of it added up; one user has moved."""
    chance = random.Random(3)  # noqa: S311 - chance, no secret
    told: dict[UUID, Days] = {company.acme: defaultdict(set), company.nordlicht: defaultdict(set)}
    users = [
        await add_user(admin, chance.choice([company.acme, company.nordlicht]), f"User {n}", f"{n}@example.com")
        for n in range(25)
    ]
    for n in range(500):
        user = chance.choice(users)
        team = await admin.fetchval("SELECT team_id FROM users WHERE id = $1", user)
        day = FIRST + timedelta(days=chance.randrange((LAST - FIRST).days + 1))
        if day in {d for days in told.values() for d in days[user]}:
            continue
        await act(admin, team, user, day)
        told[team][user].add(day)
        if n == 250:
            await add_up()
            await admin.execute("UPDATE users SET team_id = $2 WHERE id = $1", users[0], company.nordlicht)
    return told


def unique(acted: dict[UUID, Days], who: Staff, start: datetime, end: datetime) -> int:
    """Counted by hand."""
    seen = [days for team, days in acted.items() if who.team_ids is None or team in who.team_ids]
    inside = [u for days in seen for u, on in days.items() if any(start.date() <= day < end.date() for day in on)]
    return len(set(inside))


@pytest.mark.parametrize(
    ("first", "last", "step"),
    [
        (date(2026, 7, 1), date(2026, 7, 26), Step.DAY),
        (date(2026, 3, 4), date(2026, 7, 26), Step.WEEK),
        (date(2026, 1, 10), date(2026, 7, 26), Step.MONTH),
        (date(2026, 6, 8), date(2026, 6, 8), Step.DAY),
    ],
)
async def test_everybody_counts_once_in_each_bar_and_once_in_all(
    company: Company, acted: dict[UUID, Days], first: date, last: date, step: Step
) -> None:
    for who in (company.ann, company.tess):
        answer = await stats.active(who, Period("", "UTC", first, last, NOW))
        period, [line] = answer.period, answer.lines[Metric.ACTIVE]
        assert period.step is step
        spans = zip(period.edges, period.edges[1:], strict=False)
        assert line.n == tuple(unique(acted, who, start, end) for start, end in spans)
        assert answer.whole == unique(acted, who, period.edges[0], period.edges[-1])
        assert line.n_before == unique(acted, who, *period.before)
    assert answer.whole > 0


async def test_two_days_of_one_user_at_once_follow_each_other(
    company: Company, admin: asyncpg.Connection, database: Database
) -> None:
    user = await add_user(admin, company.acme, "Both", "both@example.com")
    other = await asyncpg.connect(database.admin_url)
    try:
        async with asyncio.TaskGroup() as both, admin.transaction():
            await act(admin, company.acme, user, date(2026, 7, 2))
            both.create_task(act(other, company.acme, user, date(2026, 7, 9)))
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)"
            while not await admin.fetchval(waits, other.get_server_pid()):  # noqa: ASYNC110 - of another session
                await asyncio.sleep(0.01)
    finally:
        await other.close()
    answer = await stats.active(company.ann, Period("", "UTC", date(2026, 7, 1), date(2026, 7, 20), NOW))
    assert answer.whole == 1
    assert sum(answer.lines[Metric.ACTIVE][0].n) == 2
