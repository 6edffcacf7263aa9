"""A pool without a free connection: people get a sentence, and a worker waits."""

import asyncio

import pytest
from sqlalchemy import text

from app.config import Settings
from app.database import engine, keeping, reading
from app.errors import Unavailable
from app.permissions import Permission
from app.worker.process import WorkerProcess
from tests.people import Company


@pytest.fixture
async def full(company: Company, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One connection is all there is, and nobody waits for it."""
    await engine.dispose()
    small = settings.model_copy(update={"pool_size": 1})
    engine.configure(small)
    assert engine._engine is not None
    monkeypatch.setattr(engine._engine.pool, "_timeout", 0.01)
    return small


async def test_a_full_pool_is_a_sentence(company: Company, full: Settings) -> None:
    async with engine.session() as session:
        await session.execute(text("SELECT 1"))
        with pytest.raises(Unavailable, match="Too many people"):
            async with reading(company.ann, Permission.TEAMS_READ):
                pytest.fail("there was no connection to get in with")
    async with reading(company.ann, Permission.TEAMS_READ) as work:
        assert work.who.id == company.ann.staff_id


async def test_a_connection_that_comes_back_to_a_pool_that_is_gone_is_closed(full: Settings) -> None:
    async with engine.session() as session:
        raw = await (await session.connection()).get_raw_connection()
        connection = raw.driver_connection
        assert connection is not None
        await engine.dispose()
        await session.execute(text("SELECT 1"))
        assert not connection.is_closed(), "what is in hand is finished"
    assert connection.is_closed()


async def test_a_worker_s_heartbeat_survives_a_full_pool(full: Settings, caplog: pytest.LogCaptureFixture) -> None:
    worker = WorkerProcess(full)
    shown = asyncio.Event()

    async def show_life() -> None:
        await worker._show_life()
        shown.set()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        async with engine.session() as session:
            await session.execute(text("SELECT 1"))
            loop = group.create_task(worker._every(0.01, show_life))
            while "waits for the database" not in caplog.text:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.01)
            assert not shown.is_set()
        await shown.wait()
        loop.cancel()
    async with keeping("test") as work:
        assert await work.scalar(text("SELECT id FROM workers")) == worker.me.id
