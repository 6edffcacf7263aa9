"""A worker inside the test's own process: what becomes of a job, however its task ends."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from app.config import Settings
from app.database import engine, writing
from app.errors import Conflict, Duplicate, Forbidden, NotFound
from app.job_queue import Cancelled, Task
from app.models import Action, Team
from app.permissions import Permission
from app.worker import execution
from app.worker.context import JobContext
from app.worker.process import WorkerProcess
from tests.services.working import Jobs, until


async def test_a_task_acts_as_its_job_and_its_result_is_kept(jobs: Jobs, quick: Settings) -> None:
    async def body(ctx: JobContext) -> dict[str, Any]:
        await ctx.progress(1, 2, "half")
        await ctx.progress(2, 2, "too soon to tell")
        await ctx.save({"place": 1})
        async with writing(ctx.actor, Permission.IMPORTS_RUN) as work:
            team = await work.get(Team, ctx.team_id)
            work.record(Action.TEAM_CREATED, team)
            await ctx.save_in(work, {"place": 2})
        assert ctx.data_dir == quick.data_dir
        return {"job": str(ctx.job_id)}

    row = await jobs.run(quick, body)
    assert (row["status"], json.loads(row["result"])) == ("succeeded", {"job": str(row["id"])})
    assert (row["progress_text"], json.loads(row["checkpoint"])) == ("half", {"place": 2})
    actor = await jobs.admin.fetchval("SELECT actor_name FROM audit_entries WHERE actor_kind = 'system'")
    assert actor == f"Job {row['id'].hex[-8:]}"


async def test_a_task_may_do_no_more_than_it_declares(jobs: Jobs, quick: Settings) -> None:
    async def body(ctx: JobContext) -> None:
        async with writing(ctx.actor, Permission.DATASETS_DELETE):
            pytest.fail("not declared")

    row = await jobs.run(quick, body)
    assert (row["status"], row["error_code"]) == ("failed", "FORBIDDEN")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("This file is gone."), "failed", "NOT_FOUND"),
        (Forbidden("No."), "failed", "FORBIDDEN"),
        (Duplicate("There is one already."), "failed", "DUPLICATE"),
        (Conflict("At the same moment."), "queued", "CONFLICT"),
        (ValueError("row 7 is odd"), "queued", "INTERNAL_ERROR"),
        (TimeoutError(), "queued", "TIMEOUT"),
        (asyncio.CancelledError(), "queued", "INTERNAL_ERROR"),
    ],
)
async def test_what_may_go_better_is_tried_again(
    jobs: Jobs, quick: Settings, error: BaseException, status: str, code: str
) -> None:
    async def body(_: JobContext) -> None:
        raise error

    row = await jobs.run(quick, body)
    assert (row["status"], row["error_code"]) == (status, code)


async def test_a_task_that_takes_too_long_is_stopped(jobs: Jobs, quick: Settings) -> None:
    jobs.task = Task("test.slow", "Be slow", timeout=0.01)

    async def body(_: JobContext) -> None:
        await asyncio.sleep(60)

    row = await jobs.run(quick, body)
    assert "took longer than the 0.01 seconds" in row["error"]


async def test_a_kind_that_nobody_knows_fails_with_a_sentence(jobs: Jobs, quick: Settings) -> None:
    made = await jobs.execution(quick)
    await made.run()
    row = await jobs.row(made.claimed.run.job_id)
    assert (row["status"], row["error_code"]) == ("failed", "UNKNOWN_KIND")
    assert "does not know how to run “test.try”" in row["error"]


async def test_a_cancelled_task_stops_at_its_next_safe_place_and_may_clean_up(jobs: Jobs, quick: Settings) -> None:
    cleaned = []

    async def body(ctx: JobContext) -> None:
        await jobs.cancel(ctx.job_id)
        try:
            await ctx.save({"place": 3})
        except Cancelled:
            cleaned.append(ctx.cancelled)
            raise
        pytest.fail("goes on though cancelled")

    row = await jobs.run(quick, body)
    assert (row["status"], cleaned, json.loads(row["checkpoint"])) == ("cancelled", [True], {"place": 3})


async def test_a_task_that_ended_before_it_saw_the_cancellation_has_succeeded(jobs: Jobs, quick: Settings) -> None:
    async def body(ctx: JobContext) -> None:
        await jobs.cancel(ctx.job_id)

    assert (await jobs.run(quick, body))["status"] == "succeeded"


async def test_a_renewal_that_finds_the_job_taken_stops_the_run_and_tells(jobs: Jobs, quick: Settings) -> None:
    async def body(ctx: JobContext) -> None:
        await jobs.admin.execute("UPDATE jobs SET epoch = epoch + 1 WHERE id = $1", ctx.job_id)
        await asyncio.sleep(60)

    row = await jobs.run(quick.model_copy(update={"lease_seconds": 0.15}), body)
    assert row["status"] == "running"
    assert await jobs.kinds(row["id"]) == ["queued", "claimed", "lease_lost"]


async def test_a_result_of_a_run_that_was_taken_over_is_rejected(jobs: Jobs, quick: Settings) -> None:
    async def body(ctx: JobContext) -> dict[str, Any]:
        await jobs.admin.execute("UPDATE jobs SET epoch = epoch + 1 WHERE id = $1", ctx.job_id)
        return {"mine": True}

    row = await jobs.run(quick, body)
    assert (row["status"], row["result"]) == ("running", None)
    assert (await jobs.kinds(row["id"]))[-1] == "lease_lost"


async def test_a_renewal_sees_the_cancellation_and_survives_a_pause_of_the_database(
    jobs: Jobs, quick: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(ctx: JobContext) -> None:
        db_session = engine.session
        jobs.patch.setattr(engine, "session", lambda: (_ for _ in ()).throw(OSError("gone")))
        await until(_logged(caplog, "could not be renewed"))
        jobs.patch.setattr(engine, "session", db_session)
        await jobs.cancel(ctx.job_id)

        async def asked() -> bool:
            return ctx.cancelled

        await until(asked)
        await ctx.stop_if_cancelled()

    row = await jobs.run(quick.model_copy(update={"lease_seconds": 0.15}), body)
    assert row["status"] == "cancelled"


def _logged(caplog: pytest.LogCaptureFixture, words: str) -> Callable[[], Awaitable[bool]]:
    async def found() -> bool:
        return words in caplog.text

    return found


async def test_an_end_that_cannot_be_written_now_is_left_to_the_sweep(
    jobs: Jobs, quick: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(_: JobContext) -> None:
        jobs.patch.setattr(engine, "session", lambda: (_ for _ in ()).throw(OSError("gone")))

    row = await jobs.run(quick.model_copy(update={"lease_seconds": 1.0}), body)
    assert row["status"] == "running"
    assert "mended later" in caplog.text


async def test_the_worker_runs_what_is_delivered_and_shows_that_it_lives(jobs: Jobs, process: WorkerProcess) -> None:
    async def body(_: JobContext) -> None:
        return

    jobs.do(body)
    job_id = await jobs.submit()

    async def done() -> bool:
        return bool((await jobs.row(job_id))["status"] == "succeeded")

    await until(done)
    first = await jobs.admin.fetchrow("SELECT * FROM workers")
    assert (first["id"], first["pid"], first["engine"]) == (process.me.id, process.me.pid, "pgqueuer")

    async def beaten() -> bool:
        return bool(await jobs.admin.fetchval("SELECT heartbeat_at FROM workers") > first["heartbeat_at"])

    await until(beaten)


async def test_a_cancellation_is_seen_between_the_task_s_own_writes_and_is_forced_in_the_end(
    jobs: Jobs, process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "CANCEL_GRACE", 0.05)
    started = asyncio.Event()

    async def body(_: JobContext) -> None:
        started.set()
        await asyncio.sleep(60)

    jobs.do(body)
    job_id = await jobs.submit()
    await started.wait()
    await jobs.cancel(job_id)

    async def cancelled() -> bool:
        return bool((await jobs.row(job_id))["status"] == "cancelled")

    await until(cancelled)


async def test_a_stopping_worker_hands_back_what_runs_and_signs_off(jobs: Jobs, quick: Settings) -> None:
    started, process = asyncio.Event(), WorkerProcess(quick)

    async def body(_: JobContext) -> None:
        started.set()
        await asyncio.sleep(60)

    jobs.do(body)
    job_id = await jobs.submit()
    async with asyncio.TaskGroup() as group:
        group.create_task(process.run())
        await started.wait()
        process.stop.set()
    row = await jobs.row(job_id)
    assert (row["status"], row["attempts"], process.handed_back) == ("queued", 0, True)
    assert await jobs.admin.fetchval("SELECT count(*) FROM workers") == 0


async def test_a_worker_waits_for_a_database_that_does_not_answer(
    jobs: Jobs, quick: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = SecretStr("postgresql://nobody@127.0.0.1:9/nowhere")
    process = WorkerProcess(quick.model_copy(update={"engine_url": nowhere, "heartbeat_seconds": 0.01}))
    jobs.patch.setattr(engine, "session", lambda: (_ for _ in ()).throw(OSError("gone")))
    async with asyncio.TaskGroup() as group:
        group.create_task(process.run())
        await until(_logged(caplog, "waits for the database"))
        await until(_logged(caplog, "No deliveries"))
        await process._handle(process.me.id)
        process.stop.set()
    assert "could not be claimed now" in caplog.text


async def test_a_part_that_fails_ends_neither_the_worker_nor_itself(
    quick: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    process, tries, again = WorkerProcess(quick), 0, asyncio.Event()

    async def act() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError("nobody thought of this")
        again.set()

    loop = asyncio.get_running_loop().create_task(process._every(0.001, act))
    await again.wait()
    loop.cancel()
    assert "A part of the worker failed. It tries again." in caplog.text
    assert "nobody thought of this" in caplog.text


async def test_a_worker_needs_the_engine_s_connection(quick: Settings) -> None:
    with pytest.raises(ValueError, match="engine_url"):
        await WorkerProcess(quick.model_copy(update={"engine_url": None}))._consume()
