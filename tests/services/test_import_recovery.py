"""Imports that go wrong at the worst moment: what the screen counts is always what is there.

Rows out of sight belong to at most one living import; these tests leave such rows behind in every way that a crash,
a cancellation or a frozen run can, and go on from there.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app import clock, job_queue
from app.config import Settings
from app.errors import Conflict
from app.ids import uuid7
from app.job_queue import Claimed
from app.models import Import, Worker
from app.repositories import imports as imports_table
from app.services import datasets, imports, jobs, rows
from app.tabular import reading
from app.worker.context import JobContext
from app.worker.execution import Execution
from app.worker.tasks import imports as tasks
from tests.factories import Desk, check_counts
from tests.people import Company
from tests.services.books import BROKEN
from tests.services.test_import_runs import kill_at_chunk, small_chunks, stored

GOOD = b"code,n\n" + b"".join(b"A%d,%d\n" % (n, n) for n in range(1000))
OTHER = GOOD.replace(b"A1,", b"B1,")
BAD_LATE = GOOD.replace(b"A950,950", b"A950,x")


@pytest.fixture
def desk(company: Company, settings: Settings) -> Desk:
    return Desk.of(company.ann, settings)


def job_of(started: Import) -> UUID:
    assert started.job_id is not None
    return started.job_id


async def due(admin: asyncpg.Connection) -> None:
    await admin.execute("UPDATE jobs SET run_after = now() - interval '1 second' WHERE status = 'queued'")


async def status(admin: asyncpg.Connection, started: Import) -> tuple[str, str]:
    row = await admin.fetchrow(
        "SELECT i.status, j.status AS job FROM imports i JOIN jobs j ON j.id = i.job_id WHERE i.id = $1", started.id
    )
    return row["status"], row["job"]


async def agree(desk: Desk, admin: asyncpg.Connection, started: Import, n: int) -> None:
    """The screen, the counters, the grid and the table all say ``n``."""
    dataset = await datasets.get(desk.actor, started.dataset_id)
    grid = await rows.window(desk.actor, started.dataset_id, 0, 10)
    assert (dataset.rows, grid.total.value, await stored(admin, started.dataset_id)) == (n, n, n)
    await check_counts(admin)


async def left_behind(
    desk: Desk, company: Company, monkeypatch: pytest.MonkeyPatch, chunk: int = 6, content: bytes = GOOD
) -> Import:
    """An import whose run was killed before its chunk of this number; its job waits for the next try."""
    small_chunks(monkeypatch)
    revive = kill_at_chunk(monkeypatch, chunk)
    started = await desk.start_new(content, company.acme, n="integer")
    await desk.run(started.job_id)
    revive()
    return started


async def claimed(job_id: UUID) -> tuple[Claimed, Worker]:
    now = clock.now()
    me = Worker(
        id=uuid7(), host="h", pid=1, started_at=now, heartbeat_at=now, concurrency=1, engine="test", version="0"
    )
    found = await job_queue.claim(job_id, me, 60)
    assert found is not None
    return found, me


async def test_a_run_killed_after_the_first_bad_row_goes_on_behind_its_last_chunk(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    revive = kill_at_chunk(monkeypatch, 10)
    started = await desk.start_new(BAD_LATE, company.acme, n="integer")
    await desk.run(started.job_id)
    assert await stored(admin, started.dataset_id) == 900
    revive()
    await due(admin)
    await desk.run(started.job_id)
    assert await status(admin, started) == ("succeeded", "succeeded")
    await agree(desk, admin, started, 999)


async def test_a_cancelled_import_leaves_nothing_to_the_next_one_nor_to_its_own_retry(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await left_behind(desk, company, monkeypatch)
    await jobs.cancel(company.ann, job_of(first), "not this file")
    assert await status(admin, first) == ("cancelled", "cancelled")
    second = await desk.start(OTHER, first.dataset_id)
    await desk.run(second.job_id)
    await agree(desk, admin, second, 1000)
    await imports.delete(company.ann, second.id, "wrong again")
    await desk.run_all(admin)
    await agree(desk, admin, first, 0)
    await jobs.retry(company.ann, job_of(first), "it was right after all")
    await due(admin)
    await desk.run(first.job_id)
    await agree(desk, admin, first, 1000)


async def test_a_worker_killed_in_the_middle_of_cleaning_up_leaves_no_hole(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await left_behind(desk, company, monkeypatch, chunk=8)
    await admin.execute("DELETE FROM dataset_rows WHERE position <= 300")
    await admin.execute(
        "UPDATE jobs SET status = 'cancelled', cancel_requested_at = now(), finished_at = now(), worker = NULL"
    )
    await jobs.retry(company.ann, job_of(started), "try again")
    await due(admin)
    await desk.run(started.job_id)
    await agree(desk, admin, started, 1000)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_an_import_whose_job_was_given_up_does_not_block_its_dataset(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    lost = await left_behind(desk, company, monkeypatch)
    await admin.execute("UPDATE jobs SET status = $1, finished_at = now(), worker = NULL", end)
    again = await desk.start(OTHER, lost.dataset_id)
    assert (await status(admin, lost))[0] == end
    await desk.run(again.job_id)
    await agree(desk, admin, again, 1000)
    await imports.delete(company.ann, lost.id, "no use any more")
    await desk.run_all(admin)
    await agree(desk, admin, again, 1000)


async def test_a_dataset_with_rows_out_of_sight_is_deleted_whole_with_its_files(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await left_behind(desk, company, monkeypatch, chunk=8)
    await jobs.cancel(company.ann, job_of(started), "no")
    name = (await datasets.get(company.ann, started.dataset_id)).name
    await datasets.delete(company.ann, started.dataset_id, name, "not needed")
    await desk.run_all(admin)
    for table in ("datasets", "dataset_rows", "dataset_counts", "imports", "schemas"):
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert [path for path in desk.store.folder.iterdir() if path.suffix in {".data", ".json"}] == []


async def test_a_deletion_that_runs_twice_leaves_the_next_import_alone(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = await left_behind(desk, company, monkeypatch)
    await jobs.cancel(company.ann, job_of(gone), "no")
    await imports.delete(company.ann, gone.id, "not needed")
    deletion, me = await claimed(await admin.fetchval("SELECT id FROM jobs WHERE kind = 'import.delete'"))
    await tasks.delete_import(Execution(deletion, me, desk.settings).context, **deletion.input)
    following = await desk.start(OTHER, gone.dataset_id)
    with pytest.raises(job_queue.LeaseLost):
        await tasks.delete_import(Execution(deletion, me, desk.settings).context, **deletion.input)
    await desk.run(following.job_id)
    await agree(desk, admin, following, 1000)


async def test_a_frozen_run_that_wakes_up_can_write_nothing(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    started = await desk.start_new(BAD_LATE, company.acme, n="integer")
    real, runs = reading.check, 0

    async def frozen(*args: object, **values: object) -> object:
        nonlocal runs
        runs += 1
        report = await real(*args, **values)  # type: ignore[arg-type]  # passed on as they came
        if runs == 1:  # another run takes over, and ends the import
            await admin.execute("UPDATE jobs SET lease_until = now() - interval '1 second'")
            await desk.run(started.job_id)
        return report

    monkeypatch.setattr(tasks, "check", frozen)
    await desk.run(started.job_id)
    assert runs == 2
    assert await status(admin, started) == ("succeeded", "succeeded")
    await agree(desk, admin, started, 999)


async def test_an_import_into_a_dataset_that_is_being_deleted_cannot_be_retried(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    started = await desk.start_new(GOOD, company.acme, n="integer")
    await jobs.cancel(company.ann, job_of(started), "no")
    name = (await datasets.get(company.ann, started.dataset_id)).name
    await datasets.delete(company.ann, started.dataset_id, name, "not needed")
    with pytest.raises(Conflict, match="deleted"):
        await jobs.retry(company.ann, job_of(started), "oops")


async def test_rows_that_were_never_seen_do_not_appear_while_their_import_is_deleted(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await left_behind(desk, company, monkeypatch)
    await jobs.cancel(company.ann, job_of(started), "no")
    await imports.delete(company.ann, started.id, "not needed")
    grid = await rows.window(company.ann, started.dataset_id, 0, 10)
    assert (list(grid.rows), grid.total.value) == ([], 0)


END_BADLY = """
    UPDATE jobs SET lease_until = now() - interval '1 second', status = 'running', attempts = max_attempts WHERE id = $1
"""


async def lose_its_worker(desk: Desk, admin: asyncpg.Connection, job_id: UUID) -> None:
    await admin.execute(END_BADLY, job_id)
    await job_queue.sweep(60)


async def cancel_while_it_waits(desk: Desk, admin: asyncpg.Connection, job_id: UUID) -> None:
    await jobs.cancel(desk.actor, job_id, "not this file")


async def cut_off(desk: Desk, admin: asyncpg.Connection, job_id: UUID) -> None:
    """As after its time to see that somebody asked it to stop."""
    await due(admin)
    found, _ = await claimed(job_id)
    await jobs.cancel(desk.actor, job_id, "not this file")
    await job_queue.cancelled(found.run)


async def cancel_while_its_worker_is_lost(desk: Desk, admin: asyncpg.Connection, job_id: UUID) -> None:
    await due(admin)
    await claimed(job_id)
    await jobs.cancel(desk.actor, job_id, "not this file")
    await admin.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = $1", job_id)
    await job_queue.sweep(60)


async def fail_for_good(desk: Desk, admin: asyncpg.Connection, job_id: UUID) -> None:
    await due(admin)
    found, _ = await claimed(job_id)
    await job_queue.fail(found.run, BROKEN)


async def refuse(desk: Desk, admin: asyncpg.Connection, job_id: UUID) -> None:
    """It goes on, and meets the bad row that it may not have."""
    await admin.execute("UPDATE imports SET skip_bad = false WHERE job_id = $1", job_id)
    await due(admin)
    await desk.run(job_id)


@pytest.mark.parametrize(
    ("ending", "ended"),
    [
        (lose_its_worker, ("failed", "failed")),
        (cancel_while_it_waits, ("cancelled", "cancelled")),
        (cut_off, ("cancelled", "cancelled")),
        (cancel_while_its_worker_is_lost, ("cancelled", "cancelled")),
        (fail_for_good, ("failed", "failed")),
        (refuse, ("refused", "failed")),
    ],
)
async def test_however_an_import_ends_nothing_of_it_stays_out_of_sight(
    desk: Desk,
    company: Company,
    admin: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    ending: Callable[[Desk, asyncpg.Connection, UUID], Awaitable[None]],
    ended: tuple[str, str],
) -> None:
    started = await left_behind(desk, company, monkeypatch, content=BAD_LATE)
    assert await stored(admin, started.dataset_id) == 500
    await ending(desk, admin, job_of(started))
    await desk.run_all(admin)
    assert await status(admin, started) == ended
    assert await admin.fetchval("SELECT rows_good FROM imports WHERE id = $1", started.id) == 0
    assert await admin.fetchval("SELECT checkpoint FROM jobs WHERE id = $1", started.job_id) is None
    assert await stored(admin, started.dataset_id) == 0
    await check_counts(admin)


async def test_cleaning_up_is_done_in_batches_and_goes_on_where_it_was_killed(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await left_behind(desk, company, monkeypatch, chunk=8)
    await fail_for_good(desk, admin, job_of(started))
    real, batches = imports_table.remove_staged, 0

    async def few(*args: Any, **values: Any) -> int:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise ConnectionError("killed")
        return await real(*args, **{**values, "limit": 200})

    monkeypatch.setattr(imports_table, "remove_staged", few)
    cleanup = await admin.fetchval("SELECT id FROM jobs WHERE kind = 'import.cleanup'")
    await desk.run(cleanup)
    assert (await stored(admin, started.dataset_id), (await status(admin, started))[0]) == (300, "loading")
    await due(admin)
    await desk.run(cleanup)
    assert (await stored(admin, started.dataset_id), (await status(admin, started))[0]) == (0, "failed")
    assert batches == 6
    assert await admin.fetchval("SELECT status FROM jobs WHERE id = $1", cleanup) == "succeeded"


async def test_an_import_that_is_retried_in_the_middle_of_cleaning_up_is_whole_in_the_end(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await left_behind(desk, company, monkeypatch, chunk=8)
    await fail_for_good(desk, admin, job_of(started))
    cleanup = await admin.fetchval("SELECT id FROM jobs WHERE kind = 'import.cleanup'")
    real = imports_table.remove_staged

    async def few(*args: Any, **values: Any) -> int:
        return await real(*args, **{**values, "limit": 200})

    async def retried(self: JobContext, *args: Any, **values: Any) -> None:
        progress.undo()
        await jobs.retry(company.ann, job_of(started), "try again")
        await desk.run(started.job_id)

    with monkeypatch.context() as progress:
        progress.setattr(imports_table, "remove_staged", few)
        progress.setattr(JobContext, "progress", retried)
        await desk.run(cleanup)
    assert await status(admin, started) == ("succeeded", "succeeded")
    await agree(desk, admin, started, 1000)


async def test_cleaning_up_late_leaves_the_rows_of_the_next_import_alone(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = await left_behind(desk, company, monkeypatch, chunk=8)
    await fail_for_good(desk, admin, job_of(lost))
    following = await desk.start(OTHER, lost.dataset_id)
    revive = kill_at_chunk(monkeypatch, 4)
    await desk.run(following.job_id)
    revive()
    assert await stored(admin, lost.dataset_id) == 300
    await desk.run(await admin.fetchval("SELECT id FROM jobs WHERE kind = 'import.cleanup'"))
    assert await stored(admin, lost.dataset_id) == 300
    await due(admin)
    await desk.run(following.job_id)
    await agree(desk, admin, following, 1000)


async def test_a_deletion_cannot_be_cancelled(desk: Desk, company: Company, admin: asyncpg.Connection) -> None:
    started = await desk.start_new(GOOD, company.acme, n="integer")
    await desk.run(started.job_id)
    await imports.delete(company.ann, started.id, "not needed")
    deletion = await admin.fetchval("SELECT id FROM jobs WHERE kind = 'import.delete'")
    with pytest.raises(Conflict, match="cannot be cancelled"):
        await jobs.cancel(company.ann, deletion, "stop")


async def test_the_chunk_that_fails_is_the_only_one_that_is_loaded_again(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await left_behind(desk, company, monkeypatch, chunk=7)
    real, loaded = imports_table.load_rows, 0

    async def counted(*args: object, **values: object) -> None:
        nonlocal loaded
        loaded += 1
        await real(*args, **values)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(imports_table, "load_rows", counted)
    await due(admin)
    await desk.run(started.job_id)
    assert loaded == 4
    await agree(desk, admin, started, 1000)
