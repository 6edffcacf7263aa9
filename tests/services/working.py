"""A worker inside a test's own process, and jobs whose task does what the test says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app import job_queue
from app.config import Settings
from app.database import writing
from app.job_queue import Task
from app.models import Action, Job, Team
from app.permissions import Permission
from app.worker import registry
from app.worker.context import JobContext
from app.worker.execution import Execution
from app.worker.process import identity
from tests.people import Company

TRY = Task("test.try", "Try", max_attempts=2, timeout=5, permissions=frozenset({Permission.IMPORTS_RUN}))
Body = Callable[[JobContext], Awaitable[dict[str, Any] | None]]


class Jobs:
    """Submits jobs whose task does what the test says."""

    def __init__(self, company: Company, admin: asyncpg.Connection, patch: pytest.MonkeyPatch, task: Task) -> None:
        self.company, self.admin, self.patch, self.task = company, admin, patch, task

    def do(self, body: Body) -> None:
        self.patch.setitem(registry._runnables, self.task.kind, registry.Runnable(self.task, body))

    async def submit(self) -> UUID:
        async with writing(self.company.ann, Permission.IMPORTS_RUN) as work:
            work.record(Action.TEAM_CREATED, await work.get(Team, self.company.acme))
            return (await job_queue.submit(work, self.task, team_id=self.company.acme, created_by=None)).id

    async def execution(self, settings: Settings) -> Execution:
        me = identity(settings)
        claimed = await job_queue.claim(await self.submit(), me, settings.lease_seconds)
        assert claimed is not None
        return Execution(claimed, me, settings)

    async def run(self, settings: Settings, body: Body) -> asyncpg.Record:
        self.do(body)
        made = await self.execution(settings)
        await made.run()
        return await self.row(made.claimed.run.job_id)

    async def cancel(self, job_id: UUID) -> None:
        async with writing(self.company.ann, Permission.JOBS_CANCEL) as work:
            job = await work.get(Job, job_id, lock=True)
            await job_queue.request_cancel(work, job, work.who.id)
            work.record(Action.JOB_CANCELLED, job)

    async def row(self, job_id: UUID) -> asyncpg.Record:
        return await self.admin.fetchrow("SELECT * FROM jobs WHERE id = $1", job_id)

    async def kinds(self, job_id: UUID) -> list[str]:
        found = await self.admin.fetch("SELECT kind FROM job_events WHERE job_id = $1 ORDER BY id", job_id)
        return [row["kind"] for row in found]


async def until(ask: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(30):  # the bound of a hang, not a measure
        asked = False
        while not asked:
            await asyncio.sleep(0.02)
            asked = bool(await ask())
