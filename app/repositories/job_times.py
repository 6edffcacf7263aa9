"""How long a job waited and how long it ran: one definition each, for lists, pages, files and programs."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Float, Row, and_, case, cast, extract, func, select

from app.database import Work
from app.models import Job, JobStatus

_BEGAN = func.coalesce(Job.run_started_at, Job.started_at)
"""When its last run began."""
_RAN_LAST = Job.run_after <= _BEGAN
"""Since it was due for the last time, it was run: what waits to be tried again has not been yet."""


def _seconds(length: ColumnElement[Any]) -> ColumnElement[float]:
    return cast(extract("epoch", length), Float)


WAITED: ColumnElement[float] = case(
    (_RAN_LAST, _seconds(_BEGAN - Job.run_after)),
    (and_(Job.status == JobStatus.QUEUED, Job.run_after < func.now()), _seconds(func.now() - Job.run_after)),
).label("waited")
"""Seconds that a job waited for its last run: from the moment it was due (asked for, queued again, or the end of a
pause between two attempts) until a worker began; while it waits, until now. None: not due yet, or stopped before it was
run.
"""
RAN: ColumnElement[float] = case(
    (and_(_RAN_LAST, Job.finished_at.is_not(None)), _seconds(Job.finished_at - _BEGAN))
).label("ran")
"""Seconds that its last run took; None while it runs, and where it ended without one."""


async def of(work: Work, job_id: UUID) -> Row[Any]:
    """How long one job waited and ran."""
    return (await work.execute(select(WAITED, RAN).where(Job.id == job_id))).one()
