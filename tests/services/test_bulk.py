"""Bulk acts: what is said before, what is fixed at consent, and how each job of them is settled."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

import app.worker.tasks.bulk  # noqa: F401 - binds the function that the job runs
from app import job_queue
from app.config import Settings
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.models import BulkVerb
from app.paging import PageRequest
from app.services import audit, bulk, jobs
from app.services.bulk import Choice
from app.worker.stats import add_up
from pages.shared import bulk_sentences
from tests.factories import Desk, add_job, check_counts
from tests.people import Company
from tests.services.books import BROKEN, worker

RETRY, CANCEL = BulkVerb.RETRY, BulkVerb.CANCEL
EVERYTHING = Choice(PageRequest())
FAILED = Choice(PageRequest({"status": ("failed",)}))


async def consent(actor: Any, verb: BulkVerb, choice: Choice, reason: str = "again") -> UUID:
    """See the plan and consent to it; for who gets one act."""
    plan = await bulk.plan(actor, verb, choice)
    (act,) = await bulk.start(actor, verb, choice, plan.at, reason, 50)
    return act


async def carry_out(company: Company, settings: Settings, act: UUID) -> None:
    await Desk.of(company.ann, settings).run((await bulk.get(company.ann, act)).job.id)


async def outcome(company: Company, act: UUID) -> list[tuple[Any, ...]]:
    rows = (await bulk.items(company.ann, act, PageRequest())).rows
    return [(row.job_id, row.status, row.message) for row in rows]


async def entries(company: Company) -> list[tuple[Any, ...]]:
    rows = reversed((await audit.search(company.ann, PageRequest())).rows)
    return [(row.action, row.target_label, row.actor_kind, row.reason, row.detail) for row in rows]


async def test_the_plan_says_what_would_happen(company: Company, admin: asyncpg.Connection) -> None:
    for status in ("failed", "failed", "cancelled", "succeeded", "queued", "running"):
        await add_job(admin, company.acme, status)
    await add_job(admin, company.nordlicht, "running", "dataset.delete")
    retried = await bulk.plan(company.ann, RETRY, EVERYTHING)
    assert (dict(retried.able), retried.total, retried.matched) == ({"failed": 2, "cancelled": 1}, 3, 7)
    cancelled = await bulk.plan(company.ann, CANCEL, EVERYTHING)
    assert dict(cancelled.able) == {"failed": 2, "queued": 1, "running": 1}
    assert dict(cancelled.unable) == {"cancelled": 1, "succeeded": 1, "running": 1}
    assert (await bulk.plan(company.tess, CANCEL, EVERYTHING)).matched == 6
    assert (await bulk.plan(company.ann, RETRY, FAILED)).unable == {}


async def test_what_is_ticked_or_matches_is_retried_one_by_one(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    first, second = [await add_job(admin, company.acme) for _ in range(2)]
    plan = await bulk.plan(company.ann, RETRY, FAILED)
    late = await add_job(admin, company.acme)
    (act,) = await bulk.start(company.ann, RETRY, FAILED, plan.at, "the disk is free again", 50)
    seen = await bulk.get(company.ann, act)
    assert (seen.act.total, seen.asked_by, seen.team, seen.job.kind) == (2, "Ann Adler", "", "jobs.bulk")
    assert seen.tallies == {"refused": 0, "succeeded": 0, "waiting": 2}

    await jobs.retry(company.ann, second, "I was faster")  # between consent and its turn
    await carry_out(company, settings, act)
    refusal = "Only a failed or cancelled job can be retried; this one is queued."
    assert await outcome(company, act) == [(second, "refused", refusal), (first, "succeeded", None)]
    done = await bulk.get(company.ann, act)
    assert (done.job.status, done.job.result) == ("succeeded", {"succeeded": 1, "refused": 1})
    assert (await jobs.get(company.ann, late)).job.status == "failed", "it came after the plan"
    started, faster, retried = await entries(company)
    assert started[:4] == ("bulk.started", "Retry of 2 jobs", "staff", "the disk is free again")
    assert started[4] == {"rows": 2, "verb": "retry", "rate": 50, "filters": {"status": "failed"}}
    assert (faster[0], retried[0]) == ("job.retried", "job.retried")
    assert retried[2:] == ("system", "the disk is free again", {"bulk": str(act)})
    await check_counts(admin)


async def told(company: Company, act: UUID) -> tuple[str, tuple[str, str], list[tuple[str, int]]]:
    """What the act's page, the list of acts and the list of jobs say of it; all the same."""
    seen = await bulk.get(company.ann, act)
    (row,) = [row for row in (await bulk.search(company.ann, PageRequest())).rows if row.id == act]
    (job,) = [row for row in (await jobs.search(company.ann, PageRequest())).rows if row.id == seen.job.id]
    said = [bulk_sentences.verdict(one.outcome, where) for one, where in ((seen, seen.job), (row, row), (job, job))]
    assert said[0] == said[1] == said[2]
    assert (await jobs.get(company.ann, seen.job.id)).outcome == seen.outcome
    return bulk_sentences.sentence(seen.outcome), said[0], bulk_sentences.numbers(seen.outcome)


async def test_an_act_tells_what_became_of_its_jobs_and_has_the_colour_of_the_worst(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    ids = [await add_job(admin, company.acme) for _ in range(3)]
    act = await consent(company.ann, RETRY, FAILED)
    sentence = "0 queued again: 0 succeeded, 0 failed again, 3 not yet"
    assert (await told(company, act))[:2] == (sentence, ("Queued", "idle"))
    await carry_out(company, settings, act)
    sentence = "3 queued again: 0 succeeded, 0 failed again, 3 waiting"
    assert (await told(company, act))[:2] == (sentence, ("3 not ended yet", "info"))

    async def run(job_id: UUID, failure: job_queue.Failure | None = None) -> None:
        claimed = await job_queue.claim(job_id, worker(), 60)
        assert claimed is not None
        assert ("Running", 1) in (await told(company, act))[2]
        await (job_queue.fail(claimed.run, failure) if failure else job_queue.finish(claimed.run))

    await run(ids[0])
    await run(ids[1], BROKEN)
    sentence = "3 queued again: 1 succeeded, 1 failed again, 1 waiting"
    assert (await told(company, act))[:2] == (sentence, ("1 failed again", "bad"))
    await add_up()
    await run(ids[2], BROKEN)
    ended = ("3 queued again: 1 succeeded, 2 failed again", ("2 failed again", "bad"))
    assert (await told(company, act))[:2] == ended

    # What somebody does with them later is theirs: the act has failed all the same.
    await jobs.retry(company.ann, ids[1], "alone")
    second = await consent(company.ann, RETRY, FAILED)
    await carry_out(company, settings, second)
    assert (await told(company, act))[:2] == ended
    assert (await told(company, second))[0] == "1 queued again: 0 succeeded, 0 failed again, 1 waiting"
    stop = await consent(company.ann, CANCEL, Choice(ids=[ids[2]]))
    await carry_out(company, settings, stop)
    assert (await told(company, stop))[:2] == ("1 asked to stop: 1 cancelled", ("All cancelled", "ok"))
    sentence = "1 queued again: 0 succeeded, 0 failed again, 1 cancelled"
    assert (await told(company, second))[:2] == (sentence, ("1 cancelled", "warn"))
    claimed = await job_queue.claim(ids[1], worker(), 60)
    assert claimed is not None
    await job_queue.finish(claimed.run)
    assert (await told(company, act))[:2] == ended


async def test_an_act_of_which_all_came_well_is_green(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    job_id = await add_job(admin, company.acme)
    act = await consent(company.ann, RETRY, FAILED)
    await carry_out(company, settings, act)
    claimed = await job_queue.claim(job_id, worker(), 60)
    assert claimed is not None
    await job_queue.retry_later(claimed.run, 0, "its worker was stopped")
    assert (await told(company, act))[1] == ("1 not ended yet", "info")
    claimed = await job_queue.claim(job_id, worker(), 60)
    assert claimed is not None
    await job_queue.finish(claimed.run)
    sentence = "1 queued again: 1 succeeded, 0 failed again"
    assert (await told(company, act))[:2] == (sentence, ("All succeeded", "ok"))


async def test_what_somebody_searched_for_is_kept_apart_from_the_sealed_entry(
    company: Company, admin: asyncpg.Connection
) -> None:
    searched = (await add_job(admin, company.acme)).hex[-8:]  # it may as well be somebody's name
    found = bulk.Choice(PageRequest(search=searched))
    await bulk.start(company.ann, RETRY, found, (await bulk.plan(company.ann, RETRY, found)).at, "fixed", 50)
    sealed = await admin.fetchval("SELECT e::text FROM audit_entries e WHERE action = 'bulk.started'")
    assert searched not in sealed
    assert (await entries(company))[0][4] == {"rows": 1, "verb": "retry", "rate": 50, "search": searched}


async def test_cancel_stops_what_waits_and_gives_up_what_failed(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    failed, waiting = await add_job(admin, company.acme), await add_job(admin, company.nordlicht, "queued")
    kept = await add_job(admin, company.acme, "queued", "dataset.delete")
    act = await consent(company.ann, CANCEL, Choice(ids=[failed, waiting, kept]), "the order was withdrawn")
    await carry_out(company, settings, act)
    assert await outcome(company, act) == [(failed, "succeeded", None), (waiting, "succeeded", None)]
    for job_id in (failed, waiting):
        assert (await jobs.get(company.ann, job_id)).job.status == "cancelled"
    assert [(entry[0], entry[3]) for entry in (await entries(company))[1:]] == [
        ("job.cancelled", "the order was withdrawn")
    ] * 2


async def test_a_stopped_act_goes_on_where_it_was(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    for _ in range(3):
        await add_job(admin, company.acme)
    act = await consent(company.ann, RETRY, FAILED)
    job_id = (await bulk.get(company.ann, act)).job.id
    await jobs.cancel(company.ann, job_id, "wait a moment")
    assert (await bulk.get(company.ann, act)).tallies["waiting"] == 3
    await admin.execute("UPDATE bulk_items SET status = 'succeeded' WHERE position = 1")  # as if it had begun
    await jobs.retry(company.ann, job_id, "go on")
    await carry_out(company, settings, act)
    assert await admin.fetchval("SELECT count(*) FROM jobs WHERE status = 'queued'") == 2


async def test_the_rights_of_whoever_asked_count_at_every_job(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    await add_job(admin, company.acme)
    theirs = await add_job(admin, company.nordlicht)
    act = await consent(company.ann, RETRY, FAILED)
    await admin.execute("UPDATE staff SET limited = true WHERE id = $1", company.ann.staff_id)
    await admin.execute("INSERT INTO staff_teams VALUES ($1, $2)", company.ann.staff_id, company.acme)
    await Desk.of(company.sue, settings).run((await bulk.get(company.sue, act)).job.id)
    rows = (await bulk.items(company.sue, act, PageRequest({"status": ("refused",)}))).rows
    assert [(row.job_id, row.message) for row in rows] == [
        (theirs, "Whoever asked for this does not see the job's team any more.")
    ]

    await admin.execute("UPDATE staff SET limited = false WHERE id = $1", company.ann.staff_id)
    act = await consent(company.ann, RETRY, FAILED)
    await admin.execute("UPDATE staff SET role = 'viewer' WHERE id = $1", company.ann.staff_id)
    await Desk.of(company.sue, settings).run((await bulk.get(company.sue, act)).job.id)
    stopped = await bulk.get(company.sue, act)
    assert (stopped.job.status, stopped.tallies["waiting"]) == ("failed", 1)
    assert stopped.job.error == "Whoever asked for this may not do it any more. What is left was not touched."


async def test_who_sees_some_teams_acts_on_their_jobs_alone(
    company: Company, admin: asyncpg.Connection, settings: Settings
) -> None:
    mine, theirs = await add_job(admin, company.acme), await add_job(admin, company.nordlicht)
    act = await consent(company.tess, RETRY, Choice(ids=[mine, theirs]))
    seen = await bulk.get(company.tess, act)
    assert (seen.act.total, seen.team, seen.job.team_id) == (1, "Acme", company.acme)
    await carry_out(company, settings, act)
    assert await outcome(company, act) == [(mine, "succeeded", None)]
    assert [row.id for row in (await bulk.search(company.tess, PageRequest({"verb": ("retry",)}))).rows] == [act]

    spanning = await consent(company.ann, CANCEL, EVERYTHING)
    assert [row.id for row in (await bulk.search(company.ann, PageRequest())).rows] == [spanning, act]
    for ask in (bulk.get(company.tess, spanning), bulk.items(company.tess, spanning, PageRequest())):
        with pytest.raises(NotFound):
            await ask


async def test_refusals(company: Company, admin: asyncpg.Connection) -> None:
    job_id = await add_job(admin, company.acme)
    plan = await bulk.plan(company.ann, RETRY, FAILED)
    with pytest.raises(Forbidden):
        await bulk.plan(company.vic, RETRY, FAILED)
    with pytest.raises(Invalid):
        await bulk.start(company.ann, RETRY, FAILED, plan.at, "again", 7)
    with pytest.raises(Invalid):
        await bulk.start(company.ann, RETRY, FAILED, plan.at, " ", 5)
    await jobs.retry(company.ann, job_id, "I was faster")
    with pytest.raises(Conflict, match="None of these jobs can be retried any more"):
        await bulk.start(company.ann, RETRY, FAILED, plan.at, "again", 5)
    assert await admin.fetchval("SELECT count(*) FROM bulk_acts") == 0
