"""Datasets for the people who look after them: find, look at, rename, delete."""

import asyncpg
import pytest

from app.errors import Conflict, Duplicate, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.models import RowStatus
from app.paging import PageRequest, Sort
from app.services import datasets
from app.topics import Change
from tests.factories import Made, add_import, check_counts, make_dataset
from tests.people import Company


@pytest.fixture
async def flights(company: Company, admin: asyncpg.Connection) -> Made:
    made = await make_dataset(admin, company.acme, "Flights", {"origin": "text"})
    await add_import(admin, made, 3, "jsonb_build_object('origin', 'EWR')")
    return made


async def entries(admin: asyncpg.Connection) -> list[asyncpg.Record]:
    return list(await admin.fetch("SELECT * FROM audit_told() ORDER BY id"))


async def test_one_dataset_with_its_fields_and_counters(company: Company, flights: Made) -> None:
    seen = await datasets.get(company.vic, flights.id)
    assert (seen.name, seen.team, seen.team_id, seen.number) == ("Flights", "Acme", company.acme, flights.number)
    assert (seen.rows, seen.by_status, seen.next_position) == (3, {RowStatus.PENDING: 3}, 4)
    assert [(field.key, field.type, field.enum) for field in seen.fields] == [("origin", "text", ())]


async def test_the_list_is_searched_filtered_and_sorted(
    company: Company, flights: Made, admin: asyncpg.Connection
) -> None:
    other = await make_dataset(admin, company.nordlicht, "airports_100%", {"code": "text"})

    async def ids(request: PageRequest) -> list[object]:
        return [row.id for row in (await datasets.search(company.ann, request)).rows]

    assert await ids(PageRequest()) == [other.id, flights.id]
    assert await ids(PageRequest(sort=Sort("name", descending=False))) == [other.id, flights.id]
    assert await ids(PageRequest(sort=Sort("name"))) == [flights.id, other.id]
    assert await ids(PageRequest(sort=Sort("updated_at", descending=False))) == [flights.id, other.id]
    assert await ids(PageRequest({"team": (str(company.acme),)})) == [flights.id]
    assert await ids(PageRequest(search="FLI")) == [flights.id]
    assert await ids(PageRequest(search="_100%")) == [other.id]
    assert await ids(PageRequest(search="%g%")) == []
    (row,) = (await datasets.search(company.ann, PageRequest(search="flights"))).rows
    assert (row.name, row.team, row.rows) == ("Flights", "Acme", 3)


@pytest.mark.parametrize(
    "request_",
    [PageRequest(sort=Sort("number")), PageRequest({"team": ("x",)}), PageRequest(search="\x00")],
    ids=["order", "filter", "search"],
)
async def test_a_list_that_cannot_be_is_refused(company: Company, request_: PageRequest) -> None:
    with pytest.raises(Invalid):
        await datasets.search(company.ann, request_)


async def test_rename_is_recorded_and_told(company: Company, flights: Made, admin: asyncpg.Connection) -> None:
    heard: list[str] = []
    await admin.add_listener("quarterdeck", lambda *message: heard.append(message[-1]))
    await datasets.rename(company.ann, flights.id, "  Departures ", "Flights")
    (entry,) = await entries(admin)
    assert (entry["action"], entry["target_label"], entry["team_id"]) == ("dataset.renamed", "Flights", company.acme)
    assert (entry["before"], entry["after"]) == ('{"name": "Flights"}', '{"name": "Departures"}')
    assert (await datasets.get(company.ann, flights.id)).name == "Departures"
    await admin.fetchval("SELECT 1")
    assert Change("datasets", flights.id) in [Change.decode(message) for message in heard]


async def test_rename_to_the_same_name_changes_nothing(
    company: Company, flights: Made, admin: asyncpg.Connection
) -> None:
    await datasets.rename(company.ann, flights.id, "Flights", "Whatever was seen")
    assert await entries(admin) == []


async def test_a_second_rename_is_a_conflict_that_tells_everything(company: Company, flights: Made) -> None:
    await datasets.rename(company.ann, flights.id, "Departures", "Flights")
    with pytest.raises(Conflict, match="renamed this dataset meanwhile") as refused:
        await datasets.rename(company.sue, flights.id, "Arrivals", "Flights")
    told = refused.value
    assert (told.original, told.theirs, told.yours) == ("Flights", "Departures", "Arrivals")
    assert (await datasets.get(company.ann, flights.id)).name == "Departures"


async def test_a_taken_name_is_refused(company: Company, flights: Made, admin: asyncpg.Connection) -> None:
    await make_dataset(admin, company.acme, "Taken", {"a": "text"})
    await make_dataset(admin, company.nordlicht, "Free here", {"a": "text"})
    with pytest.raises(Duplicate, match="already has a dataset with that name"):
        await datasets.rename(company.ann, flights.id, "Taken", "Flights")
    await datasets.rename(company.ann, flights.id, "Free here", "Flights")


@pytest.mark.parametrize("name", ["", " \t ", "x" * 121, "a\nb", "a\x00b", "a\u202eb"])
async def test_names_that_cannot_be_are_refused_under_their_field(company: Company, flights: Made, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        await datasets.rename(company.ann, flights.id, name, "Flights")
    assert list(refused.value.fields) == ["name"]


async def test_delete_asks_for_the_name_and_hides_it_at_once(
    company: Company, flights: Made, admin: asyncpg.Connection
) -> None:
    with pytest.raises(Invalid, match="exactly as it is"):
        await datasets.delete(company.ann, flights.id, "flights", "not needed")
    await datasets.delete(company.ann, flights.id, "Flights ", "not needed")
    (entry,) = await entries(admin)
    assert (entry["action"], entry["reason"], entry["detail"]) == ("dataset.deleted", "not needed", '{"rows": 3}')
    assert (entry["before"], entry["after"]) == ('{"status": "active"}', '{"status": "deleting"}')
    assert (await datasets.search(company.ann, PageRequest())).rows == []
    for verb in (
        datasets.get(company.ann, flights.id),
        datasets.rename(company.ann, flights.id, "X", "Flights"),
        datasets.delete(company.ann, flights.id, "Flights", "again"),
    ):
        with pytest.raises(NotFound):
            await verb
    assert await admin.fetchval("SELECT kind FROM jobs WHERE status = 'queued'") == "dataset.delete"
    await make_dataset(admin, company.acme, "Flights", {"a": "text"})  # its name is free again
    await check_counts(admin)


async def test_who_may_not_is_refused_before_anything_is_looked_at(company: Company, flights: Made) -> None:
    for verb in (
        datasets.rename(company.vic, flights.id, "X", "Flights"),
        datasets.delete(company.vic, uuid7(), "Flights", "no"),
        datasets.get(company.nil, flights.id),
        datasets.search(company.nil, PageRequest()),
    ):
        with pytest.raises(Forbidden):
            await verb


async def test_what_is_not_there_is_not_found(company: Company) -> None:
    with pytest.raises(NotFound):
        await datasets.get(company.ann, uuid7())
