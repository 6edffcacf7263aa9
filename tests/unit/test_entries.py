"""Values and conflicts in words: never a Python repr, never fewer digits than are kept."""

from decimal import Decimal
from typing import Any

import pytest

from app.errors import Conflict
from pages.shared.audit_timeline import as_text, in_words, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(None, ""), ("a", "a"), (True, "true"), (2.5, "2.5"), (["a", "b"], "a; b"), ([1, None], "[1,null]")],
        ({"a": {"b": True}}, '{"a":{"b":true}}'),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
    ],
)
def test_a_value_reads_as_one_would_type_it(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_a_long_object_is_cut_and_a_number_stays_a_number() -> None:
    assert shown({"a": "x" * 500}).endswith("x…")
    assert shown(5) == 5


def test_a_conflict_about_an_object_is_about_one_value() -> None:
    told = in_words(Conflict("Changed.", original={"a": 1}, theirs={"a": 2}, yours=None))
    assert (told.message, told.original, told.theirs, told.yours) == ("Changed.", '{"a":1}', '{"a":2}', "")
