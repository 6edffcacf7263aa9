"""A run of a job, from its claim to its end. Every write is fenced: a run that was taken over writes nothing.

The functions ending in ``_in`` belong to somebody's open transaction, so that the last change of a business act and
the end of its job commit together; the others open ``keeping`` themselves.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, not_, select, text, update

from app import topics
from app.changes import plain
from app.ledger.events import Run, end, held, put_in_queue, stop_if_unwanted, tell
from app.models.job import Job, JobEvent, JobEventKind, JobStatus, Worker
from app.work import LeaseLost, Work, keeping


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this worker may run now, and what it needs to know."""

    run: Run
    team_id: UUID | None
    kind: str
    input: Mapping[str, Any]
    checkpoint: dict[str, Any] | None
    attempt: int
    created_by: UUID | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed. ``message`` is for people, ``error`` has everything, ``signature`` groups alike failures."""

    code: str
    message: str
    error: str
    signature: str


class Cancelled(Exception):
    """Somebody asked to cancel this job, and its task has come to a place where it can stop. A task may catch it to
    clean up, and raises it again.
    """


_CLAIM = text(
    """
    WITH due AS MATERIALIZED (
        SELECT id FROM jobs WHERE id = :job AND cancel_requested_at IS NULL AND (
            (status = 'queued' AND run_after <= now())
            OR (status = 'running' AND lease_until < now() AND attempts < max_attempts))
        FOR UPDATE
    )
    UPDATE jobs SET status = 'running', epoch = epoch + 1, attempts = attempts + 1, worker = :worker,
        lease_until = now() + make_interval(secs => :lease), started_at = coalesce(started_at, now()),
        run_started_at = now(), held_at = NULL
    FROM due WHERE jobs.id = due.id
    RETURNING jobs.id, team_id, kind, input, checkpoint, epoch, attempts, created_by, old.worker AS worker_before
    """
)


async def claim(job_id: UUID, worker: Worker, lease: float) -> Claimed | None:
    """Take a due job for ``lease`` seconds. None: somebody else has it, or it is not to be run."""
    async with keeping("jobs: claim") as work:
        row = (await work.execute(_CLAIM, {"job": job_id, "worker": worker.id, "lease": lease})).one_or_none()
        if row is None:
            return None
        kind = JobEventKind.TAKEN_OVER if row.worker_before else JobEventKind.CLAIMED
        detail = {
            "worker": worker.id,
            "host": worker.host,
            "pid": worker.pid,
            "epoch": row.epoch,
            "attempt": row.attempts,
            "from": row.worker_before,
        }
        work.add(JobEvent(job_id=row.id, team_id=row.team_id, kind=kind, detail=plain(detail)))
        work.notify(topics.jobs, row.id)
    run = Run(row.id, row.epoch)
    return Claimed(run, row.team_id, row.kind, row.input, row.checkpoint, row.attempts, row.created_by)


async def renew(run: Run, lease: float) -> bool:
    """Keep the job for another ``lease`` seconds, unless this very run has ended it well meanwhile. True: somebody
    asked to cancel it.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: renew") as work:
        try:
            return await _write(work, run, lease_until=func.now() + timedelta(seconds=lease))
        except LeaseLost:
            if await _has_finished(work, run):
                return False
            raise


async def progress(run: Run, done: int, total: int | None, words: str, percent: int | None = None) -> bool:
    """Say how far it is. True: somebody asked to cancel it. Call it once a second at most.

    ``percent`` is what the bar shows; unset, done of total.

    Raises:
        LeaseLost: another run has it.
    """
    if percent is None:
        percent = 100 * done // total if total else 0
    values = {
        "progress": max(0, min(100, percent)),
        "progress_done": done,
        "progress_total": total,
        "progress_text": words,
    }
    async with keeping("jobs: progress") as work:
        work.notify(topics.jobs, run.job_id, "progress")
        return await _write(work, run, **values)


async def checkpoint(run: Run, state: Mapping[str, Any]) -> bool:
    """Keep where to go on from after a crash. True: somebody asked to cancel it.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: checkpoint") as work:
        return await _write(work, run, checkpoint=plain(state))


async def checkpoint_in(work: Work, run: Run, state: Mapping[str, Any]) -> bool:
    """:func:`checkpoint` in an open transaction: what the state speaks of commits with it, or neither does."""
    job, _ = await held(work, run)
    job.checkpoint = plain(state)
    await work.flush()
    return job.cancel_requested_at is not None


async def finish_in(work: Work, run: Run, result: Mapping[str, Any] | None = None) -> None:
    """End the job with success in an open transaction. In a ``writing`` block its recorded act covers this.

    Raises:
        LeaseLost: another run has it.
    """
    job, now = await held(work, run)
    whole = job.progress_done if job.progress_total is None else job.progress_total
    end(
        job,
        JobStatus.SUCCEEDED,
        now,
        result=plain(result) if result is not None else None,
        progress=100,
        progress_done=whole,
        error=None,
        error_code=None,
        error_signature=None,
    )
    await work.flush()
    tell(work, job, JobEventKind.SUCCEEDED, attempt=job.attempts)


async def finish(run: Run, result: Mapping[str, Any] | None = None) -> None:
    """End the job with success, unless this very run did so already (by :func:`finish_in`).

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: finish") as work:
        try:
            await finish_in(work, run, result)
        except LeaseLost:
            if not await _has_finished(work, run):
                raise


async def fail(run: Run, failure: Failure, *, retry_in: float | None = None) -> None:
    """End the job with failure; or, with ``retry_in`` seconds and attempts left, try again after that time, unless
    somebody asked to cancel it meanwhile.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: fail") as work:
        job, now = await held(work, run)
        why: dict[str, Any] = {"code": failure.code, "message": failure.message, "attempt": job.attempts}
        job.error, job.error_code, job.error_signature = failure.error, failure.code, failure.signature
        if retry_in is None or job.attempts >= job.max_attempts:
            end(job, JobStatus.FAILED, now)
            await work.flush()
            tell(work, job, JobEventKind.FAILED, **why)
        elif not await stop_if_unwanted(work, job, now):
            job.worker = None
            await put_in_queue(work, job, now, retry_in)
            tell(work, job, JobEventKind.RETRY_LATER, **why, delay=retry_in)


async def retry_later(run: Run, delay: float, reason: str = "") -> None:
    """Give the job back for ``delay`` seconds: the task waits for something. The attempt does not count. A job that
    somebody asked to cancel meanwhile ends instead.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: retry later") as work:
        job, now = await held(work, run)
        if await stop_if_unwanted(work, job, now):
            return
        job.worker, job.attempts = None, max(0, job.attempts - 1)
        await put_in_queue(work, job, now, delay)
        tell(work, job, JobEventKind.RETRY_LATER, delay=delay, reason=reason)


async def cancelled(run: Run) -> None:
    """The task has stopped, as somebody asked.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: cancelled") as work:
        job, now = await held(work, run)
        end(job, JobStatus.CANCELLED, now)
        await work.flush()
        tell(work, job, JobEventKind.CANCELLED, by=job.cancel_requested_by)


async def rejected(run: Run, worker: Worker) -> None:
    """Tell on the time line that a run which had lost its job tried to write, and could not."""
    async with keeping("jobs: rejected write") as work:
        ours = and_(Job.epoch == run.epoch, Job.status == JobStatus.SUCCEEDED)
        team_id = await work.scalar(select(Job.team_id).where(Job.id == run.job_id, not_(ours)))
        if team_id is not None:  # neither gone by now, nor ended well by this very run
            detail = {"worker": worker.id, "epoch": run.epoch, "rejected": True}
            work.add(JobEvent(job_id=run.job_id, team_id=team_id, kind=JobEventKind.LEASE_LOST, detail=plain(detail)))
            work.notify(topics.jobs, run.job_id)


async def asked_to_cancel(job_ids: Collection[UUID]) -> set[UUID]:
    """Which of these running jobs somebody asked to cancel."""
    async with keeping("jobs: cancellations") as work:
        asked = select(Job.id).where(Job.id.in_(job_ids), Job.cancel_requested_at.is_not(None))
        return set((await work.execute(asked)).scalars())


async def _has_finished(work: Work, run: Run) -> bool:
    ours = select(Job.status).where(Job.id == run.job_id, Job.epoch == run.epoch)
    return bool(await work.scalar(ours) == JobStatus.SUCCEEDED)


async def _write(work: Work, run: Run, **values: Any) -> bool:  # noqa: ANN401 - columns of a job
    """One fenced UPDATE of hot columns; whether cancelling was asked for."""
    statement = update(Job).where(run.fence).values(**values).returning(Job.cancel_requested_at)
    row = (await work.execute(statement.execution_options(synchronize_session=False))).one_or_none()
    if row is None:
        raise LeaseLost
    return row.cancel_requested_at is not None
