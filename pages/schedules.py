"""Schedules: jobs that are asked for again and again. The list, and one schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from app import topics
from app.permissions import Permission
from app.services import schedules
from app.services.schedules import ScheduleDetail, ScheduleView, Times
from components.forms.dialogs import ask, ask_reason, save_over
from components.forms.form import Field, Values
from components.lists.columns import IdColumn, StatusColumn, TextColumn, TimeColumn
from components.lists.table import DataTable, Empty, RowAction
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.page.values import Tone
from components.records.blocks import Action, Fact, Facts, PageHead, Panel, Timeline
from pages.shared.audit_timeline import audit_entry
from pages.shared.labels import JOB

_LABELS = {"cron": "Times", "time_zone": "Time zone"}
_WHAT = "A schedule asks for a job again and again: cleaning up, adding up, looking after what else the console does."
_REASON = Field("reason", "Reason", kind="long", hint="Goes into the audit log.")


@screen("/schedules", title="Schedules", icon="schedules", menu="Work", needs=Permission.SCHEDULES_READ)
async def schedules_screen(view: View) -> None:
    """All schedules, with when they ran and will run."""
    PageHead("Schedules", sub="Jobs that the console asks for by itself.")
    DataTable(
        "Schedules",
        load=partial(schedules.search, view.actor),
        columns=[
            TextColumn("name", opens="/schedules/{id}", card=True, wide=True),
            StatusColumn("enabled", label="State", read=_state, card=True),
            TextColumn("words", label="When"),
            TextColumn("time_zone", read=lambda row: row.times.time_zone, quiet=True),
            TimeColumn("next_run_at", label="Next run", card=True),
            TimeColumn("last_run_at", label="Last run"),
            StatusColumn("last_status", label="Last job", shows=JOB, opens="/jobs/{last_job_id}"),
        ],
        actions=_row_actions(view),
        live=topics.schedules,
        empty=Empty("No schedules yet", f"{_WHAT} They appear as soon as a worker has started."),
    )


@screen("/schedules/{id}", title="Schedule", needs=Permission.SCHEDULES_READ)
async def schedule_screen(view: View) -> None:
    """One schedule: its times, its next runs, its jobs, what staff did to it."""
    schedule_id = record_id(view.params["id"])
    seen = await schedules.get(view.actor, schedule_id)
    PageHead(
        seen.schedule.name,
        trail=[("Schedules", "/schedules")],
        status=_state(seen.schedule),
        id=schedule_id,
        actions=_head_actions(view, seen.schedule),
    )
    facts = Facts(_facts(seen), title="About this schedule")
    ahead = Facts(_ahead(seen), title="Next runs")
    with Panel("Its jobs"):
        _jobs(view, schedule_id)
    line = Timeline(_line(view, seen), title="What staff did", nothing="Nobody has changed it.")

    async def again() -> None:
        now = await schedules.get(view.actor, schedule_id)
        if _drawn(now.schedule) != _drawn(seen.schedule):
            await frame.redraw()
            return
        facts.replace(_facts(now))
        ahead.replace(_ahead(now))
        line.replace(_line(view, now))

    Live(topics.schedules, again, about=schedule_id)


def _jobs(view: View, schedule_id: UUID) -> None:
    DataTable(
        "Its jobs",
        load=partial(schedules.runs, view.actor, schedule_id),
        columns=[
            IdColumn("id", opens="/jobs/{id}", card=True),
            StatusColumn("status", shows=JOB, card=True),
            TextColumn("created_by", label="Asked for by", read=_asked_by),
            TimeColumn("created_at", label="Asked for", card=True),
            TimeColumn("started_at"),
            TimeColumn("finished_at", label="Ended"),
        ],
        live=topics.jobs,
        empty=Empty("It has not run yet", "Its jobs appear here."),
    )


def _row_actions(view: View) -> Sequence[RowAction]:
    async def run(row: ScheduleView) -> None:
        await _run_now(view, row)

    async def switch(row: ScheduleView) -> None:
        await _switch(view, row)

    manages = Permission.SCHEDULES_MANAGE
    return [
        RowAction("Run now", run, Permission.SCHEDULES_RUN, lambda row: row.is_known),
        RowAction("Switch off", switch, manages, lambda row: row.enabled, danger=True),
        RowAction("Switch on", switch, manages, lambda row: not row.enabled),
    ]


def _head_actions(view: View, schedule: ScheduleView) -> Sequence[Action]:
    manages = Permission.SCHEDULES_MANAGE
    switch = Action(
        "Switch off" if schedule.enabled else "Switch on",
        partial(_switch, view, schedule),
        needs=manages,
        danger=schedule.enabled,
    )
    run = Action("Run now", partial(_run_now, view, schedule), needs=Permission.SCHEDULES_RUN, main=True)
    return [
        Action("Change times", partial(_change, view, schedule), needs=manages),
        switch,
        *([run] if schedule.is_known else []),
    ]


async def _run_now(view: View, schedule: ScheduleView) -> None:
    made: list[UUID] = []

    async def save(values: Values) -> None:
        made.append(await schedules.run_now(view.actor, schedule.id, values["reason"]))

    plan = [f"The job “{schedule.job}” is queued at once.", "The times of the schedule stay as they are."]
    if await ask(f"Run “{schedule.name}” now?", submit="Run now", plan=plan, fields=[_REASON], on_submit=save):
        done(f"“{schedule.name}” is queued.")
        frame.navigate(f"/jobs/{made[0]}")


async def _switch(view: View, schedule: ScheduleView) -> None:
    if schedule.enabled:
        plan = ["It does not run any more until somebody switches it on. A job of it that runs goes on."]
        reason = await ask_reason(f"Switch off “{schedule.name}”?", submit="Switch off", plan=plan, danger=True)
        verb = schedules.switch_off
    else:
        plan = ["It runs at its next time. What it missed meanwhile stays missed."]
        reason = await ask_reason(f"Switch on “{schedule.name}”?", submit="Switch on", plan=plan)
        verb = schedules.switch_on
    if reason is not None:
        await verb(view.actor, schedule.id, reason)
        done(f"“{schedule.name}” is switched {'off' if schedule.enabled else 'on'}.")


async def _change(view: View, schedule: ScheduleView) -> None:
    """First the times, then what they mean, then why."""
    ahead: list[datetime] = []

    async def look(values: Values) -> None:
        ahead[:] = await schedules.preview(view.actor, _times(values))

    values = await ask(
        f"Change the times of “{schedule.name}”", submit="Show next runs", fields=_fields(schedule), on_submit=look
    )
    if values is None:
        return
    wanted = _times(values)

    async def save(reason: Values) -> None:
        async def store(yours: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
            await schedules.change(view.actor, schedule.id, Times(**yours), Times(**seen), reason["reason"])

        mine = await save_over(store, asdict(wanted), asdict(schedule.times), labels=_LABELS)
        done("The times are saved." if mine else "The times stay as the other person saved them.")

    await ask(
        "It would run at these times", submit="Save times", plan=_in_words(ahead), fields=[_REASON], on_submit=save
    )


def _fields(schedule: ScheduleView) -> Sequence[Field]:
    hint = "Minute, hour, day of the month, month, day of the week: 30 2 * * 1 is every Monday at 02:30."
    zone = "Such as Europe/Berlin, or UTC. Days on which the clocks change are taken care of."
    return [
        Field("cron", "Times", value=schedule.times.cron, hint=hint, max_length=100),
        Field("time_zone", "Time zone", value=schedule.times.time_zone, hint=zone, max_length=100),
    ]


def _times(values: Values) -> Times:
    return Times(" ".join(values["cron"].split()), values["time_zone"].strip())


def _facts(seen: ScheduleDetail) -> Sequence[Fact]:
    schedule = seen.schedule
    known = schedule.job if schedule.is_known else f"{schedule.job}, which this version does not know"
    return [
        Fact("Times", schedule.words if schedule.words != schedule.times.cron else None),
        Fact("Expression", f"{schedule.times.cron} ({schedule.times.time_zone})"),
        Fact("Job", known),
        Fact("Last run", schedule.last_run_at, "time", f"/jobs/{schedule.last_job_id}" if schedule.last_job_id else ""),
    ]


def _ahead(seen: ScheduleDetail) -> Sequence[Fact]:
    if not seen.ahead:
        return [Fact("None", "It is switched off." if not seen.schedule.enabled else "Change its times.")]
    return [Fact(words, run, "time") for words, run in zip(_in_words(seen.ahead), seen.ahead, strict=True)]


def _in_words(ahead: Sequence[datetime]) -> list[str]:
    return [f"{run:%a} {run.day} {run:%b %Y, %H:%M} ({run:%Z})" for run in ahead]


def _line(view: View, seen: ScheduleDetail) -> Sequence[Any]:
    linked = view.may(Permission.AUDIT_READ)
    return [audit_entry(act, linked=linked) for act in seen.acts]


def _state(schedule: ScheduleView) -> tuple[str, Tone]:
    if not schedule.is_known:
        return "Of another version", "warn"
    return ("On", "ok") if schedule.enabled else ("Off", "idle")


def _drawn(schedule: ScheduleView) -> object:
    """What the head of the page depends on."""
    return schedule.enabled, schedule.times, schedule.is_known


def _asked_by(job: Any) -> str:  # noqa: ANN401 - a row of the list
    return "Staff, now" if job.created_by else "The schedule"
