"""One run of a job in this process: its function, its lease beside it, and what becomes of the job at the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from app import job_queue
from app.actor import System
from app.config import Settings
from app.errors import AppError, Conflict, Exhausted, TooSlow, Unavailable
from app.ids import short
from app.job_queue import Cancelled, Claimed, Failure, Later, LeaseLost, Result, Run
from app.logs import bound
from app.models.job import Worker
from app.privacy import job_secrets
from app.trace import referenced
from app.worker import failures
from app.worker.context import JobContext
from app.worker.registry import Runnable, find

CANCEL_GRACE = 10.0
"""Seconds that a task has to see that it was asked to stop; how long it then cleans up is its own matter."""

_BETWEEN_TRIES = 1.0
"""Seconds between tries to reach a database that is away."""

log = logging.getLogger(__name__)


class Ending(Enum):
    """Why this process stops a run from outside."""

    LEASE_LOST = "another worker has the job"
    DRAINED = "this worker stops"
    CANCELLED = "somebody asked to cancel it"


@dataclass(eq=False)
class Execution:
    """A claimed job at work."""

    claimed: Claimed
    worker: Worker
    settings: Settings
    finish: Callable[[Run, Result], Awaitable[None]] = job_queue.finish
    """How its success is written down: with that of others, in a worker."""
    context: JobContext = field(init=False)
    ending: Ending | None = field(default=None, init=False)
    _runnable: Runnable | None = field(init=False)
    _patience: asyncio.TimerHandle | None = field(default=None, init=False)
    _body: asyncio.Task[None] | None = field(default=None, init=False)
    _result: Mapping[str, Any] | None = field(default=None, init=False)
    _error: Exception | None = field(default=None, init=False)
    _completed: bool = field(default=False, init=False)
    returned: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    """The task itself has ended; what became of the job is being written down."""

    def __post_init__(self) -> None:
        job = self.claimed
        self._runnable = find(job.kind)
        permissions = self._runnable.task.permissions if self._runnable else frozenset()
        actor = System(job.run.job_id, job.run.epoch, job.team_id, permissions, job.created_by)
        self.context = JobContext(job.run, actor, self.settings, job.checkpoint, job.attempt)

    async def run(self) -> None:
        """Run the task and write how it ended. Raises nothing: what cannot be written now, the sweep will mend."""
        job = self.claimed
        with referenced(f"job {short(job.run.job_id)}"), bound(kind=job.kind), job_secrets.hiding(job.input, job.kind):
            try:
                if self._runnable is None:
                    await job_queue.fail(self.claimed.run, failures.unknown(self.claimed.kind))
                    return
                await self._call_renewing(self._runnable)
                self.returned.set()
                await self._insist(self._runnable)
            except LeaseLost:
                await self._tell_rejected()
            except AppError as problem:
                log.warning("How the run ended could not be written: %s It is mended later.", problem.message)
            finally:
                self.returned.set()

    def stop(self, ending: Ending) -> None:
        """Stop the run from outside; the first reason counts."""
        if self.ending is None and self._body is not None and not self._body.done():
            self.ending = ending
            self._body.cancel()

    def ask_to_stop(self) -> None:
        """Somebody asked to cancel the job: let its task come to a safe place, but not for ever."""
        self.context.cancelled = True
        if self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(CANCEL_GRACE, self._lose_patience)

    def _lose_patience(self) -> None:
        if not self.context.stopping:
            self.stop(Ending.CANCELLED)

    async def _call_renewing(self, runnable: Runnable) -> None:
        """Most runs end before their lease needs to be renewed for the first time, and bring no task for that."""
        async with asyncio.TaskGroup() as group:
            body = self._body = group.create_task(self._call(runnable))

            def renew() -> None:
                renewing = group.create_task(self._keep_lease())
                body.add_done_callback(lambda _: renewing.cancel())

            later = asyncio.get_running_loop().call_later(self.settings.lease_seconds / 3, renew)
            body.add_done_callback(lambda _: later.cancel())

    async def _call(self, runnable: Runnable) -> None:
        try:
            async with asyncio.timeout(runnable.task.timeout):
                self._result = job_secrets.redacted(await runnable(self.context, self.claimed.input))
                self._completed = True
        except Exception as error:  # noqa: BLE001 - whatever a task raises is its job's failure
            self._error = error

    async def _keep_lease(self) -> None:
        while True:
            try:
                if await job_queue.renew(self.claimed.run, self.settings.lease_seconds):
                    self.ask_to_stop()
            except LeaseLost:
                self.stop(Ending.LEASE_LOST)
            except AppError as problem:
                log.warning("The lease could not be renewed: %s", problem.message)
            await asyncio.sleep(self.settings.lease_seconds / 3)

    async def _insist(self, runnable: Runnable) -> None:
        """Write down the end, again and again while the database is away, until the lease would have run out."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.lease_seconds
        while True:
            try:
                return await self._write_down(runnable)
            except (Unavailable, Conflict, TooSlow):
                if loop.time() >= deadline:
                    raise
            await asyncio.sleep(_BETWEEN_TRIES)

    async def _write_down(self, runnable: Runnable) -> None:
        run = self.claimed.run
        match self.ending, self._error:
            case _ if self._completed:
                await self._succeed(runnable)
            case (Ending.LEASE_LOST, _) | (_, LeaseLost()):
                await self._tell_rejected()
            case (Ending.DRAINED, _):
                await job_queue.retry_later(run, 0, "its worker was stopped")
            case (_, Later() as wish):
                await job_queue.retry_later(run, wish.delay, wish.reason)
            case (Ending.CANCELLED, _) | (_, Cancelled()):
                await job_queue.cancelled(run)
            case (_, Exhausted() as lack):
                await self._wait_out(runnable, lack)
            case (_, TimeoutError()):
                await self._fail(runnable, failures.timed_out(runnable.task), again=True)
            case (_, None):  # nothing came back: the task cancelled itself
                await self._fail(runnable, failures.stopped_itself(runnable.task), again=True)
            case (_, error):
                await self._fail(
                    runnable, failures.failure_of(runnable.task.kind, error), again=failures.can_help(error)
                )

    async def _succeed(self, runnable: Runnable) -> None:
        try:
            await self.finish(self.claimed.run, self._result)
        except LeaseLost:
            raise
        except Exception as error:
            if isinstance(error, AppError) and failures.can_help(error):
                raise
            await self._fail(runnable, failures.unkeepable(runnable.task, error), again=False)

    async def _wait_out(self, runnable: Runnable, lack: Exhausted) -> None:
        failure = _keepable(failures.failure_of(runnable.task.kind, lack))
        log.warning("The run waits: %s", failure.message)
        await job_queue.wait_out(self.claimed.run, failure, failures.long_pause, uses_up=lack.uses_up)

    async def _fail(self, runnable: Runnable, failure: Failure, *, again: bool) -> None:
        failure = _keepable(failure)
        log.warning("The run failed: %s", failure.message, exc_info=self._error if again else None)
        backoff, first = runnable.task.backoff, self.settings.retry_seconds
        nth = max(1, runnable.task.max_attempts - self.claimed.left)  # since somebody asked for it
        retry_in = failures.pause(backoff, nth, first) if again else None
        await job_queue.fail(self.claimed.run, failure, retry_in=retry_in)

    async def _tell_rejected(self) -> None:
        log.warning("The run had lost its job to another worker; what it wanted to write was rejected.")
        await job_queue.rejected(self.claimed.run, self.worker)


def _keepable(failure: Failure) -> Failure:
    """Without what the job was given in confidence, and without what no database keeps."""
    told = job_secrets.redacted(asdict(failure))
    return replace(failure, **{key: words.replace("\0", "\ufffd") for key, words in told.items()})
