"""A worker: takes what the engine delivers, shows that it lives, sweeps, and hands its jobs back when it stops."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert

from app import __version__, clock, job_queue, topics
from app.config import Settings
from app.database import engine, keeping
from app.database.listening import listening
from app.errors import AppError
from app.ids import uuid7
from app.job_queue import Claimed, LeaseLost, Result, Run
from app.job_queue.engines.base import Intake
from app.job_queue.tasks import MAINTENANCE, QUEUES
from app.models.job import Worker
from app.topics import Change
from app.worker import audit_words, host, stats
from app.worker.batching import Together
from app.worker.execution import Ending, Execution
from app.worker.scheduling import Scheduler
from app.worker.sealer import Sealer

UNREACHABLE = (AppError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What the door, or connecting itself, raises while the database is away."""

log = logging.getLogger(__name__)


def identity(settings: Settings, *, maintenance: bool = False) -> Worker:
    """This process as the table ``workers`` knows it."""
    now = clock.now()
    return Worker(
        id=uuid7(),
        host=host.host(),
        pid=os.getpid(),
        started_at=now,
        heartbeat_at=now,
        concurrency=settings.worker_concurrency,
        engine=job_queue.engine().name,
        version=__version__,
        maintenance=maintenance,
        queues=[*(settings.queues or QUEUES), *([MAINTENANCE] if maintenance else [])],
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
    _intake: Intake = field(default_factory=Intake, init=False)
    _look: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    """Somebody wants something of this worker."""
    _executions: set[Execution] = field(default_factory=set, init=False)
    _has_signed_on: bool = field(default=False, init=False)
    _group: asyncio.TaskGroup = field(init=False)
    _ends: asyncio.Semaphore = field(init=False)
    """How many ends of runs may be waiting to be written down."""
    _claim: Together[UUID, Claimed | None] = field(init=False)
    _finish: Together[tuple[Run, Result], bool] = field(init=False)

    def __post_init__(self) -> None:
        self.me = identity(self.settings, maintenance=self.maintenance)

    async def run(self) -> None:
        """Work until asked to stop; outlives restarts of the database."""
        settings = self.settings
        async with asyncio.TaskGroup() as group, self._hearing():
            self._group, self._ends = group, asyncio.Semaphore(settings.worker_concurrency)
            self._claim, self._finish = Together(group, self._claim_many), Together(group, self._finish_many)
            consumer = group.create_task(self._consume())
            loops = [
                group.create_task(self._every(settings.heartbeat_seconds, self._show_life, self._look)),
                group.create_task(self._every(settings.sweep_seconds, self._sweep)),
                group.create_task(self._every(settings.sweep_seconds, stats.add_up)),
                group.create_task(self._every(settings.sweep_seconds, audit_words.read_on)),
                *(
                    group.create_task(self._every(seconds, act))
                    for seconds, act in Sealer(settings).loops(maintenance=self.maintenance)
                ),
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
        await job_queue.engine().run_worker(
            self.settings.engine_url.get_secret_value(),
            self._handle,
            queues=self.me.queues,
            concurrency=self.settings.worker_concurrency,
            intake=self._intake,
        )

    async def _handle(self, job_id: UUID) -> None:
        """One delivery: run the job, unless somebody else has it. Whatever goes wrong is the job queue's matter."""
        try:
            claimed = await self._claim(job_id)
        except UNREACHABLE as problem:
            log.warning("Job %s could not be claimed now: %s. It will be delivered again.", job_id, problem)
            return
        if claimed is None:
            return
        execution = Execution(claimed, self.me, self.settings, self._end_well)
        self._executions.add(execution)
        running = self._group.create_task(self._see_through(execution))
        # The next job may start while the end of this one is written down, but ends do not pile up.
        await execution.returned.wait()
        await self._ends.acquire()
        running.add_done_callback(lambda _: self._ends.release())

    async def _see_through(self, execution: Execution) -> None:
        try:
            await execution.run()
        except Exception:
            log.exception("Job %s was left in its middle. It is mended later.", execution.claimed.run.job_id)
        finally:
            self._executions.discard(execution)

    async def _claim_many(self, job_ids: Sequence[UUID]) -> list[Claimed | None]:
        found = dict(await job_queue.claim_many(list(dict.fromkeys(job_ids)), self.me, self.settings.lease_seconds))
        return [found.pop(job_id, None) for job_id in job_ids]  # of several deliveries one gets the job

    async def _finish_many(self, ends: Sequence[tuple[Run, Result]]) -> list[bool]:
        ended = await job_queue.finish_many(ends)
        return [run.job_id in ended for run, _ in ends]

    async def _end_well(self, run: Run, result: Result) -> None:
        if not await self._finish((run, result)):
            raise LeaseLost

    async def _every(
        self, seconds: float, act: Callable[[], Awaitable[object]], at_once: asyncio.Event | None = None
    ) -> None:
        """Act again and again; ``at_once`` shortens the pause."""
        never = asyncio.Event()
        while True:
            try:
                await act()
            except UNREACHABLE as problem:
                log.warning("The worker waits for the database: %s", problem)
            except Exception:  # one loop must not end the whole worker, and with it every job that runs here
                log.exception("A part of the worker failed. It tries again.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for((at_once or never).wait(), seconds)

    @contextlib.asynccontextmanager
    async def _hearing(self) -> AsyncIterator[None]:
        """Hear at once, not only at the next heartbeat, what people want of this worker and of what runs here."""
        if self.settings.database_url is None:
            raise ValueError("A worker needs the setting database_url.")

        def hear(change: Change) -> None:
            ours = {self.me.id, *(each.claimed.run.job_id for each in self._executions)}
            if change.id in ours and (change.topic == topics.workers.name or change.kind == job_queue.CANCEL):
                self._look.set()

        silences = [topic.subscribe(hear) for topic in (topics.jobs, topics.workers)]
        try:
            async with listening(self.settings.database_url.get_secret_value()):
                yield
        finally:
            for silence in silences:
                silence()

    async def _show_life(self) -> None:
        """Heartbeat (which also signs on), and a look at what people want of this worker and its jobs."""
        self._look.clear()
        columns = {c.name: getattr(self.me, c.name) for c in Worker.__table__.columns}
        alive = insert(Worker).values(**columns | {"heartbeat_at": func.now()})
        alive = alive.on_conflict_do_update(index_elements=["id"], set_={"heartbeat_at": func.now()})
        async with keeping("worker: heartbeat") as work:
            if not self._has_signed_on:
                await job_queue.declare_queues(work)
            wanted = await work.scalar(alive.returning(Worker.drain_requested_at))
        self._has_signed_on = True
        (self._intake.resume if wanted is None else self._intake.pause)()
        running = {execution.claimed.run.job_id: execution for execution in self._executions}
        for job_id in await job_queue.asked_to_cancel(running) if running else ():
            running[job_id].ask_to_stop()

    async def _sweep(self) -> None:
        await job_queue.release_dead(self.me, host.alive)
        if ended := await job_queue.end_frozen(engine.silence(self.settings)):
            log.warning("Transactions of frozen processes that were ended, so that their locks are free: %d.", ended)
        await job_queue.sweep(self.settings.redeliver_seconds)

    async def _drain(self, consumer: asyncio.Task[None]) -> None:
        """Let running jobs go on for a moment, then put the rest back in the queue."""
        log.info("Stopping: %d jobs are running.", len(self._executions))
        self._intake.stop()
        await asyncio.wait({consumer}, timeout=self.settings.drain_seconds)
        while not consumer.done():
            for execution in tuple(self._executions):
                self.handed_back = True
                execution.stop(Ending.DRAINED)
            await asyncio.wait({consumer}, timeout=0.2)

    async def _sign_off(self) -> None:
        async with keeping("worker: sign off") as work:
            await work.execute(delete(Worker).where(Worker.id == self.me.id))
