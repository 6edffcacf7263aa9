"""The database has run out of something: a sentence of its own, a warning, an alert, and jobs that wait for it."""

import logging
import random
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

from app import clock, job_queue
from app.config import Settings
from app.database import driver_errors, engine, keeping, reading
from app.errors import DiskFull, Exhausted, OutOfMemory, TooManyConnections, Unavailable
from app.permissions import Permission
from app.services import alerts
from app.services.alerts import AlertKind
from app.trace import referenced
from app.worker.context import JobContext
from app.worker.execution import Execution
from app.worker.process import identity
from tests.people import Company
from tests.services.working import Jobs

KINDS = [("53100", DiskFull, "disk"), ("53200", OutOfMemory, "memory"), ("53300", TooManyConnections, "connections")]


def raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{state}'; END $$"


@pytest.fixture
async def alive(company: Company, admin: asyncpg.Connection, quick: Settings) -> None:
    """A worker, so that nothing else is wrong."""
    async with keeping("workers: sign on") as work:
        work.add(identity(quick))


@pytest.mark.parametrize(("state", "kind", "what"), KINDS)
async def test_each_has_a_sentence_of_its_own_and_a_warning_with_the_reference(
    company: Company, caplog: pytest.LogCaptureFixture, state: str, kind: type[Exhausted], what: str
) -> None:
    for raw in (False, True):
        caplog.clear()
        with referenced("7F3K-Q2"), pytest.raises(kind) as met:
            async with reading(company.ann, Permission.TEAMS_READ) as work:
                if raw:
                    await (await work.raw()).execute(raising(state))
                await work.execute(text(raising(state)))
        assert isinstance(met.value, Unavailable)
        assert what in met.value.message
        assert "does not answer" not in met.value.message
        [line] = [record for record in caplog.records if record.name == "app.database.driver_errors"]
        assert (line.levelno, state in line.getMessage()) == (logging.WARNING, True)


async def test_a_database_that_lets_nobody_more_in_says_so(
    company: Company, admin: asyncpg.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.dispose()

    async def full(*_: object, **__: object) -> None:
        raise asyncpg.TooManyConnectionsError("sorry, too many clients already")

    engine.configure(settings)
    monkeypatch.setattr(asyncpg, "connect", full)
    with pytest.raises(TooManyConnections):
        async with reading(company.ann, Permission.TEAMS_READ):
            pass


@pytest.mark.parametrize(("state", "kind", "what"), KINDS)
async def test_home_tells_of_it_until_it_was_not_met_for_a_while(
    company: Company, alive: None, monkeypatch: pytest.MonkeyPatch, state: str, kind: type[Exhausted], what: str
) -> None:
    assert await alerts.current(company.ann) == []
    for _ in range(2):
        with pytest.raises(kind):
            async with reading(company.ann, Permission.TEAMS_READ) as work:
                await work.execute(text(raising(state)))
    [alert] = await alerts.current(company.ann)
    assert (alert.kind, alert.subject, alert.number, alert.is_serious) == (AlertKind.EXHAUSTED, kind.code, 2, True)
    assert what in alert.title
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + alerts.MET_FOR + timedelta(seconds=1))
    assert not [alert for alert in await alerts.current(company.ann) if alert.kind is AlertKind.EXHAUSTED]


async def _body(ctx: JobContext, state: str) -> None:
    async with ctx.keeping("a test") as work:
        await work.execute(text(raising(state)))


async def _again(jobs: Jobs, settings: Settings, row: asyncpg.Record) -> asyncpg.Record:
    """The wait is over."""
    await jobs.admin.execute("UPDATE jobs SET run_after = now() WHERE id = $1", row["id"])
    me = identity(settings)
    claimed = await job_queue.claim(row["id"], me, settings.lease_seconds)
    assert claimed is not None
    await Execution(claimed, me, settings).run()
    return await jobs.row(row["id"])


async def test_a_job_that_meets_a_full_disk_waits_ever_longer_and_goes_on_by_itself(
    jobs: Jobs, quick: Settings, alive: None, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 1.0)
    is_full = True

    async def body(ctx: JobContext) -> None:
        if is_full:
            await _body(ctx, "53100")

    row = await jobs.run(quick, body)
    for _ in range(jobs.task.max_attempts + 3):
        row = await _again(jobs, quick, row)
    assert (row["status"], row["attempts"], row["error_code"]) == ("queued", 0, "DISK_FULL")
    assert "disk of the database is full" in row["error"]
    found = await jobs.admin.fetch(
        "SELECT detail->>'delay' AS delay FROM job_events WHERE kind = 'retry_later' ORDER BY id"
    )
    assert [float(event["delay"]) for event in found] == [60, 120, 240, 480, 900, 900]
    [alert] = await alerts.current(company.ann)
    assert (alert.kind, alert.number, alert.title) == (
        *(AlertKind.EXHAUSTED, 1, "job waits: the disk of the database is full"),
    )
    is_full = False
    row = await _again(jobs, quick, row)
    assert (row["status"], row["attempts"], row["error"]) == ("succeeded", 1, None)
    driver_errors.forget()  # as five minutes do
    assert await alerts.current(company.ann) == []


async def test_a_job_that_takes_all_memory_waits_long_but_not_for_ever(jobs: Jobs, quick: Settings) -> None:
    row = await jobs.run(quick, lambda ctx: _body(ctx, "53200"))
    assert (row["status"], row["attempts"], row["error_code"]) == ("queued", 1, "OUT_OF_MEMORY")
    wait = await jobs.admin.fetchval("SELECT run_after - now() FROM jobs WHERE id = $1", row["id"])
    assert wait > timedelta(seconds=30)
    row = await _again(jobs, quick, row)
    assert (row["status"], row["attempts"]) == ("failed", jobs.task.max_attempts)


async def test_who_asked_to_cancel_a_job_that_waits_is_heard(jobs: Jobs, quick: Settings) -> None:
    async def body(ctx: JobContext) -> None:
        await jobs.cancel(ctx.job_id)
        await _body(ctx, "53100")

    row = await jobs.run(quick, body)
    assert row["status"] == "cancelled"
