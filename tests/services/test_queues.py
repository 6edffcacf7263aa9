"""Queues and workers: what their rows tell, by counters alone, and what staff decide about them."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app import __version__, job_queue
from app.database import keeping
from app.errors import Conflict, Forbidden, Invalid
from app.ids import uuid7
from app.job_queue.tasks import MAINTENANCE, QUEUES
from app.paging import PageRequest
from app.services import audit, queues, workers
from app.services.queues import QueueState, QueueView
from app.services.workers import WorkerState, WorkerView
from tests.factories import add_job
from tests.people import Company

ALL = PageRequest()


@pytest.fixture
async def declared(company: Company) -> Company:
    async with keeping("queues: declare") as work:
        await job_queue.declare_queues(work)
    return company


async def _worker(admin: asyncpg.Connection, heard: timedelta = timedelta(0), version: str = __version__) -> UUID:
    id_ = uuid7()
    await admin.execute(
        "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version, queues)"
        " VALUES ($1, 'ship/1', 7, now(), now() - $2::interval, 1, 'pgqueuer', $3, '{default,imports}')",
        *(id_, heard, version),
    )
    return id_


async def _queue(company: Company, name: str = "imports") -> QueueView:
    [found] = [queue for queue in (await queues.search(company.ann, ALL)).rows if queue.name == name]
    return found


async def _only_worker(company: Company) -> WorkerView:
    [found] = (await workers.search(company.ann, ALL)).rows
    return found


async def test_a_queue_tells_what_waits_and_how_it_goes(declared: Company, admin: asyncpg.Connection) -> None:
    await _worker(admin)
    for held in (True, False, False):
        job_id = await add_job(admin, declared.acme, status="queued")
        await admin.execute(
            "UPDATE jobs SET queue = 'imports', run_after = now() - interval '9 minutes',"
            " held_at = CASE WHEN $2 THEN now() END WHERE id = $1",
            *(job_id, held),
        )
    await admin.execute(
        "INSERT INTO job_minutes VALUES"
        " (date_trunc('minute', now()) - interval '1 minute', 'imports', 'a', 0, 10, 5000, 7, 2, 1, 0, 0),"
        " (date_trunc('minute', now()) - interval '60 minutes', 'imports', 'b', 3, 10, 15000, 9, 1, 0, 0, 0),"
        " (date_trunc('minute', now()) - interval '2 hours', 'imports', 'b', 3, 900, 0, 900, 900, 0, 0, 0)"
    )
    seen = await _queue(declared)
    assert (seen.state, seen.waiting, seen.running, str(seen.held)) == (QueueState.WORKS, 3, 0, "1")
    assert seen.oldest is not None
    assert (seen.wait, seen.failures) == (1.0, 3 / 20)
    assert (seen.done[-1], seen.done[0], sum(seen.done), len(seen.done)) == (10, 10, 20, queues.MINUTES)
    assert 2 <= seen.per_minute <= 2.5
    assert seen.kinds == ("dataset.import",)
    idle = await _queue(declared, "default")
    assert (idle.state, idle.waiting, idle.oldest, idle.wait, idle.failures) == (QueueState.IDLE, 0, None, None, None)


async def test_states_of_a_queue(declared: Company, admin: asyncpg.Connection) -> None:
    assert (await _queue(declared)).state is QueueState.NO_WORKER
    me = await _worker(admin)
    for status in ("queued", "running"):
        await admin.execute(
            "UPDATE jobs SET queue = 'imports', worker = $2 WHERE id = $1",
            *(await add_job(admin, declared.acme, status=status), me),
        )
    await queues.limit(declared.ann, (await _queue(declared)).id, 1, None, "the disk is slow")
    assert (await _queue(declared)).state is QueueState.FULL
    await workers.drain(declared.ann, me, "to restart it")
    assert (await _queue(declared)).state is QueueState.NO_WORKER
    await queues.pause(declared.ann, (await _queue(declared)).id, "the disk is full")
    assert (await _queue(declared)).state is QueueState.PAUSED


async def test_pause_resume_and_limit_are_decided_with_a_reason(declared: Company) -> None:
    queue = await _queue(declared)
    with pytest.raises(Invalid, match="Say why"):
        await queues.pause(declared.ann, queue.id, " ")
    await queues.pause(declared.ann, queue.id, "the disk is full")
    with pytest.raises(Conflict, match="paused already"):
        await queues.pause(declared.ann, queue.id, "again")
    await queues.resume(declared.ann, queue.id, "there is room")
    with pytest.raises(Conflict, match="not paused"):
        await queues.resume(declared.ann, queue.id, "again")
    await queues.limit(declared.ann, queue.id, 2, None, "gently")
    with pytest.raises(Conflict) as conflict:
        await queues.limit(declared.sue, queue.id, 5, None, "faster")
    assert (conflict.value.original, conflict.value.theirs) == ({"most": None}, {"most": 2})
    for wrong in (0, -1, queues.MOST + 1):
        with pytest.raises(Invalid):
            await queues.limit(declared.ann, queue.id, wrong, 2, "nonsense")
    limited, resumed, paused = (await audit.search(declared.ann, ALL)).rows
    assert (paused.action, paused.reason, paused.target_label) == ("queue.paused", "the disk is full", "imports")
    assert (resumed.action, resumed.reason) == ("queue.resumed", "there is room")
    assert (limited.action, limited.reason, limited.after["max_running"]) == ("queue.limited", "gently", 2)


async def test_a_worker_is_drained_and_resumed(declared: Company, admin: asyncpg.Connection) -> None:
    me = await _worker(admin)
    seen = await _only_worker(declared)
    assert (seen.state, seen.queues) == (WorkerState.IDLE, ("default", "imports"))
    await admin.execute("UPDATE workers SET queues = $1", [*QUEUES, MAINTENANCE])
    assert (await _only_worker(declared)).queues == ("all", MAINTENANCE)
    job_id = await add_job(admin, declared.acme, status="running", kind="dataset.import")
    await admin.execute("UPDATE jobs SET worker = $2 WHERE id = $1", job_id, me)
    seen = await _only_worker(declared)
    assert (seen.state, seen.jobs, seen.label) == (
        WorkerState.BUSY, ((job_id, "Import a file"),), "ship, process 7",
    )  # fmt: skip
    await workers.drain(declared.ann, me, "to restart it")
    with pytest.raises(Conflict):
        await workers.drain(declared.ann, me, "again")
    seen = await _only_worker(declared)
    assert (seen.state, seen.drained_by) == (WorkerState.DRAINING, "Ann Adler")
    await admin.execute("UPDATE jobs SET status = 'succeeded', finished_at = now(), worker = NULL")
    assert (await _only_worker(declared)).state is WorkerState.DRAINED
    await workers.resume(declared.ann, me, "restarted another one")
    with pytest.raises(Conflict):
        await workers.resume(declared.ann, me, "again")
    assert (await _only_worker(declared)).state is WorkerState.IDLE
    told = [(entry.action, entry.target_label, entry.reason) for entry in (await audit.search(declared.ann, ALL)).rows]
    assert told == [
        ("worker.resumed", "ship, process 7", "restarted another one"),
        ("worker.drained", "ship, process 7", "to restart it"),
    ]


async def test_a_lost_worker_and_one_of_another_version_are_marked(
    declared: Company, admin: asyncpg.Connection
) -> None:
    await _worker(admin, timedelta(seconds=30), version="0.0.1")
    seen = await _only_worker(declared)
    assert (seen.state, seen.is_other_version) == (WorkerState.LOST, True)


async def test_who_only_looks_after_customers_decides_nothing(declared: Company, admin: asyncpg.Connection) -> None:
    queue, me = await _queue(declared), await _worker(admin)
    for person in (declared.vic, declared.tess, declared.nil):
        for verb in (queues.search(person, ALL), workers.search(person, ALL)):
            with pytest.raises(Forbidden):
                await verb
        for act in (queues.pause(person, queue.id, "x"), workers.drain(person, me, "x")):
            with pytest.raises(Forbidden):
                await act
