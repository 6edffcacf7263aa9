"""JSON whose numbers stay exact: one that a float would round is a Decimal here, and is written back digit by digit.

PostgreSQL keeps every digit of a number in JSON, and the values of one row are written together: read through floats,
an edit of one cell would round its neighbours.
"""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic_core import from_json

_BIGGEST_IN_JAVASCRIPT = 2**53 - 1
_KEPT_BY_FLOATS = 16
"""Letters: at most 15 digits and a point, which a float always gives back."""
_FURTHEST = 300
"""Powers of ten, up or down, that a number with an exponent may have and still be written out."""
_LONG = re.compile(r"\.(?:[0-9]{8}|(?<=[0-9]{8}\.)[0-9])")
"""More than 15 digits around a point have at least 8 of them on one side of it. The point first: that is fast."""
_MARKED = re.compile(r'"\\u0000([-+.0-9E]+)\\u0000"')


def loads(text: str | bytes) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Read a JSON text."""
    return _READER.decode(text if isinstance(text, str) else text.decode())


def loads_kept(text: str) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Read a JSON text as PostgreSQL writes ``jsonb``, without exponents; twice as fast as :func:`loads`."""
    if _LONG.search(text):
        return loads(text)
    try:
        return from_json(text)
    except ValueError:  # it reads 200 levels, the other one more
        return loads(text)


def dumps(value: Any, *, indent: int | None = None) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Write a JSON text: compact, or for people with an ``indent``."""
    marked = False

    def mark(item: object) -> str:
        # The encoder cannot write a Decimal as a number. NUL, which no kept text can hold, marks its digits.
        nonlocal marked
        if not isinstance(item, Decimal) or not item.is_finite():
            raise TypeError(f"JSON cannot hold {item!r}.")
        marked = True
        return f"\x00{item}\x00"

    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, separators=separators, ensure_ascii=False, allow_nan=False, default=mark, indent=indent)
    return _MARKED.sub(r"\1", text) if marked else text


def number(text: str) -> float | Decimal:
    """A number that is not whole: a float where that loses nothing, else a Decimal."""
    rounded = float(text)
    if len(text) <= _KEPT_BY_FLOATS:
        return rounded
    exact = Decimal(text)
    too_far = "e" in text.lower() and abs(exact.adjusted()) > _FURTHEST
    return rounded if too_far or Decimal(repr(rounded)) == exact else exact


# Made once: json.loads would make one at every call, which takes as long as a row's whole text.
_READER = json.JSONDecoder(parse_float=number)


def for_browser(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """The form in which a cell travels: a number that JavaScript would round is its digits as a text.

    Within lists and objects numbers stay numbers, because JSON must stay what it is; JavaScript rounds them.
    """
    match value:
        case bool():
            return value
        case int():
            return value if abs(value) <= _BIGGEST_IN_JAVASCRIPT else str(value)
        case Decimal():
            return format(value, "f")
        case list() | dict():
            return _rounded(value)
        case _:
            return value


def _rounded(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    match value:
        case Decimal():
            return float(value)
        case list():
            return [_rounded(item) for item in value]
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case _:
            return value


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a column can hold, as JSON
    """A value as JSON can carry it."""
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case Enum():
            return value.value
        case UUID():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return value
