"""Imports from the file to the rows, run by the worker's own code in this process."""

import asyncio
import gzip
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import app.worker.tasks.tidying  # noqa: F401 - binds the function that its job runs
from app import job_queue
from app.config import Settings
from app.database import writing
from app.errors import Conflict, Duplicate, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.job_queue.tasks import FILES_TIDY
from app.models import Action, Import, ImportStatus, Team
from app.paging import PageRequest
from app.permissions import Permission
from app.services import datasets, home, imports, jobs, rows, teams
from app.services.imports import Choice
from app.tabular import reading
from tests.factories import AIRPORT_ROWS, AIRPORTS, Desk, add_user, check_counts, choices, make_dataset
from tests.people import Company

SMALL = b"code,n\nA,1\nB,2\nC,3\n"
FIVE_BAD = b"code,n\n" + b"".join(b"A%d,%s\n" % (n, b"x" if n % 4 == 0 else b"%d" % n) for n in range(20))


@pytest.fixture
def desk(company: Company, settings: Settings) -> Desk:
    return Desk.of(company.ann, settings)


async def stored(admin: asyncpg.Connection, dataset_id: UUID) -> int:
    """Rows of a dataset that are there, seen or not."""
    return int(
        await admin.fetchval(
            "SELECT count(*) FROM dataset_rows r JOIN datasets d ON d.number = r.dataset_number WHERE d.id = $1",
            dataset_id,
        )
    )


async def actions(admin: asyncpg.Connection) -> list[str]:
    return [row["action"] for row in await admin.fetch("SELECT action FROM audit_entries ORDER BY id")]


async def test_a_real_file_becomes_rows_counters_and_entries(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    started = await desk.start_new(AIRPORTS.read_bytes(), company.acme)
    assert (await imports.get(company.ann, started.id)).head.status == "queued"
    assert started.job_id is not None
    await desk.run(started.job_id)
    seen = await imports.get(company.ann, started.id)
    assert (seen.head.status, seen.head.rows_good, seen.head.rows_bad) == ("succeeded", AIRPORT_ROWS, 0)
    assert (seen.started_by, seen.job.status if seen.job else None) == ("Ann Adler", "succeeded")
    dataset = await datasets.get(company.ann, started.dataset_id)
    assert (dataset.rows, dataset.next_position, dataset.name) == (AIRPORT_ROWS, AIRPORT_ROWS + 1, "Airports")
    assert {f.key: f.type for f in dataset.fields} == {
        "faa": "text",
        "name": "text",
        "lat": "number",
        "lon": "number",
        "alt": "integer",
        "tz": "integer",
        "dst": "text",
        "tzone": "text",
    }
    window = await rows.window(company.ann, dataset.id, 0, 2)
    assert [row.position for row in window.rows] == [1, 2]
    assert window.rows[0].data == {
        "faa": "04G",
        "name": "Lansdowne Airport",
        "lat": 41.1304722,
        "lon": -80.6195833,
        "alt": 1044,
        "tz": -5,
        "dst": "A",
        "tzone": "America/New_York",
    }
    assert await actions(admin) == ["dataset.created", "import.started", "import.finished"]
    finished = await admin.fetchrow("SELECT * FROM audit_told() ORDER BY id DESC LIMIT 1")
    assert finished["actor_id"] == company.ann.staff_id
    assert (finished["actor_kind"], finished["team_id"], finished["target_label"]) == (
        *("system", company.acme, "table.csv"),
    )
    assert finished["detail"] == f'{{"bad": 0, "rows": {AIRPORT_ROWS}, "dataset": "Airports"}}'
    assert not desk.store.path(started.file_id).exists()
    await check_counts(admin)


async def test_positions_follow_the_file(desk: Desk, company: Company, admin: asyncpg.Connection) -> None:
    lines = b"n\n" + b"".join(b"%d\n" % n for n in range(1, 1001))
    started = await desk.start_new(gzip.compress(lines), company.acme)
    await desk.run_all(admin)
    found = await admin.fetch("SELECT position, (data->>'n')::int AS n FROM dataset_rows ORDER BY position")
    assert [(row["position"], row["n"]) for row in found] == [(n, n) for n in range(1, 1001)]
    assert await admin.fetchval("SELECT DISTINCT import_id FROM dataset_rows") == started.id


async def test_bad_rows_are_left_out_and_reported(desk: Desk, company: Company, admin: asyncpg.Connection) -> None:
    started = await desk.start_new(FIVE_BAD, company.acme, n="integer")
    await desk.run_all(admin)
    seen = (await imports.get(company.ann, started.id)).head
    assert (seen.status, seen.rows_good, seen.rows_bad) == ("succeeded", 15, 5)
    assert seen.error_groups == [{"code": "integer", "count": 5, "field": "n"}]
    issues = (await imports.issues(company.ann, started.id, PageRequest())).rows
    assert [(issue.line, issue.field, issue.code, issue.raw) for issue in issues] == [
        (2 + 4 * n, "n", "integer", "x") for n in range(5)
    ]
    one_field = await imports.issues(company.ann, started.id, PageRequest({"field": ("code",)}))
    assert (list(one_field.rows), one_field.count.value) == ([], 0)
    path, name = await imports.error_file(company.ann, desk.store, started.id)
    assert name == "table-errors.csv"
    assert len(path.read_text().splitlines()) == 6
    assert (await home.overview(company.ann)).imports_with_bad_rows[0].id == started.id
    await check_counts(admin)


async def test_all_or_nothing_loads_nothing(desk: Desk, company: Company, admin: asyncpg.Connection) -> None:
    started = await desk.start_new(FIVE_BAD, company.acme, n="integer", skip_bad=False)
    await desk.run_all(admin)
    seen = await imports.get(company.ann, started.id)
    assert (seen.head.status, seen.head.rows_good, seen.head.rows_bad) == ("refused", 0, 5)
    assert seen.job is not None
    assert seen.job.error == "Nothing was loaded: 5 rows do not fit, and you chose all or nothing."
    assert (seen.job.status, seen.job.attempts) == ("failed", 1)
    assert await stored(admin, started.dataset_id) == 0
    await check_counts(admin)


async def test_a_file_of_another_kind_is_refused_early(
    desk: Desk, company: Company, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EARLY_ROWS", 1000)
    started = await desk.start_new(AIRPORTS.read_bytes(), company.acme, name="Wrong", tzone="integer")
    await desk.run_all(admin)
    seen = await imports.get(company.ann, started.id)
    assert seen.head.status == "refused"
    assert seen.job is not None
    assert seen.job.error == (
        "Nothing was loaded: 1,000 of the first 1,000 rows do not fit. Correct the types of the columns and try again."
    )
    assert await stored(admin, started.dataset_id) == 0


async def test_a_refused_import_leaves_nothing_and_is_corrected_without_sending_the_file_anew(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    looked = await desk.look(SMALL)
    wrong = [replace(choice, type="date", missing=("NA",)) for choice in choices(looked)]
    ask: dict[str, Any] = {"new_team": "Penguins", "name": "Palmer", "skip_bad": False}
    started = await imports.start_new(company.ann, desk.store, looked, choices=wrong, **ask)
    await desk.run_all(admin)
    seen = await imports.get(company.ann, started.id)
    assert (seen.head.status, seen.head.dataset_status, seen.head.made_dataset) == ("refused", "refused", True)
    assert (await datasets.search(company.ann, PageRequest())).rows == []
    assert "Penguins" not in [team.name for team in (await teams.search(company.ann, PageRequest())).rows]
    assert "Penguins" not in [name for _, name in await teams.names(company.ann)]
    numbers = await home.overview(company.ann)
    assert (numbers.datasets, numbers.teams) == (0, 2)
    for gone in (datasets.get(company.ann, started.dataset_id), teams.get(company.ann, started.team_id)):
        with pytest.raises(NotFound):
            await gone
    assert seen.job is not None
    with pytest.raises(Conflict, match="would be refused again"):
        await jobs.retry(company.ann, seen.job.id, "hope")

    kept = await imports.reopen(company.ann, desk.store, started.id)
    assert (kept.dataset, kept.team, kept.import_.skip_bad) == ("Palmer", "Penguins", False)
    assert {choice.type for choice in kept.choices.values()} == {"date"}
    assert {choice.missing for choice in kept.choices.values()} == {("NA",)}
    again = await imports.start_new(company.ann, desk.store, kept.looked, choices=choices(kept.looked), **ask)
    await desk.run_all(admin)
    assert (await imports.get(company.ann, again.id)).head.status == "succeeded"
    assert [row.name for row in (await datasets.search(company.ann, PageRequest())).rows] == ["Palmer"]
    assert (await teams.get(company.ann, again.team_id)).team.name == "Penguins"
    with pytest.raises(Conflict, match="Only an import that was refused"):
        await imports.reopen(company.ann, desk.store, again.id)

    # The file is kept for some days, and then goes; the telling of it stays.
    tidy = desk.settings.data_dir / "uploads" / f"{started.file_id}.data"
    for days, is_there in ((6, True), (8, False)):
        await admin.execute(
            "UPDATE imports SET finished_at = now() - $2 * interval '1 day' WHERE id = $1", started.id, float(days)
        )
        async with writing(company.ann, Permission.IMPORTS_RUN) as work:
            team = await work.get(Team, company.acme, lock=True)
            work.record(Action.TEAM_CREATED, team)
            await job_queue.submit(work, FILES_TIDY, team_id=None, created_by=None)
        await desk.run_all(admin)
        assert tidy.exists() is is_there
    with pytest.raises(NotFound, match="not kept any more"):
        await imports.reopen(company.ann, desk.store, started.id)


async def test_what_somebody_uses_by_now_stays_when_its_first_import_is_refused(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    looked = await desk.look(SMALL)
    wrong = [replace(choice, type="date") for choice in choices(looked)]
    ask: dict[str, Any] = {"name": "Palmer", "skip_bad": True}
    started = await imports.start_new(company.ann, desk.store, looked, new_team="Used", choices=wrong, **ask)
    await add_user(admin, started.team_id, "Ada", "ada@example.com")
    await desk.run_all(admin)
    assert (await teams.get(company.ann, started.team_id)).team.name == "Used"
    into = await make_dataset(admin, company.acme, "There", {"code": "date"})
    second = await desk.start(SMALL, into.id)
    await desk.run_all(admin)
    assert (await imports.get(company.ann, second.id)).head.status == "refused"
    assert (await datasets.get(company.ann, into.id)).name == "There"


async def test_errors_without_bad_rows_have_no_file(desk: Desk, company: Company, admin: asyncpg.Connection) -> None:
    started = await desk.start_new(SMALL, company.acme)
    await desk.run_all(admin)
    with pytest.raises(NotFound, match="no file of bad rows"):
        await imports.error_file(company.ann, desk.store, started.id)


async def test_a_second_file_appends_and_columns_find_their_fields(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    first = await desk.start_new(SMALL, company.acme)
    await desk.run_all(admin)
    second = await desk.start(b"other,n,code\nx,4,D\ny,5,E\n", first.dataset_id)
    await desk.run_all(admin)
    assert (await imports.get(company.ann, second.id)).head.rows_good == 2
    window = await rows.window(company.ann, first.dataset_id, 0, 10)
    assert [(row.position, row.data) for row in window.rows] == [
        (n, {"code": code, "n": n}) for n, code in enumerate("ABCDE", start=1)
    ]
    found = await imports.search(company.ann, PageRequest({"dataset": (str(first.dataset_id),)}))
    assert [row.id for row in found.rows] == [second.id, first.id]
    await check_counts(admin)


async def test_a_file_without_a_known_column_is_refused(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    first = await desk.start_new(SMALL, company.acme)
    await desk.run_all(admin)
    with pytest.raises(Invalid, match="No column of this file"):
        await desk.start(b"x,y\n1,2\n", first.dataset_id)
    await admin.execute("UPDATE schema_fields SET required = true, label = 'Code' WHERE key = 'code'")
    with pytest.raises(Invalid, match="lacks required columns: Code"):
        await desk.start(b"n,y\n1,2\n", first.dataset_id)


async def test_the_same_upload_twice_does_it_once(desk: Desk, company: Company, admin: asyncpg.Connection) -> None:
    looked = await desk.look(SMALL)
    values: dict[str, Any] = {"team_id": company.acme, "name": "Once", "choices": choices(looked), "skip_bad": True}
    first = await imports.start_new(company.ann, desk.store, looked, **values)
    second = await imports.start_new(company.ann, desk.store, looked, **values)
    third = await imports.start(
        company.ann, desk.store, looked, dataset_id=first.dataset_id, choices=choices(looked), skip_bad=True
    )
    assert first.id == second.id == third.id
    assert await admin.fetchval("SELECT count(*) FROM jobs") == 1
    assert await admin.fetchval("SELECT count(*) FROM datasets") == 1
    with pytest.raises(NotFound, match="upload is gone"):
        await imports.look(company.ann, desk.store, looked.upload.id)


async def test_two_tabs_that_start_the_same_upload_at_once_make_one_import(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    looked = await desk.look(SMALL)
    values: dict[str, Any] = {"team_id": company.acme, "name": "Once", "choices": choices(looked), "skip_bad": True}
    both = await asyncio.gather(
        *(imports.start_new(company.ann, desk.store, looked, **values) for _ in range(2)), return_exceptions=True
    )
    assert all(isinstance(one, Import | Duplicate) for one in both), both
    assert await admin.fetchval("SELECT count(*) FROM imports") == 1


async def test_the_same_bytes_are_noticed(desk: Desk, company: Company, admin: asyncpg.Connection) -> None:
    assert (await desk.look(SMALL)).same is None
    first = await desk.start_new(SMALL, company.acme)
    assert (await desk.look(SMALL)).same is None
    await desk.run_all(admin)
    same = (await desk.look(SMALL)).same
    assert same is not None
    assert (same.id, same.dataset) == (first.id, "Airports")


async def test_one_import_runs_in_a_dataset_at_a_time(desk: Desk, company: Company, admin: asyncpg.Connection) -> None:
    first = await desk.start_new(SMALL, company.acme)
    with pytest.raises(Duplicate, match="Another import of this dataset"):
        await desk.start(SMALL, first.dataset_id)
    with pytest.raises(Conflict, match="Cancel the import first"):
        await datasets.delete(company.ann, first.dataset_id, "Airports", "no")
    with pytest.raises(Conflict, match="still running"):
        await imports.delete(company.ann, first.id, "no")
    await check_counts(admin)


async def test_deleting_an_import_takes_exactly_its_rows(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    first = await desk.start_new(SMALL, company.acme)
    await desk.run_all(admin)
    second = await desk.start(b"code,n\nD,4\nE,5\n", first.dataset_id)
    await desk.run_all(admin)
    third = await desk.start(b"code,n\nF,6\n", first.dataset_id)
    await desk.run_all(admin)
    await imports.delete(company.ann, second.id, "sent twice")
    entry = await admin.fetchrow("SELECT * FROM audit_told() ORDER BY id DESC LIMIT 1")
    assert (entry["action"], entry["reason"], entry["detail"]) == ("import.deleted", "sent twice", '{"rows": 2}')
    assert (entry["before"], entry["after"]) == ('{"status": "succeeded"}', '{"status": "deleting"}')
    with pytest.raises(Conflict, match="deleted already"):
        await imports.delete(company.ann, second.id, "again")
    await desk.run_all(admin)
    window = await rows.window(company.ann, first.dataset_id, 0, 10)
    assert [row.data["code"] for row in window.rows] == ["A", "B", "C", "F"]
    assert (window.total.value, (await datasets.get(company.ann, first.dataset_id)).rows) == (4, 4)
    with pytest.raises(NotFound):
        await imports.get(company.ann, second.id)
    listed = await imports.search(company.ann, PageRequest())
    assert [row.id for row in listed.rows] == [third.id, first.id]
    await check_counts(admin)


async def test_deleting_a_dataset_takes_everything_but_the_log(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    started = await desk.start_new(FIVE_BAD, company.acme, n="integer")
    kept = await desk.start_new(SMALL, company.acme, name="Kept")
    await desk.run_all(admin)
    await datasets.delete(company.ann, started.dataset_id, "Airports", "not needed")
    with pytest.raises(NotFound):
        await datasets.get(company.ann, started.dataset_id)
    await desk.run_all(admin)
    for table in ("datasets", "schemas", "schema_versions", "imports", "dataset_counts"):
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == 1, table
    assert await admin.fetchval("SELECT count(*) FROM import_errors") == 0
    assert await stored(admin, kept.dataset_id) == await admin.fetchval("SELECT count(*) FROM dataset_rows") == 3
    assert (await actions(admin))[-2:] == ["dataset.deleted", "dataset.removed"]
    await check_counts(admin)


async def test_the_file_decides_which_columns_there_are(desk: Desk, company: Company) -> None:
    looked = await desk.look(SMALL)
    for chosen in ([], choices(looked)[:1], [*choices(looked), Choice("other", "text")]):
        with pytest.raises(Invalid, match="do not belong to this file"):
            await imports.start_new(
                company.ann, desk.store, looked, team_id=company.acme, name="X", choices=chosen, skip_bad=True
            )


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "two\nlines"])
async def test_a_dataset_needs_a_sensible_name(desk: Desk, company: Company, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.start_new(SMALL, company.acme, name=name)
    assert set(refused.value.fields) == {"name"}


async def test_two_datasets_of_a_team_have_two_names(desk: Desk, company: Company) -> None:
    await desk.start_new(SMALL, company.acme)
    with pytest.raises(Duplicate, match="already has a dataset with that name"):
        await desk.start_new(SMALL, company.acme)
    await desk.start_new(SMALL, company.nordlicht)


async def test_a_viewer_imports_nothing(desk: Desk, company: Company) -> None:
    looked = await desk.look(SMALL)
    with pytest.raises(Forbidden):
        await imports.start_new(
            company.vic, desk.store, looked, team_id=company.acme, name="X", choices=choices(looked), skip_bad=True
        )


async def test_nothing_is_imported_into_what_is_not_there(
    desk: Desk, company: Company, admin: asyncpg.Connection
) -> None:
    with pytest.raises(NotFound):
        await desk.start(SMALL, uuid7())
    started = await desk.start_new(SMALL, company.acme)
    await desk.run_all(admin)
    await datasets.delete(company.ann, started.dataset_id, "Airports", "no")
    with pytest.raises(NotFound, match="has been deleted"):
        await desk.start(SMALL, started.dataset_id)
    assert await admin.fetchval("SELECT status FROM imports") == ImportStatus.SUCCEEDED
