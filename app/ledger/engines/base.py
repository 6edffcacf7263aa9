"""What an engine is: something that brings a job's id to a worker. It knows nothing about jobs."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.work import Work


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message "run this job"."""

    job_id: UUID
    epoch: int
    """Of the job when it was sent: the same job of the same epoch needs only one message under way."""
    queue: str = "default"
    priority: int = 0
    """Higher ones are brought first."""
    delay: float = 0
    """Seconds before which it is not brought."""


class Engine(Protocol):
    """Two functions; the ledger owns everything else (retries, leases, limits, what is true)."""

    name: str

    async def deliver(self, work: Work, deliveries: Sequence[Delivery]) -> list[bool]:
        """Send messages in the caller's transaction. At least once; never exactly.

        Returns for each whether it was sent: False when the same message of this epoch is still under way.
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
