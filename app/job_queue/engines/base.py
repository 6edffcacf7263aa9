"""What an engine is: something that brings a job's id to a worker. It knows nothing about jobs."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.database import Work


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


class Intake:
    """Whether a worker takes deliveries: it does, or not for now, or never again."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    def pause(self) -> None:
        """Take nothing for now."""
        self._open.clear()

    def resume(self) -> None:
        """Take deliveries again."""
        self._open.set()

    def stop(self) -> None:
        """Take nothing more."""
        self.stopping.set()
        self._open.set()

    async def opened(self) -> bool:
        """Wait until deliveries may be taken; False: never again."""
        await self._open.wait()
        return not self.stopping.is_set()


class Engine(Protocol):
    """Two functions; the job queue owns everything else (retries, leases, limits, what is true)."""

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
        intake: Intake,
    ) -> None:
        """Call ``handle`` for each delivery, at most ``concurrency`` at a time, while ``intake`` is open. Once that has
        stopped, returns when the last ``handle`` has. Outlives restarts of what it is connected to.
        """
