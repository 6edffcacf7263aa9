"""What a running job has in hand: who it acts as, how it tells of its progress, where it goes on after a crash."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from app import job_queue
from app.actor import System
from app.config import Settings
from app.database import Work, keeping
from app.database.driver import until_lost
from app.job_queue import Cancelled, Later, Run
from app.privacy import job_secrets

PROGRESS_SECONDS = 1.0
"""Progress reaches the database at most this often."""


@dataclass(eq=False)
class JobContext:
    """One run of a job, as its task sees it."""

    run: Run
    actor: System
    settings: Settings
    checkpoint: dict[str, Any] | None
    """What the last run saved; None at the first."""
    attempt: int = 1
    cancelled: bool = False
    """Somebody asked to cancel: stop soon, at a place where it is safe."""
    stopping: bool = False
    """The task has seen the cancellation, and cleans up."""
    _told_at: float = field(default=float("-inf"), repr=False)
    _saved: bool = field(default=False, repr=False)

    @property
    def job_id(self) -> UUID:
        """The job."""
        return self.run.job_id

    @property
    def team_id(self) -> UUID:
        """Whose job it is.

        Raises:
            ValueError: nobody's; its task does the console's own work.
        """
        if self.actor.team_id is None:
            raise ValueError("This job belongs to no team.")
        return self.actor.team_id

    @property
    def data_dir(self) -> Path:
        """Where uploaded files are."""
        return self.settings.data_dir

    @asynccontextmanager
    async def keeping(self, purpose: str) -> AsyncIterator[Work]:
        """Keep the books of the job's team, fenced: a run that has lost its job can write nothing. A job of no team
        reaches only the books that span teams. The block ends with its connection, whatever it waits for: nobody keeps
        a job for a run whose transaction is gone.

        Raises:
            LeaseLost: another run has the job.
            Unavailable: the connection was lost.
        """
        async with keeping(purpose, team_id=self.actor.team_id) as work:
            await job_queue.hold(work, self.run)
            async with until_lost(await work.raw()):
                yield work

    async def progress(
        self, done: int, total: int | None = None, text: str = "", *, percent: int | None = None
    ) -> None:
        """Tell how far it is; as often as you like, the database hears it once a second.

        ``percent`` is what the bar shows; unset, done of total.

        Raises:
            Cancelled: somebody asked to cancel.
            LeaseLost: another run has the job.
        """
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            self.cancelled |= await job_queue.progress(self.run, done, total, job_secrets.redacted(text), percent)
        await self.stop_if_cancelled()

    async def save(self, state: Mapping[str, Any]) -> None:
        """Keep ``state`` (JSON) as the checkpoint that the next run starts from.

        Raises:
            Cancelled: somebody asked to cancel. The state is saved.
            LeaseLost: another run has the job.
        """
        first, self._saved = not self._saved, True
        self.cancelled |= await job_queue.checkpoint(self.run, state, first=first)
        await self.stop_if_cancelled()

    async def save_in(self, work: Work, state: Mapping[str, Any]) -> None:
        """:meth:`save` in an open transaction; it raises no Cancelled there, ask :meth:`stop_if_cancelled` after.

        Raises:
            LeaseLost: another run has the job.
        """
        first, self._saved = not self._saved, True
        self.cancelled |= await job_queue.checkpoint_in(work, self.run, state, first=first)

    async def spend(self, micros: int) -> None:
        """Add to what the job costs, in millionths of the currency that all costs are kept in.

        Raises:
            LeaseLost: another run has the job.
        """
        self.cancelled |= await job_queue.spend(self.run, micros)

    def wait(self, seconds: float, reason: str) -> NoReturn:
        """End this run for now: what the task needs is not there yet. The next run goes on from the checkpoint, and
        this one does not count as an attempt.

        Raises:
            Later: always; let it pass.
        """
        raise Later(seconds, reason)

    async def stop_if_cancelled(self) -> None:
        """A place where it is safe to stop.

        Raises:
            Cancelled: somebody asked to cancel.
        """
        if self.cancelled:
            self.stopping = True
            raise Cancelled
