"""When a job was last active: now while it waits or runs, and when it ended once it has. So what failed again a moment
ago is found among what is recent, however long ago it was asked for.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, union_all

from app import clock
from app.database import Work
from app.models import Job, JobCount, JobStatus, Metric
from app.paging import RANGES, PageRequest
from app.repositories import tallies
from app.repositories.filters import ends, moment
from app.repositories.keyset import Parts

NAME = "active"
"""The filter, in an address."""
OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)
SLACK = timedelta(hours=1)
"""By which clocks may differ: that of whoever makes an id, and the database's, which says when a job was created."""
_LONG: ColumnElement[bool] = literal_column("jobs.finished_at - jobs.created_at > interval '1 hour'")
"""Jobs that ended long after they were asked for have an index of their own, which names this condition."""
_LONG_IS = timedelta(hours=1)


def named_start(request: PageRequest, name: str) -> datetime | None:
    """Where a named range begins: with a full quarter of an hour, of which the numbers are known exactly."""
    _, length = RANGES.get(request.one(name) or "", ("", None))
    if length is None:
        return None
    start: datetime = clock.now() - length
    return start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0)


def first_id(start: datetime) -> UUID:
    """An id smaller than those of all jobs that were created from ``start`` on: ids grow with time."""
    return UUID(int=int((start - SLACK).timestamp() * 1000) << 80)


def conditions(request: PageRequest) -> list[Any]:
    """Jobs whose last activity lies in the range that is asked for."""
    start, end = _range(request)
    if end is not None:  # what has not ended is active now, after the end of any range
        return [Job.finished_at < end, *([Job.finished_at >= start] if start else [])]
    return [or_(Job.finished_at.is_(None), Job.finished_at >= start)] if start else []


def parts(request: PageRequest) -> Parts | None:
    """The same for a list in the order of ids: those created lately, and the few older ones, by indexes of their own.
    None where one index finds them all.
    """
    start, end = _range(request)
    if start is None or end is not None:
        return None
    first = first_id(start - _LONG_IS)
    old = [and_(Job.id < first, Job.status == status) for status in OPEN]
    late = and_(Job.id < first, Job.finished_at >= start, _LONG)
    return Parts(Job.id >= first, [*old, late])


def counted(work: Work, start: datetime, kinds: Any, team: UUID | None) -> Select[Any]:  # noqa: ANN401 - words
    """How many stand where, of those active from ``start`` on: one question, for one moment."""
    open_ = select(JobCount.status, JobCount.n).where(JobCount.status.in_(OPEN))
    open_ = open_.where(JobCount.kind.in_(kinds)) if kinds else open_
    open_ = open_.where(JobCount.team_id == team) if team else open_
    dimensions = [f"{kind}|{state}" for kind in kinds for state in JobStatus] or None
    noted = tallies.noted_since(work, Metric.JOBS, start, team=team, dimensions=dimensions).subquery()
    ended = select(func.split_part(noted.c.dimension, "|", 2).label("status"), noted.c.n)
    both = union_all(open_, ended).subquery()
    return select(both.c.status, func.sum(both.c.n)).group_by(both.c.status)


def _range(request: PageRequest) -> tuple[datetime | None, datetime | None]:
    if (start := named_start(request, NAME)) is not None:
        return start, None
    first, last = ends(request.filters.get(NAME, ()))
    return (moment(first) if first else None), (moment(last) if last else None)
