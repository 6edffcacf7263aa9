"""What people (and jobs) ask of the job queue, each inside the caller's own transaction. The caller records the act."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import topics
from app.database import Work
from app.ids import uuid7
from app.job_queue.core import database_now, end, put_in_queue, tell
from app.job_queue.search_words import words_of
from app.job_queue.tasks import TASKS, Task, attempts_of
from app.models.job import Job, JobEventKind, JobStatus
from app.values.exact_json import plain

CANCEL = "cancel"
"""What workers are told when somebody wants a running job to stop."""


async def submit(
    work: Work,
    task: Task,
    *,
    team_id: UUID | None,
    created_by: UUID | None,
    unique_key: str | None = None,
    delay: float = 0,
    priority: int | None = None,
    schedule_id: UUID | None = None,
    **input: Any,  # noqa: A002, ANN401 - the task's own keywords, as JSON
) -> Job:
    """Queue a job, due in ``delay`` seconds. It exists when and only when the caller's transaction commits.

    ``unique_key``: at most one job of the team with this key waits or runs; a second is refused as Duplicate.
    ``priority``: higher ones are taken first; as the task says, unless given.
    ``schedule_id`` names the schedule that asks for it.
    Ids and times in the input arrive at the task as strings.
    """
    now = await database_now(work)
    job = Job(
        id=uuid7(),
        team_id=team_id,
        kind=task.kind,
        input=plain(input),
        queue=task.queue,
        max_attempts=task.max_attempts,
        created_by=created_by,
        created_at=now,
        unique_key=unique_key,
        epoch=0,
        schedule_id=schedule_id,
        priority=task.priority if priority is None else priority,
    )
    work.implied(job)
    await put_in_queue(work, job, now, delay)
    if (words := words_of(job)) is not None:
        work.implied(words)
    tell(work, job, JobEventKind.QUEUED, by=created_by, delay=delay)
    return job


async def requeue(
    work: Work, job: Job, *, by: UUID | None = None, from_start: bool = False, bulk_id: UUID | None = None
) -> None:
    """Put an ended job back in the queue with as many attempts more as its kind has; those that were made still count.
    It goes on from its checkpoint, or ``from_start``. ``bulk_id`` is the bulk act that this is part of.

    The caller holds the job locked and has asked ``job.can_retry``.
    """
    now = await database_now(work)  # first: all that follows is one change, by which its bulk act counts it
    job.max_attempts = job.attempts + attempts_of(job.kind)
    job.bulk_id = bulk_id
    job.epoch += 1  # an older message may still wait under the last one, and would swallow this one
    job.worker = job.started_at = job.finished_at = job.cancel_requested_at = job.cancel_requested_by = None
    job.cancel_seen_at = job.run_started_at = job.error = job.error_code = job.error_signature = job.result = None
    job.run_cost_micros = 0
    if from_start:
        job.checkpoint = job.progress_total = None
        job.progress = job.progress_done = 0
        job.progress_text = ""
    await put_in_queue(work, job, now)
    tell(work, job, JobEventKind.RETRIED, by=by, from_start=from_start)


async def request_cancel(work: Work, job: Job, by: UUID | None) -> None:
    """Ask a job to stop: a waiting one has stopped at once, a running one when its task sees it.

    The caller holds the job locked and has asked ``job.can_cancel``.
    """
    now = await database_now(work)
    job.cancel_requested_at, job.cancel_requested_by = now, by
    tell(work, job, JobEventKind.CANCEL_REQUESTED, by=by)
    work.notify(topics.jobs, job.id, CANCEL)  # workers listen for it
    if job.status == JobStatus.QUEUED:
        await end_badly(work, job, JobStatus.CANCELLED, now)
        tell(work, job, JobEventKind.CANCELLED, by=by)


async def stop_if_unwanted(work: Work, job: Job, now: datetime, **detail: object) -> bool:
    """End a job that somebody asked to cancel, instead of letting it wait again: no worker would ever take it.
    ``detail`` tells of the run that it had.
    """
    if job.cancel_requested_at is None:
        return False
    await end_badly(work, job, JobStatus.CANCELLED, now)
    tell(work, job, JobEventKind.CANCELLED, **detail, by=job.cancel_requested_by)
    return True


async def end_badly(work: Work, job: Job, status: JobStatus, now: datetime, **values: Any) -> None:  # noqa: ANN401 - columns of a job
    """Give the job its last state, which is no success. What it leaves behind is cleared up by a job of its own: so it
    is whatever became of the run, and a worker that dies over it is as harmless as over any other.
    """
    end(job, status, now, **values)
    await work.flush()
    task = TASKS.get(job.kind)
    if task is not None and task.cleanup is not None:
        given = await work.scalar(select(Job.input).where(Job.id == job.id))  # the sweep does not load it
        await submit(work, task.cleanup, team_id=job.team_id, created_by=None, **given)


async def give_up(work: Work, job: Job, by: UUID | None) -> None:
    """Settle a failed job as cancelled: it no longer stands among the failures. What went wrong stays with it, and it
    can still be retried.

    The caller holds the job locked and has asked whether it failed.
    """
    finished_at = job.finished_at or await database_now(work)
    end(job, JobStatus.CANCELLED, finished_at)
    await work.flush()
    tell(work, job, JobEventKind.CANCELLED, by=by, given_up=True)
