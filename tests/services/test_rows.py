"""Rows of a dataset: every row in reach by its index, edits validated and never lost."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.config import Settings
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.paging import Sort
from app.services import imports, rows
from app.topics import Change
from tests.factories import Desk, Made, add_import, add_values, check_counts, make_dataset
from tests.people import Company

TYPES = ("text", "integer", "number", "boolean", "date", "datetime", "choice", "multi_choice", "url", "json")


@pytest.fixture
async def numbers(company: Company, admin: asyncpg.Connection) -> Made:
    """Three imports of 10, 5 and 7 rows; ``n`` is the position."""
    made = await make_dataset(admin, company.acme, "Numbers", {"n": "integer"})
    for rows_ in (10, 5, 7):
        await add_import(admin, made, rows_, "jsonb_build_object('n', n)")
    return made


async def seen(company: Company, made: Made, start: int, stop: int) -> list[int]:
    window = await rows.window(company.vic, made.id, start, stop)
    assert not window.scan
    return [row.position for row in window.rows]


async def test_windows_reach_every_row(company: Company, numbers: Made) -> None:
    assert await seen(company, numbers, 0, 5) == [1, 2, 3, 4, 5]
    assert await seen(company, numbers, 8, 17) == list(range(9, 18))
    assert await seen(company, numbers, 20, 30) == [21, 22]
    assert await seen(company, numbers, 22, 30) == []
    window = await rows.window(company.vic, numbers.id, 0, 1)
    assert (str(window.total), [field.key for field in window.fields]) == ("22", ["n"])
    assert window.took_ms > 0


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_windows_stay_right_where_an_import_was_deleted(
    company: Company, settings: Settings, admin: asyncpg.Connection, numbers: Made, which: int
) -> None:
    ids = [row["id"] for row in await admin.fetch("SELECT id FROM imports ORDER BY first_position")]
    await imports.delete(company.ann, ids[which], "not these")
    await Desk.of(company.ann, settings).run_all(admin)
    left = [n for n in range(1, 23) if not [range(1, 11), range(11, 16), range(16, 23)][which].count(n)]
    for start in range(len(left)):
        for stop in (start + 1, start + 4, 40):
            assert await seen(company, numbers, start, stop) == left[start:stop]
    await add_import(admin, numbers, 3, "jsonb_build_object('n', n)")
    assert await seen(company, numbers, 0, 100) == [*left, 23, 24, 25]
    await check_counts(admin)


async def test_rows_that_are_still_being_loaded_are_out_of_sight(
    company: Company, admin: asyncpg.Connection, numbers: Made
) -> None:
    await add_import(admin, numbers, 4, "jsonb_build_object('n', n)")
    await admin.execute("UPDATE datasets SET next_position = 23")
    await admin.execute("UPDATE imports SET status = 'loading' WHERE first_position = 23")
    assert (await rows.window(company.ann, numbers.id, 0, 100)).total.value == 22
    assert (await rows.window(company.ann, numbers.id, 0, 100, sort=Sort("n"))).total.value == 22
    hidden = await admin.fetchval("SELECT id FROM dataset_rows WHERE position = 23")
    last = await admin.fetchval("SELECT id FROM dataset_rows WHERE position = 22")
    for verb in (rows.get(company.ann, numbers.id, hidden), rows.edit(company.ann, numbers.id, hidden, "n", 23, 1)):
        with pytest.raises(NotFound):
            await verb
    assert (await rows.get(company.ann, numbers.id, last)).next is None


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (5, 1), (0, 1001)])
async def test_windows_that_cannot_be_are_refused(company: Company, numbers: Made, start: int, stop: int) -> None:
    with pytest.raises(Invalid):
        await rows.window(company.ann, numbers.id, start, stop)


async def test_one_row_with_its_neighbours_and_history(company: Company, numbers: Made) -> None:
    window = await rows.window(company.vic, numbers.id, 9, 12)
    before, here, after = (row.id for row in window.rows)
    await rows.edit(company.ann, numbers.id, here, "n", 11, 110)
    row = await rows.get(company.vic, numbers.id, here)
    assert (row.position, row.data, row.previous, row.next) == (11, {"n": 110}, before, after)
    assert (row.version, row.status, row.dataset.name) == (2, "pending", "Numbers")
    assert [(act.action, act.actor_name, act.before, act.after) for act in row.history] == [
        ("row.edited", "Ann Adler", {"data.n": 11}, {"data.n": 110})
    ]
    first = await rows.get(company.vic, numbers.id, (await rows.window(company.vic, numbers.id, 0, 1)).rows[0].id)
    assert first.previous is None


@pytest.fixture
async def typed(company: Company, admin: asyncpg.Connection) -> tuple[Made, UUID]:
    """One row with a field of every type, and rules on some."""
    fields: dict[str, Any] = {kind: kind for kind in TYPES}
    fields["choice"] = {"type": "choice", "enum": ["red", "green"]}
    fields["number"] = {"type": "number", "minimum": 0, "maximum": 10}
    fields["title"] = {"type": "text", "required": True, "label": "Title"}
    made = await make_dataset(admin, company.acme, "Typed", fields)
    await add_values(admin, made, [{"title": "one", "text": "old"}])
    return made, await admin.fetchval("SELECT id FROM dataset_rows")


@pytest.mark.parametrize(
    ("key", "typed_in", "kept"),
    [
        *[("text", " Zürich ✈ ", " Zürich ✈ "), ("integer", " 42 ", 42), ("integer", "1e3", 1000)],
        *[("number", "3.50", 3.5), ("number", 7, 7), ("boolean", "Yes", True), ("boolean", "0", False)],
        *[("date", "2013-09-10", "2013-09-10"), ("datetime", "2013-09-10 20:00+02:00", "2013-09-10T18:00:00Z")],
        *[
            ("choice", "red", "red"),
            ("multi_choice", "a; b", ["a", "b"]),
            ("url", "https://x.org/ü", "https://x.org/ü"),
        ],
        *[("json", '{"a": [1, null]}', {"a": [1, None]}), ("text", "", None), ("integer", "  ", None)],
    ],
    ids=str,
)
async def test_a_cell_is_kept_by_its_type(
    company: Company, admin: asyncpg.Connection, typed: tuple[Made, UUID], key: str, typed_in: Any, kept: Any
) -> None:
    made, row_id = typed
    before = json.loads(await admin.fetchval("SELECT data FROM dataset_rows"))
    assert await rows.edit(company.ann, made.id, row_id, key, before.get(key), typed_in) == kept
    now = json.loads(await admin.fetchval("SELECT data FROM dataset_rows"))
    assert now == {k: v for k, v in before.items() if k != key} | ({} if kept is None else {key: kept})
    assert await rows.value(company.vic, made.id, row_id, key) == kept


@pytest.mark.parametrize(
    ("key", "typed_in"),
    [
        *[("integer", "4.5"), ("integer", "x"), ("integer", "1" * 19), ("integer", True), ("number", "-1")],
        *[("number", "10.1"), ("number", "NaN"), ("boolean", "perhaps"), ("date", "2013-02-30"), ("date", "10.9.2013")],
        *[("datetime", "noon"), ("datetime", "0001-01-01T00:00+14:00"), ("choice", "blue"), ("url", "javascript:x")],
        *[("json", "{"), ("json", "NaN"), ("json", '"\\u0000"'), ("json", '"\\ud800"'), ("text", "a\x00b")],
        *[("text", "x" * 20_001), ("text", "\ud800"), ("title", ""), ("title", None)],
    ],
    ids=str,
)
async def test_a_cell_that_breaks_its_rules_is_refused(
    company: Company, admin: asyncpg.Connection, typed: tuple[Made, UUID], key: str, typed_in: Any
) -> None:
    made, row_id = typed
    with pytest.raises(Invalid):
        await rows.edit(company.ann, made.id, row_id, key, None, typed_in)
    assert await admin.fetchval("SELECT version FROM dataset_rows") == 1
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 0


async def test_the_same_cell_conflicts_and_nothing_typed_is_lost(company: Company, typed: tuple[Made, UUID]) -> None:
    made, row_id = typed
    await rows.edit(company.ann, made.id, row_id, "text", "old", "hers")
    with pytest.raises(Conflict, match="changed text meanwhile") as refused:
        await rows.edit(company.sue, made.id, row_id, "text", "old", "mine")
    told = refused.value
    assert (told.original, told.theirs, told.yours) == ("old", "hers", "mine")
    assert await rows.value(company.ann, made.id, row_id, "text") == "hers"
    assert await rows.edit(company.sue, made.id, row_id, "text", "hers", "mine") == "mine"


async def test_different_cells_of_a_row_do_not_collide(company: Company, typed: tuple[Made, UUID]) -> None:
    made, row_id = typed
    await rows.edit(company.ann, made.id, row_id, "text", "old", "new")
    await rows.edit(company.sue, made.id, row_id, "integer", None, "5")
    row = await rows.get(company.ann, made.id, row_id)
    assert row.data == {"title": "one", "text": "new", "integer": 5}
    assert [act.actor_name for act in row.history] == ["Sue Super", "Ann Adler"]


async def test_what_is_so_already_is_no_change(
    company: Company, admin: asyncpg.Connection, typed: tuple[Made, UUID]
) -> None:
    made, row_id = typed
    assert await rows.edit(company.ann, made.id, row_id, "text", "something else", "old") == "old"
    assert await admin.fetchval("SELECT count(*) FROM audit_entries") == 0


async def test_what_was_seen_is_compared_as_it_would_be_kept(company: Company, typed: tuple[Made, UUID]) -> None:
    made, row_id = typed
    await rows.edit(company.ann, made.id, row_id, "integer", None, 5)
    assert await rows.edit(company.ann, made.id, row_id, "integer", "5", "6") == 6
    assert await rows.edit(company.ann, made.id, row_id, "integer", 6.0, "7") == 7


async def test_an_edit_is_told_with_row_and_field(
    company: Company, admin: asyncpg.Connection, typed: tuple[Made, UUID]
) -> None:
    made, row_id = typed
    heard: list[str] = []
    await admin.add_listener("quarterdeck", lambda *message: heard.append(message[-1]))
    await rows.edit(company.ann, made.id, row_id, "text", "old", "new")
    await admin.fetchval("SELECT 1")
    assert Change("rows", made.id, f"{row_id}:text") in [Change.decode(message) for message in heard]


async def test_refusals(company: Company, typed: tuple[Made, UUID]) -> None:
    made, row_id = typed
    with pytest.raises(Forbidden):
        await rows.edit(company.vic, made.id, row_id, "text", "old", "new")
    with pytest.raises(Invalid, match="no such field"):
        await rows.edit(company.ann, made.id, row_id, "gone", "old", "new")
    for verb in (
        rows.window(company.ann, uuid7(), 0, 1),
        rows.get(company.ann, made.id, uuid7()),
        rows.value(company.ann, uuid7(), row_id, "text"),
        rows.edit(company.ann, uuid7(), row_id, "text", "old", "new"),
    ):
        with pytest.raises(NotFound):
            await verb
