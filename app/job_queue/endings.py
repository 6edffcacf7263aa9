"""How a run ends: with success, with failure, given back, cancelled. Each end is fenced, and makes room in its queue.

:func:`finish_in` belongs to somebody's open transaction, so that the last change of a business act and the end of its
job commit together; the others open ``keeping`` themselves.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, not_, select, text

from app import topics
from app.database import LeaseLost, Work, keeping
from app.job_queue.core import Run, end, held, put_in_queue, tell, tell_pages
from app.job_queue.queues import GOVERNED, make_room
from app.job_queue.requests import end_badly, stop_if_unwanted
from app.job_queue.runs import has_finished
from app.models.job import Job, JobEvent, JobEventKind, JobStatus, Worker
from app.values import exact_json
from app.values.exact_json import plain

Result = Mapping[str, Any] | None
_LATELY = timedelta(hours=1)


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


class Later(Exception):
    """A task waits for something: it wants its job back in ``delay`` seconds. The attempt does not count."""

    def __init__(self, delay: float, reason: str) -> None:
        super().__init__(reason)
        self.delay, self.reason = delay, reason


# Found by their ids alone, see app.job_queue.claims.
_FINISH = text(
    """
    WITH governed AS (GOVERNED), given AS (
        SELECT * FROM unnest(CAST(:jobs AS uuid[]), CAST(:epochs AS integer[]), CAST(:results AS text[]))
            AS g (job, run, answer)
    ), ended AS (
        UPDATE jobs SET status = 'succeeded', finished_at = now(), lease_until = NULL, worker = NULL,
            result = CAST(answer AS jsonb), progress = 100, progress_done = coalesce(progress_total, progress_done),
            error = NULL, error_code = NULL, error_signature = NULL
        FROM given WHERE id = ANY (:jobs) AND id = job AND epoch = run AND status || '' = 'running'
        RETURNING jobs.id, team_id, queue, epoch, attempts, old.worker AS ran_by, run_cost_micros
    ), told AS (
        INSERT INTO job_events (job_id, team_id, at, kind, detail)
        SELECT id, team_id, now(), 'succeeded', jsonb_build_object('epoch', epoch, 'attempt', attempts,
            'worker', ran_by, 'cost_micros', run_cost_micros)
        FROM ended
    )
    SELECT id, queue, queue = ANY (ARRAY(SELECT name FROM governed)) AS governed FROM ended
    """.replace("GOVERNED", GOVERNED)
)


async def finish_many(ends: Sequence[tuple[Run, Result]]) -> set[UUID]:
    """End jobs with success. Returns which; the others have been taken over by other runs."""
    parameters = {
        "jobs": [run.job_id for run, _ in ends],
        "epochs": [run.epoch for run, _ in ends],
        "results": [None if result is None else exact_json.dumps(plain(result)) for _, result in ends],
    }
    async with keeping("jobs: finish") as work:
        rows = (await work.execute(_FINISH, parameters)).all()
        ended = {row.id for row in rows}
        tell_pages(work, ended)
        made = Counter(row.queue for row in rows if row.governed)
        for run, _ in ends:
            # Its last act may have ended it, and only now somebody says so who can let others through.
            if run.job_id not in ended and (queue := await has_finished(work, run)) is not None:
                ended.add(run.job_id)
                made[queue] += 1
        if made:
            await make_room(work, made)
    return ended


async def finish(run: Run, result: Result = None) -> None:
    """End the job with success, unless this very run did so already (by :func:`finish_in`).

    Raises:
        LeaseLost: another run has it.
    """
    if not await finish_many([(run, result)]):
        raise LeaseLost


async def finish_in(work: Work, run: Run, result: Result = None) -> None:
    """End the job with success in an open transaction. In a ``writing`` block its recorded act covers this.

    Raises:
        LeaseLost: another run has it.
    """
    job, now = await held(work, run)
    told = _attempt(job)
    whole = job.progress_done if job.progress_total is None else job.progress_total
    answer = plain(result) if result is not None else None
    end(job, JobStatus.SUCCEEDED, now, result=answer, progress=100, progress_done=whole)
    job.error = job.error_code = job.error_signature = None
    await work.flush()
    tell(work, job, JobEventKind.SUCCEEDED, **told)


async def fail(run: Run, failure: Failure, *, retry_in: float | None = None, uses_up: bool = True) -> None:
    """End the job with failure; or, with ``retry_in`` seconds and attempts left, try again after that time, unless
    somebody asked to cancel it meanwhile. An attempt that is not used up is always left.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: fail") as work:
        job, now = await held(work, run)
        why = {**_attempt(job), "code": failure.code, "message": failure.message, "error": failure.error}
        job.error, job.error_code, job.error_signature = failure.error, failure.code, failure.signature
        if not uses_up:
            job.attempts = max(0, job.attempts - 1)
        if retry_in is None or job.attempts >= job.max_attempts:
            await end_badly(work, job, JobStatus.FAILED, now)
            tell(work, job, JobEventKind.FAILED, **why)
        elif not await stop_if_unwanted(work, job, now, **why):
            job.worker = None
            await put_in_queue(work, job, now, retry_in)
            tell(work, job, JobEventKind.RETRY_LATER, **why, delay=retry_in)
        await make_room(work, {job.queue: 1})


async def wait_out(run: Run, failure: Failure, pause: Callable[[int], float], *, uses_up: bool) -> None:
    """Let the job wait for what whoever runs the database has to give it: ``pause`` says how many seconds for the n-th
    time within an hour. Unless it ``uses_up`` attempts, this one does not count.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: wait out") as work:
        again = JobEvent.kind == JobEventKind.RETRY_LATER, JobEvent.detail["code"].astext == failure.code
        lately = JobEvent.at > func.now() - _LATELY
        times = await work.scalar(select(func.count()).where(JobEvent.job_id == run.job_id, *again, lately))
    await fail(run, failure, retry_in=pause(times + 1), uses_up=uses_up)


async def retry_later(run: Run, delay: float, reason: str = "") -> None:
    """Give the job back for ``delay`` seconds: the task waits for something. The attempt does not count. A job that
    somebody asked to cancel meanwhile ends instead.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: retry later") as work:
        job, now = await held(work, run)
        told = _attempt(job)
        if not await stop_if_unwanted(work, job, now, **told):
            job.worker, job.attempts = None, max(0, job.attempts - 1)
            await put_in_queue(work, job, now, delay)
            tell(work, job, JobEventKind.RETRY_LATER, **told, delay=delay, reason=reason)
        await make_room(work, {job.queue: 1})


async def cancelled(run: Run) -> None:
    """The task has stopped, as somebody asked.

    Raises:
        LeaseLost: another run has it.
    """
    async with keeping("jobs: cancelled") as work:
        job, now = await held(work, run)
        told = _attempt(job)
        await end_badly(work, job, JobStatus.CANCELLED, now)
        tell(work, job, JobEventKind.CANCELLED, **told, by=job.cancel_requested_by)
        await make_room(work, {job.queue: 1})


async def rejected(run: Run, worker: Worker) -> None:
    """Tell on the time line that a run which had lost its job tried to write, and could not."""
    async with keeping("jobs: rejected write") as work:
        ours = and_(Job.epoch == run.epoch, Job.status == JobStatus.SUCCEEDED)
        found = (await work.execute(select(Job.team_id).where(Job.id == run.job_id, not_(ours)))).one_or_none()
        if found is not None:  # neither gone by now, nor ended well by this very run
            detail = plain({"worker": worker.id, "host": worker.host, "epoch": run.epoch, "rejected": True})
            work.add(JobEvent(job_id=run.job_id, team_id=found.team_id, kind=JobEventKind.LEASE_LOST, detail=detail))
            work.notify(topics.jobs, run.job_id)


def _attempt(job: Job) -> dict[str, Any]:
    """What the time line tells of the attempt that ends here."""
    return {"epoch": job.epoch, "attempt": job.attempts, "worker": job.worker, "cost_micros": job.run_cost_micros}
