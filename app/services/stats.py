"""The numbers of the company over a range of days. Each has its own verb, so that each can come, or fail, alone.

What a number counts is defined by ``app.models.stats.Metric``. All are exact at the moment they are asked: they are
sums of what triggers noted, and no raw table is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app import clock
from app.actor import Actor
from app.database import Work, reading
from app.errors import Forbidden
from app.models.stats import Metric
from app.permissions import Permission
from app.repositories import stats as stats_table
from app.repositories.stats import Line
from app.values.periods import Period

__all__ = ["Answer", "Line", "actions", "active", "imported", "jobs", "revenue", "reviewed", "signups"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question found: lines by metric, one for each dimension that is in sight."""

    period: Period
    lines: Mapping[Metric, Sequence[Line]]
    since: datetime | None
    """The first quarter of an hour of which anything is known. None: nothing ever happened."""
    as_of: datetime
    whole: int = 0
    """Of a number whose parts cannot be added up: what it is in the whole period."""


async def signups(actor: Actor, period: Period) -> Answer:
    """Users created."""
    return await _answer(actor, Permission.USERS_READ, period, Metric.SIGNUPS)


async def active(actor: Actor, period: Period) -> Answer:
    """Users who started a job or paid, each once in each part of the period and once in all; days are those of UTC."""
    period = period.in_utc()
    async with reading(actor, Permission.USERS_READ) as work:
        _check_stats(work)
        found = await stats_table.active(work, period)
        line = Line("", found.n, found.n, found.before, found.before)
        since = await stats_table.first(work, [Metric.ACTIVE])
        return Answer(period, {Metric.ACTIVE: [line]}, since, clock.now(), found.whole)


async def revenue(actor: Actor, period: Period) -> Answer:
    """Payments by "currency|status" and what was given back of them by currency, in minor units."""
    return await _answer(actor, Permission.PAYMENTS_READ, period, Metric.PAYMENTS, Metric.REFUNDS)


async def jobs(actor: Actor, period: Period) -> Answer:
    """Jobs that ended, by "kind|status", and how many milliseconds they ran."""
    return await _answer(actor, Permission.JOBS_READ, period, Metric.JOBS)


async def imported(actor: Actor, period: Period) -> Answer:
    """Imports that succeeded, and the rows they brought."""
    return await _answer(actor, Permission.DATASETS_READ, period, Metric.IMPORTED)


async def reviewed(actor: Actor, period: Period) -> Answer:
    """Rows decided in review, by the decision."""
    return await _answer(actor, Permission.DATASETS_READ, period, Metric.REVIEWED)


async def actions(actor: Actor, period: Period) -> Answer:
    """What staff did, by the kind of action."""
    return await _answer(actor, Permission.AUDIT_READ, period, Metric.ACTIONS)


async def recorded(actor: Actor, period: Period) -> Answer:
    """How often each kind of entry was recorded, whoever it is of."""
    return await _answer(actor, Permission.AUDIT_READ, period, Metric.ACTIONS, Metric.OTHER_ACTIONS)


async def _answer(actor: Actor, needs: Permission, period: Period, *metrics: Metric) -> Answer:
    """Numbers about something need the right to see it, besides the right to see numbers."""
    async with reading(actor, needs) as work:
        _check_stats(work)
        found = await stats_table.lines(work, metrics, period)
        return Answer(period, found, await stats_table.first(work, metrics), clock.now())


def _check_stats(work: Work) -> None:
    if Permission.STATS_READ not in work.who.permissions:
        raise Forbidden(f"Your role does not include “{Permission.STATS_READ}”. Ask an administrator if you need it.")
