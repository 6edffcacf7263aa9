"""What only Home asks: how the installation is, what waits for its workers, how many rows there are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, cast, func, select

from app import clock
from app.database import Work
from app.models import Dataset, DatasetCount, DatasetStatus, Job, JobStatus, StaffMember, Worker

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
    living = select(func.count(), func.coalesce(func.sum(Worker.concurrency), 0), func.database_bytes())
    people = select(func.count()).select_from(StaffMember).scalar_subquery()
    asked = living.add_columns(people).where(Worker.heartbeat_at > clock.now() - LATE)
    workers, places, size, staff = (await work.execute(asked)).one()
    return Machine(workers, int(places), size, staff)


async def waits_since(work: Work) -> datetime | None:
    """The moment from which the job that waits longest could have run; None: none waits."""
    due = select(Job.run_after).where(Job.status == JobStatus.QUEUED, Job.run_after <= clock.now())
    found: datetime | None = await work.scalar(due.order_by(Job.run_after).limit(1))
    return found


async def rows(work: Work) -> int:
    """How many rows there are in all datasets in sight, from their counters."""
    counted = select(cast(func.coalesce(func.sum(DatasetCount.n), 0), BigInteger))
    living = counted.join(Dataset, Dataset.number == DatasetCount.dataset_number)
    return int(await work.scalar(living.where(Dataset.status == DatasetStatus.ACTIVE)))
