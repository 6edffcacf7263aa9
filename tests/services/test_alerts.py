"""Alerts: calm when nothing is wrong, and each wrong thing said with what, since when and why."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.database import keeping
from app.errors import Forbidden
from app.ids import uuid7
from app.job_queue import declare_queues
from app.services import alerts
from app.services.alerts import AlertKind
from tests.factories import add_job
from tests.people import Company

NOW, LONG_AGO = timedelta(0), timedelta(minutes=12)


class Incident:
    """Makes a mess behind the door."""

    def __init__(self, company: Company, admin: asyncpg.Connection) -> None:
        self.company, self.admin = company, admin

    async def worker(self, heard: timedelta = NOW, queues: str = "default,imports", concurrency: int = 2) -> UUID:
        id_ = uuid7()
        await self.admin.execute(
            "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version, queues)"
            " VALUES ($1, 'ship/1', 7, now(), now() - $2::interval, $3, 'pgqueuer', '0', string_to_array($4, ','))",
            *(id_, heard, concurrency, queues),
        )
        return id_

    async def waits(self, queue: str = "imports", since: timedelta = LONG_AGO) -> UUID:
        job_id = await add_job(self.admin, self.company.acme, status="queued", kind="dataset.import")
        await self.admin.execute(
            "UPDATE jobs SET queue = $2, run_after = now() - $3::interval WHERE id = $1", job_id, queue, since
        )
        return job_id

    async def runs(self, worker: UUID, queue: str = "imports") -> None:
        """For long already: that it started is forgotten."""
        job_id = await self.waits(queue)
        await self.admin.execute("UPDATE jobs SET status = 'running', worker = $2 WHERE id = $1", job_id, worker)
        await self.admin.execute("DELETE FROM job_minutes")

    async def happened(self, ago: str, succeeded: int, failed: int, kind: str = "dataset.import") -> None:
        await self.admin.execute(
            "INSERT INTO job_minutes VALUES (date_trunc('minute', now()) - $1::text::interval, 'imports', $4, 0, 0, 0,"
            " $2, $3, 0, 0, 0)",
            *(ago, succeeded, failed, kind),
        )

    async def told(self) -> list[tuple[AlertKind, str, int]]:
        return [(alert.kind, alert.subject, alert.number) for alert in await alerts.current(self.company.ann)]


@pytest.fixture
async def incident(company: Company, admin: asyncpg.Connection) -> Incident:
    async with keeping("queues: declare") as work:
        await declare_queues(work)
    return Incident(company, admin)


async def test_all_is_well_while_work_moves(incident: Incident) -> None:
    await incident.worker()
    await incident.waits(since=timedelta(minutes=1))
    await incident.happened("10 minutes", 50, 4)
    assert await incident.told() == []


async def test_without_a_worker_alive_nothing_else_is_said_of_queues(incident: Incident) -> None:
    await incident.waits()
    assert await incident.told() == [(AlertKind.NO_WORKER, "", 1)]
    await incident.worker(heard=timedelta(minutes=3))
    [alert] = await alerts.current(incident.company.ann)
    assert alert.title == "job waits, and no worker is alive"
    assert "3 min ago" in alert.sentence


async def test_a_lost_worker_beside_others_is_named(incident: Incident) -> None:
    await incident.worker()
    await incident.worker(heard=timedelta(seconds=45))
    await incident.worker(heard=timedelta(hours=2))
    [alert] = await alerts.current(incident.company.ann)
    assert (alert.kind, alert.number, alert.is_serious) == (AlertKind.LOST, 1, False)
    assert "ship, process 7: 45 s" in alert.sentence


async def test_a_stuck_queue_says_why(incident: Incident) -> None:
    me = await incident.worker(queues="default")
    await incident.waits()
    [alert] = await alerts.current(incident.company.ann)
    assert (alert.kind, alert.subject, alert.number) == (AlertKind.STUCK, "imports", 1)
    assert alert.title == "job waits in imports, and none starts"
    assert "12 min" in alert.sentence
    assert "No worker takes from it" in alert.sentence
    await incident.admin.execute("UPDATE workers SET queues = '{imports}'")
    assert "Its workers have room" in (await alerts.current(incident.company.ann))[0].sentence
    await incident.runs(me)
    await incident.runs(me)
    assert "All places of its workers" in (await alerts.current(incident.company.ann))[0].sentence
    await incident.admin.execute("UPDATE queues SET max_running = 2")
    assert "Its limit of 2" in (await alerts.current(incident.company.ann))[0].sentence


async def test_a_queue_that_started_something_meanwhile_is_only_slow(incident: Incident) -> None:
    me = await incident.worker()
    await incident.waits()
    job_id = await incident.waits()
    await incident.admin.execute("UPDATE jobs SET status = 'running', worker = $2 WHERE id = $1", job_id, me)
    assert await incident.told() == []


async def test_a_pause_is_told_of_when_it_lasts(incident: Incident) -> None:
    await incident.worker()
    await incident.waits()
    await incident.admin.execute("UPDATE queues SET paused_at = now() WHERE name = 'imports'")
    assert await incident.told() == []
    await incident.admin.execute("UPDATE queues SET paused_at = now() - interval '3 hours' WHERE name = 'imports'")
    [alert] = await alerts.current(incident.company.ann)
    assert (alert.kind, alert.number, alert.is_serious) == (AlertKind.PAUSED, 1, False)
    assert "Paused for 3 h" in alert.sentence


async def test_failures_are_told_of_when_there_are_more_than_a_day_before(incident: Incident) -> None:
    await incident.worker()
    await incident.happened("10 minutes", 20, 10)
    await incident.happened("24 hours 10 minutes", 40, 20)
    assert await incident.told() == [], "as often as ever"
    await incident.happened("20 minutes", 0, 30)
    await incident.happened("20 minutes", 0, 4, kind="document.generate")
    assert await incident.told() == [(AlertKind.FAILING, "dataset.import", 40)], "few failures are none"
    [alert] = await alerts.current(incident.company.ann)
    assert alert.title == "times “Import a file” failed, more than usual"
    assert alert.sentence == "Of 60 in the last hour (67%). In the same hour a day before: 20 of 60."


async def test_alerts_are_for_those_who_see_queues(company: Company) -> None:
    for person in (company.vic, company.tess):
        with pytest.raises(Forbidden):
            await alerts.current(person)
