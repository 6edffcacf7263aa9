"""Schedules: jobs that are asked for again and again. Look, change the times, switch on and off, run now."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app import clock
from app.actor import Actor
from app.database import Work, reading, writing
from app.errors import Conflict, Invalid
from app.job_queue.schedules import is_busy, submit_scheduled
from app.job_queue.tasks import TASKS, label_of
from app.models import Action, JobStatus, Schedule
from app.paging import Count, Page, PageRequest
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import schedules as schedules_table
from app.topics import schedules as topic
from app.values import cron as recurrence
from app.values import reasons

AHEAD = 5
"""How many of the next runs are shown."""


@dataclass(frozen=True, slots=True)
class Times:
    """When a schedule runs: a cron expression of five fields, in a time zone."""

    cron: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule with all that the screens show."""

    id: UUID
    name: str
    kind: str
    job: str
    """The label of its kind of job."""
    is_known: bool
    """Whether this version of the program can run it."""
    times: Times
    words: str
    """The expression as people say it."""
    enabled: bool
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_job_id: UUID | None
    last_status: JobStatus | None


@dataclass(frozen=True, slots=True)
class ScheduleDetail:
    """One schedule with what its page shows beside it."""

    schedule: ScheduleView
    ahead: Sequence[datetime]
    """The next runs, in its time zone; none while it is switched off."""
    acts: Sequence[Any]
    """What staff did to it, the latest first."""


async def search(actor: Actor, request: PageRequest) -> Page[ScheduleView]:
    """All schedules; there are few."""
    del request  # nothing to filter and nothing to turn over
    async with reading(actor, Permission.SCHEDULES_READ) as work:
        found = [_view(schedule, status) for schedule, status in await schedules_table.listed(work)]
    return Page(found, Count(len(found)))


async def get(actor: Actor, schedule_id: UUID) -> ScheduleDetail:
    """One schedule, with its next runs and what staff did to it."""
    async with reading(actor, Permission.SCHEDULES_READ) as work:
        schedule = await work.get(Schedule, schedule_id)
        view = _view(schedule, await schedules_table.last_status(work, schedule))
        acts = await audit_table.of_record(work, "schedule", str(schedule_id))
    return ScheduleDetail(view, _ahead(schedule) if view.next_run_at else (), acts)


async def runs(actor: Actor, schedule_id: UUID, request: PageRequest) -> Page[Any]:
    """The jobs that a schedule asked for, the latest first."""
    async with reading(actor, Permission.SCHEDULES_READ) as work:
        return await schedules_table.runs(work, schedule_id, request)


async def preview(actor: Actor, times: Times) -> Sequence[datetime]:
    """The next runs at these times, in their zone.

    Raises:
        Invalid: there are no such times, or no such zone.
    """
    async with reading(actor, Permission.SCHEDULES_MANAGE):
        cron, zone = recurrence.checked(times.cron, times.time_zone)
        return recurrence.upcoming(cron, zone, clock.now(), AHEAD)


async def change(actor: Actor, schedule_id: UUID, times: Times, seen: Times, reason: str) -> None:
    """Let a schedule run at other times. ``seen`` are those that the person saw."""
    why, wanted = reasons.checked(reason), Times(*recurrence.checked(times.cron, times.time_zone))
    async with writing(actor, Permission.SCHEDULES_MANAGE) as work:
        schedule = await work.get(Schedule, schedule_id, lock=True)
        now = Times(schedule.cron, schedule.time_zone)
        if now == wanted:
            raise Invalid(cron="These are the times that are there already.")
        if now != seen:
            message = f"Somebody changed the times of “{schedule.name}” meanwhile."
            raise Conflict(message, original=asdict(seen), theirs=asdict(now), yours=asdict(wanted))
        schedule.cron, schedule.time_zone = wanted.cron, wanted.time_zone
        _set_next(schedule)
        work.record(Action.SCHEDULE_CHANGED, schedule, reason=why)
        work.notify(topic, schedule.id)


async def switch_on(actor: Actor, schedule_id: UUID, reason: str) -> None:
    """Let a schedule run again, at its next time: what it missed while it was off stays missed."""
    await _switch(actor, schedule_id, reason, on=True)


async def switch_off(actor: Actor, schedule_id: UUID, reason: str) -> None:
    """Let a schedule rest until somebody switches it on. A job of it that runs goes on."""
    await _switch(actor, schedule_id, reason, on=False)


async def run_now(actor: Actor, schedule_id: UUID, reason: str) -> UUID:
    """Ask for the job of a schedule now, beside its times; returns the job. It runs switched off, too.

    Raises:
        Conflict: its last job has not ended yet, or only another version of the program knows how to run it.
    """
    why = reasons.checked(reason)
    async with writing(actor, Permission.SCHEDULES_RUN) as work:
        schedule = await work.get(Schedule, schedule_id, lock=True)
        await _check_free(work, schedule)
        job = await submit_scheduled(work, schedule, created_by=work.who.id)
        schedule.last_run_at, schedule.last_job_id = job.created_at, job.id
        work.record(Action.SCHEDULE_RUN, schedule, reason=why, detail={"job": str(job.id)})
        work.notify(topic, schedule.id)
    return job.id


async def _switch(actor: Actor, schedule_id: UUID, reason: str, *, on: bool) -> None:
    why = reasons.checked(reason)
    async with writing(actor, Permission.SCHEDULES_MANAGE) as work:
        schedule = await work.get(Schedule, schedule_id, lock=True)
        if schedule.enabled == on:
            raise Conflict(f"“{schedule.name}” is switched {'on' if on else 'off'} already.")
        schedule.enabled = on
        _set_next(schedule)
        work.record(Action.SCHEDULE_SWITCHED_ON if on else Action.SCHEDULE_SWITCHED_OFF, schedule, reason=why)
        work.notify(topic, schedule.id)


async def _check_free(work: Work, schedule: Schedule) -> None:
    if schedule.kind not in TASKS:
        raise Conflict("Only another version of the program knows how to run this. Nothing was done.")
    if await is_busy(work, schedule):
        raise Conflict(f"The last job of “{schedule.name}” has not ended yet. Wait for it, or cancel it first.")


def _ahead(schedule: Schedule) -> Sequence[datetime]:
    """Its next runs; none for times that only somebody at the database can have written."""
    try:
        cron, zone = recurrence.checked(schedule.cron, schedule.time_zone)
    except Invalid:
        return ()
    return recurrence.upcoming(cron, zone, clock.now(), AHEAD)


def _set_next(schedule: Schedule) -> None:
    schedule.updated_at = now = clock.now()
    schedule.next_run_at = recurrence.next_after(schedule.cron, schedule.time_zone, now) if schedule.enabled else None


def _view(schedule: Schedule, status: str | None) -> ScheduleView:
    return ScheduleView(
        schedule.id,
        schedule.name,
        schedule.kind,
        label_of(schedule.kind),
        schedule.kind in TASKS,
        Times(schedule.cron, schedule.time_zone),
        recurrence.words(schedule.cron),
        schedule.enabled,
        schedule.next_run_at,
        schedule.last_run_at,
        schedule.last_job_id,
        JobStatus(status) if status else None,
    )
