"""Jobs: the list and one job."""

from functools import partial
from typing import Any

from app import clock, money, topics
from app.models import Job, JobStatus
from app.permissions import Permission
from app.services import documents, jobs, uploads
from app.services.jobs import JobView
from components import frame
from components.blocks import Action, Fact, Facts, Folded, Note, PageHead, Progress, Step, Timeline
from components.columns import IdColumn, ProgressColumn, StatusColumn, TextColumn, TimeColumn
from components.dialogs import ask_reason
from components.downloads import Download, Export
from components.filters import ChoiceFilter, IdFilter, TimeRangeFilter
from components.ids import record_id
from components.live import Live
from components.pace import Pace
from components.screen import View, screen
from components.table import DataTable, Empty, RowAction
from components.toasts import done
from pages.customers import about
from pages.entries import audit_entry, job_event, shown
from pages.words import CANCELLING, JOB


@screen("/jobs", title="Jobs", icon="jobs", menu="Work", needs=Permission.JOBS_READ)
async def jobs_screen(view: View) -> None:
    """All jobs that one may see, live."""
    head = PageHead("Jobs", sub=_counts(await jobs.counts(view.actor)))

    async def retry(job: Any, reason: str) -> None:  # noqa: ANN401 - a row of the list
        await jobs.retry(view.actor, job.id, reason)
        done(f"{_label(job)} is queued again.")

    async def cancel(job: Any, reason: str) -> None:  # noqa: ANN401 - a row of the list
        await jobs.cancel(view.actor, job.id, reason)
        done(f"{_label(job)} was asked to stop.")

    async def again() -> None:
        head.update_head(sub=_counts(await jobs.counts(view.actor)))

    DataTable(
        "Jobs",
        load=partial(jobs.search, view.actor),
        columns=[
            IdColumn("id", opens="/jobs/{id}"),
            TextColumn("kind", read=_label, opens="/jobs/{id}", card=True),
            StatusColumn("status", read=_state, shows={**JOB, "cancelling": CANCELLING}, card=True),
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
            RowAction("Cancel", cancel, Permission.JOBS_CANCEL, _can_cancel, "Why cancel this job?", danger=True),
        ],
        live=topics.jobs,
        export=Export("jobs"),
        empty=Empty("No jobs yet", "They appear here as soon as somebody imports a dataset."),
    )
    Live(topics.jobs, again)


@screen("/jobs/{id}", title="Job", needs=Permission.JOBS_READ)
async def job_screen(view: View) -> None:
    """One job: state, progress, input, result, error, and everything that happened to it."""
    job_id = record_id(view.params["id"])
    seen = await jobs.get(view.actor, job_id)
    job = seen.job
    PageHead(
        _label(job),
        trail=[("Jobs", "/jobs")],
        sub=seen.team,
        status=_status(job),
        id=job.id,
        actions=_actions(view, seen),
    )
    pace = Pace()
    progress = Progress(_step(job, pace), label="Job") if job.status in {JobStatus.QUEUED, JobStatus.RUNNING} else None
    if job.error:
        _why(view, job)
    facts = Facts(_facts(view, seen), title="About this job")
    if job.result:
        Facts([Fact(key, shown(value)) for key, value in job.result.items()], title="Result")
        await _document(view, job)
    Facts([Fact(key, shown(value)) for key, value in job.input.items()], title="Input")
    linked = view.may(Permission.AUDIT_READ)
    line = Timeline(_line(seen, linked=linked), title="What happened")

    async def again() -> None:
        now = await jobs.get(view.actor, job_id)
        if _status(now.job) != _status(job):
            await frame.redraw()
            return
        facts.replace(_facts(view, now))
        line.replace(_line(now, linked=linked))
        if progress is not None:
            progress.replace(_step(now.job, pace))

    Live(topics.jobs, again, about=job_id)


def _label(job: Any) -> str:  # noqa: ANN401 - a job, or a row of the list
    return jobs.KINDS.get(job.kind, job.kind)


def _counts(counts: Any) -> str:  # noqa: ANN401 - a mapping of states
    shown_states = (JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.SUCCEEDED)
    return " · ".join(f"{counts.get(state, 0):,} {state.value}" for state in shown_states)


def _state(job: Any) -> str:  # noqa: ANN401 - a row of the list
    return "cancelling" if job.status == JobStatus.RUNNING and job.cancel_requested_at else str(job.status)


def _can_retry(job: Any) -> bool:  # noqa: ANN401 - a row of the list
    return job.status in {JobStatus.FAILED, JobStatus.CANCELLED}


def _can_cancel(job: Any) -> bool:  # noqa: ANN401 - a row of the list
    waits = job.status in {JobStatus.QUEUED, JobStatus.RUNNING} and job.cancel_requested_at is None
    return waits and job.kind not in jobs.LASTING


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


def _why(view: View, job: Job) -> None:
    """What went wrong, for everybody; where in the program, only for those who can do something about it."""
    sentence, _, inside = (job.error or "").partition("\n")
    Note(sentence[:300], f"Code {job.error_code}" if job.error_code else "")
    if inside.strip() and view.may(Permission.JOBS_RETRY):
        Folded("Where in the program", inside.strip()[:20_000])


async def _document(view: View, job: Job) -> None:
    """The way to the document that it made."""
    if view.may(Permission.DOCUMENTS_READ) and await documents.is_kept(view.actor, uploads.bound(), job.id):
        Download("Download document", f"/api/jobs/{job.id}/document.txt", "document.txt")


def _status(job: Job) -> tuple[str, Any]:
    return CANCELLING if _state(job) == "cancelling" else JOB[job.status]


def _step(job: Job, pace: Pace) -> Step:
    if job.status == JobStatus.QUEUED:
        return Step("Waiting for a worker", state="waiting")
    fraction = job.progress / 100
    words = job.progress_text.partition(":")[0] or "Starting"
    _, left = pace.see((job.epoch, words), clock.now(), job.progress_done, fraction)
    return Step(words, job.progress_done, job.progress_total, unit="", left=left, fraction=fraction)


def _facts(view: View, seen: JobView) -> list[Fact]:
    job = seen.job
    took = (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None
    import_ = seen.import_
    return [
        Fact("Kind", job.kind),
        Fact("Team", seen.team or None, opens=f"/teams/{job.team_id}" if job.team_id else ""),
        _asker(view, seen),
        *_payment(seen),
        *([Fact("Import", import_.filename, opens=f"/imports/{import_.id}")] if import_ else []),
        Fact("Attempts", f"{job.attempts} of {job.max_attempts}"),
        Fact("Created", job.created_at, "time"),
        Fact("Started", job.started_at, "time"),
        Fact("Ended", job.finished_at, "time"),
        Fact("Took", took, "duration"),
    ]


def _asker(view: View, seen: JobView) -> Fact:
    user_id = seen.job.user_id
    if seen.started_by or not seen.customer or user_id is None:
        return Fact("Asked for by", seen.started_by or None)
    return about(view, "Asked for by", seen.customer, "user", user_id, "name", opens=f"/users/{user_id}")


def _payment(seen: JobView) -> list[Fact]:
    paid = seen.payment
    amount = money.shown(paid.amount_minor, paid.currency) if paid else ""
    return [Fact("Payment", amount, "money", opens=f"/payments/{paid.id}")] if paid else []


def _line(seen: JobView, *, linked: bool) -> list[Any]:
    """What the engine and staff did, in one line, newest first."""
    entries = [*(job_event(e) for e in seen.events), *(audit_entry(a, linked=linked) for a in seen.acts)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _actions(view: View, seen: JobView) -> list[Action]:
    job = seen.job

    async def retry() -> None:
        if (reason := await ask_reason("Why retry this job?", submit="Retry job")) is not None:
            await jobs.retry(view.actor, job.id, reason)
            done("The job is queued again.")
            await frame.redraw()

    async def cancel() -> None:
        reason = await ask_reason("Why cancel this job?", submit="Cancel job", danger=True)
        if reason is not None:
            await jobs.cancel(view.actor, job.id, reason)
            done("The job was asked to stop.")
            await frame.redraw()

    if job.can_retry:
        return [Action("Retry job", retry, needs=Permission.JOBS_RETRY, main=True)]
    if _can_cancel(job):
        return [Action("Cancel job", cancel, needs=Permission.JOBS_CANCEL)]
    return []
