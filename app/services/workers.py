"""Workers, for the people on call: who they are, what they run, drain, resume."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app import __version__, clock
from app.actor import Actor
from app.database import reading, writing
from app.errors import Conflict
from app.job_queue.tasks import QUEUES, label_of
from app.models import Action, Worker
from app.paging import Count, Page, PageRequest
from app.permissions import Permission
from app.repositories import workers as workers_table
from app.repositories.home import LATE
from app.topics import workers as topic
from app.values import reasons


class WorkerState(StrEnum):
    """How a worker is."""

    LOST = "lost"
    DRAINING = "draining"
    DRAINED = "drained"
    BUSY = "busy"
    WORKS = "works"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker with all that its row shows."""

    id: UUID
    machine: str
    pid: int
    label: str
    version: str
    is_other_version: bool
    """Than that of the process which shows it."""
    queues: tuple[str, ...]
    """From which it takes; "all" stands for all that need no connection of the owner."""
    concurrency: int
    state: WorkerState
    jobs: tuple[tuple[UUID, str], ...]
    """What it runs now: id and label."""
    started_at: datetime
    heartbeat_at: datetime
    drain_requested_at: datetime | None
    drained_by: str
    """Who asked it to take nothing more; empty where nobody did."""


async def search(actor: Actor, request: PageRequest) -> Page[WorkerView]:
    """All workers that are known, lost ones too until they are forgotten."""
    del request  # nothing to filter and nothing to turn over
    async with reading(actor, Permission.QUEUES_READ) as work:
        rows, running = await workers_table.listed(work), await workers_table.running(work)
    found = [_view(worker, name or "", running.get(worker.id, ())) for worker, name in rows]
    return Page(found, Count(len(found)))


async def drain(actor: Actor, worker_id: UUID, reason: str) -> None:
    """Let a worker take nothing more: it ends what it runs, and then waits."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.WORKERS_DRAIN) as work:
        worker = await work.get(Worker, worker_id, lock=True)
        if worker.drain_requested_at is not None:
            raise Conflict("This worker has been asked already to take nothing more.")
        worker.drain_requested_at, worker.drain_requested_by = clock.now(), work.who.id
        work.record(Action.WORKER_DRAINED, worker, reason=why)
        work.notify(topic, worker.id)


async def resume(actor: Actor, worker_id: UUID, reason: str) -> None:
    """Let a drained worker take jobs again."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.WORKERS_DRAIN) as work:
        worker = await work.get(Worker, worker_id, lock=True)
        if worker.drain_requested_at is None:
            raise Conflict("This worker takes jobs already.")
        worker.drain_requested_at = worker.drain_requested_by = None
        work.record(Action.WORKER_RESUMED, worker, reason=why)
        work.notify(topic, worker.id)


def _view(worker: Worker, drained_by: str, jobs: Sequence[Any]) -> WorkerView:
    return WorkerView(
        worker.id,
        worker.machine,
        worker.pid,
        worker.audit_label,
        worker.version,
        worker.version != __version__,
        _takes(worker.queues),
        worker.concurrency,
        _state(worker, len(jobs)),
        tuple((job.id, label_of(job.kind)) for job in jobs),
        worker.started_at,
        worker.heartbeat_at,
        worker.drain_requested_at,
        drained_by,
    )


def _takes(queues: Sequence[str]) -> tuple[str, ...]:
    others = tuple(name for name in queues if name not in QUEUES)
    return ("all", *others) if set(QUEUES) <= set(queues) else tuple(queues)


def _state(worker: Worker, jobs: int) -> WorkerState:
    if worker.heartbeat_at <= clock.now() - LATE:
        return WorkerState.LOST
    if worker.drain_requested_at is not None:
        return WorkerState.DRAINING if jobs else WorkerState.DRAINED
    if jobs >= worker.concurrency:
        return WorkerState.BUSY
    return WorkerState.WORKS if jobs else WorkerState.IDLE
