"""A worker: takes what the engine delivers, shows that it lives, sweeps, and hands its jobs back when it stops."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert

from app import __version__, clock, ledger
from app.config import Settings
from app.errors import AppError
from app.ids import uuid7
from app.ledger.tasks import MAINTENANCE, QUEUES
from app.models.job import Worker
from app.work import keeping
from app.worker import place, stats
from app.worker.execution import Ending, Execution
from app.worker.scheduling import Scheduler

UNREACHABLE = (AppError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What the door, or connecting itself, raises while the database is away."""

log = logging.getLogger(__name__)


def identity(settings: Settings, *, maintenance: bool = False) -> Worker:
    """This process as the table ``workers`` knows it."""
    now = clock.now()
    return Worker(
        id=uuid7(),
        host=place.host(),
        pid=os.getpid(),
        started_at=now,
        heartbeat_at=now,
        concurrency=settings.worker_concurrency,
        engine=ledger.ENGINE.name,
        version=__version__,
        maintenance=maintenance,
        queues=[*QUEUES, MAINTENANCE] if maintenance else list(QUEUES),
    )


@dataclass(eq=False)
class WorkerProcess:
    """Runs jobs until :attr:`stop` is set."""

    settings: Settings
    maintenance: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    handed_back: bool = False
    """A job was stopped in its middle; a thread of it may still be busy."""
    me: Worker = field(init=False)
    _executions: set[Execution] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.me = identity(self.settings, maintenance=self.maintenance)

    async def run(self) -> None:
        """Work until asked to stop; outlives restarts of the database."""
        settings = self.settings
        async with asyncio.TaskGroup() as group:
            consumer = group.create_task(self._consume())
            loops = [
                group.create_task(self._every(settings.heartbeat_seconds, self._show_life)),
                group.create_task(self._every(settings.sweep_seconds, self._sweep)),
                group.create_task(self._every(settings.sweep_seconds, stats.add_up)),
                group.create_task(self._every(settings.sweep_seconds, Scheduler().tick)),
            ]
            await self.stop.wait()
            await self._drain(consumer)
            for loop in loops:
                loop.cancel()
        with contextlib.suppress(*UNREACHABLE):
            await self._sign_off()

    async def _consume(self) -> None:
        if self.settings.engine_url is None:
            raise ValueError("A worker needs the setting engine_url.")
        await ledger.ENGINE.run_worker(
            self.settings.engine_url.get_secret_value(),
            self._handle,
            queues=self.me.queues,
            concurrency=self.settings.worker_concurrency,
            stop=self.stop,
        )

    async def _handle(self, job_id: UUID) -> None:
        """One delivery: run the job, unless somebody else has it. Whatever goes wrong is the ledger's matter."""
        try:
            claimed = await ledger.claim(job_id, self.me, self.settings.lease_seconds)
        except UNREACHABLE as problem:
            log.warning("Job %s could not be claimed now: %s. It will be delivered again.", job_id, problem)
            return
        if claimed is None:
            return
        execution = Execution(claimed, self.me, self.settings)
        self._executions.add(execution)
        try:
            await execution.run()
        finally:
            self._executions.discard(execution)

    async def _every(self, seconds: float, act: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await act()
            except UNREACHABLE as problem:
                log.warning("The worker waits for the database: %s", problem)
            await asyncio.sleep(seconds)

    async def _show_life(self) -> None:
        """Heartbeat (which also signs on), and a look for cancellations, so that they are seen within seconds."""
        async with keeping("worker: heartbeat") as work:
            columns = {c.name: getattr(self.me, c.name) for c in Worker.__table__.columns}
            alive = insert(Worker).values(**columns | {"heartbeat_at": func.now()})
            await work.execute(alive.on_conflict_do_update(index_elements=["id"], set_={"heartbeat_at": func.now()}))
        running = {execution.claimed.run.job_id: execution for execution in self._executions}
        for job_id in await ledger.asked_to_cancel(running) if running else ():
            running[job_id].ask_to_stop()

    async def _sweep(self) -> None:
        await ledger.release_dead(self.me, place.alive)
        await ledger.sweep(self.settings.redeliver_seconds)

    async def _drain(self, consumer: asyncio.Task[None]) -> None:
        """Let running jobs go on for a moment, then put the rest back in the queue."""
        log.info("Stopping: %d jobs are running.", len(self._executions))
        await asyncio.wait({consumer}, timeout=self.settings.drain_seconds)
        while not consumer.done():
            for execution in tuple(self._executions):
                self.handed_back = True
                execution.stop(Ending.DRAINED)
            await asyncio.wait({consumer}, timeout=0.2)

    async def _sign_off(self) -> None:
        async with keeping("worker: sign off") as work:
            await work.execute(delete(Worker).where(Worker.id == self.me.id))
