"""Jobs: the list."""

from functools import partial
from typing import Any

from nicegui import ui

from app import topics
from app.models import BulkVerb
from app.permissions import Permission
from app.services import jobs
from app.services.jobs import Flow, Priority
from components.charts.sparkline import Sparkline
from components.lists.columns import (
    Column,
    DurationColumn,
    IdColumn,
    NumberColumn,
    ProgressColumn,
    StatusColumn,
    TextColumn,
    TimeColumn,
)
from components.lists.downloads import Export
from components.lists.filters import ChoiceFilter, Filter, IdFilter, TimeRangeFilter
from components.lists.selection import BulkAction, Tallied
from components.lists.table import DataTable, Empty, RowAction
from components.page.screen import View, screen
from components.page.ticking import Ticking
from components.page.toasts import done
from components.page.values import Tone
from components.records.blocks import Action, PageHead
from pages.shared import bulk_sentences
from pages.shared.bulk_dialog import of_selection
from pages.shared.job_status import ATTEMPTS, WAITED
from pages.shared.labels import CANCELLING, CONSOLE, JOB, can_cancel_job, can_retry_job, job_label, job_state, plural

SECONDS = 15.0
"""How often the lines above the list are drawn anew though nothing was told."""


@screen("/jobs", title="Jobs", icon="jobs", menu="Work", needs=Permission.JOBS_READ)
async def jobs_screen(view: View) -> None:
    """All jobs that one may see, live: what waits, what runs, and what ended within a day, unless somebody wants to see
    further back.
    """
    PageHead("Jobs", actions=_ways())
    await _flow(view)
    DataTable(
        "Jobs",
        load=partial(jobs.search, view.actor),
        columns=_columns(),
        filters=_filters(),
        defaults={"active": "24h"},
        tallied=Tallied("status", JOB),
        search=_hint(view),
        actions=_actions(view),
        bulk=[
            BulkAction("Retry", partial(of_selection, view, BulkVerb.RETRY), Permission.JOBS_BULK),
            BulkAction("Cancel", partial(of_selection, view, BulkVerb.CANCEL), Permission.JOBS_BULK, danger=True),
        ],
        live=topics.jobs,
        export=Export("jobs"),
        empty=Empty(
            "No jobs yet",
            "They appear here as soon as somebody asks for work: an import, a document.",
            by_default="No job waits or runs, and none ended in the last 24 hours",
        ),
    )


def _ways() -> list[Action]:
    return [
        Action("Failures", opens="/failures"),
        Action("Queues and workers", opens="/queues", needs=Permission.QUEUES_READ),
        Action("Bulk acts", opens="/bulk", needs=Permission.JOBS_BULK),
    ]


def _hint(view: View) -> str:
    return "Id, kind, team, person, input, error …" if view.may(Permission.PERSONAL_READ) else "Id, kind, team …"


def _columns() -> list[Column]:
    return [
        IdColumn("id", opens="/jobs/{id}"),
        TextColumn("kind", read=job_label, opens="/jobs/{id}", card=True),
        StatusColumn("status", read=_state, shows={**JOB, "cancelling": CANCELLING}, card=True),
        TextColumn("team", read=lambda job: job.team or CONSOLE, opens="/teams/{team_id}"),
        TextColumn(
            "who", label="Asked by", read=lambda job: job.user or job.asked_by or None, opens="/users/{user_id}"
        ),
        NumberColumn("attempts", label="Try", read=lambda job: f"{job.attempts}/{job.max_attempts}", hint=ATTEMPTS),
        DurationColumn("waited", hint=WAITED),
        ProgressColumn("progress", label="Ran", read=_ran),
        TextColumn("error", label="Last word", read=_last_word, quiet=True, wide=True),
        TimeColumn("finished_at", label="Ended"),
        TimeColumn("created_at", sort="id", card=True),
    ]


def _filters() -> list[Filter]:
    return [
        ChoiceFilter("status", choices={str(state): words for state, (words, _) in JOB.items()}),
        TimeRangeFilter("active", label="Last activity", pinned=True),
        ChoiceFilter("kind", choices=dict(jobs.KINDS), pinned=True),
        TimeRangeFilter("created_at"),
        TimeRangeFilter("finished_at", label="Ended"),
        ChoiceFilter("queue", choices=dict(zip(jobs.QUEUES, jobs.QUEUES, strict=True))),
        ChoiceFilter("priority", choices=Priority),
        IdFilter("team"),
        IdFilter("user"),
        IdFilter("staff", label="Asked by staff"),
        IdFilter("signature", label="Failure"),
        IdFilter("schedule"),
        IdFilter("worker", label="Runs on worker"),
    ]


def _actions(view: View) -> list[RowAction]:
    async def retry(job: Any, reason: str) -> None:  # noqa: ANN401 - a row of the list
        await jobs.retry(view.actor, job.id, reason)
        done(f"{job_label(job)} is queued again.")

    async def cancel(job: Any, reason: str) -> None:  # noqa: ANN401 - a row of the list
        await jobs.cancel(view.actor, job.id, reason)
        done(f"{job_label(job)} was asked to stop.")

    return [
        RowAction("Retry", retry, Permission.JOBS_RETRY, can_retry_job, "Why retry this job?"),
        RowAction("Cancel", cancel, Permission.JOBS_CANCEL, can_cancel_job, "Why cancel this job?", danger=True),
    ]


async def _flow(view: View) -> None:
    """How the work went in the last hour, for those who see all teams."""
    seen = await jobs.flow(view.actor)
    if seen is None:
        return
    with ui.element("div").classes("sparks slim"):
        lines = [Sparkline(values, label=label, value=value, tone=tone) for label, values, value, tone in _lines(seen)]

    async def again() -> None:
        now = await jobs.flow(view.actor)
        for line, (_, values, value, _) in zip(lines, _lines(now) if now else (), strict=False):
            line.replace(values, value=value)

    Ticking(topics.jobs, again, seconds=SECONDS, every=5.0)


def _lines(seen: Flow) -> list[Any]:
    """Label, values, words and colour of each line. What ended twice in the hour counts twice: no number of jobs."""
    waits = [wait for wait in seen.waits if wait] or [0.0]
    return [
        ("Done, last hour", seen.ended, plural(sum(seen.ended), "time"), "info"),
        ("Failed, last hour", seen.failed, plural(sum(seen.failed), "time"), "bad" if any(seen.failed) else "idle"),
        ("Average wait", seen.waits, _seconds(waits[-1]), "warn" if waits[-1] > 60 else "info"),
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:,.0f} min"


def _state(job: Any) -> str | tuple[str, Tone]:  # noqa: ANN401 - a row of the list
    """A bulk act stands as its jobs do: that it came to its end says nothing of them."""
    return job_state(job) if job.outcome is None else bulk_sentences.verdict(job.outcome, job)


def _ran(job: Any) -> float | str | None:  # noqa: ANN401 - a row of the list
    if job.status == "running":
        return float(job.progress) / 100
    return None if job.ran is None else f"{job.ran:,.1f} s"


def _last_word(job: Any) -> str | None:  # noqa: ANN401 - a row of the list
    if job.outcome is not None and job.status == "succeeded":
        return bulk_sentences.sentence(job.outcome)
    if job.status == "running":
        return str(job.progress_text) or None
    if job.status == "queued" and job.held_at:
        return "Held back: its queue is paused or full"
    return f"Tries again after: {job.error}" if job.status == "queued" and job.error else job.error
