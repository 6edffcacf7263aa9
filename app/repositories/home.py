"""How the installation itself is: workers, what waits for them, the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app import clock
from app.models import Job, JobStatus, StaffMember, Worker
from app.work import Work

LATE = timedelta(seconds=20)
"""A worker that has shown no life for so long is not counted."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Known to those who see all teams."""

    workers: int
    places: int
    """How many jobs these workers can run at the same time."""
    database_bytes: int
    staff: int


async def machine(work: Work) -> Machine:
    """The workers that live, how large the database is, how many people are on the staff."""
    living = Worker.heartbeat_at > clock.now() - LATE
    workers = select(func.count(), func.coalesce(func.sum(Worker.concurrency), 0)).where(living)
    n, places = (await work.execute(workers)).one()
    size = await work.scalar(select(func.database_bytes()))
    return Machine(n, int(places), size, await work.scalar(select(func.count()).select_from(StaffMember)))


async def waits_since(work: Work) -> datetime | None:
    """The moment from which the job that waits longest could have run; None: none waits."""
    due = select(Job.run_after).where(Job.status == JobStatus.QUEUED, Job.run_after <= clock.now())
    found: datetime | None = await work.scalar(due.order_by(Job.run_after).limit(1))
    return found
