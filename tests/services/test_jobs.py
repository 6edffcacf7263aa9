"""Jobs for the people who watch them: find, look at, retry, cancel."""

from datetime import timedelta

import asyncpg
import pytest

from app import clock
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.models import JobStatus
from app.paging import PageRequest
from app.services import jobs
from tests.factories import add_job, check_counts
from tests.people import Company


async def actions(admin: asyncpg.Connection) -> list[tuple[str, ...]]:
    return [tuple(row) for row in await admin.fetch("SELECT action, reason, before, after FROM audit_told()")]


async def test_one_job_with_its_time_line_and_what_staff_did(company: Company, admin: asyncpg.Connection) -> None:
    job_id = await add_job(admin, company.acme)
    await jobs.retry(company.ann, job_id, "the disk is free again")
    seen = await jobs.get(company.vic, job_id)
    assert (seen.job.status, seen.job.attempts, seen.team, seen.started_by) == ("queued", 0, "Acme", "")
    assert (seen.import_, [event.kind for event in seen.events]) == (None, ["retried"])
    assert [(act.action, act.actor_name, act.reason) for act in seen.acts] == [
        ("job.retried", "Ann Adler", "the disk is free again")
    ]
    assert seen.job.audit_label == f"test.made {job_id.hex[-8:]}"


async def test_retry_is_recorded_with_before_and_after(company: Company, admin: asyncpg.Connection) -> None:
    job_id = await add_job(admin, company.acme)
    await jobs.retry(company.ann, job_id, "again")
    ((action, reason, before, after),) = await actions(admin)
    assert (action, reason) == ("job.retried", "again")
    assert '"status": "failed"' in before
    assert '"status": "queued"' in after
    assert await admin.fetchval("SELECT count(*) FROM engine.pgqueuer") == 1
    await check_counts(admin)


@pytest.mark.parametrize("status", ["queued", "running", "succeeded"])
async def test_only_what_failed_or_was_cancelled_is_retried(
    company: Company, admin: asyncpg.Connection, status: str
) -> None:
    job_id = await add_job(admin, company.acme, status)
    with pytest.raises(Conflict, match=f"this one is {status}"):
        await jobs.retry(company.ann, job_id, "again")
    assert await actions(admin) == []


@pytest.mark.parametrize("status", ["succeeded", "cancelled"])
async def test_what_has_ended_cannot_be_cancelled(company: Company, admin: asyncpg.Connection, status: str) -> None:
    job_id = await add_job(admin, company.acme, status)
    with pytest.raises(Conflict, match="cannot be cancelled any more"):
        await jobs.cancel(company.ann, job_id, "no")


async def test_cancel_stops_what_waits_and_asks_what_runs(company: Company, admin: asyncpg.Connection) -> None:
    waiting = await add_job(admin, company.acme, "queued")
    running = await add_job(admin, company.acme, "running")
    for job_id in (waiting, running):
        await jobs.cancel(company.ann, job_id, "the wrong one")
    assert (await jobs.get(company.ann, waiting)).job.status == "cancelled"
    asked = (await jobs.get(company.ann, running)).job
    assert (asked.status, asked.cancel_requested_by) == ("running", company.ann.staff_id)
    with pytest.raises(Conflict):
        await jobs.cancel(company.ann, running, "twice")
    assert [action[0] for action in await actions(admin)] == ["job.cancelled"] * 2
    await check_counts(admin)


async def test_counts_come_from_the_counters(company: Company, admin: asyncpg.Connection) -> None:
    for team, status in ((company.acme, "failed"), (company.acme, "failed"), (company.nordlicht, "queued")):
        await add_job(admin, team, status)
    counted = await jobs.counts(company.ann)
    assert {status: n for status, n in counted.items() if n} == {JobStatus.FAILED: 2, JobStatus.QUEUED: 1}
    mine = await jobs.counts(company.tess)
    assert {status: n for status, n in mine.items() if n} == {JobStatus.FAILED: 2}
    await admin.execute("DELETE FROM jobs WHERE status = 'queued'")
    assert (await jobs.counts(company.ann)).get(JobStatus.QUEUED, 0) == 0
    await check_counts(admin)


async def test_the_list_is_filtered_and_searched(company: Company, admin: asyncpg.Connection) -> None:
    old = await add_job(admin, company.acme, "failed", "dataset.import")
    new = await add_job(admin, company.nordlicht, "queued", "dataset.delete")
    await admin.execute(
        "UPDATE jobs SET created_at = now() - interval '2 days', error = '100% broken' WHERE id = $1", old
    )
    yesterday = (clock.now() - timedelta(days=1)).isoformat()

    async def ids(request: PageRequest) -> list[object]:
        return [row.id for row in (await jobs.search(company.ann, request)).rows]

    assert await ids(PageRequest()) == [new, old]
    assert await ids(PageRequest({"status": ("failed",)})) == [old]
    assert await ids(PageRequest({"status": ("failed", "queued")})) == [new, old]
    assert await ids(PageRequest({"kind": ("dataset.import",)})) == [old]
    assert await ids(PageRequest({"team": (str(company.nordlicht),)})) == [new]
    assert await ids(PageRequest({"created_at": (yesterday, "")})) == [new]
    assert await ids(PageRequest({"created_at": ("", yesterday)})) == [old]
    assert await ids(PageRequest(search=f" {old} ")) == [old]
    assert await ids(PageRequest(search="0% BROK")) == [old]
    assert await ids(PageRequest(search="nordl")) == [new]
    assert await ids(PageRequest(search="%")) == [old]


@pytest.mark.parametrize(
    "filters",
    [{"status": ("lost",)}, {"team": ("acme",)}, {"created_at": ("yesterday", "")}, {"kind": ("a\x00b",)}],
    ids=str,
)
async def test_filters_that_cannot_be_are_refused(company: Company, filters: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Invalid):
        await jobs.search(company.ann, PageRequest(filters))


async def test_refusals(company: Company, admin: asyncpg.Connection) -> None:
    job_id = await add_job(admin, company.acme)
    for verb in (jobs.retry(company.vic, job_id, "x"), jobs.cancel(company.vic, job_id, "x"), jobs.counts(company.nil)):
        with pytest.raises(Forbidden):
            await verb
    for missing in (
        jobs.get(company.ann, uuid7()),
        jobs.retry(company.ann, uuid7(), "x"),
        jobs.cancel(company.ann, uuid7(), "x"),
    ):
        with pytest.raises(NotFound):
            await missing


def test_kinds_have_words_for_people() -> None:
    assert jobs.KINDS["dataset.import"] == "Import a file"
