"""The engine loses its connection: what is in hand goes on, and what waits is brought meanwhile."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest

from app.config import Settings
from app.job_queue.engines.base import Intake
from app.job_queue.engines.pgqueuer import PgQueuerEngine
from app.job_queue.tasks import QUEUES
from tests.processes.contracts import eventually
from tests.services.books import Books

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'quarterdeck engine' AND datname = current_database()
"""


@dataclass
class Worker:
    """Takes deliveries; each stays in hand until it is let go."""

    begun: list[UUID] = field(default_factory=list)
    ended: list[UUID] = field(default_factory=list)
    let_go: dict[UUID, asyncio.Event] = field(default_factory=dict)

    async def handle(self, job_id: UUID) -> None:
        if job_id in self.begun:
            return  # nobody claims a job twice
        self.begun.append(job_id)
        await self.let_go.setdefault(job_id, asyncio.Event()).wait()
        self.ended.append(job_id)

    async def has_begun(self, job_id: UUID) -> None:
        async def begun() -> bool:
            return job_id in self.begun

        await eventually(begun, f"{job_id}")


@asynccontextmanager
async def at_work(
    settings: Settings, handle: Callable[[UUID], Awaitable[None]], concurrency: int = 2
) -> AsyncIterator[Intake]:
    assert settings.engine_url is not None
    url, intake = settings.engine_url.get_secret_value(), Intake()
    async with asyncio.TaskGroup() as group:
        running = PgQueuerEngine().run_worker(url, handle, queues=QUEUES, concurrency=concurrency, intake=intake)
        group.create_task(running)
        yield intake
        intake.stop()


async def test_a_lost_connection_holds_up_no_delivery(
    books: Books, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    async with at_work(settings, worker.handle):
        long = await books.submit()
        await worker.has_begun(long)
        for _ in range(2):
            assert await books.admin.fetchval(f"SELECT count(*) FROM ({CUT})") == 1
            following = await books.submit()
            await worker.has_begun(following)
            worker.let_go[following].set()
        assert worker.ended.count(long) == 0
        worker.let_go[long].set()
    assert worker.ended.count(long) == 1
    assert "Connecting again" in caplog.text
    tracebacks = [record for record in caplog.records if record.exc_info and record.name.startswith("pgqueuer")]
    assert len(tracebacks) <= 4, "what the lost connection left is not tried again and again"


async def test_what_is_in_hand_counts_also_when_another_connection_brought_it(books: Books, settings: Settings) -> None:
    worker = Worker()
    async with at_work(settings, worker.handle, concurrency=1):
        first, second = await books.submit(), await books.submit()
        await worker.has_begun(first)
        await books.admin.execute(CUT)
        back = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'quarterdeck engine' AND state = 'idle'"
        await eventually(lambda: books.admin.fetchval(back), "another connection")
        assert second not in worker.begun
        worker.let_go[first].set()
        await worker.has_begun(second)
        worker.let_go[second].set()


async def test_what_a_lost_connection_took_is_brought_again(books: Books, settings: Settings) -> None:
    worker, taken = Worker(), asyncio.Event()
    job_id = await books.submit()

    async def handle(wanted: UUID) -> None:
        if not taken.is_set():
            taken.set()  # its claim failed with the database; the message was not ticked off
            await books.admin.execute(CUT)
            return
        await worker.handle(wanted)

    worker.let_go[job_id] = asyncio.Event()
    worker.let_go[job_id].set()
    async with at_work(settings, handle):
        await worker.has_begun(job_id)


async def test_a_delivery_that_breaks_ends_no_other(
    books: Books, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    broken = await books.submit()

    async def handle(wanted: UUID) -> None:
        if wanted == broken:
            raise ZeroDivisionError
        await worker.handle(wanted)

    async with at_work(settings, handle):
        job_id = await books.submit()
        await worker.has_begun(job_id)
        worker.let_go[job_id].set()
    assert [record.levelno for record in caplog.records if str(broken) in record.getMessage()] == [logging.ERROR]


async def test_the_engine_waits_for_what_is_in_hand_when_it_stops(
    books: Books, settings: Settings, admin: asyncpg.Connection
) -> None:
    worker, job_id = Worker(), await books.submit()
    async with at_work(settings, worker.handle) as intake:
        await worker.has_begun(job_id)
        await admin.execute(CUT)
        intake.stop()
        asyncio.get_running_loop().call_soon(worker.let_go[job_id].set)
    assert worker.ended == [job_id]
