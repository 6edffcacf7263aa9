"""Jobs: the list."""

from functools import partial
from typing import Any

from app import topics
from app.models import JobStatus
from app.permissions import Permission
from app.services import jobs
from components.blocks import PageHead
from components.columns import IdColumn, ProgressColumn, StatusColumn, TextColumn, TimeColumn
from components.downloads import Export
from components.filters import ChoiceFilter, IdFilter, TimeRangeFilter
from components.live import Live
from components.screen import View, screen
from components.table import DataTable, Empty, RowAction
from components.toasts import done
from pages.words import CANCELLING, JOB, can_cancel_job, job_label, job_state


@screen("/jobs", title="Jobs", icon="jobs", menu="Work", needs=Permission.JOBS_READ)
async def jobs_screen(view: View) -> None:
    """All jobs that one may see, live."""
    head = PageHead("Jobs", sub=_counts(await jobs.counts(view.actor)))

    async def retry(job: Any, reason: str) -> None:  # noqa: ANN401 - a row of the list
        await jobs.retry(view.actor, job.id, reason)
        done(f"{job_label(job)} is queued again.")

    async def cancel(job: Any, reason: str) -> None:  # noqa: ANN401 - a row of the list
        await jobs.cancel(view.actor, job.id, reason)
        done(f"{job_label(job)} was asked to stop.")

    async def again() -> None:
        head.update_head(sub=_counts(await jobs.counts(view.actor)))

    DataTable(
        "Jobs",
        load=partial(jobs.search, view.actor),
        columns=[
            IdColumn("id", opens="/jobs/{id}"),
            TextColumn("kind", read=job_label, opens="/jobs/{id}", card=True),
            StatusColumn("status", read=job_state, shows={**JOB, "cancelling": CANCELLING}, card=True),
            ProgressColumn("progress", read=_progress),
            TextColumn("team", opens="/teams/{team_id}"),
            TextColumn("user", opens="/users/{user_id}"),
            IdColumn("payment_id", label="Payment", opens="/payments/{payment_id}"),
            TextColumn("error", label="Last word", read=_last_word, quiet=True, wide=True),
            TimeColumn("created_at", sort="id", card=True),
        ],
        filters=[
            ChoiceFilter("status", choices=JobStatus, pinned=True),
            ChoiceFilter("kind", choices=dict(jobs.KINDS)),
            TimeRangeFilter("created_at", pinned=True),
            TimeRangeFilter("finished_at", label="Ended"),
            IdFilter("team"),
            IdFilter("user"),
        ],
        search="Id, kind, team, error …" if view.may(Permission.PERSONAL_READ) else "Id, kind, team …",
        actions=[
            RowAction("Retry", retry, Permission.JOBS_RETRY, _can_retry, "Why retry this job?"),
            RowAction("Cancel", cancel, Permission.JOBS_CANCEL, can_cancel_job, "Why cancel this job?", danger=True),
        ],
        live=topics.jobs,
        export=Export("jobs"),
        empty=Empty("No jobs yet", "They appear here as soon as somebody imports a dataset."),
    )
    Live(topics.jobs, again)


def _counts(counts: Any) -> str:  # noqa: ANN401 - a mapping of states
    shown_states = (JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.SUCCEEDED)
    return " · ".join(f"{counts.get(state, 0):,} {state.value}" for state in shown_states)


def _can_retry(job: Any) -> bool:  # noqa: ANN401 - a row of the list
    return job.status in {JobStatus.FAILED, JobStatus.CANCELLED}


def _progress(job: Any) -> float | str | None:  # noqa: ANN401 - a row of the list
    if job.status == JobStatus.RUNNING:
        return float(job.progress) / 100
    if job.started_at and job.finished_at:
        return f"{(job.finished_at - job.started_at).total_seconds():.1f} s"
    return None


def _last_word(job: Any) -> str | None:  # noqa: ANN401 - a row of the list
    if job.status == JobStatus.RUNNING:
        return str(job.progress_text)
    return job.error.splitlines()[0] if job.error else None
