"""What every engine has to stand: killed, frozen and doubled workers, lost messages, poison. With real processes.

The same contracts hold for the engine of the product and for one that only tests have.
"""

import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app import job_queue
from app.config import Settings
from app.database import keeping, writing
from app.job_queue.engines.base import Delivery
from app.permissions import Permission
from tests.people import Company
from tests.processes.contracts import ENGINES, Delivering, Jobs, Workers, eventually, lines_of, stepped
from tests.processes.worker_tasks import NOOP, POISON, REFUSE, STEPS

pytestmark = pytest.mark.processes


@pytest.fixture(params=ENGINES)
async def delivering(request: pytest.FixtureRequest, admin: asyncpg.Connection) -> AsyncIterator[Delivering]:
    """The engine that this process and its workers use."""
    chosen, usual = ENGINES[request.param], job_queue.engine()
    await admin.execute(chosen.table_made)
    job_queue.deliver_by(chosen.engine)
    yield chosen
    job_queue.deliver_by(usual)


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


@pytest.fixture
def jobs(company: Company, admin: asyncpg.Connection, delivering: Delivering, truth: None) -> Jobs:
    return Jobs(company, admin)


async def test_t1_a_killed_worker_s_job_goes_on_from_its_checkpoint_at_once(
    workers: Workers, jobs: Jobs, tmp_path: Path
) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=12, pause=0.05, log=str(log))
    first = workers.start()
    await stepped(log, 4)
    first.kill()
    first.wait()
    workers.start()  # the lease of 30 s is not waited for: the process is gone
    row = await jobs.status(job_id, "succeeded")
    done = lines_of(log)
    assert sorted(set(done)) == list(range(12))
    assert len(done) <= 13  # only the step between its line and its checkpoint may be there twice
    assert (row["attempts"], row["epoch"], json.loads(row["result"])) == (2, 2, {"steps": 12})
    assert (row["progress"], row["progress_done"], row["worker"], row["lease_until"]) == (100, 12, None, None)
    runs = [["claimed", "checkpoint", "lease_lost"], ["taken_over", "checkpoint", "succeeded"]]
    assert await jobs.kinds(job_id) == ["queued", *runs[0], *runs[1]]


async def test_t2_a_frozen_worker_that_wakes_up_can_write_nothing(workers: Workers, jobs: Jobs, tmp_path: Path) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=8, pause=0.1, log=str(log))
    frozen = workers.start(lease_seconds=1.0)
    await stepped(log, 2)
    frozen.send_signal(signal.SIGSTOP)
    workers.start()
    row = await jobs.status(job_id, "succeeded")
    frozen.send_signal(signal.SIGCONT)

    async def rejected() -> bool:
        return ("lease_lost", True) in [(kind, detail.get("rejected")) for kind, detail in await jobs.events(job_id)]

    await eventually(rejected, "the zombie's rejected write")
    assert await jobs.row(job_id) == row
    assert (await jobs.kinds(job_id)).count("succeeded") == 1
    assert frozen.poll() is None


async def test_t3_a_row_without_a_message_is_picked_up(workers: Workers, jobs: Jobs, delivering: Delivering) -> None:
    job_id = await jobs.submit(NOOP)
    assert await jobs.admin.execute(f"DELETE FROM {delivering.table}") == "DELETE 1"
    workers.start(redeliver_seconds=0.5)
    await jobs.status(job_id, "succeeded")
    assert "delivered" in await jobs.kinds(job_id)


async def test_t4_three_deliveries_are_one_run(
    workers: Workers, jobs: Jobs, delivering: Delivering, tmp_path: Path
) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=3, pause=0.1, log=str(log))
    async with keeping("test") as work:
        assert await delivering.engine.deliver(work, [Delivery(job_id, epoch) for epoch in (8, 9)]) == [True, True]
    workers.start()
    workers.start()
    await jobs.status(job_id, "succeeded")

    async def all_delivered() -> bool:
        return bool(await jobs.admin.fetchval(f"SELECT count(*) = 0 FROM {delivering.table}"))

    await eventually(all_delivered, "an empty queue")
    assert lines_of(log) == [0, 1, 2]
    assert await jobs.kinds(job_id) == ["queued", "claimed", "checkpoint", "succeeded"]


async def test_t5_a_running_job_stops_when_it_is_cancelled(workers: Workers, jobs: Jobs, tmp_path: Path) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=10_000, pause=0.05, log=str(log))
    workers.start()
    await stepped(log, 2)
    await jobs.cancel(job_id)
    row = await jobs.status(job_id, "cancelled")
    assert (await jobs.kinds(job_id))[-2:] == ["cancel_seen", "cancelled"]
    assert row["cancel_requested_at"] <= row["cancel_seen_at"] <= row["finished_at"]
    assert json.loads(row["checkpoint"])["done"] >= 2


async def test_t6_a_rolled_back_submit_leaves_nothing(jobs: Jobs, delivering: Delivering) -> None:
    class Broken(Exception):
        pass

    with pytest.raises(Broken):
        async with writing(jobs.company.ann, Permission.IMPORTS_RUN) as work:
            await job_queue.submit(work, NOOP, team_id=jobs.company.acme, created_by=None)
            raise Broken
    for table in ("jobs", "job_events", "engine.pgqueuer_log", delivering.table):
        assert await jobs.admin.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_t7_poison_stops_at_its_last_attempt(workers: Workers, jobs: Jobs) -> None:
    job_id, refused = await jobs.submit(POISON), await jobs.submit(REFUSE)
    workers.start()
    row = await jobs.status(job_id, "failed")
    assert (row["attempts"], row["error_code"]) == (3, "INTERNAL_ERROR")
    poison = "test.poison ZeroDivisionError tests/processes/worker_tasks.py:poison"
    assert row["error_signature"] == f"{poison} # is divided by #"
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
        await stepped(log, 2 * (round_ + 1))
        await jobs.status(job_id, "running")
        worker.kill()
        worker.wait()
    workers.start()
    row = await jobs.status(job_id, "failed")
    sentence = "The worker was lost while it ran this job, and attempt 2 was the last one."
    assert (row["error_code"], row["error"]) == ("WORKER_LOST", sentence)


async def test_a_stopping_worker_hands_its_jobs_back_without_counting_the_attempt(
    workers: Workers, jobs: Jobs, tmp_path: Path
) -> None:
    log = tmp_path / "steps"
    job_id = await jobs.submit(STEPS, steps=12, pause=0.1, log=str(log))
    worker = workers.start(drain_seconds=0.2)
    await stepped(log, 2)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    row = await jobs.row(job_id)
    assert (row["status"], row["attempts"], row["worker"]) == ("queued", 0, None)
    assert await jobs.admin.fetchval("SELECT count(*) FROM workers") == 0
    workers.start()
    await jobs.status(job_id, "succeeded")
    assert sorted(set(lines_of(log))) == list(range(12))


async def test_a_worker_without_work_ends_at_once(workers: Workers, jobs: Jobs) -> None:
    worker = workers.start()

    async def signed_on() -> bool:
        return bool(await jobs.admin.fetchval("SELECT count(*) FROM workers WHERE pid = $1", worker.pid))

    await eventually(signed_on, "the worker")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
