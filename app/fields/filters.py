"""Typed filters on the fields of a dataset, and their form in a URL.

In the URL each condition is one ``f`` parameter, ``f=field.operator[.values]``, so a filtered view can be shared::

    f=origin.in.EWR,JFK    f=dep_delay.gt.30    f=distance.between.0.5,100    f=tailnum.missing

The key of a field and the code of an operator hold no dot, so everything behind the second dot is the value, as it is.
Only operators with several values (``in``, ``between``) part it at commas; there a backslash keeps the next character.
Nothing here knows SQL: :func:`parse_filters` reads the form, :func:`check` compares it with the types of the fields.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Literal
from urllib.parse import parse_qs

from app.errors import Invalid

MAX_CONDITIONS = 20
MAX_VALUES = 100
MAX_LENGTH = 500
"""Characters of one value."""

Takes = Literal["nothing", "one", "two", "many"]


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to compare. ``words`` stand in sentences and menus, ``takes`` says how many values it needs."""

    code: str
    words: str
    takes: Takes = "one"


_ALL = (
    Operator("is", "is"),
    Operator("not", "is not"),
    Operator("in", "is any of", "many"),
    Operator("contains", "contains"),
    Operator("starts", "starts with"),
    Operator("lt", "under"),
    Operator("le", "at most"),
    Operator("gt", "over"),
    Operator("ge", "at least"),
    Operator("between", "between", "two"),
    Operator("on", "on"),
    Operator("before", "before"),
    Operator("after", "after"),
    Operator("missing", "is missing", "nothing"),
    Operator("present", "is present", "nothing"),
)
OPERATORS: Mapping[str, Operator] = MappingProxyType({operator.code: operator for operator in _ALL})

_TEXT = ("is", "not", "in", "contains", "starts", "missing", "present")
_NUMBER = ("is", "not", "lt", "le", "gt", "ge", "between", "missing", "present")
_TIME = ("on", "before", "after", "between", "missing", "present")
FITTING: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text": _TEXT,
        "long_text": ("contains", "starts", "is", "not", "missing", "present"),
        "integer": (*_NUMBER[:2], "in", *_NUMBER[2:]),
        "number": _NUMBER,
        "boolean": ("is", "missing", "present"),
        "date": _TIME,
        "datetime": _TIME,
        "choice": ("in", "not", "missing", "present"),
        "multi_choice": ("in", "missing", "present"),
        "url": _TEXT,
        "image": ("missing", "present", "contains"),
        "json": ("missing", "present"),
    }
)
"""The operators of each field type, the most usual first."""

_DAMAGED = "This filter cannot be read. Remove it and add it again."
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MOST_DIGITS = 300
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter: a field's key, an operator's code, and its values as text (none, one, two or many)."""

    field: str
    op: str
    values: tuple[str, ...] = ()

    @classmethod
    def decode(cls, text: str) -> "Condition":
        """Read one ``f`` parameter (already percent-decoded); anything else raises :class:`Invalid`."""
        field, _, rest = text.partition(".")
        code, dot, raw = rest.partition(".")
        operator = OPERATORS.get(code)
        if operator is None or not _NAME.fullmatch(field):
            raise Invalid(_DAMAGED)
        values = _split(raw) if operator.takes in ("two", "many") else ((raw,) if dot else ())
        expected = {"nothing": range(1), "one": range(1, 2), "two": range(2, 3), "many": range(1, MAX_VALUES + 1)}
        if len(values) not in expected[operator.takes] or any(len(value) > MAX_LENGTH for value in values):
            raise Invalid(_DAMAGED)
        return cls(field, code, values)

    def encode(self) -> str:
        """The value of the ``f`` parameter, before percent-encoding; the inverse of :meth:`decode`."""
        takes = OPERATORS[self.op].takes
        if takes == "nothing":
            return f"{self.field}.{self.op}"
        raw = self.values[0] if takes == "one" else ",".join(re.sub(r"([\\,])", r"\\\1", v) for v in self.values)
        return f"{self.field}.{self.op}.{raw}"

    def words(self, label: str | None = None) -> str:
        """As a person says it: ``origin is EWR or JFK``. ``label`` stands in for the field's key."""
        name = label or self.field
        shown = [value or '""' for value in self.values]
        match OPERATORS[self.op].takes:
            case "two":
                return f"{name} between {shown[0]} and {shown[1]}"
            case "many":
                return f"{name} is {' or '.join(shown)}"
            case _:
                return " ".join([name, OPERATORS[self.op].words, *shown])


def _split(raw: str) -> tuple[str, ...]:
    """Part at commas; a backslash keeps the next character as it is."""
    parts = re.findall(r"((?:[^\\,]|\\.)*)(,|$)", raw, re.DOTALL)
    values = [re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) for text, _ in parts]
    # The pattern also matches the empty end behind a last value that had no comma after it.
    return tuple(values[:-1] if len(parts) > 1 and parts[-2][1] == "" else values)


def parse_filters(query: str) -> tuple[Condition, ...]:
    """The conditions of a query string, in its order; other parameters are left alone.

    Raises:
        Invalid: a condition is damaged, or there are more than 20.
    """
    found = parse_qs(query.removeprefix("?"), keep_blank_values=True).get("f", [])
    if len(found) > MAX_CONDITIONS:
        raise Invalid(f"A view takes at most {MAX_CONDITIONS} filters. Remove some of them.")
    return tuple(dict.fromkeys(Condition.decode(text) for text in found))


def encode_filters(conditions: Iterable[Condition]) -> list[tuple[str, str]]:
    """Pairs for :func:`urllib.parse.urlencode`."""
    return [("f", condition.encode()) for condition in conditions]


def check(conditions: Sequence[Condition], types: Mapping[str, str]) -> None:
    """Compare conditions with the fields of a dataset: ``types`` maps a field's key to its type.

    Raises:
        Invalid: a field does not exist, an operator does not fit its type, or a value is not of the type.
    """
    for condition in conditions:
        kind = types.get(condition.field)
        if kind is None:
            raise Invalid(f"This dataset has no field {condition.field}. Remove the filter on it.")
        if condition.op not in FITTING[kind]:
            raise Invalid(f"The filter “{condition.words()}” does not fit a field of type {kind}. Remove it.")
        for value in condition.values:
            if not _fits(kind, value):
                raise Invalid(
                    f"“{value}” in the filter on {condition.field} is not a {_WORDS[kind]}. Change the filter."
                )


_WORDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "yes or no value (true, false)",
    "date": "date such as 2013-09-10",
    "datetime": "time such as 2013-09-10 or 2013-09-10T20:00",
}


def _fits(kind: str, value: str) -> bool:
    """Whether a value is of a type; texts and choices always are."""
    try:
        match kind:
            case "integer":
                return bool(_WHOLE.fullmatch(value))
            case "number":
                number = Decimal(value)
                return number.is_finite() and abs(number.adjusted()) <= _MOST_DIGITS
            case "boolean":
                return value in ("true", "false")
            case "date":
                date.fromisoformat(value)
            case "datetime":
                moment_prefix(value)
    except (ValueError, OverflowError, InvalidOperation):
        return False
    return True


def moment_prefix(value: str) -> str:
    """How every kept moment begins that a person means: ``2013-09-10`` is the whole day, ``2013-09-10T20:00`` the whole
    minute, in UTC. Raises ValueError or OverflowError for what is no moment.
    """
    if not _CLOCK.search(value):
        return date.fromisoformat(value).isoformat()
    moment = datetime.fromisoformat(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    precise = "seconds" if _SECONDS.search(value) else "minutes"
    return moment.replace(tzinfo=None).isoformat(timespec=precise)


_CLOCK = re.compile(r"[T ]\d")
_SECONDS = re.compile(r"[T ]\d\d:\d\d:\d\d")
