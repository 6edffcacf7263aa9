"""Home: numbers from counters, and only what one may see."""

import asyncpg
import pytest

from app.errors import Forbidden
from app.models import JobStatus
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
    assert (everything.datasets.value, everything.rows) == (2, 43)
    assert {status: n for status, n in everything.jobs.items() if n} == {JobStatus.FAILED: 2}
    assert [row.team for row in everything.imports_with_bad_rows] == ["Nordlicht", "Acme"]
    assert everything.lately is not None
    assert [entry.action for entry in everything.lately] == ["dataset.renamed"] * 2
    ours = await home.overview(company.tess)
    assert (ours.datasets.value, ours.rows, ours.jobs[JobStatus.FAILED]) == (1, 3, 1)
    assert [row.team for row in ours.imports_with_bad_rows] == ["Acme"]
    assert ours.lately is not None
    assert [entry.team_id for entry in ours.lately] == [company.acme]


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
    assert (seen.datasets.value, seen.rows) == (1, 3)
