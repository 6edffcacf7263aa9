"""What machines that watch over this installation are told: figures of queues, jobs and workers, and nobody's data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import clock
from app.actor import Actor
from app.database import reading
from app.models import JobStatus
from app.permissions import Permission
from app.repositories import queues as queues_table
from app.repositories import workers as workers_table
from app.repositories.home import LATE


@dataclass(frozen=True, slots=True)
class Figures:
    """How queues and workers are now, and what happened since some minute."""

    at: datetime
    queues: Sequence[Any]
    """Rows of ``repositories.queues.standing``."""
    totals: Mapping[tuple[str, JobStatus], int]
    minutes: Sequence[Any]
    """Rows of ``repositories.queues.minutes``."""
    workers: Mapping[str, int]
    """How many are alive, drained or lost."""
    places: int
    """How many jobs those alive can run at the same time."""


async def figures(actor: Actor, since: datetime) -> Figures:
    """What is so now, and what happened in each minute from ``since`` on. By counters and indexes alone."""
    async with reading(actor, Permission.QUEUES_READ) as work:
        now = clock.now()
        found = {"alive": 0, "drained": 0, "lost": 0}
        places = 0
        for worker, _ in await workers_table.listed(work):
            state = "lost" if worker.heartbeat_at <= now - LATE else "drained" if worker.drain_requested_at else "alive"
            found[state] += 1
            places += worker.concurrency if state == "alive" else 0
        return Figures(
            now,
            await queues_table.standing(work),
            await queues_table.totals(work),
            await queues_table.minutes(work, since),
            found,
            places,
        )
