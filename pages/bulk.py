"""Bulk acts: one decision about many jobs, how far it is, and what became of each job."""

from functools import partial
from typing import Any

from app import clock, topics
from app.models import BulkStatus, BulkVerb, JobStatus
from app.permissions import Permission
from app.services import bulk, jobs
from app.services.bulk import BulkView
from components.forms.dialogs import ask_reason
from components.lists.columns import IdColumn, NumberColumn, ProgressColumn, StatusColumn, TextColumn, TimeColumn
from components.lists.filters import ChoiceFilter
from components.lists.selection import Tallied
from components.lists.table import DataTable, Empty
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.page.values import Tone
from components.records.blocks import Action, Fact, Facts, Note, PageHead, Progress, Step
from components.records.pace import Pace
from pages.shared import bulk_sentences
from pages.shared.labels import JOB, job_label, job_state, plural

ALL_TEAMS = "All teams"


@screen("/bulk", title="Bulk acts", needs=Permission.JOBS_READ)
async def bulk_acts_screen(view: View) -> None:
    """Those that one may see, newest first; live."""
    PageHead("Bulk acts", trail=[("Jobs", "/jobs")], sub="One decision about many jobs.")
    DataTable(
        "Bulk acts",
        load=partial(bulk.search, view.actor),
        columns=[
            TextColumn("total", label="What", read=_title, opens="/bulk/{id}", card=True),
            StatusColumn("status", read=lambda act: bulk_sentences.verdict(act.outcome, act), card=True),
            ProgressColumn("progress", read=_fraction),
            TextColumn("team", read=lambda act: act.team or ALL_TEAMS, opens="/teams/{team_id}"),
            TextColumn("reason", quiet=True, wide=True),
            TimeColumn("created_at", card=True),
        ],
        filters=[ChoiceFilter("verb", label="Act", choices=BulkVerb, pinned=True)],
        live=topics.jobs,
        empty=Empty("No bulk acts yet", "Tick jobs in the list, or open a group of failures.", "Open jobs", "/jobs"),
    )


@screen("/bulk/{id}", title="Bulk act", needs=Permission.JOBS_READ)
async def bulk_act_screen(view: View) -> None:
    """One act: how far it is, live, and each job with what became of it, what was refused first."""
    bulk_id = record_id(view.params["id"])
    seen = await bulk.get(view.actor, bulk_id)
    pace = Pace()
    items = bulk_sentences.items(seen.outcome.verb)
    head = PageHead(
        _title(seen.act),
        trail=[("Jobs", "/jobs"), ("Bulk acts", "/bulk")],
        sub=f"Asked for by {seen.asked_by}" if seen.asked_by else "",
        status=_status(seen),
        actions=_ways(view, seen),
    )
    progress = Progress(_step(seen, pace), label="Bulk act")
    if seen.job.status == JobStatus.FAILED:
        Note((seen.job.error or "It failed.").partition("\n")[0], "What is left was not touched.", small=True)
    facts = Facts(_facts(seen), title="About this act")
    DataTable(
        "Jobs of this act",
        load=partial(bulk.items, view.actor, bulk_id),
        columns=[
            NumberColumn("position", label="No."),
            IdColumn("job_id", label="Job", opens="/jobs/{job_id}"),
            TextColumn(
                "kind", read=lambda row: job_label(row) if row.kind else None, opens="/jobs/{job_id}", card=True
            ),
            TextColumn("team", opens="/teams/{team_id}"),
            StatusColumn("status", label="Outcome", shows=items, card=True),
            StatusColumn("job_status", label="The job now", shows=JOB),
            TextColumn("message", label="Why not", quiet=True, wide=True),
            TimeColumn("done_at", label="When", card=True),
        ],
        filters=[ChoiceFilter("status", label="Outcome", choices={k: words for k, (words, _) in items.items()})],
        tallied=Tallied("status", items),
        row_id="position",
        live=topics.jobs,
    )

    async def again() -> None:
        now = await bulk.get(view.actor, bulk_id)
        if job_state(now.job) != job_state(seen.job):
            await frame.redraw()
            return
        head.update_head(status=_status(now))
        progress.replace(_step(now, pace))
        facts.replace(_facts(now))

    Live(topics.jobs, again)


def _title(act: Any) -> str:  # noqa: ANN401 - an act or a row of the list
    return f"{BulkVerb(act.verb).label} {plural(act.total, 'job')}"


def _fraction(act: Any) -> float | str:  # noqa: ANN401 - a row of the list
    return (act.total - act.outcome.left) / act.total if act.outcome.left else bulk_sentences.sentence(act.outcome)


def _status(seen: BulkView) -> tuple[str, Tone]:
    return bulk_sentences.verdict(seen.outcome, seen.job)


def _ways(view: View, seen: BulkView) -> list[Action]:
    job = seen.job

    async def stop() -> None:
        title = "Stop this bulk act?"
        plan = ["Jobs that are done stay as they are. It can go on later where it stopped."]
        reason = await ask_reason(title, submit="Stop", plan=plan, danger=True)
        if reason is not None:
            await jobs.cancel(view.actor, job.id, reason)
            done("The bulk act was asked to stop.")
            await frame.redraw()

    async def go_on() -> None:
        left = plural(seen.tallies[BulkStatus.WAITING], "job")
        reason = await ask_reason("Let it go on?", submit="Go on", plan=[f"{left} left, at {seen.act.rate} a second."])
        if reason is not None:
            await jobs.retry(view.actor, job.id, reason)
            done("It goes on.")
            await frame.redraw()

    ways = [Action("Open its job", opens=f"/jobs/{job.id}")]
    if job.can_cancel:
        ways.append(Action("Stop", stop, needs=Permission.JOBS_CANCEL))
    elif job.can_retry and seen.tallies[BulkStatus.WAITING]:
        ways.append(Action("Go on", go_on, needs=Permission.JOBS_RETRY, main=True))
    return ways


def _step(seen: BulkView, pace: Pace) -> Step:
    act, outcome = seen.act, seen.outcome
    come_to = outcome.total - outcome.left
    rate, left = pace.see(seen.job.epoch, clock.now(), come_to, come_to / act.total)
    numbers = tuple((words, f"{n:,}") for words, n in bulk_sentences.numbers(outcome))
    if seen.job.status == JobStatus.RUNNING:
        words, state = f"{BulkVerb(act.verb).label} one by one, at most {act.rate} a second", "running"
    elif seen.job.status == JobStatus.SUCCEEDED:
        words, state = bulk_sentences.sentence(outcome), _STATES[bulk_sentences.verdict(outcome, seen.job)[1]]
    else:
        words, state = _WHERE[JobStatus(seen.job.status)]
    return Step(words, come_to, act.total, "jobs", rate, left, facts=numbers, state=state)


_WHERE = {
    JobStatus.QUEUED: ("Waiting for a worker", "waiting"),
    JobStatus.FAILED: ("It could not go on", "failed"),
    JobStatus.CANCELLED: ("Stopped before its end", "failed"),
}
_STATES: dict[Tone, str] = {"ok": "done", "bad": "failed", "warn": "warned", "info": "running"}


def _facts(seen: BulkView) -> list[Fact]:
    act = seen.act
    failure = act.chosen.get("signature", "")
    others = {name: words for name, words in act.chosen.items() if name != "signature"}
    chosen = ", ".join(f"{name.replace('_', ' ')}: {words}" for name, words in others.items())
    return [
        Fact("Reason", act.reason),
        Fact("Asked for by", seen.asked_by or None),
        Fact("Team", seen.team or ALL_TEAMS),
        Fact("Chosen by", chosen[:1].upper() + chosen[1:] or "Everything in the list"),
        *([Fact("Failure", failure[-8:], opens=f"/failures/{failure}")] if failure else []),
        Fact("Begun", act.created_at, "time"),
        Fact("Ended", seen.job.finished_at, "time"),
    ]
