"""How long a worker waits for a task that was asked to stop: until it sees it, not until it has cleaned up."""

import asyncio

import pytest

from app.config import Settings
from app.job_queue import Cancelled
from app.worker import execution
from app.worker.context import JobContext
from tests.services.working import Jobs


async def test_cleaning_up_is_not_cut(jobs: Jobs, quick: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "CANCEL_GRACE", 0.01)
    cleaned, asked = asyncio.Event(), asyncio.Event()
    lost: list[bool] = []

    async def body(ctx: JobContext) -> None:
        asked.set()
        while not ctx.cancelled:  # noqa: ASYNC110 - as a task sees it
            await asyncio.sleep(0)
        try:
            await ctx.stop_if_cancelled()
        except Cancelled:
            await patience_is_over.wait()
            cleaned.set()
            raise

    jobs.do(body)
    made = await jobs.execution(quick)
    patience_is_over = asyncio.Event()
    genuine = made._lose_patience

    def lose_patience() -> None:
        genuine()
        lost.append(made.context.stopping)
        patience_is_over.set()

    monkeypatch.setattr(made, "_lose_patience", lose_patience)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        running = group.create_task(made.run())
        await asked.wait()
        await jobs.cancel(made.claimed.run.job_id)
        made.ask_to_stop()
        made.ask_to_stop()
        await running
    assert (lost, cleaned.is_set(), made.ending) == ([True], True, None)
    assert (await jobs.row(made.claimed.run.job_id))["status"] == "cancelled"


async def test_a_task_that_sees_it_by_itself_but_goes_on_is_stopped(
    jobs: Jobs, quick: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "CANCEL_GRACE", 0.01)

    async def body(ctx: JobContext) -> None:
        ctx.cancelled = True  # as after a checkpoint inside of a transaction
        made.ask_to_stop()
        await asyncio.sleep(60)

    jobs.do(body)
    made = await jobs.execution(quick)
    await made.run()
    assert made.ending is execution.Ending.CANCELLED
    assert (await jobs.row(made.claimed.run.job_id))["status"] == "cancelled"
