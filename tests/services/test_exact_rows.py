"""Numbers with more digits than a float has: an edit beside them leaves them as they are, an edit of them is kept."""

from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.errors import Conflict
from app.services import rows
from tests.factories import Made, add_import, make_dataset
from tests.people import Company

EXACT = "12345678901234567.89"


@pytest.fixture
async def priced(company: Company, admin: asyncpg.Connection) -> tuple[Made, UUID]:
    """One row whose numbers no float can hold."""
    fields = {"title": "text", "price": "number", "more": "json"}
    made = await make_dataset(admin, company.acme, "Prices", fields)
    data = f"""'{{"title": "old", "price": {EXACT}, "more": {{"deep": [{EXACT}, 1e-7]}}}}'::jsonb"""
    await add_import(admin, made, 1, data)
    return made, await admin.fetchval("SELECT id FROM dataset_rows")


async def test_an_edit_leaves_the_other_numbers_exactly_as_they_are(
    company: Company, admin: asyncpg.Connection, priced: tuple[Made, UUID]
) -> None:
    made, row_id = priced
    others = "SELECT (data - 'title')::text FROM dataset_rows"
    before = await admin.fetchval(others)
    assert before.count(EXACT) == 2
    await rows.edit(company.ann, made.id, row_id, "title", "old", "new")
    assert await admin.fetchval(others) == before
    changed = await admin.fetchrow("SELECT before, after FROM audit_told()")
    assert tuple(changed) == ('{"data.title": "old"}', '{"data.title": "new"}')


async def test_an_exact_number_is_kept_as_typed_and_told_as_a_number(
    company: Company, admin: asyncpg.Connection, priced: tuple[Made, UUID]
) -> None:
    made, row_id = priced
    wanted = "98765432109876543.21"
    with pytest.raises(Conflict):
        await rows.edit(company.ann, made.id, row_id, "price", float(EXACT), wanted)
    assert await rows.edit(company.ann, made.id, row_id, "price", EXACT, wanted) == Decimal(wanted)
    assert await admin.fetchval("SELECT data ->> 'price' FROM dataset_rows") == wanted
    kinds = "jsonb_typeof(before -> 'data.price'), before ->> 'data.price', after ->> 'data.price'"
    assert tuple(await admin.fetchrow(f"SELECT {kinds} FROM audit_entries")) == ("number", EXACT, wanted)
    (entry,) = (await rows.get(company.vic, made.id, row_id)).history
    assert entry.after == {"data.price": Decimal(wanted)}
