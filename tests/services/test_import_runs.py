"""Runs of imports that are killed, cancelled, retried: nothing is lost, nothing twice, nobody else's rows touched."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.config import Settings
from app.errors import Conflict, NotFound
from app.models import Import
from app.repositories import imports as imports_table
from app.services import datasets, imports, jobs, rows
from app.tabular import reading
from app.tabular.plan import Chunk
from app.worker.tasks import imports as tasks
from tests.factories import AIRPORT_ROWS, AIRPORTS, Desk, check_counts, make_dataset
from tests.people import Company

SMALL = b"code,n\nA,1\nB,2\nC,3\n"
FIVE_BAD = b"code,n\n" + b"".join(b"A%d,%s\n" % (n, b"x" if n % 4 == 0 else b"%d" % n) for n in range(20))


@pytest.fixture
def desk(company: Company, settings: Settings) -> Desk:
    return Desk.of(company.ann, settings)


def small_chunks(monkeypatch: pytest.MonkeyPatch, size: int = 100) -> None:
    monkeypatch.setattr(tasks, "read_chunks", partial(reading.read_chunks, rows=size))


def kill_at_chunk(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], None]:
    """Stop the run right before it loads its chunk of this number; returns how to undo it."""
    real, seen = imports_table.load_rows, 0

    async def killed(*args: Any, **values: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise ConnectionError("killed")
        await real(*args, **values)

    monkeypatch.setattr(imports_table, "load_rows", killed)
    return lambda: monkeypatch.setattr(imports_table, "load_rows", real)


async def job(admin: asyncpg.Connection, started: Import) -> asyncpg.Record:
    return await admin.fetchrow("SELECT * FROM jobs WHERE id = $1", started.job_id)


async def stored(admin: asyncpg.Connection, dataset_id: UUID) -> int:
    """Rows of a dataset that are there, seen or not."""
    return int(
        await admin.fetchval(
            "SELECT count(*) FROM dataset_rows r JOIN datasets d ON d.number = r.dataset_number WHERE d.id = $1",
            dataset_id,
        )
    )


async def actions(admin: asyncpg.Connection) -> list[str]:
    return [row["action"] for row in await admin.fetch("SELECT action FROM audit_entries ORDER BY id")]


@pytest.mark.parametrize("chunk", [1, 2, 7, 15])
async def test_a_killed_run_goes_on_where_it_was(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    small_chunks(monkeypatch)
    started = await desk.start_new(AIRPORTS.read_bytes(), company.acme)
    assert started.job_id is not None
    revive = kill_at_chunk(monkeypatch, chunk)
    await desk.run(started.job_id)
    assert (await job(admin, started))["status"] == "queued"
    assert await stored(admin, started.dataset_id) == (chunk - 1) * 100
    assert not (await rows.window(company.ann, started.dataset_id, 0, 10)).rows
    assert (await datasets.get(company.ann, started.dataset_id)).rows == 0
    revive()
    await admin.execute("UPDATE jobs SET run_after = now()")
    monkeypatch.setattr(tasks, "check", None)  # the file is not checked a second time
    await desk.run(started.job_id)
    assert (await job(admin, started))["status"] == "succeeded"
    found = await admin.fetch("SELECT position, data->>'faa' AS faa FROM dataset_rows ORDER BY position")
    wanted = [line.split(",")[0] for line in AIRPORTS.read_text().splitlines()[1:]]
    assert [row["position"] for row in found] == list(range(1, AIRPORT_ROWS + 1))
    assert [row["faa"] for row in found] == wanted
    assert (await actions(admin)).count("import.finished") == 1
    await check_counts(admin)


async def cancel_at_chunk(
    desk: Desk, company: Company, started: Import, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Ask to cancel right before the chunk of this number is loaded."""
    real: Any = vars(tasks)["read_chunks"]
    assert started.job_id is not None
    job_id = started.job_id

    async def reading_on(*args: Any, **values: Any) -> AsyncIterator[Chunk]:
        seen = 0
        async with aclosing(real(*args, **values)) as chunks:
            async for chunk in chunks:
                seen += 1
                if seen == number:
                    await jobs.cancel(company.ann, job_id, "the wrong file")
                yield chunk

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "read_chunks", reading_on)
        await desk.run(job_id)


async def test_cancelling_removes_what_was_loaded_and_retrying_loads_it_again(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    started = await desk.start_new(AIRPORTS.read_bytes(), company.acme)
    await cancel_at_chunk(desk, company, started, monkeypatch, 4)
    assert (await imports.get(company.ann, started.id)).head.status == "cancelled"
    await desk.run_all(admin)
    seen = await imports.get(company.ann, started.id)
    assert (seen.head.status, seen.head.rows_good) == ("cancelled", 0)
    assert (await job(admin, started))["status"] == "cancelled"
    assert await stored(admin, started.dataset_id) == 0
    assert started.job_id is not None
    await jobs.retry(company.ann, started.job_id, "the right file after all")
    await desk.run(started.job_id)
    assert (await imports.get(company.ann, started.id)).head.status == "succeeded"
    assert await stored(admin, started.dataset_id) == AIRPORT_ROWS
    await check_counts(admin)


async def test_cancelling_before_it_began_ends_the_import_too(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    started = await desk.start_new(SMALL, company.acme)
    assert started.job_id is not None
    await jobs.cancel(company.ann, started.job_id, "no")
    assert await admin.fetchval("SELECT status FROM imports") == "cancelled"
    again = await desk.start(SMALL, started.dataset_id)
    await desk.run_all(admin)
    assert (await imports.get(company.ann, again.id)).head.status == "succeeded"
    await check_counts(admin)


@pytest.mark.parametrize("how", ["cancelled", "refused"])
async def test_an_old_import_that_is_retried_leaves_later_rows_alone(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    small_chunks(monkeypatch, 10)
    if how == "cancelled":
        old = await desk.start_new(FIVE_BAD, company.acme, n="integer")
        await cancel_at_chunk(desk, company, old, monkeypatch, 1)
    else:
        there = await make_dataset(admin, company.acme, "There", {"code": "text", "n": "integer"})
        old = await desk.start(FIVE_BAD, there.id, skip_bad=False)
        await desk.run_all(admin)
    await desk.start(SMALL, old.dataset_id)
    await desk.run_all(admin)
    assert old.job_id is not None
    if how == "cancelled":
        await jobs.retry(company.ann, old.job_id, "again")
        await desk.run(old.job_id)
    else:  # it would be refused again
        with pytest.raises(Conflict):
            await jobs.retry(company.ann, old.job_id, "again")
    head = (await imports.get(company.ann, old.id)).head
    assert head.status == ("succeeded" if how == "cancelled" else "refused")
    window = await rows.window(company.ann, old.dataset_id, 0, 100)
    assert [row.data["code"] for row in window.rows][:3] == ["A", "B", "C"]
    assert window.total.value == (18 if how == "cancelled" else 3)
    await check_counts(admin)


async def test_a_failed_import_is_in_nobodys_way(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    started = await desk.start_new(AIRPORTS.read_bytes(), company.acme)
    await admin.execute("UPDATE jobs SET max_attempts = 1")
    revive = kill_at_chunk(monkeypatch, 3)
    assert started.job_id is not None
    await desk.run(started.job_id)
    revive()
    assert (await imports.get(company.ann, started.id)).head.status == "failed"
    assert await stored(admin, started.dataset_id) == 200
    again = await desk.start(AIRPORTS.read_bytes(), started.dataset_id)
    await desk.run_all(admin)
    assert (await imports.get(company.ann, again.id)).head.status == "succeeded"
    assert await stored(admin, started.dataset_id) == AIRPORT_ROWS
    await imports.delete(company.ann, started.id, "half a file")
    await desk.run_all(admin)
    assert await stored(admin, started.dataset_id) == AIRPORT_ROWS
    with pytest.raises(NotFound):
        await imports.get(company.ann, started.id)
    await check_counts(admin)
