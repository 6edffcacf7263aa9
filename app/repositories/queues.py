"""Questions about queues: what waits and runs in them, how it went, minute by minute. By counters and indexes only."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, cast, delete, func, literal, select
from sqlalchemy.engine import CursorResult

from app.database import Work
from app.models import Job, JobMinute, JobStatus, JobTotal, Queue

MOST_HELD = 1_000
"""Held jobs of a queue are counted up to here."""
_DUE = (
    select(Job.run_after)
    .where(Job.queue == Queue.name, Job.status == JobStatus.QUEUED, Job.run_after <= func.now())
    .order_by(Job.run_after)
    .limit(1)
    .scalar_subquery()
)
_HELD = (
    select(literal(1))
    .where(Job.queue == Queue.name, Job.status == JobStatus.QUEUED, Job.held_at.is_not(None))
    .limit(MOST_HELD)
    .correlate(Queue)
)
_FIGURES = ("started", "waited_ms", "succeeded", "failed", "cancelled", "retried", "ran_ms")
_STANDING = (JobStatus.QUEUED, JobStatus.RUNNING)


async def standing(work: Work) -> Sequence[Any]:
    """Every queue with what staff decided about it, the moment from which its oldest waiting job could have run, and
    how many jobs it holds back (up to :data:`MOST_HELD`).
    """
    held = select(func.count()).select_from(_HELD.lateral()).scalar_subquery()
    columns = (Queue.id, Queue.name, Queue.paused_at, Queue.max_running, _DUE.label("oldest"), held.label("held"))
    return (await work.execute(select(*columns).order_by(Queue.name))).all()


async def totals(work: Work) -> Mapping[tuple[str, JobStatus], int]:
    """How many jobs wait and run, by queue; from counters."""
    summed = cast(func.sum(JobTotal.n), BigInteger)
    asked = select(JobTotal.queue, JobTotal.status, summed).where(JobTotal.status.in_(_STANDING))
    rows = await work.execute(asked.group_by(JobTotal.queue, JobTotal.status))
    return MappingProxyType({(queue, JobStatus(status)): n for queue, status, n in rows})


async def waiting_out(work: Work, codes: Collection[str]) -> Mapping[str, int]:
    """How many jobs wait until later because they met one of these errors, by its code. Few wait until later."""
    waits = (Job.status == JobStatus.QUEUED, Job.held_at.is_(None), Job.run_after > func.now())
    asked = select(Job.error_code, func.count().label("n")).where(*waits, Job.error_code.in_(codes))
    return MappingProxyType({row.error_code: row.n for row in await work.execute(asked.group_by(Job.error_code))})


async def minutes(work: Work, start: datetime, until: datetime | None = None) -> Sequence[Any]:
    """What happened in each minute from ``start`` on, before ``until``, by queue and kind: started, waited_ms (summed
    over those), succeeded, failed, cancelled, retried, ran_ms (summed over those that ended). A minute in which nothing
    happened has no row.
    """
    summed = [cast(func.sum(getattr(JobMinute, name)), BigInteger).label(name) for name in _FIGURES]
    asked = select(JobMinute.minute, JobMinute.queue, JobMinute.kind, *summed).where(JobMinute.minute >= start)
    if until is not None:
        asked = asked.where(JobMinute.minute < until)
    return (await work.execute(asked.group_by(JobMinute.minute, JobMinute.queue, JobMinute.kind))).all()


async def forget_before(work: Work, moment: datetime) -> int:
    """Forget what happened before a moment; returns how many rows that were."""
    result = await work.execute(delete(JobMinute).where(JobMinute.minute < moment))
    return result.rowcount if isinstance(result, CursorResult) else 0
