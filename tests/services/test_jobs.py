"""Jobs for the people who watch them: find, look at, retry, cancel."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import asyncpg
import pytest

from app import clock, job_queue
from app.actor import Staff
from app.database import writing
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.job_queue.tasks import DOCUMENT_GENERATE
from app.models import Action, JobStatus
from app.models.bulk import LONGEST_WORD
from app.paging import LONGEST, PageRequest, Sort
from app.permissions import Permission
from app.services import bulk, jobs
from tests.factories import add_job, add_user, check_counts
from tests.people import Company


async def actions(admin: asyncpg.Connection) -> list[tuple[str, ...]]:
    return [tuple(row) for row in await admin.fetch("SELECT action, reason, before, after FROM audit_told()")]


async def test_one_job_with_its_time_line_and_what_staff_did(company: Company, admin: asyncpg.Connection) -> None:
    job_id = await add_job(admin, company.acme)
    await jobs.retry(company.ann, job_id, "the disk is free again")
    seen = await jobs.get(company.vic, job_id)
    assert (seen.job.status, seen.job.attempts, seen.job.max_attempts) == ("queued", 1, 4)
    assert (seen.team, seen.started_by) == ("Acme", "")
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


async def test_jobs_are_found_by_ids_people_and_what_they_were_asked_for(
    company: Company, admin: asyncpg.Connection
) -> None:
    ada = await add_user(admin, company.acme, "Ada Lovelace", "ada@example.com")
    task = replace(DOCUMENT_GENERATE, secrets=frozenset({"recipe"}))
    given: dict[str, Any] = {
        "title": "Annual-report 2026",
        "recipe": "Secretive",
        "deep": [{"password": "hidden-too"}],
    }
    async with writing(company.ann, Permission.JOBS_BULK) as work:
        asked: dict[str, Any] = {"team_id": company.acme, "created_by": company.ann.staff_id, "priority": 5}
        first = await job_queue.submit(work, task, **asked, **given)
        second = await job_queue.submit(
            work, DOCUMENT_GENERATE, team_id=company.nordlicht, created_by=None, title="Annual"
        )
        work.record(Action.JOB_RETRIED, first, reason="made by a test")
    await admin.execute("UPDATE jobs SET user_id = $2 WHERE id = $1", first.id, ada)

    async def found(words: str, actor: Staff = company.ann, **filters: str) -> list[object]:
        request = PageRequest({name: (value,) for name, value in filters.items()}, search=words)
        return [row.id for row in (await jobs.search(actor, request)).rows]

    for actor, both in ((company.ann, [second.id, first.id]), (company.tess, [first.id])):
        assert await found("annual", actor) == both
        for words in ("REPORT annu", "2026", "lovelace", "ada@example.com", first.id.hex[-8:], str(first.id)):
            assert await found(words, actor) == [first.id], words
        for words in ("secretive", "hidden", "port", "report 2027", f"{first.id.hex[-7:]}0"):
            assert await found(words, actor) == [], words
    for words in ("x" * LONGEST, "🦀" * LONGEST, "x" * (LONGEST_WORD + 1)):
        assert await found(words) == await found(words, company.tess) == [], "no index holds so long a word"
    assert await found("Ann Adler") == [first.id]
    assert await found("annual", company.vic) == [], "who may not read personal data finds nobody by them"
    assert await found("", staff=str(company.ann.staff_id)) == await found("", priority="high") == [first.id]
    assert await found("", queue="documents") == [second.id, first.id]
    assert (
        await found("", queue="imports") == await found("", worker=str(ada)) == await found("", schedule=str(ada)) == []
    )
    await admin.execute("UPDATE jobs SET input = '{}' WHERE id = $1", first.id)
    assert await found("annual") == [second.id], "what was erased from an input is not found any more"


async def test_a_word_that_is_longer_than_what_is_kept_of_it_is_found(company: Company) -> None:
    long = "x" * LONGEST
    async with writing(company.ann, Permission.JOBS_BULK) as work:
        job = await job_queue.submit(work, DOCUMENT_GENERATE, team_id=company.acme, created_by=None, title=long)
        work.record(Action.JOB_RETRIED, job, reason="made by a test")
    assert [row.id for row in (await jobs.search(company.ann, PageRequest(search=long))).rows] == [job.id]


async def test_counts_of_a_range_and_of_kinds_are_exact(company: Company, admin: asyncpg.Connection) -> None:
    for status, kind in (("failed", "dataset.import"), ("queued", "dataset.import"), ("queued", "document.generate")):
        await add_job(admin, company.acme, status, kind)
    await add_job(admin, company.nordlicht, "succeeded")

    async def standing(actor: Staff, **filters: str) -> tuple[int, dict[str, int]]:
        page = await jobs.search(actor, PageRequest({name: (value,) for name, value in filters.items()}))
        return page.count.value, {state: n for state, n in (page.tallies or {}).items() if n}

    for created in ({}, {"active": "24h"}):
        assert await standing(company.ann, **created) == (4, {"failed": 1, "queued": 2, "succeeded": 1})
        assert await standing(company.tess, **created) == (3, {"failed": 1, "queued": 2})
        assert await standing(company.ann, status="queued", kind="dataset.import", **created) == (
            *(1, {"failed": 1, "queued": 1}),
        )
        assert await standing(company.ann, team=str(company.nordlicht), **created) == (1, {"succeeded": 1})
    assert await standing(company.ann, user=str(company.acme)) == (0, {})
    assert await standing(company.ann, created_at="24h") == (4, {}), "no counter knows when jobs were asked for"


async def test_what_has_just_failed_is_recent_however_long_ago_it_was_asked_for(
    company: Company, admin: asyncpg.Connection
) -> None:
    """By the last activity: now for what waits or runs, its end for what has ended. Pages and counters agree."""
    names = ["old", "waits", "runs", "failed again", "long", "new", "ends"]
    days = [(9, 9), (8, None), (7, None), (6, 0), (2, 0.5), (0.2, 0.1), (0, 0)]
    states = ["failed", "queued", "running", "failed", "succeeded", "failed", "succeeded"]
    ids = {}
    for name, (asked, ended), status in zip(names, days, states, strict=True):
        ids[name] = await add_job(admin, company.acme, status)
        await admin.execute(
            "UPDATE jobs SET id = uuidv7($2 * interval '-1 day'), created_at = now() - $2 * interval '1 day',"
            " finished_at = now() - $3::float * interval '1 day' WHERE id = $1",
            *(ids[name], float(asked), None if ended is None else float(ended)),
        )
        ids[name] = await admin.fetchval("SELECT id FROM jobs ORDER BY created_at DESC LIMIT 1")
    by_id = {id_: name for name, id_ in ids.items()}

    async def found(actor: Staff, size: int = 50, **filters: str) -> tuple[list[str], int, dict[str, int]]:
        """All pages one after the other, forwards; the count and the tallies of the first."""
        request = PageRequest({name: (value,) for name, value in filters.items()}, size=size)
        first = page = await jobs.search(actor, request)
        rows = list(page.rows)
        while page.next is not None:
            page = await jobs.search(actor, replace(request, cursor=page.next))
            rows += page.rows
        back = await jobs.search(actor, replace(request, sort=Sort("id", descending=False)))
        assert [by_id[row.id] for row in back.rows] == [by_id[row.id] for row in rows[::-1]][:size]
        return [by_id[row.id] for row in rows], first.count.value, {s: n for s, n in (first.tallies or {}).items() if n}

    recent = ["ends", "new", "long", "failed again", "runs", "waits"]
    standing = {"queued": 1, "running": 1, "failed": 2, "succeeded": 2}
    for actor, size in product((company.ann, company.tess), (50, 2)):
        assert await found(actor, size, active="24h") == (recent, 6, standing)
        assert await found(actor, size, active="24h", status="failed") == (["new", "failed again"], 2, standing)
        assert await found(actor, size, active="1h") == (["ends", "failed again", "runs", "waits"], 4, {
            "queued": 1, "running": 1, "failed": 1, "succeeded": 1
        })  # fmt: skip
        day = (clock.now() - timedelta(days=1)).isoformat()
        assert await found(actor, size, active=f"{day}..") == (recent, 6, {}), "the same without the counters"
        assert await found(actor, size, active=f"..{day}") == (["old"], 1, {})
    plan = await bulk.plan(company.ann, bulk.BulkVerb.RETRY, bulk.Choice(PageRequest({"active": ("24h",)})))
    assert (plan.total, plan.matched) == (2, 6), "acting on all that match is about the same jobs"
    assert await found(company.ann, active="24h", created_at="24h") == (["ends", "new"], 2, {})


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
