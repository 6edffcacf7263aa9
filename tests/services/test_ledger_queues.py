"""Queues that are paused or limited: what waits there, and what lets it through again."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app import job_queue
from app.database import Work, keeping, writing
from app.errors import Duplicate
from app.job_queue import Claimed
from app.models import Action, Job
from app.models.job import Queue
from app.permissions import Permission
from tests.services.books import BROKEN, COUNT, Books, sign_on, worker


@pytest.fixture
async def queues(books: Books) -> Books:
    """With the queues that the program declares, as the first worker writes them down; the second changes nothing."""
    for _ in range(2):
        async with keeping("test") as work:
            await job_queue.declare_queues(work)
    return books


async def decide(books: Books, verb: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """As the service does it: lock, do, record."""
    async with writing(books.company.ann, Permission.QUEUES_MANAGE) as work:
        queue = await _default(work)
        moved = await verb(work, queue, *arguments)
        work.record(Action.QUEUE_PAUSED, queue)
    return moved


async def _default(work: Work) -> Queue:
    found = (await work.execute(select(Queue).where(Queue.name == "default").with_for_update())).scalar_one()
    assert isinstance(found, Queue)
    return found


async def states(books: Books, *job_ids: UUID) -> list[str]:
    """In words: held ones among the queued."""
    rows = [await books.row(job_id) for job_id in job_ids]
    return ["held" if row["held_at"] else row["status"] for row in rows]


async def claimed(*job_ids: UUID) -> list[Claimed | None]:
    found = await job_queue.claim_many(job_ids, worker(), 60)
    return [found.get(job_id) for job_id in job_ids]


async def test_a_paused_queue_starts_nothing_and_resuming_delivers_what_was_held(queues: Books) -> None:
    running, first, second = (await queues.claimed()).run, await queues.submit(), await queues.submit()
    await decide(queues, job_queue.pause_queue)
    assert await claimed(first, second) == [None, None]
    assert await states(queues, first, second) == ["held", "held"]
    assert await claimed(first) == [None], "held already"
    assert await queues.kinds(first) == ["queued", "held"]
    told = await queues.admin.fetchval("SELECT detail FROM job_events WHERE job_id = $1 AND kind = 'held'", first)
    assert json.loads(told) == {"queue": "default", "paused": True}

    await job_queue.finish(running)
    await queues.admin.execute("UPDATE jobs SET delivered_at = now() - interval '1 day'")
    assert await job_queue.sweep(1) == 0, "a paused queue is left alone"
    await queues.admin.execute("DELETE FROM engine.pgqueuer")
    assert await decide(queues, job_queue.resume_queue) == 2
    assert await queues.messages() == ["1", "1"], "messages of a new epoch, which an older one cannot swallow"
    assert all(await claimed(first, second))
    assert await queues.kinds(first) == ["queued", "held", "released", "claimed"]


async def test_a_job_that_nobody_wanted_yet_is_not_delivered_again_while_its_queue_is_paused(queues: Books) -> None:
    job_id = await queues.submit()
    await queues.admin.execute("DELETE FROM engine.pgqueuer")
    await queues.change(job_id, "delivered_at = now() - interval '1 day'")
    await decide(queues, job_queue.pause_queue)
    assert await job_queue.sweep(1) == 0
    await decide(queues, job_queue.resume_queue)
    assert await job_queue.sweep(1) == 1


async def test_a_limit_counts_over_all_workers_and_each_end_lets_the_next_through(queues: Books) -> None:
    await decide(queues, job_queue.limit_queue, 1)
    usual, urgent = [await queues.submit() for _ in range(3)], await queues.submit(priority=5)
    first, *others = usual
    assert [run is not None for run in await claimed(*usual)] == [True, False, False]
    assert await claimed(urgent) == [None]
    async with keeping("test") as work:
        assert await job_queue.release(work, "default") == 0, "no room"
    for job_id, before in ((urgent, first), (others[0], urgent), (others[1], others[0])):
        epoch = (await queues.row(before))["epoch"]
        await ENDINGS["success"](job_queue.Run(before, epoch))
        assert (await states(queues, job_id)) == ["queued"], "the most urgent, then the oldest"
        (run,) = await claimed(job_id)
        assert run is not None
    assert (await queues.kinds(others[1]))[-3:] == ["held", "released", "claimed"]


ENDINGS: dict[str, Callable[[job_queue.Run], Awaitable[None]]] = {
    "success": job_queue.finish,
    "failure": lambda run: job_queue.fail(run, BROKEN),
    "another try": lambda run: job_queue.fail(run, BROKEN, retry_in=60),
    "given back": lambda run: job_queue.retry_later(run, 60),
    "cancelled": job_queue.cancelled,
}


@pytest.mark.parametrize("how", ENDINGS)
async def test_however_a_run_ends_the_next_one_is_let_through(queues: Books, how: str) -> None:
    await decide(queues, job_queue.limit_queue, 1)
    run, waiting = (await queues.claimed()).run, await queues.submit()
    assert await claimed(waiting) == [None]
    await ENDINGS[how](run)
    assert await states(queues, waiting) == ["queued"]
    assert [run is not None for run in await claimed(waiting)] == [True]


async def test_a_job_that_ends_with_its_last_act_makes_room_when_its_worker_says_so(queues: Books) -> None:
    await decide(queues, job_queue.limit_queue, 1)
    run, waiting = (await queues.claimed()).run, await queues.submit()
    assert await claimed(waiting) == [None]
    async with keeping("test") as work:
        await job_queue.finish_in(work, run)
    assert await states(queues, waiting) == ["held"]
    await job_queue.finish(run)
    assert await states(queues, waiting) == ["queued"]


@pytest.mark.parametrize("gone", ["lease", "process"])
async def test_a_crash_of_the_only_running_one_lets_the_next_one_through(queues: Books, gone: str) -> None:
    await decide(queues, job_queue.limit_queue, 1)
    lost, me = worker(11), worker(10)
    await sign_on(lost)
    running, waiting = await queues.submit(), await queues.submit()
    assert set(await job_queue.claim_many([running, waiting], lost, 60)) == {running}
    if gone == "lease":
        await queues.change(running, "lease_until = now() - interval '1 s', attempts = max_attempts")
        assert await job_queue.sweep(60) == 2
        assert await states(queues, running, waiting) == ["failed", "queued"]
    else:
        assert await job_queue.release_dead(me, lambda _: False) == 1
        assert await states(queues, running, waiting) == ["queued", "queued"]
    assert len([run for run in await claimed(running, waiting) if run]) == 1


async def test_a_higher_limit_and_none_let_more_through(queues: Books) -> None:
    await decide(queues, job_queue.limit_queue, 1)
    job_ids = [await queues.submit() for _ in range(6)]
    await claimed(*job_ids)
    assert await states(queues, *job_ids) == ["running", *["held"] * 5]
    assert await decide(queues, job_queue.limit_queue, 3) == 2
    await claimed(*job_ids[1:3])
    assert await states(queues, *job_ids) == [*["running"] * 3, *["held"] * 3]
    assert await decide(queues, job_queue.limit_queue, 2) == 0
    assert await decide(queues, job_queue.limit_queue, None) == 3
    await claimed(*job_ids)
    assert await states(queues, *job_ids) == ["running"] * 6


async def test_a_long_queue_that_was_resumed_gathers_pace_by_itself(queues: Books) -> None:
    running = (await queues.claimed()).run
    job_ids = [await queues.submit() for _ in range(6)]
    await decide(queues, job_queue.pause_queue)
    await claimed(*job_ids)
    async with writing(queues.company.ann, Permission.QUEUES_MANAGE) as work:
        queue = await _default(work)
        queue.paused_at = None
        work.record(Action.QUEUE_RESUMED, queue)
    await job_queue.finish(running)
    assert (await states(queues, *job_ids)).count("held") == 4, "two for one"
    assert await job_queue.sweep(60) == 4


async def test_a_held_job_can_be_cancelled_and_its_place_goes_to_the_next(queues: Books) -> None:
    await decide(queues, job_queue.limit_queue, 1)
    run, unwanted, wanted = (await queues.claimed()).run, await queues.submit(), await queues.submit()
    assert await claimed(unwanted, wanted) == [None, None]
    await queues.act(unwanted, Action.JOB_CANCELLED, job_queue.request_cancel)
    assert await states(queues, unwanted) == ["cancelled"]
    await job_queue.finish(run)
    assert await states(queues, unwanted, wanted) == ["cancelled", "queued"]
    await queues.act(unwanted, Action.JOB_RETRIED, job_queue.requeue)
    assert await states(queues, unwanted) == ["queued"]


async def test_a_takeover_needs_no_room(queues: Books) -> None:
    await decide(queues, job_queue.limit_queue, 1)
    run = (await queues.claimed()).run
    await queues.change(run.job_id, "lease_until = now() - interval '1 s'")
    assert [found is not None for found in await claimed(run.job_id)] == [True]


async def test_many_workers_never_run_more_than_the_limit_and_nothing_stays_behind(queues: Books) -> None:
    """Claims, ends and changes of the limit at the same time, until everything has run."""
    await decide(queues, job_queue.limit_queue, 2)
    job_ids = [await queues.submit() for _ in range(24)]
    most = 0

    async def work_off(turn: int) -> None:
        nonlocal most
        me = worker(turn)
        while todo := await _waiting():
            for run in (await job_queue.claim_many(todo[turn::2] + todo[:1], me, 60)).values():
                async with keeping("test") as work:
                    most = max(most, await work.scalar(select(func.count(Job.id)).where(Job.status == "running")))
                await job_queue.finish(run.run)

    async with asyncio.TaskGroup() as group:
        for turn in range(2):
            group.create_task(work_off(turn))
    assert await states(queues, *job_ids) == ["succeeded"] * 24
    assert 1 <= most <= 2
    for job_id in job_ids:
        kinds = await queues.kinds(job_id)
        assert kinds.count("held") == kinds.count("released")


async def _waiting() -> list[UUID]:
    """What an engine would have under way: the messages of held ones have been acknowledged."""
    while True:
        async with keeping("test") as work:
            ids = select(Job.id).where(Job.status == "queued", Job.held_at.is_(None)).order_by(Job.id)
            found = list((await work.execute(ids)).scalars())
            unended = await work.scalar(select(func.count(Job.id)).where(Job.status.in_(["queued", "running"])))
        if found or not unended:
            return found  # else the other worker is about to end one, which lets the next through


async def test_priorities_come_from_the_task_or_the_one_who_asks(queues: Books) -> None:
    await queues.submit()
    await queues.submit(priority=7)
    found = await queues.admin.fetch("SELECT priority FROM engine.pgqueuer ORDER BY priority DESC, id")
    assert [row["priority"] for row in found] == [7, 0]
    rows = await queues.admin.fetch("SELECT priority FROM jobs ORDER BY id")
    assert [row["priority"] for row in rows] == [COUNT.priority, 7]


async def test_one_unfit_job_fails_no_other_of_the_same_batch(queues: Books) -> None:
    mine, lost = await queues.claimed(), await queues.claimed()
    await queues.change(lost.run.job_id, "epoch = 9")
    assert await job_queue.finish_many([(mine.run, {"n": 1}), (lost.run, None)]) == {mine.run.job_id}
    assert await states(queues, mine.run.job_id, lost.run.job_id) == ["succeeded", "running"]


async def test_a_unique_key_holds_for_jobs_of_no_team_too(queues: Books) -> None:
    async def ask() -> None:
        async with keeping("test") as work:
            await job_queue.submit(work, COUNT, team_id=None, created_by=None, unique_key="nightly")

    await ask()
    with pytest.raises(Duplicate, match="already waiting or running"):
        await ask()
