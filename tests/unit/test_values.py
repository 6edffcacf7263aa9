"""One value of one field: what is kept, what is refused, and that keeping what was kept changes nothing."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.fields.types import FieldType
from app.fields.values import MAX_JSON, MAX_TEXT, kept
from app.values import exact_json


@dataclass(frozen=True)
class Rules:
    type: str
    label: str = "Field"
    required: bool = False
    enum: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None


TYPED = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.decimals().map(str)),
    *(st.datetimes(timezones=st.timezones()).map(str), st.dates().map(str), st.lists(st.text(max_size=5), max_size=4)),
    st.recursive(st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps),
)


@given(kind=st.sampled_from(FieldType), value=TYPED)
def test_a_value_is_kept_as_json_or_refused_in_a_sentence(kind: FieldType, value: Any) -> None:
    try:
        once = kept(Rules(kind), value)
    except Invalid:
        return
    text = exact_json.dumps(once)
    text.encode()
    assert exact_json.loads(text) == once
    if kind is not FieldType.JSON:  # a JSON text is read once: the text "1" becomes 1
        assert kept(Rules(kind), once) == once


@pytest.mark.parametrize("kind", FieldType)
def test_nothing_is_missing_and_refused_where_it_is_required(kind: FieldType) -> None:
    for nothing in (None, ""):
        assert kept(Rules(kind), nothing) is None
        with pytest.raises(Invalid, match="Colour is required"):
            kept(Rules(kind, "Colour", required=True), nothing)


def test_spaces_are_a_text_and_nothing_else() -> None:
    assert kept(Rules("text"), "  ") == "  "
    assert kept(Rules("integer"), "  ") is None


@pytest.mark.parametrize(
    ("kind", "typed", "wanted"),
    [
        *[("integer", "007", 7), ("integer", "-1", -1), ("integer", "4.0", 4), ("integer", 10**18 - 1, 10**18 - 1)],
        *[("number", ".5", 0.5), ("number", "1e3", 1000), ("number", "1e20", 1e20), ("boolean", "YES", True)],
        *[
            ("number", exact, Decimal(exact))
            for exact in ("12345678901234567.89", "1234567890123456789", "-0.1000000000000000001")
        ],
        *[
            ("boolean", "no", False),
            ("date", " 2013-01-31 ", "2013-01-31"),
            ("datetime", "2013-01-31", "2013-01-31T00:00:00Z"),
        ],
        *[("datetime", "2013-01-31T18:00-05:00", "2013-01-31T23:00:00Z"), ("multi_choice", "a;b ; c", ["a", "b", "c"])],
        *[("url", " HTTPS://x.org ", "HTTPS://x.org"), ("json", "[1]", [1]), ("json", {"a": None}, {"a": None})],
    ],
)
def test_forms_that_are_kept(kind: str, typed: Any, wanted: Any) -> None:
    assert kept(Rules(kind), typed) == wanted
    assert type(kept(Rules(kind), typed)) is type(wanted)


@pytest.mark.parametrize(
    ("rules", "typed", "words"),
    [
        (Rules("integer"), "1.5", "is a whole number"),
        (Rules("integer"), 10**18, "is a whole number"),
        (Rules("number"), "Infinity", "is a number"),
        (Rules("number"), "1e999", "is a number"),
        (Rules("number", minimum=Decimal("0.5")), "0.4", "is at least 0.5"),
        (Rules("integer", maximum=Decimal(9)), "10", "is at most 9"),
        (Rules("boolean"), "maybe", "is true or false"),
        (Rules("date"), "31.01.2013", "is a date"),
        (Rules("datetime"), "9999-12-31T23:59-14:00", "is a date and time"),
        (Rules("choice", enum=("a", "b")), "c", "is one of: a, b"),
        (Rules("multi_choice", enum=("a", "b")), "a;c", "is one of: a, b"),
        (Rules("url"), "ftp://x.org", "is a web address"),
        (Rules("url"), "http://[", "is a web address"),
        (Rules("image"), "http://a b", "is a web address"),
        (Rules("text"), "x" * (MAX_TEXT + 1), "at most 20,000 characters"),
        (Rules("text"), "\x00", "NUL"),
        (Rules("text"), "\udc00", "half a character"),
        (Rules("json"), json.dumps("x" * MAX_JSON), "at most 64 KB"),
        (Rules("json"), "[" * 100_000, "is JSON"),
        (Rules("json"), "1e999", "is JSON"),
        (Rules("json"), '{"\\u0000": 1}', "NUL"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refusals_say_what_is_wanted(rules: Rules, typed: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        kept(rules, typed)


def test_a_backslash_before_u0000_is_text() -> None:
    assert kept(Rules("json"), '"\\\\u0000"') == "\\u0000"
