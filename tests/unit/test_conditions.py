"""Filters as they stand in a URL, in a sentence, and compared with the types of the fields."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.fields.filters import (
    FITTING,
    MAX_CONDITIONS,
    MAX_LENGTH,
    MAX_VALUES,
    OPERATORS,
    Condition,
    check,
    encode_filters,
    moment_prefix,
    parse_filters,
)
from app.fields.types import FieldType

COUNTS = {"nothing": (0, 0), "one": (1, 1), "two": (2, 2), "many": (1, 5)}
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    operator = draw(st.sampled_from(list(OPERATORS.values())))
    least, most = COUNTS[operator.takes]
    values = draw(st.lists(WORDS, min_size=least, max_size=most))
    return Condition(draw(st.from_regex(r"\A[a-z][a-z0-9_]{0,39}\Z")), operator.code, tuple(values))


@given(st.lists(conditions(), max_size=MAX_CONDITIONS, unique=True))
def test_every_filter_survives_the_url(some: list[Condition]) -> None:
    query = urlencode([*encode_filters(some), ("sort", "-n"), ("view", "f")])
    assert parse_filters(query) == tuple(some)
    assert parse_filters("?" + query) == tuple(some)


@given(st.text(max_size=80))
def test_whatever_stands_in_the_url_is_a_filter_or_refused(text: str) -> None:
    try:
        condition = Condition.decode(text)
    except Invalid:
        return
    assert Condition.decode(condition.encode()) == condition


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("origin.in.EWR,JFK", Condition("origin", "in", ("EWR", "JFK"))),
        ("distance.between.0.5,100", Condition("distance", "between", ("0.5", "100"))),
        ("note.is.a.b,c", Condition("note", "is", ("a.b,c",))),
        ("note.is.", Condition("note", "is", ("",))),
        ("tailnum.missing", Condition("tailnum", "missing")),
        ("city.in.Paris\\, France,Rome\\\\", Condition("city", "in", ("Paris, France", "Rome\\"))),
    ],
)
def test_the_form_in_the_url(text: str, wanted: Condition) -> None:
    assert Condition.decode(text) == wanted
    assert wanted.encode() == text


@pytest.mark.parametrize(
    "text",
    [
        *["", "origin", "origin.eats.EWR", "Origin.is.x", "a b.is.x", "'; --.is.x", "x.is", "x.missing.y"],
        *["x.between.1", "x.between.1,2,3", f"{'x' * 41}.is.1", f"x.is.{'v' * (MAX_LENGTH + 1)}"],
        f"x.in.{','.join(['v'] * (MAX_VALUES + 1))}",
    ],
    ids=lambda text: str(text)[:30],
)
def test_damaged_filters_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        Condition.decode(text)


def test_repeated_filters_count_once_and_too_many_are_refused() -> None:
    assert parse_filters("f=n.gt.1&f=n.gt.1") == (Condition("n", "gt", ("1",)),)
    with pytest.raises(Invalid, match="at most 20 filters"):
        parse_filters("&".join(f"f=n.gt.{n}" for n in range(MAX_CONDITIONS + 1)))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition("origin", "in", ("EWR", "JFK")), "origin is EWR or JFK"),
        (Condition("delay", "between", ("1", "9")), "delay between 1 and 9"),
        (Condition("delay", "gt", ("30",)), "delay over 30"),
        (Condition("tail", "missing"), "tail is missing"),
        (Condition("note", "is", ("",)), 'note is ""'),
    ],
)
def test_a_filter_in_words(condition: Condition, words: str) -> None:
    assert condition.words() == words
    assert condition.words("Other") == words.replace(condition.field, "Other", 1)


def test_every_type_has_operators_that_exist() -> None:
    assert set(FITTING) == {kind.value for kind in FieldType}
    assert {code for codes in FITTING.values() for code in codes} == set(OPERATORS)


@pytest.mark.parametrize(
    ("kind", "condition", "words"),
    [
        ("integer", Condition("n", "contains", ("1",)), "does not fit"),
        ("integer", Condition("n", "is", ("1.5",)), "is not a whole number"),
        ("number", Condition("n", "gt", ("nan",)), "is not a number"),
        ("number", Condition("n", "gt", ("1e999999",)), "is not a number"),
        ("boolean", Condition("n", "is", ("yes",)), "true, false"),
        ("date", Condition("n", "on", ("2013-02-30",)), "is not a date"),
        ("datetime", Condition("n", "on", ("9999-12-31T23:59-14:00",)), "is not a time"),
        ("text", Condition("m", "is", ("1",)), "has no field m"),
    ],
)
def test_filters_are_compared_with_the_types_of_fields(kind: str, condition: Condition, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        check([condition], {"n": kind})


def test_good_filters_pass() -> None:
    types = {"n": "integer", "r": "number", "t": "datetime", "s": "text"}
    good = [("n", "is", "-5"), ("r", "gt", "1e3"), ("t", "on", "2013-09-10T20:00+02:00"), ("s", "contains", "1")]
    check([Condition(field, op, (value,)) for field, op, value in good], types)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("2013-09-10", "2013-09-10"),
        ("20130910", "2013-09-10"),
        ("2013-09-10T20:00", "2013-09-10T20:00"),
        ("2013-09-10 20:00:05", "2013-09-10T20:00:05"),
        ("2013-09-10T01:00+02:00", "2013-09-09T23:00"),
        ("2013-09-10T20:00:00Z", "2013-09-10T20:00:00"),
    ],
)
def test_how_every_moment_begins_that_a_person_means(text: str, prefix: str) -> None:
    assert moment_prefix(text) == prefix
