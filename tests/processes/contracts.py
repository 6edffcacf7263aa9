"""What the contracts of jobs are tried with: worker processes, the jobs they run, and engines."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from app import job_queue
from app.config import Settings
from app.database import writing
from app.job_queue import Task
from app.job_queue.engines.base import Engine
from app.job_queue.engines.pgqueuer import PgQueuerEngine
from app.models import Action, Job, Team
from app.permissions import Permission
from app.supervisor.process_settings import environment
from tests.engines.polling import TABLE, PollingEngine
from tests.people import Company
from tests.processes.worker_tasks import ENGINE
from tests.warm import Warm


@dataclass(frozen=True)
class Delivering:
    """An engine, and how to look at its messages from behind."""

    engine: Engine
    table: str
    table_made: str = "SELECT"
    """What makes the table; the first one comes with the product."""


ENGINES = {
    "pgqueuer": Delivering(PgQueuerEngine(), "engine.pgqueuer"),
    "polling": Delivering(PollingEngine(), "engine.polling", TABLE),
}


@dataclass
class Workers:
    """Worker processes of a test, each with short intervals."""

    settings: Settings
    started: list[Warm] = field(default_factory=list)

    def start(self, **changes: Any) -> Warm:
        quick = {"heartbeat_seconds": 0.2, "sweep_seconds": 0.2, "retry_seconds": 0.05}
        settings = self.settings.model_copy(update=quick | {"lease_seconds": 30.0} | changes)
        process = Warm(
            "tests.processes.worker_tasks", variables=environment(settings) | {ENGINE: job_queue.engine().name}
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait()


@dataclass
class Jobs:
    """Submits jobs as a person does, and looks at them from behind the door."""

    company: Company
    admin: asyncpg.Connection

    async def submit(self, task: Task, **values: Any) -> UUID:
        async with writing(self.company.ann, Permission.IMPORTS_RUN) as work:
            team = await work.get(Team, self.company.acme, lock=True)
            work.record(Action.TEAM_CREATED, team)
            job = await job_queue.submit(work, task, team_id=team.id, created_by=self.company.ann.staff_id, **values)
        return job.id

    async def cancel(self, job_id: UUID) -> None:
        async with writing(self.company.ann, Permission.JOBS_CANCEL) as work:
            job = await work.get(Job, job_id, lock=True)
            await job_queue.request_cancel(work, job, work.who.id)
            work.record(Action.JOB_CANCELLED, job)

    async def row(self, job_id: UUID) -> asyncpg.Record:
        return await self.admin.fetchrow("SELECT * FROM jobs WHERE id = $1", job_id)

    async def events(self, job_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        rows = await self.admin.fetch("SELECT kind, detail FROM job_events WHERE job_id = $1 ORDER BY id", job_id)
        return [(row["kind"], json.loads(row["detail"])) for row in rows]

    async def kinds(self, job_id: UUID) -> list[str]:
        return [kind for kind, _ in await self.events(job_id)]

    async def status(self, job_id: UUID, *wanted: str) -> asyncpg.Record:
        async def reached() -> asyncpg.Record | None:
            row = await self.row(job_id)
            ended = row["status"] in {"succeeded", "failed", "cancelled"}
            assert row["status"] in wanted or not ended, row["error"]
            return row if row["status"] in wanted else None

        return await eventually(reached, f"{job_id} {wanted}")


async def eventually(ask: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Ask again and again until the answer is true; a minute is the bound of a hang, not a measure."""
    give_up = time.monotonic() + 60
    while not (answer := await ask()):
        assert time.monotonic() < give_up, f"{what} never came"
        await asyncio.sleep(0.05)
    return answer


def lines_of(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().splitlines()] if log.exists() else []


async def stepped(log: Path, steps: int) -> None:
    async def enough() -> bool:
        return len(lines_of(log)) >= steps

    await eventually(enough, f"step {steps}")
