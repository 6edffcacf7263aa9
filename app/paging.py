"""The words of every list: what is asked for (:class:`PageRequest`) and what comes back (:class:`Page`).

Lists are keyset-paged: a :class:`Cursor` is a place in the order (the sort value and the id of a row), never an
offset, so page 40,000 costs what page 1 costs.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from app.errors import Invalid

T = TypeVar("T")

PAGE_SIZE = 50
COUNT_CAP = 10_000
EXPORT_CAP = 100_000
"""Rows of a file; what matches beyond them is left out, and the file says so."""
LONGEST = 500
"""Characters of a search or of one value of a filter: at most 2,000 bytes, which every index of words can look for."""
SEARCH, SORT, PLACE = "q", "sort", "page"
"""The names in a list's address that are no filters: the words searched for, the order, the place in it."""
RANGES: Mapping[str, tuple[str, timedelta]] = MappingProxyType(
    {
        "1h": ("last hour", timedelta(hours=1)),
        "24h": ("last 24 h", timedelta(hours=24)),
        "7d": ("last 7 days", timedelta(days=7)),
        "30d": ("last 30 days", timedelta(days=30)),
    }
)
"""What a range of time may be instead of two moments: its name in the address, its words, its length."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an ordered list: after (or before) the row with this sort value and this id."""

    value: str | int | float | None
    id: str
    backwards: bool = False
    """True reads towards the start of the list ("Previous page")."""

    def encode(self) -> str:
        """URL-safe text. It is no secret and carries no rights: every question is authorized anew."""
        raw = json.dumps([self.value, self.id, int(self.backwards)], separators=(",", ":"))
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read a cursor from a URL; anything but ours raises :class:`Invalid`."""
        try:
            value, id_, backwards = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, TypeError, RecursionError):
            raise Invalid("This page link is damaged. Open the list again.") from None
        if not isinstance(id_, str) or not isinstance(value, str | int | float | None) or isinstance(value, bool):
            raise Invalid("This page link is damaged. Open the list again.")
        return cls(value, id_, bool(backwards))


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a list: a column's name and its direction."""

    by: str
    descending: bool = True

    def encode(self) -> str:
        """As it stands in the URL: ``-created_at`` is descending."""
        return ("-" if self.descending else "") + self.by

    @classmethod
    def decode(cls, text: str) -> "Sort":
        """Read the URL's form. Whether such a column exists, the question itself decides."""
        return cls(text.removeprefix("-"), text.startswith("-"))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a list asks for. ``filters`` maps a filter's name to its values, as they stand in the URL."""

    filters: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    search: str = ""
    sort: Sort | None = None
    cursor: Cursor | None = None
    size: int = PAGE_SIZE
    exact: bool = False
    """True: the asker may not read personal data, so words find no part of any: only whole ids and addresses do."""

    @classmethod
    def read(
        cls, query: Mapping[str, tuple[str, ...]], *, sort: Sort | None = None, size: int = PAGE_SIZE
    ) -> "PageRequest":
        """What the query string of a list's address asks for; ``sort`` is the order that it does not name.

        Raises:
            Invalid: it holds what no list can be asked for.
        """
        said = {name: kept for name, values in query.items() if (kept := tuple(value for value in values if value))}
        search, order, place = (said.pop(name, ("",))[0] for name in (SEARCH, SORT, PLACE))
        _refuse_what_nobody_keeps(search, *said, *(value for values in said.values() for value in values))
        return cls(
            said,
            search.strip(),
            Sort.decode(order) if order else sort,
            Cursor.decode(place) if place else None,
            size,
        )

    def one(self, name: str) -> str | None:
        """The single value of a filter, or None."""
        values = self.filters.get(name, ())
        return values[0] if values else None


def _refuse_what_nobody_keeps(*words: str) -> None:
    if any("\0" in word for word in words):
        raise Invalid("This holds a character that cannot be looked for. Take it out, and try again.")
    if any(len(word) > LONGEST for word in words):
        raise Invalid("This search is too long. Take fewer words.")


class CountKind(StrEnum):
    """How well a count is known."""

    EXACT = "exact"
    AT_LEAST = "at_least"
    ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows and how well it is known."""

    value: int
    kind: CountKind = CountKind.EXACT

    def __str__(self) -> str:
        """``1,234``, ``10,000+`` or ``about 3,000,000``."""
        match self.kind:
            case CountKind.EXACT:
                return f"{self.value:,}"
            case CountKind.AT_LEAST:
                return f"{self.value:,}+"
            case CountKind.ESTIMATE:
                return f"about {self.value:,}"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, in display order. ``next`` and ``previous`` are None at the ends."""

    rows: Sequence[T]
    count: Count
    next: Cursor | None = None
    previous: Cursor | None = None
    tallies: Mapping[str, int] | None = None
    """How many there are by each value of the list's main filter, were it not set; None: not known without counting."""
