"""The audit log for its readers: filters, one entry, and what people limited to a team do not see."""

from datetime import timedelta

import asyncpg
import pytest

from app import clock
from app.errors import Forbidden, Invalid, NotFound
from app.paging import PageRequest
from app.services import audit, datasets, jobs, staff, teams
from tests.factories import Made, add_job, make_dataset
from tests.people import PASSWORD, Company


@pytest.fixture
async def flights(company: Company, admin: asyncpg.Connection) -> Made:
    return await make_dataset(admin, company.acme, "Flights", {"origin": "text"})


async def said(company: Company, **filters: tuple[str, ...]) -> list[str]:
    return [row.action for row in (await audit.search(company.ann, PageRequest(filters))).rows]


async def test_filters_by_person_action_record_and_time(
    company: Company, flights: Made, admin: asyncpg.Connection
) -> None:
    job_id = await add_job(admin, company.nordlicht)
    await datasets.rename(company.ann, flights.id, "Departures", "Flights")
    await jobs.retry(company.sue, job_id, "again")
    await teams.create(company.ann, "Kite Labs")
    now = clock.now()
    assert await said(company) == ["team.created", "job.retried", "dataset.renamed"]
    assert await said(company, person=(str(company.sue.staff_id),)) == ["job.retried"]
    assert await said(company, action=("team.created", "dataset.renamed")) == ["team.created", "dataset.renamed"]
    assert await said(company, record=(f"dataset:{flights.id}",)) == ["dataset.renamed"]
    assert await said(company, record=("job",)) == ["job.retried"]
    assert await said(company, at=((now - timedelta(hours=1)).isoformat(), "")) == await said(company)
    assert await said(company, at=("", (now - timedelta(hours=1)).isoformat())) == []
    assert await said(company, at=("24h",)) == await said(company)
    assert await said(company, at=(f"..{(now - timedelta(hours=1)).isoformat()}",)) == []
    people = await audit.people(company.ann)
    assert people == [(str(company.ann.staff_id), "Ann Adler"), (str(company.sue.staff_id), "Sue Super")]


@pytest.mark.parametrize(
    "filters",
    [{"person": ("ann",)}, {"action": ("dataset.eaten",)}, {"at": ("now", "")}, {"record": ("job:\x00",)}],
    ids=str,
)
async def test_filters_that_cannot_be_are_refused(company: Company, filters: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Invalid):
        await audit.search(company.ann, PageRequest(filters))


async def test_one_entry(company: Company, flights: Made) -> None:
    await datasets.rename(company.ann, flights.id, "Departures", "Flights")
    (row,) = (await audit.search(company.ann, PageRequest())).rows
    entry = await audit.get(company.ann, row.id)
    assert (entry.before, entry.after, entry.ip) == ({"name": "Flights"}, {"name": "Departures"}, "127.0.0.1")
    assert not hasattr(entry, "session_id")
    with pytest.raises(NotFound):
        await audit.get(company.ann, row.id + 1)


async def test_an_impossible_number_is_refused(company: Company) -> None:
    with pytest.raises(Invalid):
        await audit.get(company.ann, 1 << 80)


async def test_limited_people_see_their_teams_entries_only(company: Company, admin: asyncpg.Connection) -> None:
    for team, name in ((company.acme, "Ours"), (company.nordlicht, "Theirs")):
        made = await make_dataset(admin, team, name, {"a": "text"})
        await datasets.rename(company.ann, made.id, name + "!", name)
    await staff.set_password(company.sue, "vic@example.com", PASSWORD)  # about the console itself: no team
    (row,) = (await audit.search(company.tess, PageRequest())).rows
    assert row.target_label == "Ours"
    hidden = [row.id for row in (await audit.search(company.ann, PageRequest())).rows if row.target_label != "Ours"]
    assert len(hidden) == 2
    for entry_id in hidden:
        with pytest.raises(NotFound):
            await audit.get(company.tess, entry_id)
    assert await audit.people(company.tess) == [(str(company.ann.staff_id), "Ann Adler")]


async def test_viewers_do_not_read_it(company: Company) -> None:
    for verb in (audit.search(company.vic, PageRequest()), audit.people(company.vic), audit.get(company.vic, 1)):
        with pytest.raises(Forbidden):
            await verb


async def test_people_are_told_once_by_the_latest_of_their_names(
    company: Company, flights: Made, admin: asyncpg.Connection
) -> None:
    await datasets.rename(company.ann, flights.id, "Departures", "Flights")
    await admin.execute("UPDATE staff SET name = 'Ann Young' WHERE id = $1", company.ann.staff_id)
    await datasets.rename(company.ann, flights.id, "Flights", "Departures")
    assert await audit.people(company.sue) == [(str(company.ann.staff_id), "Ann Young")]
