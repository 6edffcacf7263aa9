"""Signs of health that only counting tells: which workers live, how much has not been added up yet."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from app.database import Work
from app.models import StatsDelta, Worker

MOST_DELTAS = 200_001
"""Counting stops here: so many are too many whatever their number."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A worker that has signed on, and its last sign of life."""

    host: str
    pid: int
    heartbeat_at: datetime
    concurrency: int
    version: str
    maintenance: bool


async def workers(work: Work) -> list[Sign]:
    """All workers that have signed on and not off, newest sign of life first."""
    columns = (Worker.host, Worker.pid, Worker.heartbeat_at, Worker.concurrency, Worker.version, Worker.maintenance)
    rows = await work.execute(select(*columns).order_by(Worker.heartbeat_at.desc()).limit(1_000))
    return [Sign(*row) for row in rows]


async def deltas(work: Work) -> int:
    """How many changes of numbers wait to be added up, at most :data:`MOST_DELTAS`."""
    some = select(StatsDelta.id).limit(MOST_DELTAS).subquery()
    return int(await work.scalar(select(func.count()).select_from(some)))
