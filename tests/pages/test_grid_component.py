"""The Python side of the dataset components: what they are told by a browser, and what they make of it."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Conflict, Invalid, Unavailable
from app.fields.filters import FITTING, MAX_CONDITIONS, OPERATORS, Condition, check, encode_filters, parse_filters
from components.forms.upload import Uploaded
from components.grid.column_types import ColumnTypes
from components.grid.grid import DataGrid, Edit
from components.page.wire import shaped

EDIT: dict[str, Any] = {"row_id": "r1", "field": "year", "seen": 1, "value": 2}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("f=origin.in.EWR,JFK", Condition("origin", "in", ("EWR", "JFK"))),
        ("?sort=-a&f=dep_delay.between.-1.5,30", Condition("dep_delay", "between", ("-1.5", "30"))),
        ("f=name.is.a.b%2C%20c", Condition("name", "is", ("a.b, c",))),
        ("f=tailnum.missing", Condition("tailnum", "missing")),
        ("f=name.is.", Condition("name", "is", ("",))),
        (r"f=name.in.a\,b,c\\", Condition("name", "in", ("a,b", "c\\"))),
    ],
)
def test_parse_reads_every_form(query: str, expected: Condition) -> None:
    assert parse_filters(query) == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "year",
        "year.",
        "year.was.1",
        "Year.is.1",
        ".is.1",
        "year.is",
        "year.between.1",
        "year.missing.1",
        "a.is." + "x" * 501,
    ],
)
def test_parse_refuses_damaged_filters(text: str) -> None:
    with pytest.raises(Invalid):
        Condition.decode(text)


def test_parse_refuses_too_many_filters() -> None:
    with pytest.raises(Invalid, match="at most 20"):
        parse_filters("&".join(f"f=year.is.{i}" for i in range(MAX_CONDITIONS + 1)))


@given(st.sampled_from(sorted(OPERATORS)), st.lists(st.text(max_size=12), min_size=2, max_size=4))
def test_encode_is_the_inverse_of_decode(code: str, texts: list[str]) -> None:
    values = {"nothing": 0, "one": 1, "two": 2, "many": len(texts)}[OPERATORS[code].takes]
    condition = Condition("year", code, tuple(texts[:values]))
    assert Condition.decode(condition.encode()) == condition
    assert encode_filters([condition]) == [("f", condition.encode())]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition("origin", "in", ("EWR", "JFK")), "Origin is EWR or JFK"),
        (Condition("origin", "gt", ("30",)), "Origin over 30"),
        (Condition("origin", "between", ("1", "2")), "Origin between 1 and 2"),
        (Condition("origin", "missing"), "Origin is missing"),
    ],
)
def test_words_are_a_sentence(condition: Condition, words: str) -> None:
    assert condition.words("Origin") == words


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", "-12", "1.5"),
        ("number", "1e3", "NaN"),
        ("boolean", "true", "yes"),
        ("date", "2013-09-10", "10.9.2013"),
        ("datetime", "2013-09-10T20:00", "soon"),
    ],
)
def test_check_compares_values_with_the_type(kind: str, good: str, bad: str) -> None:
    operator = FITTING[kind][0]
    check([Condition("x", operator, (good,))], {"x": kind})
    with pytest.raises(Invalid, match="is not a"):
        check([Condition("x", operator, (bad,))], {"x": kind})


def test_check_refuses_unknown_fields_and_unfitting_operators() -> None:
    with pytest.raises(Invalid, match="no field"):
        check([Condition("y", "is", ("1",))], {"x": "text"})
    with pytest.raises(Invalid, match="does not fit"):
        check([Condition("x", "contains", ("1",))], {"x": "integer"})


@pytest.mark.parametrize("args", [None, [], "x", {}, {"row_id": 1, "field": "a"}, {"row_id": "a", "field": None}])
def test_edit_refuses_what_is_no_edit(args: object) -> None:
    with pytest.raises(Invalid):
        shaped(Edit, id)(args)


@pytest.mark.parametrize("args", [None, [], {"id": "1"}, {"id": 1, "name": "a", "bytes": 1, "sha256": "x"}])
def test_uploaded_refuses_what_is_no_upload(args: object) -> None:
    with pytest.raises(Invalid):
        shaped(Uploaded, id)(args)


class Heard(SimpleNamespace):
    """Stands in for a grid without a browser: remembers what its cells are told."""

    def answer(self, *told: object) -> None:
        self.told = told


def _refusing(error: Exception) -> Callable[[Edit], Awaitable[None]]:
    async def refuse(_: Edit) -> None:
        raise error

    return refuse


@pytest.mark.parametrize(
    ("error", "state", "value", "escapes"),
    [
        (Invalid("Too small."), "refused", 1, False),
        (Conflict("Changed meanwhile.", theirs=7), "conflict", 7, True),
        (Unavailable("No answer."), "failed", 1, True),
        (RuntimeError("a bug"), "failed", 1, True),
    ],
)
async def test_a_refused_edit_is_told_to_its_cell(error: Exception, state: str, value: object, escapes: bool) -> None:
    grid = Heard(_on_edit=_refusing(error))
    edit = Edit(**EDIT)
    if escapes:
        with pytest.raises(type(error)):
            await DataGrid._edited(cast("DataGrid", grid), edit)
    else:
        await DataGrid._edited(cast("DataGrid", grid), edit)
    assert grid.told[:4] == ("r1", "year", value, state)
    assert "bug" not in str(grid.told[4])


async def test_an_edit_without_an_editor_is_refused() -> None:
    grid = Heard(_on_edit=None)
    await DataGrid._edited(cast("DataGrid", grid), Edit(**EDIT))
    assert grid.told[3] == "refused"


def _choice(**changed: Any) -> dict[str, Any]:
    return {"key": "year", "type": "text", "required": True, "missing": ["NA"], **changed}


def _table() -> ColumnTypes:
    table = ColumnTypes.__new__(ColumnTypes)
    table._types, table._labels = frozenset({"text", "integer"}), {"year": "Year"}
    table._tokens, table._value = {"year": frozenset({"NA", ""})}, ()
    return table


def test_column_choice_takes_known_values() -> None:
    choice = _table()._read_one(_choice(), "year")
    assert (choice.label, choice.type, choice.missing, choice.required) == ("Year", "text", ("NA",), True)


@pytest.mark.parametrize(
    "choice",
    [
        None,
        _choice(key="other"),
        _choice(type="evil"),
        _choice(missing=["x"]),
        _choice(missing=[1]),
        _choice(required="yes"),
    ],
)
def test_column_choice_refuses_the_rest(choice: object) -> None:
    with pytest.raises(Invalid):
        _table()._read_one(choice, "year")
