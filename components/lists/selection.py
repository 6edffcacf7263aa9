"""Acting on several rows of a list: those that somebody ticked, or all that match."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from app.paging import Count, PageRequest
from app.permissions import Permission
from components.page.values import Tone

MOST = 1_000
"""Rows that can be ticked one by one, over as many pages as it takes."""
ANY = "any"
"""In an address: the filter that a list has by itself was taken away."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen: the ids ticked, or, without any, all that match ``request``; ``count`` says how many."""

    ids: Collection[str]
    request: PageRequest
    count: Count


@dataclass(frozen=True, slots=True)
class BulkAction:
    """Something to do with many rows. ``run`` says what will happen, asks, and tells whether it was begun."""

    label: str
    run: Callable[[Selection], Awaitable[bool]]
    needs: Permission | None = None
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Tallied:
    """A filter whose values stand above the list, each with its number (``Page.tallies``): one click shows its rows.

    ``shows`` maps a value to its word and tone.
    """

    name: str
    shows: Mapping[str, tuple[str, Tone]] = field(default_factory=lambda: MappingProxyType({}))
