"""Filters and orders of the grid against a model in Python: every operator on every type it fits."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from app.errors import Invalid
from app.fields.filters import FITTING, Condition
from app.paging import COUNT_CAP, CountKind, Sort
from app.services import rows
from tests.factories import Made, add_import, add_values, make_dataset
from tests.people import Company

TEXTS = ["EWR", "JFK", "ewr", "100%", "a_b", "back\\slash", "Zürich", "", " x ", None]
VALUES: dict[str, list[Any]] = {
    "text": TEXTS,
    "long_text": [*TEXTS[:-1], "EWR " * 80, None],
    "integer": [-5, 0, 3, 30, 200, 10**17, None],
    "number": [-0.5, 0, 0.1, 2, 30.25, 1e12, None],
    "boolean": [True, False, None],
    "date": ["2013-09-09", "2013-09-10", "2013-09-11", "2014-01-01", None],
    "datetime": [
        *["2013-09-09T23:59:59Z", "2013-09-10T00:00:00Z", "2013-09-10T20:00:00Z", "2013-09-10T20:00:30Z"],
        *["2013-09-10T20:01:00Z", "2013-09-11T00:00:00Z", None],
    ],
    "choice": ["red", "green", "blue", None],
    "multi_choice": [["red"], ["red", "blue"], ["green"], [], None],
    "url": ["https://example.org/EWR", "http://jfk.example", None],
    "image": ["https://example.org/EWR.png", None],
    "json": [{"a": 1}, [1, 2], 3, "EWR", None],
}
ASKED: dict[str, dict[str, list[tuple[str, ...]]]] = {
    "text": {"one": [("EWR",), ("%",), ("_",), ("\\",), ("ü",), ("",)], "many": [("EWR", "100%")]},
    "integer": {"one": [("30",), ("0",), ("-5",)], "two": [("0", "30")], "many": [("3", "200", "7")]},
    "number": {"one": [("0.1",), ("2",), ("30.250",)], "two": [("-0.5", "2")]},
    "boolean": {"one": [("true",), ("false",)]},
    "date": {"one": [("2013-09-10",), ("20130910",)], "two": [("2013-09-10", "2013-09-11")]},
    "datetime": {
        "one": [("2013-09-10",), ("2013-09-10T20:00",), ("2013-09-10T20:00:00",), ("2013-09-10T22:00+02:00",)],
        "two": [("2013-09-10", "2013-09-10"), ("2013-09-09", "2013-09-10T20:00")],
    },
    "choice": {"one": [("red",)], "many": [("red", "blue")]},
    "multi_choice": {"many": [("red",), ("green", "blue")]},
    "url": {"one": [("http://jfk.example",), ("https",), ("ewr",)], "many": [("http://jfk.example",)]},
    "image": {"one": [("EWR",)]},
}
ASKED["long_text"] = ASKED["text"]
TAKES = {"in": "many", "between": "two", "missing": "nothing", "present": "nothing"}


def _cases() -> list[tuple[str, Condition]]:
    found = []
    for kind, operators in FITTING.items():
        for op in operators:
            takes = TAKES.get(op, "one")
            asked: list[tuple[str, ...]] = [()] if takes == "nothing" else ASKED[kind][takes]
            found += [(kind, Condition("f", op, values)) for values in asked]
    return found


def _span(text: str) -> tuple[datetime, datetime]:
    """The first and the last second that a person means."""
    if len(text) == 10:
        day = datetime.fromisoformat(text)
        return day, day.replace(hour=23, minute=59, second=59)
    moment = datetime.fromisoformat(text)
    if offset := moment.utcoffset():
        moment -= offset
    moment = moment.replace(tzinfo=None)
    return moment, moment if text.count(":") - text.count("+") == 2 else moment.replace(second=59)


def _model(kind: str, value: Any, op: str, wanted: tuple[str, ...]) -> bool:
    """What a person means by the condition."""
    if op in ("missing", "present"):
        return (value is None) == (op == "missing")
    if value is None:
        return op == "not"
    if op in ("contains", "starts"):
        mine, part = str(value).lower(), wanted[0].lower()
        return part in mine if op == "contains" else mine.startswith(part)
    if kind == "multi_choice":
        return bool(set(value) & set(wanted))
    if kind == "datetime":
        return _moments(datetime.fromisoformat(value.removesuffix("Z")), op, [_span(text) for text in wanted])
    read: Callable[[Any], Any] = {
        "integer": lambda v: Decimal(str(v)),
        "number": lambda v: Decimal(str(v)),
        "boolean": lambda v: str(v).lower(),
        "date": date.fromisoformat,
    }.get(kind, str)
    return _compared(read(value), op, [read(text) for text in wanted])


def _moments(mine: datetime, op: str, spans: list[tuple[datetime, datetime]]) -> bool:
    (first, _), (_, last) = spans[0], spans[-1]
    return {"before": mine < first, "after": mine > last}.get(op, first <= mine <= last)


def _compared(mine: Any, op: str, others: list[Any]) -> bool:
    other = others[0]
    match op:
        case "is" | "on":
            return bool(mine == other)
        case "not":
            return bool(mine != other)
        case "in":
            return mine in others
        case "between":
            return bool(other <= mine <= others[1])
        case "lt" | "before":
            return bool(mine < other)
        case "le":
            return bool(mine <= other)
        case "gt" | "after":
            return bool(mine > other)
    assert op == "ge"
    return bool(mine >= other)


def _data(value: Any) -> dict[str, Any]:
    return {} if value is None else {"f": value}


@pytest.mark.parametrize("kind", FITTING)
async def test_every_operator_finds_what_a_person_means(company: Company, admin: asyncpg.Connection, kind: str) -> None:
    made = await make_dataset(admin, company.acme, "Typed", {"f": kind})
    await add_values(admin, made, [_data(value) for value in VALUES[kind]])
    cases = [condition for its_kind, condition in _cases() if its_kind == kind]
    assert {condition.op for condition in cases} == set(FITTING[kind])
    for condition in cases:
        wanted = [v for v in VALUES[kind] if _model(kind, v, condition.op, condition.values)]
        window = await rows.window(company.vic, made.id, 0, 100, (condition,))
        assert [row.data.get("f") for row in window.rows] == wanted, condition
        assert (window.total.value, window.total.kind) == (len(wanted), CountKind.EXACT)


@pytest.mark.parametrize(("kind", "op"), [(kind, op) for kind, operators in FITTING.items() for op in operators])
def test_the_model_tells_apart(kind: str, op: str) -> None:
    """Some condition with each operator finds some and leaves some, so that none passes for nothing."""
    tried = [condition for its_kind, condition in _cases() if (its_kind, condition.op) == (kind, op)]
    found = [{_model(kind, value, op, condition.values) for value in VALUES[kind]} for condition in tried]
    assert {True, False} in found


@pytest.mark.parametrize("kind", ["text", "integer", "number", "date", "datetime", "boolean"])
@pytest.mark.parametrize("descending", [False, True])
async def test_orders_put_missing_values_last(
    company: Company, admin: asyncpg.Connection, kind: str, descending: bool
) -> None:
    values = [None, *reversed(VALUES[kind]), *(["JFK", "ABC"] if kind == "text" else [])]
    made = await make_dataset(admin, company.acme, "Typed", {"f": kind})
    await add_values(admin, made, [_data(value) for value in values])
    there = [value for value in values if value is not None]
    wanted = sorted(there, key=lambda v: str(v).lower() if kind == "boolean" else v, reverse=descending)
    window = await rows.window(company.vic, made.id, 0, 100, sort=Sort("f", descending))
    assert [row.data.get("f") for row in window.rows] == [*wanted, *[None] * (len(values) - len(there))]


async def test_conditions_are_joined_and_ordered(company: Company, admin: asyncpg.Connection) -> None:
    made = await make_dataset(admin, company.acme, "Two", {"n": "integer", "s": "text"})
    await add_import(admin, made, 30, "jsonb_build_object('n', n % 10, 's', CASE WHEN n > 15 THEN 'b' ELSE 'a' END)")
    both = (Condition("n", "ge", ("8",)), Condition("s", "is", ("b",)))
    window = await rows.window(company.vic, made.id, 0, 10, both, Sort("n"))
    assert [(row.data["n"], row.position) for row in window.rows] == [(9, 19), (9, 29), (8, 18), (8, 28)]
    backwards = await rows.window(company.vic, made.id, 0, 3, sort=Sort("position"))
    assert [row.position for row in backwards.rows] == [30, 29, 28]


@pytest.mark.parametrize(
    "condition",
    [
        *[Condition("gone", "is", ("1",)), Condition("n", "contains", ("1",)), Condition("n", "is", ("x",))],
        *[Condition("r", "gt", ("1E+999999999",)), Condition("r", "gt", ("NaN",)), Condition("s", "is", ("a\x00",))],
        *[Condition("d", "on", ("yesterday",)), Condition("t", "on", ("0001-01-01T00:00+14:00",))],
    ],
    ids=str,
)
async def test_conditions_that_cannot_be_are_refused(
    company: Company, admin: asyncpg.Connection, condition: Condition
) -> None:
    fields = {"n": "integer", "r": "number", "s": "text", "d": "date", "t": "datetime"}
    made = await make_dataset(admin, company.acme, "Typed", fields)
    with pytest.raises(Invalid):
        await rows.window(company.ann, made.id, 0, 10, (condition,))
    with pytest.raises(Invalid):
        await rows.window(company.ann, made.id, 0, 10, sort=Sort("gone"))


@pytest.fixture
async def large(company: Company, admin: asyncpg.Connection) -> Made:
    made = await make_dataset(admin, company.acme, "Large", {"n": "integer"})
    await add_import(admin, made, COUNT_CAP + 500, "jsonb_build_object('n', n)")
    return made


async def test_matches_are_capped_and_said_so(company: Company, large: Made) -> None:
    def above(least: int) -> tuple[Condition, ...]:
        return (Condition("n", "gt", (str(least),)),)

    many = await rows.window(company.vic, large.id, 0, 3, above(0))
    assert (str(many.total), [row.position for row in many.rows]) == ("10,000+", [1, 2, 3])
    exact = await rows.window(company.vic, large.id, 0, 3, above(500))
    assert str(exact.total) == "10,000"
    fewer = await rows.window(company.vic, large.id, 0, 3, above(501))
    assert (fewer.total.value, fewer.total.kind) == (9_999, CountKind.EXACT)
    end = await rows.window(company.vic, large.id, COUNT_CAP - 2, COUNT_CAP + 10, above(0))
    assert [row.position for row in end.rows] == [9_999, 10_000]
    ordered = await rows.window(company.vic, large.id, COUNT_CAP - 1, COUNT_CAP + 10, sort=Sort("n"))
    assert ([row.position for row in ordered.rows], str(ordered.total)) == ([501], "10,000+")
    everything = await rows.window(company.vic, large.id, 10_490, 10_600)
    assert [row.position for row in everything.rows] == list(range(10_491, 10_501))


async def test_two_people_never_share_what_was_found(company: Company, large: Made) -> None:
    condition = (Condition("n", "le", ("3",)),)
    assert (await rows.window(company.ann, large.id, 0, 3, condition)).total.value == 3
    assert (await rows.window(company.tess, large.id, 1, 3, condition)).total.value == 3
