"""What the tests of the job queue and of workers share."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.config import Settings
from app.worker.process import WorkerProcess
from tests.people import Company
from tests.services.books import Books
from tests.services.working import TRY, Jobs


@pytest.fixture
async def books(company: Company, admin: asyncpg.Connection) -> AsyncIterator[Books]:
    yield Books(company, admin)
    counted = await admin.fetch("SELECT status, sum(n)::int FROM job_counts GROUP BY 1 HAVING sum(n) <> 0 ORDER BY 1")
    assert counted == await admin.fetch("SELECT status, count(*)::int FROM jobs GROUP BY 1 ORDER BY 1")


@pytest.fixture
def quick(bound: Settings) -> Settings:
    changes = {"heartbeat_seconds": 0.05, "sweep_seconds": 0.05, "lease_seconds": 30.0, "drain_seconds": 0.0}
    return bound.model_copy(update=changes | {"retry_seconds": 100.0})


@pytest.fixture
def jobs(company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    return Jobs(company, admin, monkeypatch, TRY)


@pytest.fixture
async def process(quick: Settings, jobs: Jobs) -> AsyncIterator[WorkerProcess]:
    made = WorkerProcess(quick, maintenance=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(made.run())
        yield made
        made.stop.set()
