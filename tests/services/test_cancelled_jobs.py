"""A job that somebody asked to cancel never waits again; a retried one is delivered, whatever message is left."""

from collections.abc import Awaitable, Callable

import pytest

from app import job_queue
from app.job_queue import Failure, Run
from app.models import Action
from tests.services.books import BROKEN, Books, worker

GIVEN_BACK: dict[str, Callable[[Run], Awaitable[None]]] = {
    "failed for now": lambda run: job_queue.fail(run, BROKEN, retry_in=0),
    "given back": lambda run: job_queue.retry_later(run, 0),
}


@pytest.mark.parametrize("how", GIVEN_BACK)
async def test_a_job_asked_to_stop_ends_instead_of_waiting_again(books: Books, how: str) -> None:
    run = (await books.claimed()).run
    await books.act(run.job_id, Action.JOB_CANCELLED, job_queue.request_cancel)
    await GIVEN_BACK[how](run)
    row = await books.row(run.job_id)
    assert (row["status"], row["worker"], row["lease_until"]) == ("cancelled", None, None)
    assert row["finished_at"] is not None
    assert await books.kinds(run.job_id) == ["queued", "claimed", "cancel_requested", "cancelled"]
    assert await books.messages() == ["0"]
    by = await books.admin.fetchval("SELECT detail->>'by' FROM job_events WHERE kind = 'cancelled'")
    assert by == str(books.company.ann.staff_id)


async def test_a_last_failure_stays_one(books: Books) -> None:
    run = (await books.claimed()).run
    await books.act(run.job_id, Action.JOB_CANCELLED, job_queue.request_cancel)
    await job_queue.fail(run, Failure("INTERNAL_ERROR", "It broke.", "It broke.", "broke"))
    assert (await books.row(run.job_id))["status"] == "failed"


async def test_the_sweep_ends_waiting_jobs_that_nobody_wants(books: Books) -> None:
    unwanted, wanted = await books.submit(), await books.submit()
    await books.change(unwanted, "cancel_requested_at = now()")
    assert await job_queue.sweep(600) == 1
    assert (await books.row(unwanted))["status"] == "cancelled"
    assert (await books.row(wanted))["status"] == "queued"
    assert await books.kinds(unwanted) == ["queued", "cancelled"]
    assert await job_queue.sweep(600) == 0


async def test_a_retried_job_is_delivered_beside_an_old_message(books: Books) -> None:
    job_id = await books.submit(delay=600)
    await books.act(job_id, Action.JOB_CANCELLED, job_queue.request_cancel)
    await books.act(job_id, Action.JOB_RETRIED, job_queue.requeue)
    assert await books.messages() == ["0", "1"]
    again = await job_queue.claim(job_id, worker(), 60)
    assert again is not None
    assert again.run.epoch == 2
    assert await job_queue.claim(job_id, worker(), 60) is None, "what the old message brings is done already"


async def test_a_job_that_failed_for_now_and_was_cancelled_is_delivered_when_retried(books: Books) -> None:
    run = (await books.claimed()).run
    await job_queue.fail(run, BROKEN, retry_in=600)
    await books.act(run.job_id, Action.JOB_CANCELLED, job_queue.request_cancel)
    await books.act(run.job_id, Action.JOB_RETRIED, job_queue.requeue)
    assert await books.messages() == ["0", "1", "2"]
    assert await job_queue.claim(run.job_id, worker(), 60) is not None


async def test_the_time_line_says_who_retried(books: Books) -> None:
    run = (await books.claimed()).run
    await job_queue.fail(run, BROKEN)
    await books.act(run.job_id, Action.JOB_RETRIED, job_queue.requeue)
    by = await books.admin.fetchval("SELECT detail->>'by' FROM job_events WHERE kind = 'retried'")
    assert by == str(books.company.ann.staff_id)


async def test_a_finished_job_shows_all_of_it_as_done(books: Books) -> None:
    run = (await books.claimed()).run
    await job_queue.progress(run, 25, 200, "Loading")
    await job_queue.finish(run, {"rows": 200})
    row = await books.row(run.job_id)
    assert [row[f"progress{c}"] for c in ("", "_done", "_total")] == [100, 200, 200]
