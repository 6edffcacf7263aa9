"""One job: where it stands, what it was given and brought, and everything that happened to it."""

from typing import Any

from app import clock, money, topics
from app.models import Job, JobStatus
from app.permissions import Permission
from app.services import documents, jobs, uploads
from app.services.jobs import JobView
from components import frame
from components.blocks import Action, Fact, Facts, Folded, Note, PageHead, Progress, Step, Timeline
from components.dialogs import ask_reason
from components.downloads import Download
from components.ids import record_id
from components.live import Live
from components.pace import Pace
from components.screen import View, screen
from components.toasts import done
from pages.customers import about
from pages.entries import audit_entry, job_event, shown
from pages.words import CANCELLING, JOB, can_cancel_job, job_label, job_state


@screen("/jobs/{id}", title="Job", needs=Permission.JOBS_READ)
async def job_screen(view: View) -> None:
    """One job: state, progress, input, result, error, and everything that happened to it."""
    job_id = record_id(view.params["id"])
    seen = await jobs.get(view.actor, job_id)
    job = seen.job
    PageHead(
        job_label(job),
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
    return CANCELLING if job_state(job) == "cancelling" else JOB[job.status]


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
    if can_cancel_job(job):
        return [Action("Cancel job", cancel, needs=Permission.JOBS_CANCEL)]
    return []
