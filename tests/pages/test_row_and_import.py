"""The page of a row and of an import: what they say when somebody else was faster, and while rows go away."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest
from nicegui.element import Element

from app import topics
from app.actor import Staff
from app.services import imports, rows
from tests.factories import Made, add_values, make_dataset
from tests.pages.visitor import Visit, Visitor
from tests.people import Company

FIELDS: dict[str, Any] = {
    "city": "text",
    "price": "number",
    "open": "boolean",
    "color": {"type": "choice", "enum": ["red", "green"]},
    "tags": "multi_choice",
    "more": "json",
}
VALUES = {"city": "Ulm", "price": 2.5, "open": True, "color": "red", "tags": ["a", "b"], "more": {"x": [1, None]}}


@pytest.fixture
async def made(admin: asyncpg.Connection, people: Company) -> tuple[Made, UUID]:
    dataset = await make_dataset(admin, people.acme, "Cities", FIELDS)
    await add_values(admin, dataset, [VALUES])
    return dataset, await admin.fetchval("SELECT id FROM dataset_rows")


async def choose(ann: Visitor, key: str) -> Any:
    """Open the dialog in which a field's value is typed."""
    ann.press("Edit a value")
    await ann.answer("Edit a value", field=key)
    return await ann.finds(label=f"Edit {key}", dialog=True)


@pytest.mark.parametrize(
    ("key", "kind", "value"),
    [
        *[("city", "text", "Ulm"), ("price", "number", "2.5"), ("open", "choice", "true"), ("color", "choice", "red")],
        *[("tags", "text", "a; b"), ("more", "long", '{\n  "x": [\n    1,\n    null\n  ]\n}')],
    ],
)
async def test_a_value_is_typed_in_the_input_of_its_type(
    visit: Visit, people: Company, made: tuple[Made, UUID], key: str, kind: str, value: str
) -> None:
    dataset, row = made
    ann = await visit(people.ann, f"/datasets/{dataset.id}/rows/{row}")
    await ann.sees("a; b", '{"x":[1,null]}')
    dialog = await choose(ann, key)
    (field,) = dialog.contents["fields"]
    assert (field["kind"], field["value"]) == (kind, value)
    ann.send(dialog, "submit", {"value": value})
    await ann.closes(dialog)
    assert (await rows.get(people.ann, dataset.id, row)).data == VALUES


async def test_a_conflict_on_the_page_of_a_row_loses_nothing(
    visit: Visit, people: Company, made: tuple[Made, UUID]
) -> None:
    dataset, row = made
    ann = await visit(people.ann, f"/datasets/{dataset.id}/rows/{row}")
    dialog = await choose(ann, "city")
    await rows.edit(people.sue, dataset.id, row, "city", "Ulm", "Jena")
    ann.send(dialog, "submit", {"value": "Bonn"})
    question = await ann.finds(label="Somebody changed this meanwhile")
    ann.send(question, "close")
    assert "Not saved" in (await ann.refuses(dialog))["value"]
    assert not dialog.is_deleted
    assert ann.toasts == []
    ann.send(dialog, "submit", {"value": "Bonn"})
    await ann.closes(question)
    await ann.answer("Somebody changed this meanwhile", value="theirs")
    await ann.hears("city stays as the other person saved it.")
    assert await rows.value(people.ann, dataset.id, row, "city") == "Jena"


async def test_mine_is_saved_over_theirs_when_chosen(visit: Visit, people: Company, made: tuple[Made, UUID]) -> None:
    dataset, row = made
    ann = await visit(people.ann, f"/datasets/{dataset.id}/rows/{row}")
    dialog = await choose(ann, "more")
    await rows.edit(people.sue, dataset.id, row, "more", VALUES["more"], {"x": 2})
    ann.send(dialog, "submit", {"value": '{"x": 3}'})
    await ann.answer("Somebody changed this meanwhile", value="mine")
    await ann.hears("more is saved.")
    assert await rows.value(people.ann, dataset.id, row, "more") == {"x": 3}


async def test_only_readers_of_the_audit_log_get_links_into_it(
    visit: Visit, people: Company, made: tuple[Made, UUID]
) -> None:
    dataset, row = made
    await rows.edit(people.ann, dataset.id, row, "city", "Ulm", "Jena")
    for person, linked in ((people.ann, True), (people.vic, False)):
        seen = await visit(person, f"/datasets/{dataset.id}/rows/{row}")
        (entry,) = seen.find(kind="timeline").contents["entries"]
        assert entry["opens"].startswith("/audit/") is linked


async def test_an_import_that_is_being_deleted_says_so_and_leads_away_when_it_is_gone(
    visit: Visit, people: Company, admin: asyncpg.Connection, made: tuple[Made, UUID]
) -> None:
    import_id = await admin.fetchval("UPDATE imports SET status = 'deleting' RETURNING id")
    ann = await visit(people.ann, f"/imports/{import_id}")
    await ann.sees("Its rows are being removed")
    assert not [e for e in ann.elements if getattr(e, "kind", "") == "progress"]
    await admin.execute("UPDATE imports SET status = 'deleted'")
    topics.datasets.tell(topics.Change("datasets", made[0].id))
    await ann.finds(kind="head", title="Imports")


async def test_what_changes_while_the_page_is_made_is_on_it(
    visit: Visit, people: Company, admin: asyncpg.Connection, made: tuple[Made, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await admin.fetchval("UPDATE imports SET status = 'loading', finished_at = NULL RETURNING id")
    get = imports.get

    async def answered_a_moment_too_early(actor: Staff, asked: UUID) -> Any:
        seen = await get(actor, asked)
        monkeypatch.setattr(imports, "get", get)
        await admin.execute("UPDATE imports SET status = 'refused', finished_at = now()")
        topics.datasets.tell(topics.Change("datasets", made[0].id))
        return seen

    monkeypatch.setattr(imports, "get", answered_a_moment_too_early)
    ann = await visit(people.ann, f"/imports/{import_id}")
    await ann.sees("Refused")


async def test_home_listens_once_to_all_that_it_shows(visit: Visit, people: Company) -> None:
    heard = (topics.jobs, topics.datasets, topics.audit)
    ann = await visit(people.ann, "/")

    def listening() -> list[int]:
        """Of this page alone: those of earlier tests may come and go at any moment."""
        owners = [[getattr(one, "__self__", None) for one in topic._listeners] for topic in heard]
        return [sum(isinstance(one, Element) and one.client is ann.page for one in those) for those in owners]

    assert listening() == [1, 1, 1]
    lives = [element for element in ann.elements if type(element).__name__ == "Live"]
    assert len(lives) == 1
    lives[0].delete()
    assert listening() == [0, 0, 0]
