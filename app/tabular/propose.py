"""Which type a column seems to have, by its values alone."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from app.fields import types
from app.fields.types import FieldType


@dataclass(frozen=True, slots=True)
class Proposal:
    """A type and the words that it takes for missing; ``found`` counts such words whatever the type."""

    type: FieldType
    missing: tuple[str, ...]
    found: dict[str, int]


def propose(values: Iterable[str]) -> Proposal:
    """The narrowest type that every value fits, after setting aside words for "no value"."""
    counts = Counter(values)
    bare: Counter[str] = Counter()
    for value, count in counts.items():
        bare[value.strip(types.SPACE)] += count
    found = {word: bare[word] for word in types.MISSING_WORDS if word in bare}
    present = [value for value in bare if value not in found]
    kind = next((kind for kind, fits in _LADDER if all(map(fits, present))), None) if present else None
    if kind is not None:
        return Proposal(kind, tuple(found), found)
    long = any(len(value) > types.LONG_TEXT_OVER for value in counts)
    return Proposal(FieldType.LONG_TEXT if long else FieldType.TEXT, (), found)


def _is_boolean(value: str) -> bool:
    return value.lower() in types.BOOLEAN_PROPOSED


def _matching(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


_looks_like_date = _matching(types.DATE)
_looks_like_datetime = _matching(types.DATETIME)


def _is_date(value: str) -> bool:
    if not _looks_like_date(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_datetime(value: str) -> bool:
    if not _looks_like_datetime(value):
        return False
    try:
        datetime.fromisoformat(f"{value[:10]}T{value[11:16]}")
    except ValueError:
        return False
    return True


_LADDER: tuple[tuple[FieldType, Callable[[str], bool]], ...] = (
    (FieldType.BOOLEAN, _is_boolean),
    (FieldType.INTEGER, _matching(types.INTEGER_AS_WRITTEN)),
    (FieldType.NUMBER, _matching(types.NUMBER_PROPOSED)),
    (FieldType.DATE, _is_date),
    (FieldType.DATETIME, _is_datetime),
    (FieldType.URL, _matching(types.URL)),
)


def is_narrow(value: str) -> bool:
    """Whether one value alone is a number, a date or an address: nobody calls a column so."""
    return any(fits(value.strip(types.SPACE)) for _, fits in _LADDER)
