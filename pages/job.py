"""One job: where it stands, what it was given and brought, and everything that happened to it."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from nicegui import ui

from app import clock, topics
from app.models import ImportStatus, Job, JobStatus
from app.permissions import Permission
from app.privacy.personal import Masked
from app.services import audit_exports, documents, jobs
from app.services.jobs import JobView
from app.storage import uploads
from app.values import money
from components.forms.dialogs import ask_reason
from components.lists.downloads import Download
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Fact, Facts, PageHead, Timeline
from components.records.job import Attempts, Contents, JobStanding, Standing
from components.records.pace import Pace
from pages.shared import bulk_sentences, job_status, job_timeline
from pages.shared.labels import CANCELLING, CONSOLE, CORRECT, JOB, can_cancel_job, job_label, job_state, plural
from pages.shared.personal_facts import about

_ENDED = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}
_TITLES = {"input": "Input", "result": "Result", "checkpoint": "Checkpoint"}


@screen("/jobs/{id}", title="Job", needs=Permission.JOBS_READ)
async def job_screen(view: View) -> None:
    """One job, live until it has ended."""
    job_id = record_id(view.params["id"])
    seen = await jobs.get(view.actor, job_id)
    has_document = await _has_document(view, seen.job)
    exported = await _audit_file(view, seen.job)
    pace = Pace()
    _head(view, seen)
    standing = JobStanding(_standing(view, seen, pace))
    if exported:
        Download("Download the part of the audit log", f"/api/jobs/{job_id}/audit-log", exported)
    if has_document:
        Download("Download document", f"/api/jobs/{job_id}/document.txt", "document.txt")
    facts = Facts(_facts(view, seen), title="About this job")
    nothing = "No worker has taken it yet." if seen.job.status not in _ENDED else "No worker took it."
    attempts = Attempts(_runs(view, seen), note=job_status.total(seen), nothing=nothing)
    linked = view.may(Permission.AUDIT_READ)
    with ui.element("div").classes("two"):
        with ui.element("div").classes("screen"):
            parts = _parts(seen)
        line = Timeline(job_timeline.line(seen, linked=linked), title="What happened")
    if seen.job.status in _ENDED:
        return

    async def again() -> None:
        now = await jobs.get(view.actor, job_id)
        if _status(now.job) != _status(seen.job):
            await frame.redraw()
            return
        standing.replace(_standing(view, now, pace))
        facts.replace(_facts(view, now))
        attempts.replace(_runs(view, now), note=job_status.total(now))
        line.replace(job_timeline.line(now, linked=linked))
        for part, shown in parts.items():
            if part != "input":  # which never changes
                value, note = _part(now, part)
                shown.replace(value, note=note)

    Live(topics.jobs, again, about=job_id)
    if seen.line is not None:
        Live(topics.queues, again)


def _head(view: View, seen: JobView) -> None:
    job = seen.job
    PageHead(
        job_label(job),
        trail=[("Jobs", "/jobs")],
        sub=seen.team or "The console's own work",
        status=_status(job),
        id=job.id,
        actions=_actions(view, seen),
    )


def _status(job: Job) -> tuple[str, Any]:
    return CANCELLING if job_state(job) == "cancelling" else JOB[job.status]


def _standing(view: View, seen: JobView, pace: Pace) -> Standing:
    """Where it stands; how much time is left tells its pace, as soon as the page has seen enough of it."""
    job, now = seen.job, clock.now()
    words = job.progress_text.partition(":")[0]
    running = job.status == JobStatus.RUNNING
    left = pace.see((job.epoch, words), now, job.progress_done, job.progress / 100)[1] if running else None
    return job_status.standing(seen, now, left, inside=view.may(Permission.JOBS_RETRY))


async def _audit_file(view: View, job: Job) -> str | None:
    """The name of the part of the audit log that it wrote, for those who may take it away."""
    may = job.kind == audit_exports.KIND and view.may(Permission.AUDIT_READ)
    return await audit_exports.kept(view.actor, uploads.bound(), job.id) if may else None


async def _has_document(view: View, job: Job) -> bool:
    """Whether there is a way to the document that it made."""
    return view.may(Permission.DOCUMENTS_READ) and await documents.is_kept(view.actor, uploads.bound(), job.id)


def _runs(view: View, seen: JobView) -> list[Any]:
    workers = "/queues" if view.may(Permission.QUEUES_READ) else ""
    return job_status.runs(seen.attempts, inside=view.may(Permission.JOBS_RETRY), workers=workers)


# What it was given and brought


def _parts(seen: JobView) -> Mapping[str, Contents]:
    """A box for each part that there is, or that may still come."""
    there = {part: bool(seen.sizes[part]) for part in ("result", "checkpoint", "input")}
    return {part: _box(seen, part) for part, is_there in there.items() if is_there}


def _box(seen: JobView, part: str) -> Contents:
    large = not seen.shows(part)
    download = (f"/api/jobs/{seen.job.id}/{part}.json", f"{part}-{seen.job.id.hex[-8:]}.json") if large else None
    value, note = _part(seen, part)
    return Contents(_TITLES[part], value, note=note, download=download)


def _part(seen: JobView, part: str) -> tuple[Any, str]:
    """A part and what stands beside its title."""
    if not seen.shows(part):
        return seen.beginnings[part], f"{job_status.size(seen.sizes[part])}, shown cut"
    goes_on = "where a retry goes on from" if part == "checkpoint" and seen.job.can_retry else ""
    return getattr(seen.job, part), goes_on


# What it belongs to


def _facts(view: View, seen: JobView) -> list[Fact]:
    job = seen.job
    line = "/queues" if view.may(Permission.QUEUES_READ) else ""
    import_ = seen.import_
    return [
        Fact("Kind", job.kind),
        Fact("Queue", job.queue, opens=line),
        *([Fact("Priority", job.priority, "number")] if job.priority else []),
        Fact("Team", seen.team or CONSOLE, opens=f"/teams/{job.team_id}" if job.team_id else ""),
        _asker(view, seen),
        *([Fact("Schedule", seen.schedule, opens=f"/schedules/{job.schedule_id}")] if seen.schedule else []),
        *_group(seen),
        *_outcome(seen),
        *_payment(seen),
        *([Fact("Import", import_.filename, opens=f"/imports/{import_.id}")] if import_ else []),
        *([Fact("Dataset", seen.dataset[1], opens=f"/datasets/{seen.dataset[0]}")] if seen.dataset else []),
        Fact("Attempts", f"{job.attempts} of {job.max_attempts}", hint=job_status.ATTEMPTS),
        *_times(seen),
        *([Fact("Cost", job_status.cost(job.cost_micros))] if job.cost_micros else []),
    ]


def _times(seen: JobView) -> list[Fact]:
    job = seen.job
    began = job.run_started_at or job.started_at
    times = (("Created", job.created_at), ("Started", began), ("Ended", job.finished_at))
    facts = [Fact(label, moment, "time") for label, moment in times]
    facts += [Fact("Waited", seen.waited, "duration", hint=job_status.WAITED)] if seen.waited is not None else []
    return [*facts, *([Fact("Took", seen.ran, "duration")] if seen.ran is not None else [])]


def _asker(view: View, seen: JobView) -> Fact:
    user_id = seen.job.user_id
    if seen.started_by or not seen.customer or user_id is None:
        return Fact("Asked for by", seen.started_by or ("The schedule" if seen.job.schedule_id else None))
    return about(view, "Asked for by", seen.customer, "user", user_id, "name", opens=f"/users/{user_id}")


def _group(seen: JobView) -> list[Fact]:
    """The bulk act that it was part of last, and the failures like its own."""
    acts = [act.detail["bulk"] for act in seen.acts if act.detail and "bulk" in act.detail]
    facts = [Fact("Bulk act", str(acts[0])[-8:], opens=f"/bulk/{acts[0]}")] if acts else []
    alike = seen.job.error_signature if seen.job.status == JobStatus.FAILED else None
    if alike and not isinstance(alike, Masked):
        id_ = UUID(hashlib.md5(alike.encode(), usedforsecurity=False).hexdigest())
        facts.append(Fact("Cause", "Failures like this one", opens=f"/failures/{id_}"))
    return facts


def _outcome(seen: JobView) -> list[Fact]:
    """What became of the jobs of the bulk act that it carries out."""
    if seen.outcome is None:
        return []
    stands = bulk_sentences.verdict(seen.outcome, seen.job)
    return [Fact("Its jobs", stands, "status"), Fact("Bulk act", "Open", opens=f"/bulk/{seen.outcome.bulk_id}")]


def _payment(seen: JobView) -> list[Fact]:
    paid = seen.payment
    amount = money.shown(paid.amount_minor, paid.currency) if paid else ""
    return [Fact("Payment", amount, "money", opens=f"/payments/{paid.id}")] if paid else []


# What one can do


def _actions(view: View, seen: JobView) -> list[Action]:
    job, started = seen.job, bool(seen.sizes["checkpoint"])
    needs = Permission.JOBS_RETRY
    if seen.import_ is not None and seen.import_.status == ImportStatus.REFUSED:
        return [Action(CORRECT, opens=f"/imports/{seen.import_.id}/correct", needs=Permission.IMPORTS_RUN, main=True)]
    if job.can_retry and started:
        resume = "Resume from the checkpoint"
        return [
            Action(resume, partial(_retry, view, seen, resume, from_start=False), needs=needs, main=True),
            Action("Start over", partial(_retry, view, seen, "Start over", from_start=True), needs=needs),
        ]
    if job.can_retry:
        return [Action("Retry job", partial(_retry, view, seen, "Retry job", from_start=False), needs=needs, main=True)]
    if can_cancel_job(job):
        return [Action("Cancel job", partial(_cancel, view, seen), needs=Permission.JOBS_CANCEL)]
    return []


_ASKS = {
    "Resume from the checkpoint": (
        "Why resume this job?",
        "It goes on where its last attempt saved its place; what was done before is not done again.",
    ),
    "Start over": ("Why start this job over?", "It forgets its checkpoint and does everything from the beginning."),
    "Retry job": ("Why retry this job?", "It begins anew: no attempt has saved a place to go on from."),
}
"""Why, and what each of the ways on means."""


async def _retry(view: View, seen: JobView, label: str, *, from_start: bool) -> None:
    title, meaning = _ASKS[label]
    plan = [meaning, f"It gets {plural(jobs.attempts_of(seen.job.kind), 'more attempt')}."]
    reason = await ask_reason(title, submit=label, plan=plan)
    if reason is not None:
        await jobs.retry(view.actor, seen.job.id, reason, from_start=from_start)
        done("The job is queued again.")
        await frame.redraw()


async def _cancel(view: View, seen: JobView) -> None:
    waits = seen.job.status == JobStatus.QUEUED
    how = "It has not started, and stops at once." if waits else "Its worker stops it at the next safe place."
    reason = await ask_reason("Why cancel this job?", submit="Cancel job", plan=[how], danger=True)
    if reason is not None:
        await jobs.cancel(view.actor, seen.job.id, reason)
        done("The job is cancelled." if waits else "The job was asked to stop.")
        await frame.redraw()
