"""A ledger in a test's hand: submit, claim and look, as a worker and as staff would."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from app import clock, job_queue
from app.database import keeping, writing
from app.ids import uuid7
from app.job_queue import Claimed, Failure, Task
from app.models import Action, Job, Team, Worker
from app.permissions import Permission
from tests.people import Company

COUNT = Task("test.count", "Count", permissions=frozenset({Permission.IMPORTS_RUN}))
BROKEN = Failure("INTERNAL_ERROR", "It broke.", "It broke.\n\nTraceback …", "test.count Broken")


class Books:
    """A company's jobs, asked for by ann and looked at from behind the door."""

    def __init__(self, company: Company, admin: asyncpg.Connection) -> None:
        self.company, self.admin = company, admin

    async def submit(self, **values: Any) -> UUID:
        async with writing(self.company.ann, Permission.IMPORTS_RUN) as work:
            team = await work.get(Team, self.company.acme, lock=True)
            work.record(Action.TEAM_CREATED, team)
            created_by = self.company.ann.staff_id
            job = await job_queue.submit(work, COUNT, team_id=team.id, created_by=created_by, **values)
        return job.id

    async def claimed(self, **values: Any) -> Claimed:
        claimed = await job_queue.claim(await self.submit(**values), worker(), 60)
        assert claimed is not None
        return claimed

    async def act(self, job_id: UUID, action: Action, verb: Callable[..., Awaitable[None]], **values: Any) -> None:
        """As the services do it: lock, do, record."""
        async with writing(self.company.ann, Permission.JOBS_RETRY) as work:
            job = await work.get(Job, job_id, lock=True)
            await verb(work, job, by=work.who.id, **values)
            work.record(action, job)

    async def row(self, job_id: UUID) -> asyncpg.Record:
        return await self.admin.fetchrow("SELECT * FROM jobs WHERE id = $1", job_id)

    async def kinds(self, job_id: UUID) -> list[str]:
        found = await self.admin.fetch("SELECT kind FROM job_events WHERE job_id = $1 ORDER BY id", job_id)
        return [row["kind"] for row in found]

    async def messages(self) -> list[str]:
        found = await self.admin.fetch("SELECT dedupe_key FROM engine.pgqueuer ORDER BY id")
        return [row["dedupe_key"].split(":")[1] for row in found]

    async def change(self, job_id: UUID, sql: str) -> None:
        await self.admin.execute(f"UPDATE jobs SET {sql} WHERE id = $1", job_id)


def worker(pid: int = 1, host: str = "here") -> Worker:
    now = clock.now()
    values = {"started_at": now, "heartbeat_at": now, "concurrency": 1, "engine": "pgqueuer", "version": "0"}
    return Worker(id=uuid7(), host=host, pid=pid, **values)


async def sign_on(someone: Worker) -> None:
    async with keeping("worker: sign on") as work:
        work.add(someone)
