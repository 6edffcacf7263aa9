"""Jobs, for the people who watch them: the list. What is done with one of them stands in ``job``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from app import clock
from app.actor import Actor
from app.database import reading
from app.job_queue.tasks import JOBS_BULK, QUEUES, attempts_of
from app.models import JobStatus
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import jobs as jobs_table
from app.repositories import queues as queues_table
from app.repositories.bulk_outcome import by_job
from app.repositories.jobs import Priority
from app.repositories.keyset import mapped
from app.services.job import KINDS, LASTING, cancel, retry
from app.services.job_view import JobView, content, get

MINUTES = 60
"""How far the lines above the list reach back."""


@dataclass(frozen=True, slots=True)
class Flow:
    """How the work went, minute by minute, oldest first; the last minute is the one that runs."""

    ended: tuple[int, ...]
    failed: tuple[int, ...]
    waits: tuple[float, ...]
    """Seconds that those which started then had waited, on average; 0 where none started."""


__all__ = [
    "KINDS",
    "LASTING",
    "QUEUES",
    "Flow",
    "JobView",
    "Priority",
    "attempts_of",
    "cancel",
    "content",
    "counts",
    "flow",
    "get",
    "retry",
    "search",
]


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The jobs that one may see; one that carries out a bulk act with the ``outcome`` of that."""
    async with reading(actor, Permission.JOBS_READ) as work:
        found = await jobs_table.search(work, request)
        acting = [row.id for row in found.rows if row.kind == JOBS_BULK.kind]
        acts = await by_job(work, acting) if acting else {}
    return mapped(found, lambda row: SimpleNamespace(**row._asdict(), outcome=acts.get(row.id)))


async def counts(actor: Actor) -> Mapping[JobStatus, int]:
    """How many jobs stand where, from counters."""
    async with reading(actor, Permission.JOBS_READ) as work:
        return await jobs_table.counts(work)


async def flow(actor: Actor) -> Flow | None:
    """How the work of all teams went in the last hour; None for those who see only some of them."""
    minute = timedelta(minutes=1)
    first = clock.now().replace(second=0, microsecond=0) - (MINUTES - 1) * minute
    async with reading(actor, Permission.JOBS_READ) as work:
        if work.who.team_ids is not None:
            return None
        rows = await queues_table.minutes(work, first)
    ended, failed, started, waited = ([0] * MINUTES for _ in range(4))
    for row in rows:
        if 0 <= (at := (row.minute - first) // minute) < MINUTES:
            ended[at] += row.succeeded + row.failed + row.cancelled
            failed[at] += row.failed
            started[at] += row.started
            waited[at] += row.waited_ms
    waits = (total / n / 1000 if n else 0.0 for total, n in zip(waited, started, strict=True))
    return Flow(tuple(ended), tuple(failed), tuple(waits))
