"""One job with everything that its page shows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.actor import Actor
from app.database import Work, reading
from app.errors import NotFound
from app.job_queue import durations
from app.job_queue.attempts import Attempt, Ending, attempts
from app.job_queue.durations import Usual
from app.job_queue.tasks import JOBS_BULK
from app.models import Action, Import, Job, JobEvent, JobStatus, Team
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import imports as imports_table
from app.repositories import job as job_table
from app.repositories import job_times
from app.repositories import jobs as jobs_table
from app.repositories import payments as payments_table
from app.repositories.bulk_outcome import Outcome, by_job

__all__ = ["LARGEST", "Attempt", "Ending", "JobView", "Line", "Usual", "content", "get"]

LARGEST = 100_000
"""Bytes from which on only the beginning of a part is shown on its page; all of it is handed out as a file."""
_WAITS = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})


@dataclass(frozen=True, slots=True)
class Line:
    """The queue in which a job waits."""

    paused_at: datetime | None
    paused_by: str
    why: str
    max_running: int | None
    running: int
    workers: int


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with everything its screen shows."""

    job: Job
    team: str
    """Empty for the console's own work."""
    customer: str
    """The name of the user who asked for it; empty when nobody did, or when they are out of sight."""
    payment: Any
    """The payment that it delivers, a row; None where there is none."""
    started_by: str
    import_: Import | None
    events: Sequence[JobEvent]
    acts: Sequence[Any]
    attempts: Sequence[Attempt]
    names: Mapping[UUID, str]
    """Staff who did something to it, by id."""
    sizes: Mapping[str, int]
    """Bytes of its input, result and checkpoint; those above :data:`LARGEST` are left out of ``job``."""
    beginnings: Mapping[str, Any]
    """Of those that are left out: their first keys, with what is short."""
    usual: Usual | None = None
    """How long such jobs take; None where nobody knows, and once it has ended."""
    line: Line | None = None
    """Its queue, while it waits; None for who may not see queues."""
    schedule: str = ""
    dataset: tuple[UUID, str] | None = None
    waited: float | None = None
    """Seconds that it waited for its last run, and that this took: see ``app.repositories.job_times``."""
    ran: float | None = None
    outcome: Outcome | None = None
    """What became of the jobs of the bulk act that it carries out."""
    heard_of: datetime | None = None
    """The last sign of life of the worker that runs it; None for who may not see workers, or where it is gone."""

    def shows(self, part: str) -> bool:
        """Whether a part is small enough for the page."""
        return self.sizes[part] <= LARGEST


async def get(actor: Actor, job_id: UUID) -> JobView:
    """One job, with its time line, what staff did to it, and what it belongs to."""
    async with reading(actor, Permission.JOBS_READ) as work:
        sizes = await job_table.sizes(work, job_id)
        large = [part for part, size in sizes.items() if size > LARGEST]
        job = await job_table.get(work, job_id, large)
        events = await job_table.events(work, job_id)
        people = await job_table.names(work, set(_people(job, events)))
        import_ = await imports_table.of_job(work, job.id)
        times = await job_times.of(work, job.id)
        waits = job.status in _WAITS
        sees_queues = Permission.QUEUES_READ in work.who.permissions
        return JobView(
            job,
            (await work.get(Team, job.team_id)).name if job.team_id else "",
            await jobs_table.customer(work, job.user_id),
            await payments_table.of_job(work, job.payment_id),
            people.get(job.created_by, "") if job.created_by else "",
            import_,
            events,
            await audit_table.of_record(work, "job", str(job.id)),
            attempts(reversed(events), job.attempts),
            people,
            sizes,
            {part: await job_table.cut(work, job_id, part) for part in large},
            await _usual(work, job) if waits else None,
            await _line(work, job) if job.status == JobStatus.QUEUED and sees_queues else None,
            await job_table.schedule_name(work, job.schedule_id) if job.schedule_id and sees_queues else "",
            await _dataset(work, job, import_, shown=sizes["input"] <= LARGEST),
            times.waited,
            times.ran,
            (await by_job(work, [job.id])).get(job.id) if job.kind == JOBS_BULK.kind else None,
            await job_table.worker_since(work, job.worker) if job.worker and sees_queues else None,
        )


async def content(actor: Actor, job_id: UUID, part: str) -> bytes:
    """A part of a job ("input", "result", "checkpoint") as JSON, as its reader may see it.

    Raises:
        NotFound: there is no such part.
    """
    if part not in job_table.PARTS:
        raise NotFound("A job has an input, a result and a checkpoint.")
    async with reading(actor, Permission.JOBS_READ) as work:
        job = await job_table.get(work, job_id, [other for other in job_table.PARTS if other != part])
    if getattr(job, part) is None:
        raise NotFound(f"This job has no {part}.")
    return json.dumps(getattr(job, part), ensure_ascii=False, indent=2).encode()


def _people(job: Job, events: Iterable[JobEvent]) -> Iterable[UUID]:
    """Staff whom the job and its time line name."""
    told = (event.detail.get("by") for event in events)
    yield from (one for one in (job.created_by, job.cancel_requested_by) if one is not None)
    yield from (UUID(str(one)) for one in told if one)


async def _usual(work: Work, job: Job) -> Usual | None:
    whose = work.who.team_ids if work.who.team_ids is None or job.team_id is None else (job.team_id,)
    known, usual = durations.remembered.get(job.kind, whose)
    if not known:
        usual = durations.usual(await job_table.durations(work, job, durations.LAST))
        durations.remembered.keep(job.kind, whose, usual)
    return usual


async def _line(work: Work, job: Job) -> Line | None:
    found = await job_table.queue(work, job.queue)
    if found is None:
        return None
    acts = await audit_table.of_record(work, "queue", str(found.id)) if found.paused_at else []
    pause = next((act for act in acts if act.action == Action.QUEUE_PAUSED), None)
    by, why = (pause.actor_name, pause.reason or "") if pause else ("", "")
    return Line(found.paused_at, by, why, found.max_running, found.running, found.workers)


async def _dataset(work: Work, job: Job, import_: Import | None, *, shown: bool) -> tuple[UUID, str] | None:
    """The dataset that it works on, if it is still there."""
    if import_ is not None:
        wanted = import_.dataset_id
    elif shown and isinstance(named := job.input.get("dataset_id"), str):
        try:
            wanted = UUID(named)
        except ValueError:
            return None
    else:
        return None
    name = await job_table.dataset_name(work, wanted)
    return (wanted, name) if name else None
