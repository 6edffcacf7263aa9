"""What an engine is: something that brings a job's id to a worker. It knows nothing about jobs."""

from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

from app.work import Work


class Engine(Protocol):
    """Two functions; the ledger owns everything else (retries, leases, priorities of truth)."""

    async def deliver(
        self, work: Work, job_id: UUID, *, epoch: int, delay: float = 0, priority: int = 0, queue: str = "default"
    ) -> None:
        """Send "run this job" in the caller's transaction, after ``delay`` seconds. At least once; never exactly."""

    async def run_worker(self, handle: Callable[[UUID], Awaitable[None]], *, concurrency: int) -> None:
        """Call ``handle`` for each delivery, at most ``concurrency`` at a time, until cancelled."""
