"""Reasons: what the log keeps of them, and what it refuses."""

import pytest

from app.errors import Invalid
from app.values import reasons


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("  asked by Acme \n", "asked by Acme"), ("first line\nsecond", "first line\nsecond"), ("x" * 500, "x" * 500)],
)
def test_a_reason_is_kept_without_space_around_it(typed: str, kept: str) -> None:
    assert reasons.checked(typed) == kept


@pytest.mark.parametrize("typed", ["", " \n\t ", "x" * 501, "a\0b", "a\x1b[31mb", "a\u202eb"])
def test_what_is_no_reason_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        reasons.checked(typed)
    assert set(refused.value.fields) == {"reason"}
