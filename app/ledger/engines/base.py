"""What an engine is: something that brings a job's id to a worker. It knows nothing about jobs."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol
from uuid import UUID

from app.work import Work


class Engine(Protocol):
    """Two functions; the ledger owns everything else (retries, leases, what is true)."""

    name: str

    async def deliver(
        self, work: Work, job_id: UUID, *, epoch: int, delay: float = 0, priority: int = 0, queue: str = "default"
    ) -> bool:
        """Send "run this job" in the caller's transaction, after ``delay`` seconds. At least once; never exactly.

        Returns whether it was sent: False when the same message of this epoch is still under way.
        """

    async def run_worker(
        self,
        url: str,
        handle: Callable[[UUID], Awaitable[None]],
        *,
        queues: Collection[str],
        concurrency: int,
        stop: asyncio.Event,
    ) -> None:
        """Call ``handle`` for each delivery, at most ``concurrency`` at a time. Takes nothing more once ``stop`` is
        set, and returns when the last ``handle`` has. Outlives restarts of what it is connected to.
        """
