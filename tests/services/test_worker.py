"""A worker inside the test's own process: what becomes of a job, however its task ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from app import db, ledger, topics
from app.config import Settings
from app.errors import Conflict, Duplicate, Forbidden, NotFound
from app.ledger import Cancelled, Task
from app.ledger.tasks import QUEUES
from app.models import Action, Job, Team
from app.permissions import Permission
from app.startup import StartupProblem
from app.work import writing
from app.worker import execution, registry, run
from app.worker.context import JobContext
from app.worker.execution import Execution
from app.worker.process import WorkerProcess, identity
from tests.people import Company

TRY = Task("test.try", "Try", max_attempts=2, timeout=5, permissions=frozenset({Permission.IMPORTS_RUN}))
Body = Callable[[JobContext], Awaitable[dict[str, Any] | None]]


@pytest.fixture
def quick(bound: Settings) -> Settings:
    changes = {"heartbeat_seconds": 0.05, "sweep_seconds": 0.05, "lease_seconds": 30.0, "drain_seconds": 0.0}
    return bound.model_copy(update=changes | {"retry_seconds": 100.0})


class Jobs:
    """Submits jobs whose task does what the test says."""

    def __init__(self, company: Company, admin: asyncpg.Connection, patch: pytest.MonkeyPatch, task: Task) -> None:
        self.company, self.admin, self.patch, self.task = company, admin, patch, task

    def do(self, body: Body) -> None:
        self.patch.setitem(registry._runnables, self.task.kind, registry.Runnable(self.task, body))

    async def submit(self) -> UUID:
        async with writing(self.company.ann, Permission.IMPORTS_RUN) as work:
            work.record(Action.TEAM_CREATED, await work.get(Team, self.company.acme))
            return (await ledger.submit(work, self.task, team_id=self.company.acme, created_by=None)).id

    async def execution(self, settings: Settings) -> Execution:
        me = identity(settings)
        claimed = await ledger.claim(await self.submit(), me, settings.lease_seconds)
        assert claimed is not None
        return Execution(claimed, me, settings)

    async def run(self, settings: Settings, body: Body) -> asyncpg.Record:
        self.do(body)
        made = await self.execution(settings)
        await made.run()
        return await self.row(made.claimed.run.job_id)

    async def cancel(self, job_id: UUID) -> None:
        async with writing(self.company.ann, Permission.JOBS_CANCEL) as work:
            job = await work.get(Job, job_id, lock=True)
            await ledger.request_cancel(work, job, work.who.id)
            work.record(Action.JOB_CANCELLED, job)

    async def row(self, job_id: UUID) -> asyncpg.Record:
        return await self.admin.fetchrow("SELECT * FROM jobs WHERE id = $1", job_id)

    async def kinds(self, job_id: UUID) -> list[str]:
        found = await self.admin.fetch("SELECT kind FROM job_events WHERE job_id = $1 ORDER BY id", job_id)
        return [row["kind"] for row in found]


@pytest.fixture
def jobs(company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    return Jobs(company, admin, monkeypatch, TRY)


@pytest.fixture
async def process(quick: Settings, jobs: Jobs) -> AsyncIterator[WorkerProcess]:
    made = WorkerProcess(quick, maintenance=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(made.run())
        yield made
        made.stop.set()


async def until(ask: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(30):  # the bound of a hang, not a measure
        asked = False
        while not asked:
            await asyncio.sleep(0.02)
            asked = bool(await ask())


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
        db_session = db.session
        jobs.patch.setattr(db, "session", lambda: (_ for _ in ()).throw(OSError("gone")))
        await until(_logged(caplog, "could not be renewed"))
        jobs.patch.setattr(db, "session", db_session)
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
        jobs.patch.setattr(db, "session", lambda: (_ for _ in ()).throw(OSError("gone")))

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
    again = await ledger.claim(first["id"], me, 30)
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
    jobs.patch.setattr(db, "session", lambda: (_ for _ in ()).throw(OSError("gone")))
    async with asyncio.TaskGroup() as group:
        group.create_task(process.run())
        await until(_logged(caplog, "waits for the database"))
        await until(_logged(caplog, "No deliveries"))
        await process._handle(process.me.id)
        process.stop.set()
    assert "could not be claimed now" in caplog.text


async def test_a_worker_needs_the_engine_s_connection(quick: Settings) -> None:
    with pytest.raises(ValueError, match="engine_url"):
        await WorkerProcess(quick.model_copy(update={"engine_url": None}))._consume()
