"""The filters of a list. Each is a chip, and each is kept in the URL under its name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from app.paging import RANGES

Choices = type[Enum] | Mapping[str, str] | Iterable[str]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter by its name in the URL. ``pinned`` keeps its chip in sight even when it is not set."""

    kind: ClassVar[str] = "text"

    name: str
    label: str = ""
    pinned: bool = False

    def describe(self) -> dict[str, Any]:
        """What the list's component has to know."""
        label = self.label or self.name.removesuffix("_at").removesuffix("_id").replace("_", " ").capitalize()
        return {"name": self.name, "label": label, "kind": self.kind, "pinned": self.pinned}


@dataclass(frozen=True, slots=True)
class TextFilter(Filter):
    """Part of a text."""


@dataclass(frozen=True, slots=True)
class IdFilter(Filter):
    """Exactly one record, by its id: comes from links such as ``/audit?target_id=…``."""

    kind: ClassVar[str] = "id"


@dataclass(frozen=True, slots=True)
class ExactFilter(Filter):
    """Exactly this text, which a person may type: an address, a reference. ``hint`` shows what one looks like."""

    kind: ClassVar[str] = "exact"
    hint: str = ""

    def describe(self) -> dict[str, Any]:
        """With the hint."""
        return Filter.describe(self) | {"hint": self.hint}


@dataclass(frozen=True, slots=True)
class DayFilter(Filter):
    """A day, ``2026-11-21``, to which the list moves: it hides nothing."""

    kind: ClassVar[str] = "day"


@dataclass(frozen=True, slots=True)
class ChoiceFilter(Filter):
    """One or more of a few values: an enumeration, a mapping of value to words, or plain words."""

    kind: ClassVar[str] = "choice"
    choices: Choices = ()

    def describe(self) -> dict[str, Any]:
        """With the choices as pairs of value and words."""
        return Filter.describe(self) | {"choices": [list(pair) for pair in pairs(self.choices)]}


@dataclass(frozen=True, slots=True)
class TimeRangeFilter(Filter):
    """A range of time. In the URL: ``24h`` (see ``RANGES``), or ``from..to`` in ISO 8601, one end may be open."""

    kind: ClassVar[str] = "time"

    def describe(self) -> dict[str, Any]:
        """With the named ranges as pairs of value and words."""
        return Filter.describe(self) | {"choices": [[key, words] for key, (words, _) in RANGES.items()]}


def pairs(choices: Choices) -> list[tuple[str, str]]:
    """Choices as (value in the URL, words)."""
    if isinstance(choices, type):
        return [(str(c.value), str(getattr(c, "label", "") or _words(str(c.value)))) for c in choices]
    if isinstance(choices, Mapping):
        return [(str(value), words) for value, words in choices.items()]
    return [(value, _words(value)) for value in choices]


def _words(value: str) -> str:
    return value.replace("_", " ").capitalize()
