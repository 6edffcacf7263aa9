"""Before an import: which cells of the first rows would not fit the chosen types."""

import asyncpg
import pytest

from app.config import Settings
from app.services import datasets, imports
from app.services.imports import Choice
from tests.factories import Desk, Made, make_dataset
from tests.people import Company

FILE = b"city,people,open\nUlm,126,t\nJena,NA,maybe\n,1_000,f\nBonn,x,no\n"


@pytest.fixture
async def looked(company: Company, settings: Settings) -> imports.Looked:
    return await Desk.of(company.ann, settings).look(FILE)


def test_cells_that_do_not_fit_are_told_with_their_place(looked: imports.Looked) -> None:
    choices = [
        Choice("city", "text", ("",), required=True),
        Choice("people", "integer", ("NA",)),
        Choice("open", "boolean"),
    ]
    assert looked.misfits(choices) == [
        (1, 2, "open is true or false."),
        (2, 0, "city is required."),
        (2, 1, "people is a whole number, such as 42."),
        (3, 1, "people is a whole number, such as 42."),
    ]


def test_texts_take_everything_and_a_word_counts_as_missing_only_when_chosen(looked: imports.Looked) -> None:
    texts = [Choice(key, "text") for key in ("city", "people", "open")]
    assert looked.misfits(texts) == []
    numbers = [Choice("people", "integer")]
    assert [row for row, _, _ in looked.misfits(numbers)] == [1, 2, 3]


async def test_the_rules_of_a_dataset_that_is_there_count(
    company: Company, admin: asyncpg.Connection, looked: imports.Looked
) -> None:
    fields = {"people": {"type": "integer", "maximum": 100, "label": "People"}}
    made: Made = await make_dataset(admin, company.acme, "Cities", fields)
    known = (await datasets.get(company.ann, made.id)).fields
    choices = [Choice("city", "integer"), Choice("people", "integer", ("NA", "1_000", "x"))]
    assert looked.misfits(choices, known) == [(0, 1, "People is at most 100.")]
