"""Questions about schedules."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.database import Work
from app.models import Job, Schedule
from app.paging import Page, PageRequest, Sort
from app.repositories.keyset import Listing, page

RUNS = Listing(Job.id, Sort("id"), {})


async def listed(work: Work) -> Sequence[Any]:
    """Every schedule with the state of its last job (None: none ran yet), by name."""
    asked = select(Schedule, Job.status).outerjoin(Job, Job.id == Schedule.last_job_id)
    return (await work.execute(asked.order_by(Schedule.name))).all()


async def last_status(work: Work, schedule: Schedule) -> str | None:
    """The state of its last job; None: none ran yet."""
    if schedule.last_job_id is None:
        return None
    status: str | None = await work.scalar(select(Job.status).where(Job.id == schedule.last_job_id))
    return status


async def runs(work: Work, schedule_id: UUID, request: PageRequest) -> Page[Any]:
    """The jobs that a schedule asked for, the latest first."""
    asked = select(Job.id, Job.kind, Job.status, Job.created_by, Job.created_at, Job.started_at, Job.finished_at)
    return await page(work, asked.where(Job.schedule_id == schedule_id), RUNS, request)
