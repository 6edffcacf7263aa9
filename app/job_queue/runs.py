"""What a run writes while it goes on. Every write is fenced: a run that was taken over writes nothing.

The functions ending in ``_in`` belong to somebody's open transaction, so that what they tell of commits with it; the
others open ``keeping`` themselves. Each tells whether somebody asked to cancel the job, and so has been seen.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select, update

from app import topics
from app.database import LeaseLost, Work, keeping
from app.job_queue.core import Run, held, tell
from app.models.job import Job, JobEvent, JobEventKind, JobStatus
from app.values.exact_json import plain

_WANTED = Job.cancel_requested_at.is_not(None)
_UNSEEN = Job.cancel_seen_at.is_(None)
_NEWS = (Job.id, Job.team_id, Job.epoch, Job.attempts)


async def renew(run: Run, lease: float) -> bool:
    """Keep the job for another ``lease`` seconds, unless this very run has ended it well meanwhile. True: somebody
    asked to cancel it.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: renew") as work:
        try:
            return _wanted(await _write(work, run, lease_until=func.now() + timedelta(seconds=lease)))
        except LeaseLost:
            if await has_finished(work, run) is not None:
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
        return _wanted(await _write(work, run, **values))


async def checkpoint(run: Run, state: Mapping[str, Any], *, first: bool = False) -> bool:
    """Keep where to go on from after a crash. True: somebody asked to cancel it.

    ``first``: of this run, which the time line tells; it would drown in all of them.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: checkpoint") as work:
        row = await _write(work, run, checkpoint=plain(state))
        if first:
            work.add(_event(row, JobEventKind.CHECKPOINT))
        return _wanted(row)


async def checkpoint_in(work: Work, run: Run, state: Mapping[str, Any], *, first: bool = False) -> bool:
    """:func:`checkpoint` in an open transaction: what the state speaks of commits with it, or neither does."""
    job, now = await held(work, run)
    job.checkpoint = plain(state)
    if first:
        tell(work, job, JobEventKind.CHECKPOINT, epoch=job.epoch, attempt=job.attempts)
    if job.cancel_requested_at is not None and job.cancel_seen_at is None:
        job.cancel_seen_at = now
        tell(work, job, JobEventKind.CANCEL_SEEN, epoch=job.epoch, attempt=job.attempts)
    await work.flush()
    return job.cancel_requested_at is not None


async def spend(run: Run, micros: int) -> bool:
    """Add to what the job costs, in millionths of the currency that all costs are kept in. True: somebody asked to
    cancel it.

    Raises:
        LeaseLost: another run has it.
    """
    more = {"cost_micros": Job.cost_micros + micros, "run_cost_micros": Job.run_cost_micros + micros}
    async with keeping("jobs: spend") as work:
        return _wanted(await _write(work, run, **more))


async def asked_to_cancel(job_ids: Collection[UUID]) -> set[UUID]:
    """Which of these running jobs somebody asked to cancel. Their worker has seen it now, and the time line says so."""
    async with keeping("jobs: cancellations") as work:
        asked = select(Job.id).where(Job.id.in_(job_ids), _WANTED, Job.status == JobStatus.RUNNING)
        found = set((await work.execute(asked)).scalars())
        if found:
            await _see(work, Job.id.in_(found), Job.status == JobStatus.RUNNING)
        return found


async def has_finished(work: Work, run: Run) -> str | None:
    """The queue of the job that this very run has ended with success; None when it has not."""
    ours = (Job.id == run.job_id, Job.epoch == run.epoch, Job.status == JobStatus.SUCCEEDED)
    queue: str | None = await work.scalar(select(Job.queue).where(*ours))
    return queue


async def _write(work: Work, run: Run, **values: Any) -> Row[Any]:  # noqa: ANN401 - columns of a job
    """One fenced UPDATE of hot columns; a wish to cancel is seen by it."""
    statement = (
        update(Job)
        .where(run.fence)
        .values(**values)
        .returning(*_NEWS, _WANTED.label("wanted"), _UNSEEN.label("unseen"))
    )
    rows = (await work.execute(statement.execution_options(synchronize_session=False))).all()
    if not rows:
        raise LeaseLost
    if rows[0].wanted and rows[0].unseen:
        await _see(work, Job.id == run.job_id)
    return rows[0]


async def _see(work: Work, *which: ColumnElement[bool]) -> None:
    """Tell of the jobs whose wish to cancel nobody has seen before. It was seen after it came, also by a transaction
    that began before and waited for it.
    """
    seen_at = func.greatest(func.now(), Job.cancel_requested_at)
    statement = update(Job).where(*which, _WANTED, _UNSEEN).values(cancel_seen_at=seen_at).returning(*_NEWS)
    for row in (await work.execute(statement.execution_options(synchronize_session=False))).all():
        work.add(_event(row, JobEventKind.CANCEL_SEEN))
        work.notify(topics.jobs, row.id)


def _wanted(row: Row[Any]) -> bool:
    return bool(row.wanted)


def _event(row: Row[Any], kind: JobEventKind) -> JobEvent:
    detail = {"epoch": row.epoch, "attempt": row.attempts}
    return JobEvent(job_id=row.id, team_id=row.team_id, kind=kind, detail=detail)
