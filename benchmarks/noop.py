"""A worker whose jobs do nothing, and PgQueuer alone with messages that do nothing.

``python -m benchmarks.noop`` is the worker, ``python -m benchmarks.noop bare`` the engine without a ledger.
"""

import asyncio
import signal
import sys
from datetime import timedelta

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job as Message
from pgqueuer.domain.types import Channel

from app import logs
from app.config import Settings
from app.job_queue import Task
from app.job_queue.engines.pgqueuer import POLL_SECONDS, SETTINGS, queries
from app.worker import run
from app.worker.context import JobContext
from app.worker.registry import runs

NOOP = Task("bench.noop", "Do nothing")
BARE = "bare"
"""The entrypoint of messages that no ledger knows."""


@runs(NOOP)
async def noop(_: JobContext) -> None:
    """Nothing."""


async def bare(settings: Settings) -> None:
    """Handle messages until SIGTERM, as many at the same time as the worker would."""
    assert settings.engine_url is not None
    connection = await asyncpg.connect(settings.engine_url.get_secret_value())
    manager = QueueManager(queries(AsyncpgDriver(connection)), Channel(SETTINGS.channel))

    async def nothing(_: Message) -> None:
        pass

    manager.entrypoint(BARE, accepts_context=False)(nothing)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, manager.shutdown.set)
    # PgQueuer wants room for two batches.
    await manager.run(
        dequeue_timeout=timedelta(seconds=POLL_SECONDS),
        batch_size=settings.worker_concurrency,
        max_concurrent_tasks=2 * settings.worker_concurrency,
    )
    await connection.close()


if __name__ == "__main__":
    logs.configure("WARNING")
    asyncio.run(bare(Settings()) if sys.argv[1:] == [BARE] else run.work(Settings(), maintenance=False))
