"""A second engine, as simple as one can be: messages are rows of a table, and workers look every few moments.

It stands the same contracts as the real one, so none of them depends on how that one works.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

import asyncpg

from app.database import Work
from app.job_queue.engines.base import Delivery, Intake

TABLE = """
    CREATE TABLE engine.polling (
        id bigint GENERATED ALWAYS AS IDENTITY, job_id uuid, epoch int, queue text, priority int, due timestamptz,
        UNIQUE (job_id, epoch));
    GRANT INSERT ON engine.polling TO quarterdeck_platform, quarterdeck_team, quarterdeck_keeper;
    GRANT SELECT, UPDATE, DELETE ON engine.polling TO quarterdeck_worker;
"""
_SEND = """
    INSERT INTO engine.polling (job_id, epoch, queue, priority, due)
    VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5)) ON CONFLICT DO NOTHING
"""
_TAKE = """
    DELETE FROM engine.polling WHERE id = (
        SELECT id FROM engine.polling WHERE queue = ANY ($1) AND due <= now()
        ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING job_id
"""
_PAUSE = 0.05


class PollingEngine:
    """What is taken is gone: whatever a crash loses, the ledger delivers again."""

    name = "polling"

    async def deliver(self, work: Work, deliveries: Sequence[Delivery]) -> list[bool]:
        connection = await work.raw()
        messages = [(each.job_id, each.epoch, each.queue, each.priority, each.delay) for each in deliveries]
        return [await connection.execute(_SEND, *message) == "INSERT 0 1" for message in messages]

    async def run_worker(
        self,
        url: str,
        handle: Callable[[UUID], Awaitable[None]],
        *,
        queues: Collection[str],
        concurrency: int,
        intake: Intake,
    ) -> None:
        room, connection = asyncio.Semaphore(concurrency), None

        async def run(job_id: UUID) -> None:
            async with room:
                await handle(job_id)

        async with asyncio.TaskGroup() as group:
            while await intake.opened():
                await asyncio.sleep(_PAUSE)
                with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    if connection is None or connection.is_closed():
                        connection = await asyncpg.connect(url)
                    if not room.locked() and (job_id := await connection.fetchval(_TAKE, list(queues))):
                        group.create_task(run(job_id))
        if connection is not None:
            connection.terminate()
