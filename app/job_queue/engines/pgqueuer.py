"""PgQueuer as the engine: PostgreSQL and nothing else. Its tables live in the schema ``engine``."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence import qb
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Context
from pgqueuer.domain.models import Job as Message
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import Channel, JobId, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from app.database import Work, cancellation, driver
from app.database.driver import LOST, until_lost
from app.job_queue.engines.base import Delivery, Intake

SETTINGS = DBSettings(db_schema="engine")
POLL_SECONDS = 5.0
"""How long a message can stay unseen when its notification was missed."""
LONGEST_PAUSE = 2.0
"""Seconds between tries to reach a database that is away: as long as jobs wait for nothing once it is back."""
PRUNE_SECONDS = 3600.0
_PRUNE = "DELETE FROM engine.pgqueuer_log WHERE created < now() - interval '1 day'"
_RETURN = """
UPDATE engine.pgqueuer SET status = 'queued', queue_manager_id = NULL, updated = now()
WHERE queue_manager_id = $1 AND status = 'picked'
"""
"""What a lost connection took and could not tick off is brought once more; what runs already is not claimed again."""

log = logging.getLogger(__name__)


def queries(driver: AsyncpgDriver) -> Queries:
    """PgQueuer's queries, all three builders bound to our schema."""
    return Queries(
        driver,
        qb.QueryBuilderEnvironment(SETTINGS),
        qb.QueryQueueBuilder(SETTINGS),
        qb.QuerySchedulerBuilder(SETTINGS),
    )


class PgQueuerEngine:
    """Deliveries as rows of ``engine.pgqueuer``. An entrypoint is a queue; a payload is a job's id."""

    name = "pgqueuer"

    async def deliver(self, work: Work, deliveries: Sequence[Delivery]) -> list[bool]:
        """Enqueue on the connection of the caller's own transaction, so that a rollback takes it back."""
        sent = await queries(AsyncpgDriver(await work.raw())).enqueue(
            [each.queue for each in deliveries],
            [str(each.job_id).encode() for each in deliveries],
            [each.priority for each in deliveries],
            [timedelta(seconds=each.delay) for each in deliveries],
            [f"{each.job_id}:{each.epoch}" for each in deliveries],
            on_conflict="skip",
        )
        return [message is not None for message in sent]

    async def run_worker(
        self,
        url: str,
        handle: Callable[[UUID], Awaitable[None]],
        *,
        queues: Collection[str],
        concurrency: int,
        intake: Intake,
    ) -> None:
        """Consume on one connection, and on another one after the database went away: what is in hand goes on
        meanwhile, and belongs to no connection.
        """
        pause = 0.1
        async with asyncio.TaskGroup() as group:
            hands = _Hands(group, handle, concurrency)
            while not intake.stopping.is_set():
                try:
                    async with _connection(url) as connection:
                        pause = 0.1
                        await _Consumer.consume(connection, queues, hands, intake)
                except (*LOST, asyncio.CancelledError) as problem:
                    if isinstance(problem, asyncio.CancelledError) and cancellation.is_meant():
                        raise
                    why = problem or type(problem).__name__
                    log.warning("No deliveries: %s. Connecting again in %g s.", why, pause)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(intake.stopping.wait(), pause)
                    pause = min(pause * 2, LONGEST_PAUSE)


@contextlib.asynccontextmanager
async def _connection(url: str) -> AsyncGenerator[asyncpg.Connection, None]:
    connection = await driver.connect(url, timeout=5, server_settings={"application_name": "quarterdeck engine"})
    try:
        yield connection
    finally:
        connection.terminate()


class _Hands:
    """What a worker has in hand, at most ``limit`` deliveries, whichever connection brought them."""

    def __init__(self, group: asyncio.TaskGroup, handle: Callable[[UUID], Awaitable[None]], limit: int) -> None:
        self.limit = limit
        self.busy: set[asyncio.Task[None]] = set()
        self.freed = asyncio.Event()
        """Perhaps there is room again."""
        self.taker = QueueManagerId(uuid4())
        """As whom all connections take messages."""
        self._group, self._handle = group, handle

    def take(self, job_id: UUID) -> None:
        """Handle a delivery."""
        task = self._group.create_task(self._handle_one(job_id))
        self.busy.add(task)
        task.add_done_callback(self._let_go)

    async def _handle_one(self, job_id: UUID) -> None:
        try:
            await self._handle(job_id)
        except Exception:  # one delivery must not end the others
            log.exception("A delivery of job %s failed. It will be delivered again.", job_id)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self.busy.discard(task)
        self.freed.set()


class _Consumer(QueueManager):
    """PgQueuer's own loop, with exactly our limit. Its own refuses a limit of one, and polls while all are busy."""

    pruned_at = float("-inf")
    hands: _Hands
    intake: Intake

    @classmethod
    async def consume(
        cls, connection: asyncpg.Connection, queues: Collection[str], hands: _Hands, intake: Intake
    ) -> None:
        consumer = cls(queries(AsyncpgDriver(connection)), Channel(SETTINGS.channel))
        consumer.queue_manager_id, consumer.hands = hands.taker, hands
        consumer.intake, consumer.shutdown = intake, intake.stopping

        async def deliver(message: Message) -> None:
            # The message has done its part: if its job is not claimed now, the job queue sends another one. PgQueuer
            # waits for what it has dispatched before it lets go of a lost connection.
            hands.take(UUID((message.payload or b"").decode()))

        for queue in queues:
            consumer.entrypoint(queue, accepts_context=False)(deliver)
        async with until_lost(connection):
            await connection.execute(_RETURN, hands.taker)
            await consumer.run(
                dequeue_timeout=timedelta(seconds=POLL_SECONDS),
                batch_size=hands.limit,
                log_aggregation_interval=timedelta(0),  # nobody reads its statistics: the job queue has the truth
            )

    async def fetch_jobs(
        self, batch_size: int, global_concurrency_limit: int | None, heartbeat_timeout: timedelta
    ) -> AsyncGenerator[Message, None]:
        del batch_size, global_concurrency_limit
        if time.monotonic() - self.pruned_at > PRUNE_SECONDS:  # PgQueuer itself never empties its log
            self.pruned_at = time.monotonic()
            await self.queries.driver.execute(_PRUNE)
        entrypoints = {name: EntrypointExecutionParameter(concurrency_limit=0) for name in self.entrypoint_registry}
        while room := await self._room():
            messages = await self.queries.dequeue(
                batch_size=room,
                entrypoints=entrypoints,
                queue_manager_id=self.queue_manager_id,
                global_concurrency_limit=None,
                heartbeat_timeout=heartbeat_timeout,
            )
            for message in messages:
                yield message
            if not messages:
                return

    async def _room(self) -> int:
        """Wait until more may run, and say how many; none when this worker stops instead."""
        hands = self.hands
        # What is just being dispatched counts twice for a moment.
        while (room := hands.limit - len(self.job_context) - len(hands.busy)) <= 0:
            hands.freed.clear()
            await hands.freed.wait()
        return room if await self.intake.opened() else 0

    def forget_job(self, job_id: JobId, context: Context, task: asyncio.Task[None]) -> None:
        """PgQueuer calls it when a delivery has been dispatched."""
        super().forget_job(job_id, context, task)
        self.hands.freed.set()
