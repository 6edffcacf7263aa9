"""Queues and workers: what waits and how it goes, who works, and what the people on call can do about both."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from app import topics
from app.errors import Invalid
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.services import queues, workers
from app.services.queues import QueueState, QueueView
from app.services.workers import WorkerState, WorkerView
from components.charts.sparkline import said
from components.forms.dialogs import ask, ask_reason, save_over
from components.forms.form import Field, Values
from components.lists.columns import (
    Column,
    DurationColumn,
    LinksColumn,
    NumberColumn,
    SparkColumn,
    StatusColumn,
    TextColumn,
    TimeColumn,
)
from components.lists.table import DataTable, Empty, RowAction
from components.page.screen import View, screen
from components.page.ticking import Ticking
from components.page.toasts import done
from components.page.values import Tone
from components.records.blocks import Action, PageHead, Panel
from pages.shared.labels import plural

MOST_LINKS = 6
"""Jobs of a worker that are shown, each linked."""
SECONDS = 5.0
"""How often the figures are looked at though nothing was told: what waits grows older."""
QUEUE: dict[QueueState, tuple[str, Tone]] = {
    QueueState.PAUSED: ("Paused", "warn"),
    QueueState.NO_WORKER: ("No worker", "bad"),
    QueueState.FULL: ("At its limit", "info"),
    QueueState.WORKS: ("Works", "ok"),
    QueueState.IDLE: ("Idle", "idle"),
}
WORKER: dict[WorkerState, tuple[str, Tone]] = {
    WorkerState.LOST: ("Lost", "bad"),
    WorkerState.DRAINING: ("Draining", "warn"),
    WorkerState.DRAINED: ("Drained", "idle"),
    WorkerState.BUSY: ("All places busy", "info"),
    WorkerState.WORKS: ("Works", "ok"),
    WorkerState.IDLE: ("Idle", "idle"),
}
_GONE = {WorkerState.LOST, WorkerState.DRAINED, WorkerState.DRAINING}
_REASON = Field("reason", "Reason", kind="long", hint="Goes into the audit log.")


@screen("/queues", title="Queues and workers", icon="queues", menu="Work", needs=Permission.QUEUES_READ)
async def queues_screen(view: View) -> None:
    """Both lists, alive."""
    acts = Action("What staff did", opens="/audit?record=queue", needs=Permission.AUDIT_READ)
    head = PageHead("Queues and workers", actions=[acts])

    async def load_workers(request: PageRequest) -> Page[WorkerView]:
        page = await workers.search(view.actor, request)
        head.update_head(sub=_living(page.rows))
        return page

    with Panel("Queues", "Figures of the last hour"):
        waiting = DataTable(
            "Queues",
            load=partial(queues.search, view.actor),
            columns=_queue_columns(),
            actions=_queue_actions(view),
            empty=Empty("No queues yet", "They appear as soon as a worker has started."),
        )
    with Panel("Workers"):
        working = DataTable(
            "Workers",
            key="workers",
            load=load_workers,
            columns=_worker_columns(),
            actions=_worker_actions(view),
            empty=Empty("No workers", "No job will run until one starts: quarterdeck worker."),
        )

    async def again() -> None:
        waiting.look()
        working.look()

    Ticking((topics.queues, topics.workers, topics.jobs), again, seconds=SECONDS, every=2.0)


def _queue_columns() -> Sequence[Column]:
    return [
        LinksColumn("name", label="Queue", read=lambda queue: [(queue.name, _jobs_of(queue))], card=True),
        StatusColumn("state", shows=QUEUE, card=True),
        NumberColumn("waiting", card=True),
        NumberColumn("running", read=lambda q: f"{q.running} of {q.max_running}" if q.max_running else q.running),
        NumberColumn("held", label="Held back", read=lambda queue: str(queue.held) if queue.held.value else None),
        TimeColumn("oldest", label="Oldest waits since"),
        NumberColumn("per_minute", label="Done a minute", read=lambda queue: f"{queue.per_minute:,.1f}"),
        DurationColumn("wait", label="Average wait"),
        NumberColumn("failures", label="Failed", read=_failed),
        SparkColumn(
            "done", label="Done, last hour", read=_went, said=lambda queue: f"Done a minute: {said(queue.done)}"
        ),
    ]


def _worker_columns() -> Sequence[Column]:
    return [
        TextColumn("label", label="Worker", card=True),
        StatusColumn("state", read=_worker_state, card=True),
        LinksColumn("jobs", label="Runs now", read=_runs, card=True),
        NumberColumn("places", read=lambda worker: f"{len(worker.jobs)} of {worker.concurrency}"),
        TextColumn("queues", label="Takes from", read=lambda worker: ", ".join(worker.queues), quiet=True),
        StatusColumn("version", read=_version),
        TimeColumn("started_at"),
        TimeColumn("heartbeat_at", label="Sign of life"),
    ]


def _queue_actions(view: View) -> Sequence[RowAction]:
    async def pause(queue: QueueView) -> None:
        plan = [_goes_on(queue.running), "What waits, and what comes, waits until somebody resumes the queue."]
        reason = await ask_reason(f"Pause the queue {queue.name}?", submit="Pause queue", plan=plan, danger=True)
        if reason is not None:
            await queues.pause(view.actor, queue.id, reason)
            done(f"The queue {queue.name} is paused.")

    async def resume(queue: QueueView) -> None:
        plan = [f"{plural(queue.waiting, 'job')} will start as workers have room, the most urgent first."]
        reason = await ask_reason(f"Resume the queue {queue.name}?", submit="Resume queue", plan=plan)
        if reason is not None:
            await queues.resume(view.actor, queue.id, reason)
            done(f"The queue {queue.name} goes on.")

    manages = Permission.QUEUES_MANAGE
    return [
        RowAction("Pause", pause, manages, lambda queue: queue.paused_at is None, danger=True),
        RowAction("Resume", resume, manages, lambda queue: queue.paused_at is not None),
        RowAction("Change limit", partial(_limit, view), manages),
    ]


async def _limit(view: View, queue: QueueView) -> None:
    """How many jobs of a queue may run at the same time."""

    async def save(values: Values) -> None:
        async def store(yours: Any, seen: Any) -> None:  # noqa: ANN401 - mappings of the one field
            await queues.limit(view.actor, queue.id, yours["most"], seen["most"], values["reason"])

        wanted = {"most": _number(values["most"])}
        mine = await save_over(store, wanted, {"most": queue.max_running}, labels={"most": "Limit"}, show=_shown)
        done("The limit is saved." if mine else "The limit stays as the other person saved it.")

    field = Field(
        "most",
        "Jobs at the same time",
        "number",
        str(queue.max_running or ""),
        f"Over all workers. Running now: {queue.running:,}. Leave it empty for no limit.",
        required=False,
    )
    plan = ["What runs goes on. Jobs that find no room wait, the most urgent and then the oldest first."]
    await ask(f"Limit the queue {queue.name}", submit="Save limit", plan=plan, fields=[field, _REASON], on_submit=save)


def _worker_actions(view: View) -> Sequence[RowAction]:
    async def drain(worker: WorkerView) -> None:
        plan = [
            _goes_on(len(worker.jobs)),
            "It takes nothing more, stays alive, and can be stopped without loss once it is drained.",
            "If no other worker takes from its queues, their jobs wait.",
        ]
        reason = await ask_reason(f"Drain the worker {worker.label}?", submit="Drain worker", plan=plan, danger=True)
        if reason is not None:
            await workers.drain(view.actor, worker.id, reason)
            done("The worker takes nothing more.")

    async def resume(worker: WorkerView) -> None:
        reason = await ask_reason(f"Let the worker {worker.label} take jobs again?", submit="Resume worker")
        if reason is not None:
            await workers.resume(view.actor, worker.id, reason)
            done("The worker takes jobs again.")

    drains = Permission.WORKERS_DRAIN
    return [
        RowAction("Drain", drain, drains, lambda worker: worker.state not in _GONE, danger=True),
        RowAction("Resume", resume, drains, lambda worker: worker.drain_requested_at is not None),
    ]


def _jobs_of(queue: QueueView) -> str:
    """The list of what waits and runs in a queue: by its kinds, which have an index."""
    states = [("status", "queued"), ("status", "running")]
    return f"/jobs?{urlencode([*states, *(('kind', kind) for kind in queue.kinds)])}"


def _failed(queue: QueueView) -> str | None:
    if queue.failures is None:
        return None
    return "none" if not queue.failures else f"{queue.failures:.1%}".replace("%", " %")


def _went(queue: QueueView) -> Sequence[int] | None:
    return queue.done if any(queue.done) else None


def _worker_state(worker: WorkerView) -> tuple[str, Tone]:
    word, tone = WORKER[worker.state]
    return (f"{word} by {worker.drained_by}" if worker.drained_by and worker.drain_requested_at else word), tone


def _runs(worker: WorkerView) -> Sequence[tuple[str, str]]:
    """What it runs, each linked; of many the first, and how many more."""
    links = [(label, f"/jobs/{id_}") for id_, label in worker.jobs[:MOST_LINKS]]
    more = len(worker.jobs) - len(links)
    return [*links, (f"and {more:,} more", "/jobs?status=running")] if more else links


def _version(worker: WorkerView) -> tuple[str, Tone]:
    return (f"{worker.version}, not this one", "warn") if worker.is_other_version else (worker.version, "idle")


def _living(rows: Sequence[WorkerView]) -> str:
    taking = [worker for worker in rows if worker.state not in _GONE]
    if not taking:
        return "No worker takes jobs now."
    busy, places = sum(len(worker.jobs) for worker in taking), sum(worker.concurrency for worker in taking)
    lost = sum(worker.state is WorkerState.LOST for worker in rows)
    gone = f", {plural(lost, 'worker')} lost" if lost else ""
    return f"{plural(len(taking), 'worker')} at work, {busy:,} of {plural(places, 'place')} busy{gone}."


def _goes_on(running: int) -> str:
    if not running:
        return "Nothing of it runs now."
    return "The job that runs now goes on." if running == 1 else f"The {running:,} jobs that run now go on."


def _number(typed: str) -> int | None:
    words = typed.strip().replace(",", "")
    if not words:
        return None
    if not words.isascii() or not words.isdigit() or len(words) > len(str(queues.MOST)):
        raise Invalid(most=f"Write a whole number up to {queues.MOST:,}, or nothing for no limit.")
    return int(words)


def _shown(limit: int | None) -> str:
    return "no limit" if limit is None else f"{limit:,}"
