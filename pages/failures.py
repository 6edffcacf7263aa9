"""Failures: what went wrong how often, and one act for all that failed alike."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from app import clock, topics
from app.models import BulkVerb, JobStatus
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.services import failures, jobs
from app.services.failures import FailureView, Standing
from components.charts.period import browser_zone
from components.charts.sparkline import Sparkline, said
from components.lists.columns import Column, NumberColumn, SparkColumn, StatusColumn, TextColumn, TimeColumn
from components.lists.filters import ChoiceFilter, IdFilter
from components.lists.table import DataTable, Empty, RowAction
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.values import Tone
from components.records.blocks import Action, Fact, Facts, Folded, Note, PageHead, Panel
from pages.shared.bulk_dialog import consent, of_signature
from pages.shared.labels import CANCELLING, JOB, job_label, job_state, plural

NAMED = 6
"""Teams that a group names; the others it counts."""
NEW: tuple[str, Tone] = ("New today", "bad")
_SETTLED: tuple[str, Tone] = ("Settled", "ok")


@screen("/failures", title="Failures", icon="failures", menu="Work", needs=Permission.JOBS_READ)
async def failures_screen(view: View) -> None:
    """What failed, grouped by what it has in common, most jobs first; live."""
    PageHead("Failures", sub="Jobs that failed alike stand together.")

    async def act(verb: BulkVerb, group: Any) -> None:  # noqa: ANN401 - a row of the list
        await consent(view, verb, of_signature(group.id, *_OF[verb]))

    DataTable(
        "Failures",
        load=partial(failures.search, view.actor),
        columns=_columns(browser_zone(view.client)),
        filters=[
            ChoiceFilter("state", choices=Standing, pinned=True),
            ChoiceFilter("kind", choices=dict(jobs.KINDS), pinned=True),
            IdFilter("team"),
        ],
        defaults={"state": Standing.OPEN.value},
        search="Kind, error, place, message …" if view.may(Permission.PERSONAL_READ) else "Kind, error, place …",
        actions=[
            RowAction("Retry all", partial(act, BulkVerb.RETRY), Permission.JOBS_BULK, lambda g: g.failed > 0),
            RowAction("Cancel all", partial(act, BulkVerb.CANCEL), Permission.JOBS_BULK, _is_open, danger=True),
        ],
        live=topics.jobs,
        empty=Empty(
            "Nothing has failed",
            "When jobs fail, those that failed alike appear here together.",
            by_default="Nothing failed that is not settled",
        ),
    )


@screen("/failures/{id}", title="Failure", needs=Permission.JOBS_READ)
async def failure_screen(view: View) -> None:
    """One group: what happened, to whom, a sample with all that is known, and its jobs."""
    failure_id, zone = record_id(view.params["id"]), browser_zone(view.client)
    seen = await failures.get(view.actor, failure_id)
    group = seen.group
    PageHead(
        group.message or group.error_class,
        trail=[("Failures", "/failures")],
        sub=f"{job_label(group)} · {group.error_class}" + (f" · {group.place}" if group.place else ""),
        status=_standing(group, zone),
        actions=_ways(view, seen),
    )
    with ui.element("div").classes("two"):
        facts = Facts(_facts(seen), title="About this failure")
        with ui.element("div").classes("screen"):
            _sample(view, seen)
            line = Sparkline(
                group.lately,
                label="Seen, last 24 hours",
                value=_times(group),
                tone="bad" if any(group.lately) else "idle",
            )

    async def alike(request: PageRequest) -> Page[Any]:
        return await jobs.search(view.actor, replace(request, filters={"signature": (str(failure_id),)}))

    with Panel("Its jobs"):
        DataTable(
            "Jobs that failed so",
            load=alike,
            columns=[
                TextColumn("kind", read=job_label, opens="/jobs/{id}", card=True),
                StatusColumn("status", read=job_state, shows={**JOB, "cancelling": CANCELLING}, card=True),
                TextColumn("team", opens="/teams/{team_id}"),
                TextColumn("error", label="Last word", quiet=True, wide=True),
                TimeColumn("created_at", card=True),
            ],
            size=10,
            live=topics.jobs,
        )

    async def again() -> None:
        now = await failures.get(view.actor, failure_id)
        if _can(now) != _can(seen):
            await frame.redraw()
            return
        facts.replace(_facts(now))
        line.replace(now.group.lately, value=_times(now.group))

    Live(topics.jobs, again, every=2.0)


_OF = {
    BulkVerb.RETRY: (JobStatus.FAILED,),
    BulkVerb.CANCEL: (JobStatus.FAILED, JobStatus.QUEUED),
}


def _columns(zone: str) -> list[Column]:
    today = _today(zone)
    return [
        TextColumn("message", label="What went wrong", read=_words, opens="/failures/{id}", card=True, wide=True),
        StatusColumn("new", read=lambda g: "new" if g.first_seen_at >= today else None, shows={"new": NEW}),
        TextColumn("kind", read=job_label, quiet=True),
        NumberColumn("failed", sort="failed", card=True),
        NumberColumn("waiting", label="Retrying", read=lambda g: g.waiting or None),
        NumberColumn("seen", label="Ever seen", sort="seen"),
        NumberColumn("teams"),
        SparkColumn(
            "lately", label="Last 24 h", read=_lately, tone="bad", said=lambda g: f"Seen an hour: {said(g.lately)}"
        ),
        TimeColumn("first_seen_at", label="First seen", sort="first_seen_at"),
        TimeColumn("last_seen_at", label="Last seen", sort="last_seen_at", card=True),
    ]


def _lately(group: Any) -> list[int] | None:  # noqa: ANN401 - a row of the list
    """None where nothing was seen: a flat line would look like something."""
    return group.lately if any(group.lately) else None


def _words(group: Any) -> str:  # noqa: ANN401 - a row of the list
    return f"{group.error_class}: {group.message}" if group.message else str(group.error_class)


def _is_open(group: Any) -> bool:  # noqa: ANN401 - a row of the list
    return bool(group.failed + group.waiting > 0)


def _today(zone: str) -> datetime:
    return clock.now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


def _times(group: Any) -> str:  # noqa: ANN401 - a group
    return plural(sum(group.lately), "time")


def _standing(group: Any, zone: str) -> tuple[str, Tone] | None:  # noqa: ANN401 - a group
    if not _is_open(group):
        return _SETTLED
    return NEW if group.first_seen_at >= _today(zone) else None


def _can(seen: FailureView) -> tuple[bool, bool]:
    return seen.group.failed > 0, _is_open(seen.group)


def _ways(view: View, seen: FailureView) -> list[Action]:
    group = seen.group

    async def act(verb: BulkVerb) -> None:
        await consent(view, verb, of_signature(group.id, *_OF[verb]))

    ways = [Action("All its jobs", opens=f"/jobs?signature={group.id}")]
    if _is_open(group):
        ways.append(Action("Cancel all", partial(act, BulkVerb.CANCEL), needs=Permission.JOBS_BULK, danger=True))
    if group.failed:
        ways.append(Action("Retry all", partial(act, BulkVerb.RETRY), needs=Permission.JOBS_BULK, main=True))
    return ways


def _facts(seen: FailureView) -> list[Fact]:
    group, latest = seen.group, seen.latest
    hit = [team.name for team in seen.teams][:NAMED]
    more = group.teams - len(hit)
    return [
        Fact("Failed now", group.failed, "number", f"/jobs?signature={group.id}&status=failed"),
        Fact("Waiting to retry", group.waiting, "number", f"/jobs?signature={group.id}&status=queued"),
        Fact("Ever seen", group.seen, "number"),
        Fact("First seen", group.first_seen_at, "time"),
        Fact("Last seen", group.last_seen_at, "time"),
        Fact("Teams hit", ", ".join(hit) + (f" and {more:,} more" if more > 0 else "") or None),
        Fact("Latest job", f"{job_label(group)} {latest.id.hex[-8:]}" if latest else None, opens=_job(latest)),
    ]


def _job(latest: Any) -> str:  # noqa: ANN401 - a row or None
    return f"/jobs/{latest.id}" if latest else ""


def _sample(view: View, seen: FailureView) -> None:
    """The latest of them: its sentence for everybody, the rest for those who can do something about it."""
    if seen.latest is None or not seen.latest.error:
        return
    sentence, _, inside = seen.latest.error.partition("\n")
    code = f"Code {seen.latest.error_code}." if seen.latest.error_code else ""
    Note(sentence[:300], f"The latest of them. {code}".strip(), link="Open job", opens=_job(seen.latest), small=True)
    if inside.strip() and view.may(Permission.JOBS_RETRY):
        Folded("Where in the program", inside.strip()[:20_000])
