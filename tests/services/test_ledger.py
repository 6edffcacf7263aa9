"""The ledger: what is asked of it, and what runs write and may not write any more."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from app import clock, job_queue
from app.actor import System
from app.database import keeping, reading, writing
from app.errors import Duplicate
from app.ids import uuid7
from app.job_queue import Claimed, LeaseLost, Run
from app.models import Action, Job, Team
from app.paging import PageRequest
from app.permissions import Permission
from app.repositories import jobs as jobs_table
from app.services import jobs
from components.records.blocks import Entry
from pages.shared import job_status, job_timeline
from tests.services.books import BROKEN, COUNT, Books, worker


async def test_submit_writes_job_event_and_message_together(books: Books) -> None:
    file_id = uuid7()
    job_id = await books.submit(file_id=file_id)
    row = await books.row(job_id)
    assert (row["status"], row["kind"], row["attempts"], row["deliveries"]) == ("queued", "test.count", 0, 1)
    assert json.loads(row["input"]) == {"file_id": str(file_id)}
    assert row["created_by"] == books.company.ann.staff_id
    assert (await books.kinds(job_id), await books.messages()) == (["queued"], ["0"])


async def test_limited_staff_submit_for_their_own_team(books: Books) -> None:
    async with writing(books.company.tess, Permission.IMPORTS_RUN) as work:
        team = await work.get(Team, books.company.acme, lock=True)
        work.record(Action.TEAM_CREATED, team)
        await job_queue.submit(work, COUNT, team_id=team.id, created_by=None)
    assert await books.messages() == ["0"]


async def test_a_unique_key_allows_one_waiting_or_running_job(books: Books) -> None:
    first = await books.claimed(unique_key="import 7")
    with pytest.raises(Duplicate, match="already waiting or running"):
        await books.submit(unique_key="import 7")
    assert await books.messages() == ["0"]
    await job_queue.finish(first.run)
    await books.submit(unique_key="import 7")


async def test_a_delayed_job_cannot_be_claimed_before_it_is_due(books: Books) -> None:
    job_id = await books.submit(delay=600)
    assert await job_queue.claim(job_id, worker(), 60) is None
    assert await job_queue.sweep(0.001) == 0
    await books.change(job_id, "run_after = now()")
    assert await job_queue.claim(job_id, worker(), 60) is not None


async def test_one_of_two_claims_wins(books: Books) -> None:
    job_id, mine = await books.submit(rows=3), worker()
    claimed = await job_queue.claim(job_id, mine, 60)
    assert claimed == Claimed(
        Run(job_id, 1), books.company.acme, "test.count", {"rows": 3}, None, 1, 2, books.company.ann.staff_id
    )
    assert await job_queue.claim(job_id, worker(), 60) is None
    row = await books.row(job_id)
    assert (row["status"], row["worker"], row["epoch"]) == ("running", mine.id, 1)
    assert await books.kinds(job_id) == ["queued", "claimed"]


async def test_a_job_whose_lease_has_run_out_can_be_taken_over(books: Books) -> None:
    old = await books.claimed()
    await books.change(old.run.job_id, "lease_until = now() - interval '1 s'")
    new = await job_queue.claim(old.run.job_id, worker(), 60)
    assert new is not None
    assert (new.run.epoch, new.attempt) == (2, 2)
    assert await books.kinds(old.run.job_id) == ["queued", "claimed", "taken_over"]


WRITES: dict[str, Callable[[Run], Awaitable[Any]]] = {
    "renew": lambda run: job_queue.renew(run, 60),
    "progress": lambda run: job_queue.progress(run, 1, 2, "half"),
    "checkpoint": lambda run: job_queue.checkpoint(run, {"n": 1}),
    "finish": job_queue.finish,
    "fail": lambda run: job_queue.fail(run, BROKEN),
    "retry later": lambda run: job_queue.retry_later(run, 1),
    "cancelled": job_queue.cancelled,
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_run_that_was_taken_over_writes_nothing(books: Books, name: str) -> None:
    old = await books.claimed()
    await books.change(old.run.job_id, "lease_until = now() - interval '1 s'")
    assert await job_queue.claim(old.run.job_id, worker(), 60) is not None
    before = await books.row(old.run.job_id)
    with pytest.raises(LeaseLost):
        await WRITES[name](old.run)
    assert await books.row(old.run.job_id) == before
    actor = System(old.run.job_id, old.run.epoch, old.team_id, COUNT.permissions)
    with pytest.raises(LeaseLost):
        async with writing(actor, Permission.IMPORTS_RUN):
            pytest.fail("the door is closed to it too")


async def test_a_rejected_write_stands_on_the_time_line(books: Books) -> None:
    old, mine = await books.claimed(), worker()
    await books.change(old.run.job_id, "status = 'queued'")
    await job_queue.rejected(old.run, mine)
    detail = await books.admin.fetchval("SELECT detail FROM job_events WHERE kind = 'lease_lost'")
    assert json.loads(detail) == {"worker": str(mine.id), "host": "here", "epoch": 1, "rejected": True}


async def test_a_run_that_ended_well_or_whose_job_is_gone_has_nothing_rejected(books: Books) -> None:
    done = await books.claimed()
    await job_queue.finish(done.run)
    await job_queue.rejected(done.run, worker())
    await job_queue.rejected(Run(uuid7(), 1), worker())
    assert await books.kinds(done.run.job_id) == ["queued", "claimed", "succeeded"]


async def test_progress_is_a_percentage_with_words(books: Books) -> None:
    run = (await books.claimed()).run
    assert await job_queue.progress(run, 25, 200, "Loading") is False
    row = await books.row(run.job_id)
    assert [row[f"progress{c}"] for c in ("", "_done", "_total", "_text")] == [12, 25, 200, "Loading"]
    await job_queue.progress(run, 30, None, "Reading")
    assert (await books.row(run.job_id))["progress"] == 0
    await job_queue.progress(run, 30, 100, "Checking", percent=250)
    assert (await books.row(run.job_id))["progress"] == 100


async def test_a_checkpoint_is_what_the_next_run_gets(books: Books) -> None:
    run = (await books.claimed()).run
    assert await job_queue.checkpoint(run, {"place": 7}) is False
    await job_queue.fail(run, BROKEN, retry_in=0)
    again = await job_queue.claim(run.job_id, worker(), 60)
    assert again is not None
    assert (again.checkpoint, again.attempt) == ({"place": 7}, 2)


async def test_a_checkpoint_in_a_transaction_that_fails_is_not_kept(books: Books) -> None:
    run = (await books.claimed()).run
    with pytest.raises(ZeroDivisionError):
        async with keeping("test") as work:
            await job_queue.checkpoint_in(work, run, {"place": 7})
            raise ZeroDivisionError
    assert (await books.row(run.job_id))["checkpoint"] is None
    async with keeping("test") as work:
        assert await job_queue.checkpoint_in(work, run, {"place": 8}) is False
    assert json.loads((await books.row(run.job_id))["checkpoint"]) == {"place": 8}


async def test_the_last_change_and_the_end_of_the_job_commit_together(books: Books) -> None:
    claimed = await books.claimed()
    assert claimed.team_id is not None
    actor = System(claimed.run.job_id, claimed.run.epoch, claimed.team_id, COUNT.permissions)
    with pytest.raises(ZeroDivisionError):
        async with writing(actor, Permission.IMPORTS_RUN) as work:
            await job_queue.finish_in(work, claimed.run, {"rows": 1})
            raise ZeroDivisionError
    assert (await books.row(claimed.run.job_id))["status"] == "running"
    async with writing(actor, Permission.IMPORTS_RUN) as work:
        team = await work.get(Team, claimed.team_id, lock=True)
        team.name = "Acme Ltd"
        work.record(Action.TEAM_CREATED, team)
        await job_queue.finish_in(work, claimed.run, {"rows": 1})
    await job_queue.finish(claimed.run, None)  # what the worker does when the task returns
    row = await books.row(claimed.run.job_id)
    assert (row["status"], row["progress"], json.loads(row["result"])) == ("succeeded", 100, {"rows": 1})
    assert await books.kinds(claimed.run.job_id) == ["queued", "claimed", "succeeded"]


async def test_a_renewal_goes_on_beside_the_last_act_and_waits_for_its_end(books: Books) -> None:
    claimed = await books.claimed()
    assert claimed.team_id is not None
    actor = System(claimed.run.job_id, claimed.run.epoch, claimed.team_id, COUNT.permissions)
    async with asyncio.TaskGroup() as group, writing(actor, Permission.IMPORTS_RUN) as work:
        assert await job_queue.renew(claimed.run, 60) is False  # while the act is open, it goes on beside it
        work.record(Action.TEAM_CREATED, await work.get(Team, claimed.team_id))
        await job_queue.finish_in(work, claimed.run)
        renewal = group.create_task(job_queue.renew(claimed.run, 60))
        waiting = 0
        while not waiting:
            waiting = await books.admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
    assert renewal.result() is False
    assert (await books.row(claimed.run.job_id))["status"] == "succeeded"


async def test_a_failure_is_tried_again_until_the_attempts_are_used_up(books: Books) -> None:
    run = (await books.claimed()).run
    for attempt in (1, 2):
        await job_queue.fail(run, BROKEN, retry_in=300)
        row = await books.row(run.job_id)
        assert (row["status"], row["attempts"], row["error_code"]) == ("queued", attempt, "INTERNAL_ERROR")
        assert await job_queue.claim(run.job_id, worker(), 60) is None
        await books.change(run.job_id, "run_after = now()")
        again = await job_queue.claim(run.job_id, worker(), 60)
        assert again is not None
        run = again.run
    await job_queue.fail(run, BROKEN, retry_in=300)
    row = await books.row(run.job_id)
    assert (row["status"], row["error"], row["error_signature"]) == ("failed", BROKEN.error, BROKEN.signature)
    assert (row["worker"], row["lease_until"]) == (None, None)
    assert await books.messages() == ["0", "1", "2"]


async def test_a_failure_without_retry_is_final(books: Books) -> None:
    run = (await books.claimed()).run
    await job_queue.fail(run, BROKEN)
    assert (await books.row(run.job_id))["status"] == "failed"
    assert await books.kinds(run.job_id) == ["queued", "claimed", "failed"]


async def test_a_job_given_back_keeps_its_attempts(books: Books) -> None:
    run = (await books.claimed()).run
    await job_queue.retry_later(run, 0, "its worker was stopped")
    row = await books.row(run.job_id)
    assert (row["status"], row["attempts"], row["worker"]) == ("queued", 0, None)
    again = await job_queue.claim(run.job_id, worker(), 60)
    assert again is not None
    assert await books.kinds(run.job_id) == ["queued", "claimed", "retry_later", "claimed"]


@pytest.mark.parametrize(("from_start", "checkpoint"), [(False, {"place": 7}), (True, None)])
async def test_a_retried_job_goes_on_from_its_checkpoint_or_starts_over(
    books: Books, from_start: bool, checkpoint: dict[str, int] | None
) -> None:
    run = (await books.claimed()).run
    await job_queue.checkpoint(run, {"place": 7})
    await job_queue.fail(run, BROKEN)
    await books.act(run.job_id, Action.JOB_RETRIED, job_queue.requeue, from_start=from_start)
    row = await books.row(run.job_id)
    assert (row["status"], row["error"], row["finished_at"]) == ("queued", None, None)
    assert (row["attempts"], row["max_attempts"]) == (1, 1 + COUNT.max_attempts), "those that were made still count"
    again = await job_queue.claim(run.job_id, worker(), 60)
    assert again is not None
    assert (again.checkpoint, again.attempt, again.left) == (checkpoint, 2, COUNT.max_attempts - 1)
    assert await books.kinds(run.job_id) == ["queued", "claimed", "failed", "retried", "claimed"]


async def test_attempts_and_waits_are_the_same_wherever_they_are_told(books: Books) -> None:
    """Failed three times, retried by somebody, given back by a worker that stopped, lost, and then it succeeded."""
    ann, job_id = books.company.ann, await books.submit()

    async def claimed(waited: float) -> Claimed:
        await books.change(job_id, f"run_after = now() - interval '{waited} s'")
        found = await job_queue.claim(job_id, worker(), 60)
        assert found is not None
        return found

    async def check(attempts: str, waited: float | None, numbers: list[int], *, ran: bool = False) -> None:
        seen = await jobs.get(ann, job_id)
        (listed,) = (await jobs.search(ann, PageRequest())).rows
        assert f"{seen.job.attempts}/{seen.job.max_attempts}" == f"{listed.attempts}/{listed.max_attempts}" == attempts
        assert [attempt.number for attempt in seen.attempts] == numbers
        for one in (seen, listed):
            assert (None if one.waited is None else round(one.waited)) == waited
            assert (one.ran is not None) is ran
        told = [_words(entry) for entry in job_timeline.line(seen, linked=False)]
        starts = [words for words in told if words.startswith(("Started", "Taken over"))]
        assert [int(words.partition("attempt ")[2].partition(",")[0]) for words in starts] == numbers[::-1]

    for n in (1, 2, 3):
        run = (await claimed(5)).run
        await job_queue.fail(run, BROKEN, retry_in=20)
        await check(f"{n}/3", 5 if n == 3 else None, [1, 2, 3][:n], ran=n == 3)
    await books.act(job_id, Action.JOB_RETRIED, job_queue.requeue)
    first = await claimed(7)
    assert (first.attempt, first.left) == (4, 2)
    await job_queue.retry_later(first.run, 0, "its worker was stopped")
    second = await claimed(8)
    await check("4/6", 8, [1, 2, 3, 4, 4])
    await books.change(job_id, "lease_until = now() - interval '9 s', run_started_at = now() - interval '300 s'")
    third = await job_queue.claim(job_id, worker(), 60)
    assert third is not None
    assert (second.attempt, third.attempt) == (4, 5)
    await check("5/6", 9, [1, 2, 3, 4, 4, 5])  # since its worker was lost, not since that one began
    await job_queue.finish(third.run)
    await check("5/6", 9, [1, 2, 3, 4, 4, 5], ran=True)
    seen = await jobs.get(ann, job_id)
    said = "".join(word for word in job_status.standing(seen, clock.now()).words if isinstance(word, str))
    assert said.endswith("on its 5th try")
    async with reading(ann, Permission.JOBS_READ) as work:
        names = ("attempts", "max_attempts", "waited_seconds", "ran_seconds")
        columns = [jobs_table.EXPORT[name].label(name) for name in names]
        row = (await work.execute(select(*columns).where(Job.id == job_id))).one()
    assert tuple(row) == (5, 6, seen.waited, seen.ran)


def _words(entry: Entry) -> str:
    return "".join(part if isinstance(part, str) else part[0] for part in entry.parts)


async def test_a_waiting_job_is_cancelled_at_once(books: Books) -> None:
    job_id = await books.submit()
    await books.act(job_id, Action.JOB_CANCELLED, job_queue.request_cancel)
    row = await books.row(job_id)
    assert (row["status"], row["cancel_requested_by"]) == ("cancelled", books.company.ann.staff_id)
    assert await job_queue.claim(job_id, worker(), 60) is None
    assert await books.kinds(job_id) == ["queued", "cancel_requested", "cancelled"]
    await books.act(job_id, Action.JOB_RETRIED, job_queue.requeue)
    assert await job_queue.claim(job_id, worker(), 60) is not None


@pytest.mark.parametrize("write", [job_queue.runs._write, job_queue.checkpoint_in])
async def test_a_wish_is_seen_after_it_came_also_by_a_transaction_that_began_before(
    books: Books, write: Callable[..., Awaitable[object]]
) -> None:
    run = (await books.claimed()).run
    async with keeping("test") as work:
        began = await work.scalar(select(func.now()))
        await books.act(run.job_id, Action.JOB_CANCELLED, job_queue.request_cancel)
        values: dict[str, Any] = {"state": {}} if write is job_queue.checkpoint_in else {"progress": 1}
        await write(work, run, **values)
        await job_queue.finish_in(work, run)
    row = await books.row(run.job_id)
    assert began < row["cancel_requested_at"] <= row["cancel_seen_at"] <= row["finished_at"]
    assert (await books.kinds(run.job_id))[-2:] == ["cancel_seen", "succeeded"]


async def test_a_running_job_hears_of_its_cancellation_at_every_write(books: Books) -> None:
    run = (await books.claimed()).run
    assert await job_queue.asked_to_cancel([run.job_id]) == set()
    await books.act(run.job_id, Action.JOB_CANCELLED, job_queue.request_cancel)
    assert (await books.row(run.job_id))["status"] == "running"
    assert await job_queue.progress(run, 1, 2, "half")
    assert await job_queue.checkpoint(run, {})
    assert await job_queue.renew(run, 60)
    assert await job_queue.asked_to_cancel([run.job_id, uuid7()]) == {run.job_id}
    async with keeping("test") as work:
        assert await job_queue.checkpoint_in(work, run, {})
    await job_queue.cancelled(run)
    assert await books.kinds(run.job_id) == ["queued", "claimed", "cancel_requested", "cancel_seen", "cancelled"]
