"""What keeps jobs moving when workers die and messages get lost. Any worker may sweep; one at a time does."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, extract, func, or_, select, text
from sqlalchemy.orm import load_only

from app.database import Work, driver, engine, keeping
from app.job_queue.core import deliver, put_in_queue, tell
from app.job_queue.engines.base import Delivery
from app.job_queue.queues import AT_MOST, release_all
from app.job_queue.requests import end_badly, stop_if_unwanted
from app.models.job import Job, JobEventKind, JobStatus, Queue, Worker

_LOCK = 0x71645F7377656570  # "qd_sweep"
_MOST_DOUBLINGS = 8
_LOST_FOR = timedelta(days=1)
"""How long a worker that is gone without a word is still shown."""
_COLUMNS = load_only(
    Job.id, Job.team_id, Job.kind, Job.status, Job.epoch, Job.worker, Job.attempts, Job.max_attempts, Job.queue,
    Job.priority, Job.deliveries, Job.delivered_at, Job.run_after, Job.held_at, Job.run_cost_micros,
    Job.cancel_requested_at, Job.cancel_requested_by,
)  # fmt: skip


_FROZEN = text("""
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    AND state = 'active' AND wait_event = 'ClientRead'
    AND extract(epoch FROM now() - state_change) > CASE WHEN query ~* '^\\s*copy' THEN CAST(:copying AS float8)
        ELSE CAST(:silence AS float8) END
""")


async def end_frozen(silence: float) -> int:
    """End the transactions of processes of ours that froze between the parts of one question; returns how many.

    PostgreSQL ends by itself what is idle in a transaction for ``silence`` seconds. A driver that has sent half a
    question and then nothing counts as active there, and would hold its locks, that of the sweep among them, for ever.
    A COPY is always waiting for its next part, and has a limit of its own.
    """
    async with engine.login() as login:
        limits = {"silence": silence, "copying": max(silence, 1.5 * driver.COPY_SECONDS)}
        return int((await login.execute(_FROZEN, limits)).scalar_one())


async def sweep(redeliver: float) -> int:
    """Free jobs whose lease has run out; end waiting ones that somebody asked to cancel; deliver those again that
    nobody took for ``redeliver`` seconds, doubled each time. Returns how many jobs it moved; nothing happens while
    another worker sweeps.
    """
    async with keeping("jobs: sweep") as work:
        if not await work.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
            return 0
        freed = await _free(work, Job.lease_until < func.now())
        stopped = await _stop_unwanted(work)
        sent = await _deliver_again(work, redeliver)
        released = await release_all(work)
        await work.execute(delete(Worker).where(Worker.heartbeat_at < func.now() - _LOST_FOR))
    return freed + stopped + sent + released


async def release_dead(me: Worker, alive: Callable[[int], bool]) -> int:
    """Free the jobs of workers of this very machine whose process is gone, without waiting for their leases.

    ``me.host`` names the machine and its set of process numbers, see ``app.worker.host``. Returns how many.
    """
    async with keeping("jobs: release") as work:
        if not await work.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
            return 0
        here = (
            await work.execute(select(Worker.id, Worker.pid).where(Worker.host == me.host, Worker.id != me.id))
        ).all()
        if not (dead := [row.id for row in here if row.pid == me.pid or not alive(row.pid)]):
            return 0
        freed = await _free(work, Job.worker.in_(dead))
        if freed:
            await release_all(work)
    return freed


async def _free(work: Work, lost: ColumnElement[bool]) -> int:
    """Take running jobs from workers that are lost. A row that a transaction of its run holds is left for later."""
    statement = (
        select(Job, func.now()).options(_COLUMNS).where(Job.status == JobStatus.RUNNING, lost).order_by(Job.lease_until)
    )
    rows = (await work.execute(statement.limit(AT_MOST).with_for_update(of=Job, skip_locked=True))).all()
    for row in rows:
        job, now = row[0], row[1]
        lost_one = {"worker": job.worker, "epoch": job.epoch, "attempt": job.attempts}
        tell(work, job, JobEventKind.LEASE_LOST, **lost_one, cost_micros=job.run_cost_micros)
        if await stop_if_unwanted(work, job, now):
            continue
        if job.attempts >= job.max_attempts:
            await _give_up(work, job, now)
        else:
            await put_in_queue(work, job, now)
    return len(rows)


async def _stop_unwanted(work: Work) -> int:
    """End waiting jobs that carry a wish to cancel: no claim takes them."""
    waiting = select(Job, func.now()).options(_COLUMNS).where(Job.status == JobStatus.QUEUED)
    statement = waiting.where(Job.cancel_requested_at.is_not(None)).order_by(Job.run_after).limit(AT_MOST)
    rows = (await work.execute(statement.with_for_update(of=Job, skip_locked=True))).all()
    for row in rows:
        await stop_if_unwanted(work, row[0], row[1])
    return len(rows)


async def _give_up(work: Work, job: Job, now: datetime) -> None:
    sentence = f"The worker was lost while it ran this job, and attempt {job.attempts} was the last one."
    signature = f"{job.kind} WorkerLost - The worker was lost while it ran"
    await end_badly(
        work, job, JobStatus.FAILED, now, error=sentence, error_code="WORKER_LOST", error_signature=signature
    )
    tell(work, job, JobEventKind.FAILED, code="WORKER_LOST", message=sentence, epoch=job.epoch, attempt=job.attempts)


async def _deliver_again(work: Work, redeliver: float) -> int:
    doublings = func.least(Job.deliveries - 1, _MOST_DOUBLINGS)
    waited = extract("epoch", func.now() - Job.delivered_at)
    unseen = or_(Job.deliveries == 0, Job.delivered_at.is_(None), waited > redeliver * func.power(2, doublings))
    waiting = (
        select(Job, func.now()).options(_COLUMNS).where(Job.status == JobStatus.QUEUED, Job.run_after <= func.now())
    )
    running = Job.queue.not_in(select(Queue.name).where(Queue.paused_at.is_not(None)))
    statement = waiting.where(unseen, Job.held_at.is_(None), running).order_by(Job.run_after).limit(AT_MOST)
    rows = (await work.execute(statement.with_for_update(of=Job, skip_locked=True))).all()
    for job, now in rows:
        job.delivered_at, job.deliveries = now, min(job.deliveries + 1, 1000)
    await work.flush()
    messages = [Delivery(job.id, job.epoch, job.queue, job.priority) for job, _ in rows]
    sent = await deliver(work, messages) if messages else []
    for (job, _), is_new in zip(rows, sent, strict=True):
        if is_new:
            tell(work, job, JobEventKind.DELIVERED, again=job.deliveries)
    return sum(sent)
