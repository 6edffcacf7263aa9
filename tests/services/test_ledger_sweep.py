"""The ledger: what the sweep mends, and who may reach what."""

import asyncpg
import pytest
from sqlalchemy import func, select

from app import job_queue
from app.actor import System
from app.database import engine, keeping, reading, writing
from app.models import Action, Job, Team
from app.permissions import Permission
from tests.services.books import COUNT, Books, sign_on, worker


async def test_the_sweep_frees_jobs_of_lost_workers(books: Books) -> None:
    lost, last, unwanted, fine = [(await books.claimed()).run.job_id for _ in range(4)]
    for job_id in (lost, last, unwanted):
        await books.change(job_id, "lease_until = now() - interval '1 s'")
    await books.change(last, "attempts = max_attempts")
    await books.change(unwanted, "cancel_requested_at = now()")
    assert await job_queue.sweep(60) == 3
    assert [(await books.row(job_id))["status"] for job_id in (lost, last, unwanted, fine)] == [
        "queued",
        "failed",
        "cancelled",
        "running",
    ]
    sentence = "The worker was lost while it ran this job, and attempt 3 was the last one."
    assert (await books.row(last))["error"] == sentence
    assert await books.kinds(lost) == ["queued", "claimed", "lease_lost"]
    assert await job_queue.claim(lost, worker(), 60) is not None
    assert (await books.kinds(lost))[-1] == "taken_over"


async def test_the_sweep_leaves_a_run_alone_that_is_in_the_middle_of_its_act(books: Books) -> None:
    claimed = await books.claimed()
    await books.change(claimed.run.job_id, "lease_until = now() - interval '1 s'")
    assert claimed.team_id is not None
    actor = System(claimed.run.job_id, claimed.run.epoch, claimed.team_id, COUNT.permissions)
    async with writing(actor, Permission.IMPORTS_RUN) as work:
        team = await work.get(Team, claimed.team_id, lock=True)
        assert await job_queue.sweep(60) == 0
        work.record(Action.TEAM_CREATED, team)
        await job_queue.finish_in(work, claimed.run)
    assert (await books.row(claimed.run.job_id))["status"] == "succeeded"


async def test_a_process_that_froze_in_the_middle_of_a_question_holds_nothing_for_ever(books: Books) -> None:
    claimed = await books.claimed()
    await books.change(claimed.run.job_id, "lease_until = now() - interval '1 s'")
    frozen, idle = await asyncpg.connect(engine.url()), await asyncpg.connect(engine.url())
    await frozen.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('of a frozen process'))")
    await frozen.prepare("SELECT 42")  # sent, answered, and never followed by the end of the question
    await idle.execute("BEGIN")
    seen = "SELECT state FROM pg_stat_activity WHERE pid = $1"
    assert await books.admin.fetchval(seen, frozen.get_server_pid()) == "active"
    assert await job_queue.end_frozen(60) == 0
    assert await job_queue.end_frozen(0) == 1
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        await frozen.fetchval("SELECT 42")
    assert await idle.fetchval("SELECT 42") == 42, "the database's own limit is for those"
    await books.admin.fetchval("SELECT pg_advisory_lock(hashtext('of a frozen process'))")
    await idle.close()


async def test_the_sweep_delivers_again_what_nobody_took_less_and_less_often(books: Books) -> None:
    job_id = await books.submit()
    await books.admin.execute("DELETE FROM engine.pgqueuer")
    assert await job_queue.sweep(30) == 0
    await books.change(job_id, "delivered_at = now() - interval '31 s'")
    assert await job_queue.sweep(30) == 1
    assert (await books.row(job_id))["deliveries"] == 2
    await books.admin.execute("DELETE FROM engine.pgqueuer")
    await books.change(job_id, "delivered_at = now() - interval '31 s'")
    assert await job_queue.sweep(30) == 0
    await books.change(job_id, "delivered_at = now() - interval '61 s'")
    assert await job_queue.sweep(30) == 1
    assert await books.kinds(job_id) == ["queued", "delivered", "delivered"]


async def test_a_message_that_is_still_there_is_not_sent_twice(books: Books) -> None:
    job_id = await books.submit()
    await books.change(job_id, "deliveries = 0, delivered_at = NULL")
    assert await job_queue.sweep(30) == 0
    assert (await books.messages(), await books.kinds(job_id)) == (["0"], ["queued"])
    assert (await books.row(job_id))["deliveries"] == 1


async def test_one_worker_sweeps_at_a_time(books: Books) -> None:
    await books.change(await books.submit(), "deliveries = 0")
    await books.admin.execute("DELETE FROM engine.pgqueuer")
    async with keeping("test") as work:
        await work.scalar(select(func.pg_advisory_xact_lock(0x71645F7377656570)))
        assert await job_queue.sweep(30) == 0
        assert await job_queue.release_dead(worker(), lambda _: False) == 0
    assert await job_queue.sweep(30) == 1


async def test_the_jobs_of_a_gone_process_of_this_machine_are_freed_without_waiting(books: Books) -> None:
    me, gone, reborn, alive, elsewhere = worker(10), worker(11), worker(10), worker(12), worker(11, "there")
    jobs = {}
    for someone in (me, gone, reborn, alive, elsewhere):
        await sign_on(someone)
        job_id = await books.submit()
        assert await job_queue.claim(job_id, someone, 60) is not None
        jobs[someone.id] = job_id
    assert await job_queue.release_dead(me, lambda pid: pid == 12) == 2
    freed = {id_ for id_, job_id in jobs.items() if (await books.row(job_id))["status"] == "queued"}
    assert freed == {gone.id, reborn.id}
    assert await books.admin.fetchval("SELECT count(*) FROM workers") == 5, "the lost ones are still shown"
    assert await job_queue.release_dead(me, lambda pid: pid == 12) == 0


async def test_lost_workers_are_shown_for_a_day(books: Books) -> None:
    await sign_on(worker())
    for age, workers in (("2 h", 1), ("25 h", 0)):
        await books.admin.execute(f"UPDATE workers SET heartbeat_at = now() - interval '{age}'")
        await job_queue.sweep(30)
        assert await books.admin.fetchval("SELECT count(*) FROM workers") == workers


async def test_people_see_the_jobs_of_their_teams_only(books: Books) -> None:
    job_id = await books.submit()
    await books.change(job_id, "priority = 1")
    async with reading(books.company.tess, Permission.JOBS_READ) as work:
        assert (await work.get(Job, job_id)).priority == 1


def test_kinds_have_names_for_people() -> None:
    assert job_queue.label_of("dataset.import") == "Import a file"
    assert job_queue.label_of("of.another.version") == "of.another.version"


async def test_people_s_roles_may_enqueue_but_neither_read_nor_change_what_the_engine_has(
    books: Books, admin: asyncpg.Connection
) -> None:
    await books.submit()
    for role in ("quarterdeck_platform", "quarterdeck_team", "quarterdeck_keeper"):
        for sql in (
            "SELECT payload FROM engine.pgqueuer",
            "DELETE FROM engine.pgqueuer",
            "UPDATE engine.pgqueuer SET priority = 9",
            "SELECT * FROM engine.pgqueuer_log",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with admin.transaction():
                    await admin.execute(f"SET LOCAL ROLE {role}")
                    await admin.execute(sql)


async def test_the_engine_s_role_reaches_nothing_of_ours(books: Books, admin: asyncpg.Connection) -> None:
    for table in ("jobs", "job_events", "audit_entries", "staff"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with admin.transaction():
                await admin.execute("SET LOCAL ROLE quarterdeck_worker")
                await admin.execute(f"SELECT * FROM public.{table}")
