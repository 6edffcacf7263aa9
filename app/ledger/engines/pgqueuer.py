"""PgQueuer as the engine: PostgreSQL and nothing else. Its tables live in the schema ``engine``."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence import qb
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Context
from pgqueuer.domain.models import Job as Message
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import Channel, JobId

from app.ledger.engines.base import Delivery
from app.work import Work

SETTINGS = DBSettings(db_schema="engine")
POLL_SECONDS = 5.0
"""How long a message can stay unseen when its notification was missed."""
LONGEST_PAUSE = 10.0
PRUNE_SECONDS = 3600.0
_PRUNE = "DELETE FROM engine.pgqueuer_log WHERE created < now() - interval '1 day'"

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
        stop: asyncio.Event,
    ) -> None:
        """Consume on one connection, and on another one after the database went away."""
        pause = 0.1
        while not stop.is_set():
            try:
                async with _connection(url) as connection:
                    pause = 0.1
                    await _Consumer.consume(connection, handle, queues, concurrency, stop)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as problem:
                log.warning("No deliveries: %s. Connecting again in %g s.", problem or type(problem).__name__, pause)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
                pause = min(pause * 2, LONGEST_PAUSE)


@contextlib.asynccontextmanager
async def _connection(url: str) -> AsyncGenerator[asyncpg.Connection, None]:
    connection = await asyncpg.connect(url, timeout=5, server_settings={"application_name": "quarterdeck engine"})
    try:
        yield connection
    finally:
        connection.terminate()


class _Consumer(QueueManager):
    """PgQueuer's own loop, with exactly our limit. Its own refuses a limit of one, and polls while all are busy."""

    limit = 1
    pruned_at = float("-inf")
    freed: asyncio.Event

    @classmethod
    async def consume(
        cls,
        connection: asyncpg.Connection,
        handle: Callable[[UUID], Awaitable[None]],
        queues: Collection[str],
        concurrency: int,
        stop: asyncio.Event,
    ) -> None:
        consumer = cls(queries(AsyncpgDriver(connection)), Channel(SETTINGS.channel))
        consumer.limit, consumer.freed = concurrency, asyncio.Event()
        consumer.shutdown = stop

        async def deliver(message: Message) -> None:
            await handle(UUID((message.payload or b"").decode()))

        for queue in queues:
            consumer.entrypoint(queue, accepts_context=False)(deliver)
        await consumer.run(
            dequeue_timeout=timedelta(seconds=POLL_SECONDS),
            batch_size=1,
            log_aggregation_interval=timedelta(0),  # nobody reads its statistics: the ledger has the truth
        )

    async def fetch_jobs(
        self, batch_size: int, global_concurrency_limit: int | None, heartbeat_timeout: timedelta
    ) -> AsyncGenerator[Message, None]:
        del global_concurrency_limit
        if time.monotonic() - self.pruned_at > PRUNE_SECONDS:  # PgQueuer itself never empties its log
            self.pruned_at = time.monotonic()
            await self.queries.driver.execute(_PRUNE)
        if await self._has_room():
            async for message in super().fetch_jobs(batch_size, None, heartbeat_timeout):
                yield message
                if not await self._has_room():
                    return

    async def _has_room(self) -> bool:
        """Wait until one more may run; False when this worker stops instead."""
        while len(self.job_context) >= self.limit:
            self.freed.clear()
            await self.freed.wait()
        return not self.shutdown.is_set()

    def forget_job(self, job_id: JobId, context: Context, task: asyncio.Task[None]) -> None:
        """PgQueuer calls it when a delivery has been handled, however that ended."""
        super().forget_job(job_id, context, task)
        self.freed.set()
