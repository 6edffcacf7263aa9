"""Home: numbers from counters, and only what one may see."""

from datetime import timedelta

import asyncpg
import pytest

from app.errors import Forbidden
from app.models import JobStatus
from app.models.stats import Metric
from app.services import datasets, home
from tests.factories import add_import, add_job, make_dataset
from tests.people import Company


async def test_numbers_are_exact_and_those_of_ones_own_teams(company: Company, admin: asyncpg.Connection) -> None:
    for team, rows in ((company.acme, 3), (company.nordlicht, 40)):
        made = await make_dataset(admin, team, "Flights", {"n": "integer"})
        await add_import(admin, made, rows, "jsonb_build_object('n', n)")
        await add_job(admin, team)
        await admin.execute("UPDATE imports SET rows_bad = 2")
        await datasets.rename(company.ann, made.id, "Departures", "Flights")
    everything = await home.overview(company.ann)
    assert (everything.teams, everything.datasets, everything.rows) == (2, 2, 43)
    assert {status: n for status, n in everything.jobs.items() if n} == {JobStatus.FAILED: 2}
    assert [(line.dimension, sum(line.n)) for line in everything.numbers[Metric.JOBS]] == [("test.made|failed", 2)]
    assert sum(everything.numbers[Metric.IMPORTED][0].total) == 43
    assert [row.team for row in everything.imports_with_bad_rows] == ["Nordlicht", "Acme"]
    assert everything.lately is not None
    assert [entry.action for entry in everything.lately] == ["dataset.renamed"] * 2
    ours = await home.overview(company.tess)
    assert (ours.teams, ours.datasets, ours.rows, ours.jobs[JobStatus.FAILED]) == (1, 1, 3, 1)
    assert [sum(line.n) for line in ours.numbers[Metric.JOBS]] == [1]
    assert sum(ours.numbers[Metric.IMPORTED][0].total) == 3
    assert [row.team for row in ours.imports_with_bad_rows] == ["Acme"]
    assert ours.lately is not None
    assert [entry.team_id for entry in ours.lately] == [company.acme]


async def test_the_installation_is_shown_to_those_who_see_all_teams(
    company: Company, admin: asyncpg.Connection
) -> None:
    nobody = (await home.overview(company.ann)).machine
    assert nobody is not None
    assert (nobody.workers, nobody.places, nobody.staff) == (0, 0, 5)
    assert nobody.database_bytes > 1_000_000
    for pid, seconds in ((1, 0), (2, 3), (3, 600)):
        await admin.execute(
            "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version)"
            " VALUES (gen_random_uuid(), 'here', $1, now(), now() - $2 * interval '1 second', 4, 'x', '0')",
            *(pid, seconds),
        )
    alive = (await home.overview(company.ann)).machine
    assert alive is not None
    assert (alive.workers, alive.places) == (2, 8)
    assert (await home.overview(company.tess)).machine is None


async def test_what_waits_is_told_of_ones_own_teams(company: Company, admin: asyncpg.Connection) -> None:
    assert (await home.overview(company.ann)).waits_since is None
    await add_job(admin, company.nordlicht, "queued")
    await admin.execute("UPDATE jobs SET run_after = now() - interval '1 hour'")
    await add_job(admin, company.acme, "queued")
    for team, status in ((company.acme, "disputed"), (company.nordlicht, "disputed"), (company.acme, "succeeded")):
        await admin.execute(
            "INSERT INTO payments (id, team_id, amount_minor, currency, status, refunded_minor, description, version,"
            " created_at, updated_at) VALUES (gen_random_uuid(), $1, 500, 'EUR', $2, 0, '', 1, now(), now())",
            *(team, status),
        )
    everything, ours = await home.overview(company.ann), await home.overview(company.tess)
    assert (everything.disputed, ours.disputed) == (2, 1)
    assert everything.waits_since is not None
    assert ours.waits_since is not None
    assert ours.waits_since - everything.waits_since > timedelta(minutes=59)


async def test_old_imports_are_no_news(company: Company, admin: asyncpg.Connection) -> None:
    made = await make_dataset(admin, company.acme, "Flights", {"n": "integer"})
    await add_import(admin, made, 1, "jsonb_build_object('n', n)")
    await admin.execute("UPDATE imports SET rows_bad = 2, created_at = now() - interval '15 days'")
    assert (await home.overview(company.ann)).imports_with_bad_rows == []


async def test_who_may_not_read_the_log_sees_none_of_it(company: Company) -> None:
    assert (await home.overview(company.vic)).lately is None
    with pytest.raises(Forbidden):
        await home.overview(company.nil)


async def test_rows_of_datasets_that_are_being_deleted_do_not_count(
    company: Company, admin: asyncpg.Connection
) -> None:
    for name, rows in (("Flights", 3), ("Old", 40)):
        made = await make_dataset(admin, company.acme, name, {"n": "integer"})
        await add_import(admin, made, rows, "jsonb_build_object('n', n)")
    await datasets.delete(company.ann, made.id, "Old", "not needed any more")
    seen = await home.overview(company.ann)
    assert (seen.datasets, seen.rows) == (1, 3)
