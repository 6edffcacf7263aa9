"""What every engine has to stand: killed, frozen and doubled workers, lost messages, poison. With real processes."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app import ledger
from app.config import Settings
from app.ledger import Task
from app.models import Action, Team
from app.permissions import Permission
from app.supervise.connections import environment
from app.work import writing
from tests.conftest import Database
from tests.people import Company
from tests.processes.worker_tasks import NOOP, POISON, REFUSE, STEPS
from tests.warm import Warm

pytestmark = pytest.mark.processes


@dataclass
class Workers:
    """Worker processes of a test, each with short intervals."""

    settings: Settings
    started: list[Warm] = field(default_factory=list)

    def start(self, **changes: Any) -> Warm:
        quick = {"heartbeat_seconds": 0.2, "sweep_seconds": 0.2, "redeliver_seconds": 0.5, "retry_seconds": 0.05}
        settings = self.settings.model_copy(update=quick | {"lease_seconds": 30.0} | changes)
        process = Warm("tests.processes.worker_tasks", variables=environment(settings))
        self.started.append(process)
        return process

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait()


@pytest.fixture
def workers(settings: Settings) -> Iterator[Workers]:
    made = Workers(settings)
    yield made
    made.end()


@pytest.fixture
async def truth(admin: asyncpg.Connection) -> Any:
    """After every test the counters equal the rows they count."""
    yield
    counted = await admin.fetch(
        "SELECT team_id, kind, status, sum(n)::int AS n FROM job_counts GROUP BY 1, 2, 3 HAVING sum(n) <> 0"
        " ORDER BY 1, 2, 3"
    )
    real = await admin.fetch(
        "SELECT team_id, kind, status, count(*)::int AS n FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    assert counted == real


@dataclass
class Jobs:
    """Submits jobs as a person does, and looks at them from behind the door."""

    company: Company
    admin: asyncpg.Connection

    async def submit(self, task: Task, **values: Any) -> UUID:
        async with writing(self.company.ann, Permission.IMPORTS_RUN) as work:
            team = await work.get(Team, self.company.acme, lock=True)
            work.record(Action.TEAM_CREATED, team)
            job = await ledger.submit(work, task, team_id=team.id, created_by=self.company.ann.staff_id, **values)
        return job.id

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
            return row if row["status"] in wanted else None

        return await eventually(reached, f"{job_id} {wanted}")


async def eventually(ask: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Ask again and again until the answer is true; a minute is the bound of a hang, not a measure."""
    give_up = time.monotonic() + 60
    while not (answer := await ask()):
        assert time.monotonic() < give_up, f"{what} never came"
        await asyncio.sleep(0.05)
    return answer


@pytest.fixture
def jobs(company: Company, admin: asyncpg.Connection, truth: None) -> Jobs:
    return Jobs(company, admin)


def _lines(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().splitlines()] if log.exists() else []


async def _stepped(log: Path, steps: int) -> None:
    async def enough() -> bool:
        return len(_lines(log)) >= steps

    await eventually(enough, f"step {steps}")


async def test_t1_a_killed_worker_s_job_goes_on_from_its_checkpoint_at_once(
    workers: Workers, jobs: Jobs, tmp_path: Path
) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=12, pause=0.05, log=str(log))
    first = workers.start()
    await _stepped(log, 4)
    first.kill()
    first.wait()
    workers.start()  # the lease of 30 s is not waited for: the process is gone
    row = await jobs.status(job_id, "succeeded")
    done = _lines(log)
    assert sorted(set(done)) == list(range(12))
    assert len(done) <= 13  # only the step between its line and its checkpoint may be there twice
    assert (row["attempts"], row["epoch"], json.loads(row["result"])) == (2, 2, {"steps": 12})
    assert (row["progress"], row["progress_done"], row["worker"], row["lease_until"]) == (100, 12, None, None)
    assert await jobs.kinds(job_id) == ["queued", "claimed", "lease_lost", "taken_over", "succeeded"]


async def test_t2_a_frozen_worker_that_wakes_up_can_write_nothing(workers: Workers, jobs: Jobs, tmp_path: Path) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=8, pause=0.1, log=str(log))
    frozen = workers.start(lease_seconds=1.0)
    await _stepped(log, 2)
    frozen.send_signal(signal.SIGSTOP)
    workers.start(lease_seconds=1.0)
    row = await jobs.status(job_id, "succeeded")
    frozen.send_signal(signal.SIGCONT)

    async def rejected() -> bool:
        return ("lease_lost", True) in [(kind, detail.get("rejected")) for kind, detail in await jobs.events(job_id)]

    await eventually(rejected, "the zombie's rejected write")
    assert await jobs.row(job_id) == row
    assert (await jobs.kinds(job_id)).count("succeeded") == 1
    assert frozen.poll() is None


async def test_t3_a_row_without_a_message_is_picked_up(workers: Workers, jobs: Jobs) -> None:
    job_id = await jobs.submit(NOOP)
    assert await jobs.admin.execute("DELETE FROM engine.pgqueuer") == "DELETE 1"
    workers.start()
    await jobs.status(job_id, "succeeded")
    assert "delivered" in await jobs.kinds(job_id)


async def test_t4_three_deliveries_are_one_run(workers: Workers, jobs: Jobs, tmp_path: Path) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=3, pause=0.1, log=str(log))
    for _ in range(2):
        await jobs.admin.execute(
            "INSERT INTO engine.pgqueuer (priority, status, entrypoint, payload)"
            " VALUES (0, 'queued', 'default', convert_to($1, 'UTF8'))",
            str(job_id),
        )
    workers.start()
    workers.start()
    await jobs.status(job_id, "succeeded")

    async def all_delivered() -> bool:
        return bool(await jobs.admin.fetchval("SELECT count(*) = 0 FROM engine.pgqueuer"))

    await eventually(all_delivered, "an empty queue")
    assert _lines(log) == [0, 1, 2]
    assert await jobs.kinds(job_id) == ["queued", "claimed", "succeeded"]


async def test_t5_a_running_job_stops_when_it_is_cancelled(workers: Workers, jobs: Jobs, tmp_path: Path) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=10_000, pause=0.05, log=str(log))
    workers.start()
    await _stepped(log, 2)
    await cancel(jobs, job_id)
    row = await jobs.status(job_id, "cancelled")
    assert (await jobs.kinds(job_id))[-2:] == ["cancel_requested", "cancelled"]
    assert json.loads(row["checkpoint"])["done"] >= 2


async def cancel(jobs: Jobs, job_id: UUID) -> None:
    from app.models import Job

    async with writing(jobs.company.ann, Permission.JOBS_CANCEL) as work:
        job = await work.get(Job, job_id, lock=True)
        await ledger.request_cancel(work, job, work.who.id)
        work.record(Action.JOB_CANCELLED, job)


async def test_t6_a_rolled_back_submit_leaves_nothing(jobs: Jobs) -> None:
    class Broken(Exception):
        pass

    with pytest.raises(Broken):
        async with writing(jobs.company.ann, Permission.IMPORTS_RUN) as work:
            await ledger.submit(work, NOOP, team_id=jobs.company.acme, created_by=None)
            raise Broken
    for table in ("jobs", "job_events", "engine.pgqueuer", "engine.pgqueuer_log"):
        assert await jobs.admin.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_t7_poison_stops_at_its_last_attempt(workers: Workers, jobs: Jobs) -> None:
    job_id, refused = await jobs.submit(POISON), await jobs.submit(REFUSE)
    workers.start()
    row = await jobs.status(job_id, "failed")
    assert (row["attempts"], row["error_code"]) == (3, "INTERNAL_ERROR")
    poison = "test.poison ZeroDivisionError tests/processes/worker_tasks.py:poison"
    assert row["error_signature"] == f"{poison} division by zero"
    assert "Traceback" in row["error"]
    kinds = await jobs.kinds(job_id)
    assert kinds == ["queued", *["claimed", "retry_later"] * 2, "claimed", "failed"]
    row = await jobs.status(refused, "failed")
    assert (row["attempts"], row["error"]) == (1, "The file has no rows.")


async def test_t7_a_job_that_kills_its_workers_is_given_up(workers: Workers, jobs: Jobs, tmp_path: Path) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=10_000, pause=0.05, log=str(log))
    for round_ in range(2):
        worker = workers.start()
        await _stepped(log, 2 * (round_ + 1))
        await jobs.status(job_id, "running")
        worker.kill()
        worker.wait()
    workers.start()
    row = await jobs.status(job_id, "failed")
    assert (row["error_code"], row["error"]) == ("WORKER_LOST", "The worker was lost 2 times while it ran this job.")


async def test_a_stopping_worker_hands_its_jobs_back_without_counting_the_attempt(
    workers: Workers, jobs: Jobs, tmp_path: Path
) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=40, pause=0.1, log=str(log))
    worker = workers.start(drain_seconds=0.2)
    await _stepped(log, 2)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    row = await jobs.row(job_id)
    assert (row["status"], row["attempts"], row["worker"]) == ("queued", 0, None)
    assert await jobs.admin.fetchval("SELECT count(*) FROM workers") == 0
    workers.start()
    await jobs.status(job_id, "succeeded")
    assert sorted(set(_lines(log))) == list(range(40))


async def test_a_worker_without_work_ends_at_once(workers: Workers, jobs: Jobs) -> None:
    worker = workers.start()

    async def signed_on() -> bool:
        return bool(await jobs.admin.fetchval("SELECT count(*) FROM workers WHERE pid = $1", worker.pid))

    await eventually(signed_on, "the worker")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0


async def test_t8_work_goes_on_when_the_database_dropped_every_connection(
    workers: Workers, jobs: Jobs, database: Database
) -> None:
    worker = workers.start()
    await jobs.status(await jobs.submit(NOOP), "succeeded")
    await jobs.admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
        database.name,
    )
    await jobs.status(await jobs.submit(NOOP), "succeeded")
    assert worker.poll() is None
