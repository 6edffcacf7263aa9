"""What the whole job queue shares: which engine delivers, a line on a job's time line, the fence of a running job."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from app import topics
from app.database import LeaseLost, Work
from app.job_queue.engines.base import Delivery, Engine
from app.job_queue.engines.pgqueuer import PgQueuerEngine
from app.models.job import Job, JobEvent, JobEventKind, JobStatus
from app.values.exact_json import plain

_NAMED = 4
"""Of more jobs than these at once, open pages hear merely that many have changed: one message instead of hundreds."""


class _Chosen:
    """Who delivers. Tests put another one in place."""

    engine: Engine = PgQueuerEngine()


def engine() -> Engine:
    """What brings jobs to workers."""
    return _Chosen.engine


def deliver_by(other: Engine) -> None:
    """Let another engine bring jobs to workers, in this process."""
    _Chosen.engine = other


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job. ``epoch`` is the fencing token: what another run has taken over, this one cannot write."""

    job_id: UUID
    epoch: int

    @property
    def fence(self) -> ColumnElement[bool]:
        """The condition that every write of this run carries."""
        return and_(Job.id == self.job_id, Job.epoch == self.epoch, Job.status == JobStatus.RUNNING)


def tell(work: Work, job: Job, kind: JobEventKind, **detail: object) -> None:
    """Append a line to the job's time line, and tell open pages."""
    work.implied(JobEvent(job_id=job.id, team_id=job.team_id, kind=kind, detail=plain(detail)))
    work.notify(topics.jobs, job.id)


def tell_pages(work: Work, jobs: Collection[UUID]) -> None:
    """Tell open pages which jobs have changed; of many at once, merely that."""
    for job_id in jobs if len(jobs) <= _NAMED else [None]:
        work.notify(topics.jobs, job_id)


async def database_now(work: Work) -> datetime:
    """The time of this transaction by the database's clock: the one that all workers share for leases."""
    moment: datetime = await work.scalar(select(func.now()))
    return moment


async def held(work: Work, run: Run) -> tuple[Job, datetime]:
    """The job of this run, locked, and the transaction's time: never before a wish to cancel that it waited for.

    Raises:
        LeaseLost: it is not this run's job any more.
    """
    now = func.greatest(func.now(), Job.cancel_requested_at, Job.cancel_seen_at)
    statement = select(Job, now).where(run.fence).with_for_update(of=Job, key_share=True)
    row = (await work.execute(statement.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise LeaseLost
    work.implied(row[0])
    return row[0], row[1]


async def hold(work: Work, run: Run) -> None:
    """Fence a whole block: it commits only while the job is this run's. A takeover (which locks FOR UPDATE) waits
    until it has ended; a wish to cancel does not.

    Raises:
        LeaseLost: it is not this run's job any more.
    """
    statement = select(Job.id).where(run.fence).with_for_update(of=Job, read=True, key_share=True)
    if await work.scalar(statement) is None:
        raise LeaseLost


async def put_in_queue(work: Work, job: Job, now: datetime, delay: float = 0) -> None:
    """Make the job wait for a worker, due in ``delay`` seconds, and send the message in this very transaction."""
    job.status = JobStatus.QUEUED
    job.lease_until = job.held_at = None
    job.run_after = job.delivered_at = now + timedelta(seconds=delay)
    job.deliveries = 1
    await work.flush()  # before the engine's raw statement, which would otherwise escape the transaction
    await send(work, job, delay)


async def send(work: Work, job: Job, delay: float = 0) -> bool:
    """Hand the job's id to the engine."""
    return (await deliver(work, [Delivery(job.id, job.epoch, job.queue, job.priority, delay)]))[0]


async def deliver(work: Work, deliveries: Sequence[Delivery]) -> list[bool]:
    """Hand jobs' ids to the engine."""
    return await engine().deliver(work, deliveries)


def end(job: Job, status: JobStatus, now: datetime, **values: Any) -> None:  # noqa: ANN401 - columns of a job
    """Give the job its last state."""
    job.status, job.finished_at = status, now
    job.lease_until = job.worker = job.held_at = None
    for column, value in values.items():
        setattr(job, column, value)
