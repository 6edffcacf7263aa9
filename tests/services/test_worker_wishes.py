"""What people and tasks want of a worker: to stop a job, to take nothing more, to wait, to count what it costs."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app import job_queue, topics
from app.config import Settings
from app.errors import Conflict, StartupProblem
from app.job_queue.tasks import QUEUES
from app.worker import run
from app.worker.context import JobContext
from app.worker.execution import Execution
from app.worker.process import WorkerProcess, identity
from tests.services.working import Jobs, until


async def test_a_cancellation_is_heard_at_once_and_the_time_line_says_when_it_was_seen(
    jobs: Jobs, quick: Settings
) -> None:
    """The heartbeat, which would see it too, comes only once here."""
    process, started = WorkerProcess(quick.model_copy(update={"heartbeat_seconds": 3600.0})), asyncio.Event()
    seen: list[bool] = []

    async def body(ctx: JobContext) -> None:
        started.set()
        await until(_has_heard(ctx))
        seen.append(ctx.cancelled)
        await ctx.stop_if_cancelled()

    jobs.do(body)
    async with asyncio.TaskGroup() as group:
        group.create_task(process.run())
        await until(_listens)
        job_id = await jobs.submit()
        await started.wait()
        await jobs.cancel(job_id)
        await until(_is(jobs, job_id, "cancelled"))
        process.stop.set()
    row = await jobs.row(job_id)
    assert seen == [True]
    assert row["cancel_requested_at"] <= row["cancel_seen_at"] <= row["finished_at"]
    assert (await jobs.kinds(job_id))[-3:] == ["cancel_requested", "cancel_seen", "cancelled"]


def _has_heard(ctx: JobContext) -> Callable[[], Awaitable[bool]]:
    async def heard() -> bool:
        return ctx.cancelled

    return heard


async def _listens() -> bool:
    return topics.jobs.told > 0  # with the connection, everybody hears that much may have changed


def _is(jobs: Jobs, job_id: UUID, status: str) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return bool((await jobs.row(job_id))["status"] == status)

    return reached


async def test_a_drained_worker_ends_what_it_runs_takes_nothing_and_goes_on_when_asked(
    jobs: Jobs, process: WorkerProcess
) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    async def body(_: JobContext) -> None:
        started.set()
        await may_end.wait()

    async def closed() -> bool:
        return not process._intake._open.is_set()

    jobs.do(body)
    running = await jobs.submit()
    await started.wait()
    await jobs.admin.execute("UPDATE workers SET drain_requested_at = now()")
    await until(closed)
    waiting = await jobs.submit()
    may_end.set()
    await until(_is(jobs, running, "succeeded"))
    beats = await jobs.admin.fetchval("SELECT heartbeat_at FROM workers")

    async def lives() -> bool:
        return bool(await jobs.admin.fetchval("SELECT heartbeat_at > $1 FROM workers", beats))

    await until(lives)
    assert (await jobs.row(waiting))["status"] == "queued"
    await jobs.admin.execute("UPDATE workers SET drain_requested_at = NULL")
    await until(_is(jobs, waiting, "succeeded"))


async def test_a_drained_worker_can_be_stopped(jobs: Jobs, process: WorkerProcess) -> None:
    async def signed_on() -> bool:
        return str(await jobs.admin.execute("UPDATE workers SET drain_requested_at = now()")) == "UPDATE 1"

    await until(signed_on)
    process.stop.set()

    async def gone() -> bool:
        return not await jobs.admin.fetchval("SELECT count(*) FROM workers")

    await until(gone)


async def test_a_worker_takes_from_the_queues_that_it_is_told_and_says_so(jobs: Jobs, quick: Settings) -> None:
    picky = identity(quick.model_copy(update={"worker_queues": "imports, documents,imports"}), maintenance=True)
    assert picky.queues == ["imports", "documents", "maintenance"]
    assert identity(quick).queues == list(QUEUES)
    run.check_queues(quick.model_copy(update={"worker_queues": "imports"}))
    for unknown in ("import", "imports,maintenance"):
        with pytest.raises(StartupProblem, match="There is no queue"):
            run.check_queues(quick.model_copy(update={"worker_queues": unknown}))


async def test_a_task_can_wait_for_something_without_using_up_its_attempts(jobs: Jobs, quick: Settings) -> None:
    async def body(ctx: JobContext) -> None:
        ctx.wait(300, "Stripe asks us to slow down.")

    row = await jobs.run(quick, body)
    assert (row["status"], row["attempts"]) == ("queued", 0)
    assert row["run_after"] - row["started_at"] > timedelta(seconds=290)
    detail = await jobs.admin.fetchval("SELECT detail FROM job_events WHERE kind = 'retry_later'")
    assert json.loads(detail)["reason"] == "Stripe asks us to slow down."


async def test_each_attempt_tells_what_it_did_and_what_it_cost(jobs: Jobs, quick: Settings) -> None:
    async def body(ctx: JobContext) -> None:
        await ctx.spend(200)
        await ctx.save({"place": ctx.attempt})
        await ctx.save({"place": 10 * ctx.attempt})
        await ctx.spend(ctx.attempt)
        raise ValueError("row 7 is odd")

    first = await jobs.run(quick, body)
    await jobs.admin.execute("UPDATE jobs SET run_after = now()")
    me = identity(quick)
    again = await job_queue.claim(first["id"], me, 30)
    assert again is not None
    await Execution(again, me, quick).run()
    row = await jobs.row(first["id"])
    assert (row["status"], row["cost_micros"], row["run_cost_micros"]) == ("failed", 403, 202)
    assert await jobs.kinds(row["id"]) == [
        "queued",
        *["claimed", "checkpoint", "retry_later"],
        "claimed",
        "checkpoint",
        "failed",
    ]
    ends = await jobs.admin.fetch("SELECT detail FROM job_events WHERE kind IN ('retry_later', 'failed') ORDER BY id")
    for attempt, (cost, worker) in enumerate(((201, None), (202, str(me.id))), start=1):
        told = json.loads(ends[attempt - 1]["detail"])
        assert (told["attempt"], told["epoch"], told["cost_micros"]) == (attempt, attempt, cost)
        assert told["worker"] == worker or attempt == 1
        assert "Traceback" in told["error"]
        assert told["message"] == "ValueError: row 7 is odd"


@pytest.mark.parametrize("result", [{"text": "\0"}, {"set": {1}}], ids=["NUL", "no JSON"])
async def test_a_result_that_cannot_be_kept_is_a_failure_that_says_so(
    jobs: Jobs, quick: Settings, result: dict[str, Any]
) -> None:
    async def body(_: JobContext) -> dict[str, Any]:
        return result

    row = await jobs.run(quick, body)
    assert (row["status"], row["error_code"]) == ("failed", "INTERNAL_ERROR")
    assert row["error"].startswith("Try went well, but its result cannot be kept: ")


async def test_an_error_with_characters_that_no_text_can_hold_is_told_without_them(jobs: Jobs, quick: Settings) -> None:
    async def body(_: JobContext) -> None:
        raise Conflict("The name is a\0b.")

    assert (await jobs.run(quick, body))["error"] == "The name is a\ufffdb."
