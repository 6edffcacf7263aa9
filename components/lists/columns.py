"""The typed columns of a list: which attribute they read and how it is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar

from app.values import money
from components.page.values import Tone, plain

Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``name`` is the attribute of a row that it shows; ``read`` computes it instead.

    ``label`` is the head (by default made from the name), ``sort`` the name that the question knows for sorting,
    ``opens`` a link such as ``/jobs/{id}`` (attributes of the row in braces), ``card`` puts it among the three
    fields of a card on a narrow screen, ``hint`` explains the head where the mouse rests on it.
    """

    kind: ClassVar[str] = "text"
    right: ClassVar[bool] = False

    name: str
    label: str = ""
    sort: str | Enum | None = None
    opens: str | None = None
    read: Read | None = None
    card: bool | None = None
    hint: str = ""

    @property
    def head(self) -> str:
        """The words in the table's head."""
        return self.label or self.name.removesuffix("_at").replace("_", " ").capitalize()

    @property
    def sorts_by(self) -> str | None:
        """The sort's name in the URL."""
        return str(self.sort.value if isinstance(self.sort, Enum) else self.sort) if self.sort else None

    def value(self, row: object) -> object:
        """What stands in the cell, as JSON can say it; None is an empty cell."""
        return plain(self.read(row) if self.read else getattr(row, self.name))


@dataclass(frozen=True, slots=True)
class IdColumn(Column):
    """A record's id, shortened, with a button that copies all of it."""

    kind: ClassVar[str] = "id"


@dataclass(frozen=True, slots=True)
class TextColumn(Column):
    """A text that is cut where it gets too long (all of it in a tooltip). ``quiet`` is for lesser words."""

    quiet: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class StatusColumn(Column):
    """A state as a pill: ``shows`` maps a value to its word and tone; ``read`` may give such a pair itself."""

    kind: ClassVar[str] = "status"
    shows: Mapping[Any, tuple[str, Tone]] = field(default_factory=lambda: MappingProxyType({}))

    def value(self, row: object) -> object:
        """The pair of word and tone."""
        raw = self.read(row) if self.read else getattr(row, self.name)
        if raw is None or isinstance(raw, tuple):
            return raw and list(raw)
        return list(self.shows.get(raw) or (str(plain(raw)).replace("_", " ").capitalize(), "idle"))


@dataclass(frozen=True, slots=True)
class ProgressColumn(Column):
    """How far something is: a fraction from 0 to 1 as a bar, a text as words, None as nothing."""

    kind: ClassVar[str] = "progress"


@dataclass(frozen=True, slots=True)
class NumberColumn(Column):
    """A number, right aligned, with thousands separated."""

    kind: ClassVar[str] = "number"
    right: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class SparkColumn(Column):
    """How a number went: the line of a sequence of numbers, oldest first, and the words that tell the same."""

    kind: ClassVar[str] = "spark"
    tone: Tone = "info"
    said: Read = str

    def value(self, row: object) -> object:
        """The numbers, their words and the colour; None where there is no number."""
        numbers = self.read(row) if self.read else getattr(row, self.name)
        return [list(numbers), self.said(row), self.tone] if numbers else None


@dataclass(frozen=True, slots=True)
class LinksColumn(Column):
    """Several links in one cell: ``read`` gives pairs of words and address."""

    kind: ClassVar[str] = "links"

    def value(self, row: object) -> object:
        """The pairs; None where there are none."""
        pairs = self.read(row) if self.read else getattr(row, self.name)
        return [[words, address] for words, address in pairs] or None


@dataclass(frozen=True, slots=True)
class MoneyColumn(Column):
    """An amount of whole minor units, with the decimals of the currency that the row's attribute ``currency`` names."""

    kind: ClassVar[str] = "money"
    right: ClassVar[bool] = True
    currency: str = "currency"

    def value(self, row: object) -> object:
        """The amount in words: ``1,234.50 EUR``."""
        minor = self.read(row) if self.read else getattr(row, self.name)
        return None if minor is None else money.shown(minor, getattr(row, self.currency))


@dataclass(frozen=True, slots=True)
class BytesColumn(Column):
    """A size in bytes, shown in kB, MB or GB."""

    kind: ClassVar[str] = "bytes"
    right: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class TimeColumn(Column):
    """A moment, relative ("4 min ago"); the absolute one, in the browser's zone, on hover and focus."""

    kind: ClassVar[str] = "time"
    right: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class DurationColumn(Column):
    """A length of time in seconds (or a ``timedelta``), shown as "12.4 s" or "3 min 5 s"."""

    kind: ClassVar[str] = "duration"
    right: ClassVar[bool] = True
