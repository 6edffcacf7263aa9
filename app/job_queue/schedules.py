"""Jobs that are asked for again and again. What the program wants is declared here, next to the tasks; when it happens,
and whether at all, staff decide in the table ``schedules``.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, topics
from app.database import Work
from app.errors import Invalid
from app.ids import uuid7
from app.job_queue.core import database_now
from app.job_queue.requests import submit
from app.job_queue.tasks import FIGURES_FORGET, FILES_TIDY, TASKS, Task
from app.models.job import Job, JobStatus, Schedule
from app.values import cron as recurrence

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job of the console's own that is to run at the times of a cron expression: ``0 3 * * *`` is at three every day
    in ``time_zone``. ``name`` tells schedules apart, also over the years: never give it to another one.
    """

    name: str
    task: Task
    cron: str
    time_zone: str = "UTC"
    input: Mapping[str, Any] = field(default_factory=dict)


FIRST_REST = timedelta(hours=1)
"""A schedule that the program brings along runs for the first time after this: a new installation has better to do."""
SCHEDULES = (
    Scheduled("Remove abandoned files", FILES_TIDY, "17 * * * *"),
    Scheduled("Forget old figures of queues", FIGURES_FORGET, "40 3 * * *"),
)


async def declare_schedules(work: Work) -> None:
    """Write down the schedules that the program has, for whoever starts first. Those that are there stay as staff made
    them.
    """
    now = clock.now()
    rows = [
        {
            "id": uuid7(),
            "name": one.name,
            "kind": one.task.kind,
            "input": dict(one.input),
            "cron": one.cron,
            "time_zone": one.time_zone,
            "enabled": True,
            "next_run_at": recurrence.next_after(one.cron, one.time_zone, now + FIRST_REST),
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        for one in SCHEDULES
    ]
    await work.execute(insert(Schedule).values(rows).on_conflict_do_nothing(index_elements=["name"]))


async def run_next_due(work: Work) -> UUID | None:
    """Ask for the job of the schedule that is due the longest, and set when it runs next; returns the schedule, None
    when none is due.

    However many workers try, each time of a schedule is taken once. Times that passed while no worker lived count as
    one. A time at which the last job has not ended yet is left out: work never piles up behind slow work.
    """
    due = select(Schedule).where(Schedule.enabled, Schedule.next_run_at <= func.now(), Schedule.kind.in_(TASKS))
    found: Schedule | None = await work.scalar(
        due.order_by(Schedule.next_run_at).limit(1).with_for_update(skip_locked=True)
    )
    if found is None:
        return None
    now = await database_now(work)
    changed: dict[str, Any] = {"next_run_at": _next(found, now)}
    if changed["next_run_at"] is not None and not await is_busy(work, found):
        job = await submit_scheduled(work, found, created_by=None)
        changed |= {"last_run_at": now, "last_job_id": job.id}
    # By a statement of its own: what staff edit keeps its version.
    await work.execute(update(Schedule).where(Schedule.id == found.id).values(changed))
    work.notify(topics.schedules, found.id)
    return found.id


async def is_busy(work: Work, schedule: Schedule) -> bool:
    """Whether the last job of this schedule still waits or runs."""
    if schedule.last_job_id is None:
        return False
    status = await work.scalar(select(Job.status).where(Job.id == schedule.last_job_id))
    return status in {JobStatus.QUEUED, JobStatus.RUNNING}


async def submit_scheduled(work: Work, schedule: Schedule, *, created_by: UUID | None) -> Job:
    """The job that a schedule asks for. The caller holds its row locked."""
    return await submit(
        work,
        TASKS[schedule.kind],
        team_id=schedule.team_id,
        created_by=created_by,
        schedule_id=schedule.id,
        **schedule.input,
    )


def _next(schedule: Schedule, now: datetime) -> datetime | None:
    """When it runs next; None for what cannot be understood, which only somebody at the database can have written."""
    try:
        cron, zone = recurrence.checked(schedule.cron, schedule.time_zone)
    except Invalid as problem:
        log.error("The schedule %s has no next run: %s", schedule.name, problem.message)  # noqa: TRY400 - no traceback helps
        return None
    return recurrence.next_after(cron, zone, now)
