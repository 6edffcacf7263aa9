"""Questions about workers."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.database import Work
from app.models import Job, JobStatus, StaffMember, Worker

MOST_JOBS = 1_000


async def listed(work: Work) -> Sequence[Any]:
    """Every worker that is known, as (worker, who asked it to drain), the ones that started first first."""
    asked = select(Worker, StaffMember.name).outerjoin(StaffMember, StaffMember.id == Worker.drain_requested_by)
    return (await work.execute(asked.order_by(Worker.started_at, Worker.id))).all()


async def running(work: Work) -> Mapping[UUID, Sequence[Any]]:
    """What each worker runs now, as (id, kind), by worker."""
    asked = select(Job.id, Job.kind, Job.worker).where(Job.status == JobStatus.RUNNING, Job.worker.is_not(None))
    found: dict[UUID, list[Any]] = {}
    for row in await work.execute(asked.order_by(Job.id).limit(MOST_JOBS)):
        found.setdefault(row.worker, []).append(row)
    return found
