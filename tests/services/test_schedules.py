"""Schedules: each time is taken once, nothing piles up, and staff decide when and whether."""

import asyncio
import os
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app import clock
from app.actor import System
from app.config import Settings
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.job_queue import Run
from app.job_queue import schedules as ledger_schedules
from app.job_queue.tasks import FILES_TIDY
from app.paging import PageRequest
from app.services import schedules
from app.services.schedules import Times
from app.worker.context import JobContext
from app.worker.scheduling import Scheduler
from app.worker.tasks import tidying
from tests.people import Company

TIDY = "Remove abandoned files"
HOURLY = Times("17 * * * *", "UTC")


@pytest.fixture
async def tidy(company: Company, admin: asyncpg.Connection) -> UUID:
    """The schedules as a worker has written them down; one of them."""
    assert await Scheduler().tick() == 0
    found: UUID = await admin.fetchval("SELECT id FROM schedules WHERE name = $1", TIDY)
    return found


async def _make_due(admin: asyncpg.Connection, schedule_id: UUID, ago: timedelta) -> None:
    await admin.execute("UPDATE schedules SET next_run_at = now() - $2::interval WHERE id = $1", schedule_id, ago)


async def _jobs(admin: asyncpg.Connection) -> int:
    found: int = await admin.fetchval("SELECT count(*) FROM jobs")
    return found


async def test_what_the_program_wants_is_written_down_once_and_staff_keep_what_they_changed(
    tidy: UUID, company: Company
) -> None:
    page = await schedules.search(company.ann, PageRequest())
    assert {row.name for row in page.rows} == {one.name for one in ledger_schedules.SCHEDULES}
    assert all(
        row.enabled
        and row.is_known
        and row.next_run_at
        and row.next_run_at >= clock.now() + ledger_schedules.FIRST_REST / 2
        for row in page.rows
    )
    await schedules.change(company.ann, tidy, Times("0 4 * * *", "Europe/Berlin"), HOURLY, "less often")
    await Scheduler().tick()
    [row] = [row for row in (await schedules.search(company.ann, PageRequest())).rows if row.id == tidy]
    assert (row.words, row.times.time_zone) == ("Every day at 04:00", "Europe/Berlin")


async def test_however_many_workers_look_each_time_is_taken_once(tidy: UUID, admin: asyncpg.Connection) -> None:
    await _make_due(admin, tidy, timedelta(seconds=1))
    moved = await asyncio.gather(*(Scheduler(declared=True).tick() for _ in range(8)))
    assert sum(moved) == 1
    row = await admin.fetchrow("SELECT * FROM schedules WHERE id = $1", tidy)
    job = await admin.fetchrow("SELECT * FROM jobs")
    assert (job["kind"], job["schedule_id"], job["team_id"], job["created_by"]) == (FILES_TIDY.kind, tidy, None, None)
    assert (row["last_job_id"], row["version"]) == (job["id"], 1)
    assert row["next_run_at"] > clock.now()


async def test_times_missed_in_an_outage_count_as_one(tidy: UUID, admin: asyncpg.Connection) -> None:
    await _make_due(admin, tidy, timedelta(days=3))
    assert await Scheduler(declared=True).tick() == 1
    assert await Scheduler(declared=True).tick() == 0
    assert await _jobs(admin) == 1


async def test_nothing_piles_up_behind_a_job_that_has_not_ended(
    tidy: UUID, company: Company, admin: asyncpg.Connection
) -> None:
    job_id = await schedules.run_now(company.ann, tidy, "to see it")
    with pytest.raises(Conflict, match="has not ended"):
        await schedules.run_now(company.ann, tidy, "twice")
    await _make_due(admin, tidy, timedelta(seconds=1))
    assert await Scheduler(declared=True).tick() == 1
    assert await _jobs(admin) == 1
    assert await admin.fetchval("SELECT next_run_at > now() FROM schedules WHERE id = $1", tidy)
    await admin.execute("UPDATE jobs SET status = 'failed', finished_at = now() WHERE id = $1", job_id)
    await _make_due(admin, tidy, timedelta(seconds=1))
    assert await Scheduler(declared=True).tick() == 1
    page = await schedules.runs(company.ann, tidy, PageRequest())
    assert [row.status for row in page.rows] == ["queued", "failed"]
    assert page.rows[1].created_by == company.ann.staff_id


async def test_what_is_switched_off_has_no_next_run_and_starts_anew_when_it_is_on(
    tidy: UUID, company: Company, admin: asyncpg.Connection
) -> None:
    await schedules.switch_off(company.ann, tidy, "disk is being exchanged")
    seen = await schedules.get(company.ann, tidy)
    assert (seen.schedule.next_run_at, seen.ahead) == (None, ())
    await admin.execute("UPDATE schedules SET next_run_at = now() - interval '1 day' WHERE id = $1", tidy)
    assert await Scheduler(declared=True).tick() == 0
    with pytest.raises(Conflict, match="off already"):
        await schedules.switch_off(company.ann, tidy, "again")
    await schedules.switch_on(company.ann, tidy, "the disk is there")
    seen = await schedules.get(company.ann, tidy)
    assert len(seen.ahead) == schedules.AHEAD
    assert seen.ahead[0] == seen.schedule.next_run_at
    assert seen.ahead[0] > clock.now()
    assert [(act.action, act.reason) for act in seen.acts] == [
        ("schedule.switched_on", "the disk is there"),
        ("schedule.switched_off", "disk is being exchanged"),
    ]
    assert await _jobs(admin) == 0


async def test_who_changes_the_times_sees_the_next_runs_and_what_others_did(tidy: UUID, company: Company) -> None:
    ahead = await schedules.preview(company.ann, Times("30 2 * * *", "Europe/Berlin"))
    assert len(ahead) == schedules.AHEAD
    assert {f"{run:%M}" for run in ahead} <= {"30", "00"}
    with pytest.raises(Invalid) as refusal:
        await schedules.preview(company.ann, Times("30 25 * * *", "UTC"))
    assert "cron" in refusal.value.fields
    with pytest.raises(Invalid):
        await schedules.change(company.ann, tidy, Times("0 4 * * *", "Nowhere"), HOURLY, "typo")
    with pytest.raises(Invalid, match="already"):
        await schedules.change(company.ann, tidy, HOURLY, HOURLY, "nothing")
    await schedules.change(company.ann, tidy, Times("0 4 * * *", "UTC"), HOURLY, "less often")
    with pytest.raises(Conflict) as conflict:
        await schedules.change(company.sue, tidy, Times("0 5 * * *", "UTC"), HOURLY, "less often")
    assert conflict.value.theirs == {"cron": "0 4 * * *", "time_zone": "UTC"}
    [act] = (await schedules.get(company.ann, tidy)).acts
    assert (act.before, act.after["cron"]) == ({**act.before, "cron": "17 * * * *"}, "0 4 * * *")


async def test_a_schedule_of_another_version_is_left_to_it(
    tidy: UUID, company: Company, admin: asyncpg.Connection
) -> None:
    await admin.execute("UPDATE schedules SET kind = 'of.tomorrow' WHERE id = $1", tidy)
    await _make_due(admin, tidy, timedelta(seconds=1))
    assert await Scheduler(declared=True).tick() == 0
    assert await admin.fetchval("SELECT next_run_at < now() FROM schedules WHERE id = $1", tidy)
    with pytest.raises(Conflict, match="another version"):
        await schedules.run_now(company.ann, tidy, "to see")


async def test_times_that_nobody_understands_stop_one_schedule_and_no_other(
    tidy: UUID, admin: asyncpg.Connection
) -> None:
    await admin.execute("UPDATE schedules SET next_run_at = now() - interval '1 hour'")
    await admin.execute("UPDATE schedules SET cron = 'whenever' WHERE id = $1", tidy)
    assert await Scheduler(declared=True).tick() == len(ledger_schedules.SCHEDULES)
    assert await _jobs(admin) == len(ledger_schedules.SCHEDULES) - 1
    assert await admin.fetchval("SELECT next_run_at FROM schedules WHERE id = $1", tidy) is None


async def test_who_may_what(tidy: UUID, company: Company) -> None:
    for person in (company.vic, company.tess, company.nil):
        with pytest.raises(Forbidden):
            await schedules.get(person, tidy)
    with pytest.raises(NotFound):
        await schedules.get(company.ann, uuid7())
    with pytest.raises(Invalid):
        await schedules.run_now(company.ann, tidy, " ")


async def test_the_jobs_of_schedules_do_what_they_say(
    tidy: UUID, company: Company, settings: Settings, admin: asyncpg.Connection
) -> None:
    folder = settings.data_dir / "uploads"
    folder.mkdir(parents=True)
    for name in ("old.data", "old.json", "broken.part", "taken.data", "new.json"):
        (folder / name).write_bytes(b"half")
        if name != "new.json":
            os.utime(folder / name, (0, 0))
    half = settings.data_dir / "audit" / "half.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    await admin.execute(
        "INSERT INTO job_minutes SELECT now() - n * interval '1 day', 'default', 'x', 0, 1, 1, 1, 0, 0, 0, 1"
        " FROM generate_series(0, 9) AS n"
    )
    context = await _running(admin, settings, await schedules.run_now(company.ann, tidy, "to see it"))
    assert await tidying.remove_abandoned_files(context) == {"files": 4, "bytes": 16}
    assert not half.exists(), "an export of the audit log that was never finished"
    assert {file.name for file in folder.iterdir()} == {"taken.data", "new.json"}
    assert await tidying.forget_old_figures(context) == {"minutes": 8}
    assert await admin.fetchval("SELECT min(minute) > now() - interval '2 days' FROM job_minutes")


async def _running(admin: asyncpg.Connection, settings: Settings, job_id: UUID) -> JobContext:
    await admin.execute("UPDATE jobs SET status = 'running', epoch = 1 WHERE id = $1", job_id)
    return JobContext(Run(job_id, 1), System(job_id, 1, None, FILES_TIDY.permissions), settings, None)
