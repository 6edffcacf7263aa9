"""Queues, for the people on call: what waits, how it goes, pause, resume, limit."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from app import clock, job_queue
from app.actor import Actor
from app.database import Work, reading, writing
from app.errors import Conflict, Invalid
from app.job_queue.tasks import TASKS
from app.models import Action, JobStatus, Queue, Worker
from app.paging import Count, CountKind, Page, PageRequest
from app.permissions import Permission
from app.repositories import queues as queues_table
from app.repositories import workers as workers_table
from app.repositories.home import LATE
from app.topics import queues as topic
from app.values import reasons

MINUTES = 60
"""How long the pictures of a queue reach back."""
LATELY = 5
"""Minutes over which a pace is told."""
MOST = 10_000
"""The highest limit that can be set; who wants more sets none."""


class QueueState(StrEnum):
    """How a queue is."""

    PAUSED = "paused"
    NO_WORKER = "no_worker"
    FULL = "full"
    WORKS = "works"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue with all that its row shows."""

    id: UUID
    name: str
    kinds: tuple[str, ...]
    """The kinds of jobs that wait in it."""
    state: QueueState
    paused_at: datetime | None
    max_running: int | None
    waiting: int
    running: int
    held: Count
    """Jobs that wait because the queue is paused or full."""
    oldest: datetime | None
    """The moment from which the job that waits longest could have run."""
    done: tuple[int, ...]
    """Jobs that ended, minute by minute, in the last sixty whole minutes."""
    per_minute: float
    """Jobs that ended, in a minute of the last few."""
    wait: float | None
    """Seconds from being due to the start, on average over the last hour; None when none started."""
    failures: float | None
    """The part of those that ended in the last hour which failed; None when none ended."""


async def search(actor: Actor, request: PageRequest) -> Page[QueueView]:
    """All queues; there are few."""
    del request  # nothing to filter and nothing to turn over
    async with reading(actor, Permission.QUEUES_READ) as work:
        found = await _views(work)
    return Page(found, Count(len(found)))


async def pause(actor: Actor, queue_id: UUID, reason: str) -> None:
    """Let no more jobs of a queue start. What runs goes on, what comes waits."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.QUEUES_MANAGE) as work:
        queue = await work.get(Queue, queue_id, lock=True)
        if queue.paused_at is not None:
            raise Conflict(f"The queue {queue.name} is paused already.")
        await job_queue.pause_queue(work, queue)
        work.record(Action.QUEUE_PAUSED, queue, reason=why)
        work.notify(topic, queue.id)


async def resume(actor: Actor, queue_id: UUID, reason: str) -> None:
    """Let the jobs of a paused queue start again, the most urgent first."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.QUEUES_MANAGE) as work:
        queue = await work.get(Queue, queue_id, lock=True)
        if queue.paused_at is None:
            raise Conflict(f"The queue {queue.name} is not paused.")
        await job_queue.resume_queue(work, queue)
        work.record(Action.QUEUE_RESUMED, queue, reason=why)
        work.notify(topic, queue.id)


async def limit(actor: Actor, queue_id: UUID, most: int | None, seen: int | None, reason: str) -> None:
    """Change how many jobs of a queue may run at the same time, over all workers; None for as many as the workers take.
    ``seen`` is the limit that the person saw.
    """
    why = reasons.checked(reason)
    if most is not None and not 1 <= most <= MOST:
        raise Invalid(most=f"A limit is a whole number from 1 to {MOST:,}; empty means none. To stop all, pause it.")
    async with writing(actor, Permission.QUEUES_MANAGE) as work:
        queue = await work.get(Queue, queue_id, lock=True)
        now = queue.max_running
        if now == most:
            raise Invalid(most="This is the limit that is there already.")
        if now != seen:
            sides = ({"most": side} for side in (seen, now, most))
            message = f"Somebody changed the limit of the queue {queue.name} meanwhile."
            raise Conflict(message, **dict(zip(("original", "theirs", "yours"), sides, strict=True)))
        await job_queue.limit_queue(work, queue, most)
        work.record(Action.QUEUE_LIMITED, queue, reason=why)
        work.notify(topic, queue.id)


async def _views(work: Work) -> Sequence[QueueView]:
    now = clock.now()
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    totals = await queues_table.totals(work)
    taken = _taken([worker for worker, _ in await workers_table.listed(work)], now)
    by_queue: Mapping[str, list[Any]] = defaultdict(list)
    for row in await queues_table.minutes(work, start):
        by_queue[row.queue].append(row)
    return [_view(row, totals, taken, by_queue[row.name], start, now) for row in await queues_table.standing(work)]


def _view(
    row: Any,  # noqa: ANN401 - a row of queues_table.standing
    totals: Mapping[tuple[str, JobStatus], int],
    taken: frozenset[str],
    minutes: Sequence[Any],
    start: datetime,
    now: datetime,
) -> QueueView:
    waiting, running = (totals.get((row.name, status), 0) for status in (JobStatus.QUEUED, JobStatus.RUNNING))
    done = [0] * (MINUTES + 1)  # the last one is the minute that runs
    for one in minutes:
        done[min(int((one.minute - start).total_seconds()) // 60, MINUTES)] += _ended(one)
    started, failed, ended = (sum(map(of, minutes)) for of in (lambda m: m.started, lambda m: m.failed, _ended))
    return QueueView(
        row.id,
        row.name,
        tuple(task.kind for task in TASKS.values() if task.queue == row.name),
        _state(row, waiting, running, is_taken=row.name in taken),
        row.paused_at,
        row.max_running,
        waiting,
        running,
        _held(row.held),
        row.oldest,
        tuple(done[:-1]),
        sum(done[-LATELY:]) / (LATELY - 1 + max(now.second, 1) / 60),
        sum(one.waited_ms for one in minutes) / started / 1000 if started else None,
        failed / ended if ended else None,
    )


def _ended(minute: Any) -> int:  # noqa: ANN401 - a row of queues_table.minutes
    return int(minute.succeeded + minute.failed + minute.cancelled)


def _held(n: int) -> Count:
    return Count(n, CountKind.AT_LEAST if n >= queues_table.MOST_HELD else CountKind.EXACT)


def _taken(workers: Iterable[Worker], now: datetime) -> frozenset[str]:
    """The queues from which some living worker takes."""
    return frozenset(
        name
        for worker in workers
        if worker.heartbeat_at > now - LATE and worker.drain_requested_at is None
        for name in worker.queues
    )


def _state(row: Any, waiting: int, running: int, *, is_taken: bool) -> QueueState:  # noqa: ANN401 - a row
    if row.paused_at is not None:
        return QueueState.PAUSED
    if not is_taken:
        return QueueState.NO_WORKER
    if waiting and row.max_running is not None and running >= row.max_running:
        return QueueState.FULL
    return QueueState.WORKS if waiting or running else QueueState.IDLE
