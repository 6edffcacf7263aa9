"""Personal data of customers: what counts as such, and what stands in its place for those who may not read it. Pure.

Models mark a column by ``info={"personal": Kind…}``. The door masks what such columns hold for a reader without
``personal:read`` before any service sees it (``app.database.masking``), so that neither a screen nor an answer can
forget to.
"""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from app.permissions import Permission

DOTS = "••••"
_ACTING_ALONE = frozenset({"system", "command", "keeper"})
"""Kinds of actors that show nothing to anybody: jobs, whoever holds the machine's secrets, the books."""
_ADDRESS = re.compile(r"[\w.+%~!#$&'*/=?^`{|}-]+@[\w-]+(?:\.[\w-]+)+")
_ERASED = re.compile(
    r"\w+ [0-9a-f]{8}, erased on [0-9]{4}-[0-9]{2}-[0-9]{2}|Erased user [0-9a-f]{8}|erased-[0-9a-f]{32}@erased\.invalid"
)
_GONE = {"$erased"}
"""What stands in place of erased data hides nothing any more."""
_PART = 3
"""Letters from which on a part of a name is looked for in a text; shorter ones are everywhere."""


class Kind(StrEnum):
    """How a column holds personal data, and so how it is masked."""

    NAME = "name"
    """A person's name: ``A•••• L••••``."""
    EMAIL = "email"
    """An e-mail address: ``a••••@e••••.com``."""
    WORDS = "words"
    """Free words, also within JSON, which may name somebody: addresses in them and the names of those whom the record
    belongs to are masked, the rest stays.
    """
    HIDDEN = "hidden"
    """Facts about a person, as JSON: the names of the fields stay, every value is hidden."""
    ENTRY = "entry"
    """Told of some record by the audit log: masked as that record's own columns are."""


class Masked(str):
    """Stands for a value that its reader may not see. Nothing of the value can be had back from it."""

    __slots__ = ()


def masked_for(kind: str, permissions: Collection[Permission]) -> bool:
    """Whether personal data are masked for an actor of this ``kind`` with these permissions."""
    return kind not in _ACTING_ALONE and Permission.PERSONAL_READ not in permissions


def name(value: str) -> Masked:
    """``Ada Lovelace`` becomes ``A•••• L••••``: the first letters of at most two words."""
    words = value.split()
    kept = words if len(words) < 3 else [words[0], words[-1]]
    return Masked(" ".join(f"{word[:1] if len(word) > 1 else ''}{DOTS}" for word in kept) or DOTS)


def email(value: str) -> Masked:
    """``ada@example.com`` becomes ``a••••@e••••.com``."""
    local, _, domain = value.rpartition("@")
    house, _, top = domain.rpartition(".")
    first, second = (part[:1] if len(part) > 1 else "" for part in (local, house))
    return Masked(f"{first}{DOTS}@{second}{DOTS}.{top}" if house and local else DOTS)


class Veil:
    """What one reader may not see, for one transaction: it remembers whose names it met, to find them in free words."""

    def __init__(self) -> None:
        self._people: dict[str, Kind] = {}
        self._pattern: re.Pattern[str] | None = None

    def meet(self, value: object, kind: Kind) -> None:
        """A name or an address of somebody whose records are read."""
        known = not isinstance(value, str) or isinstance(value, Masked) or value in self._people
        if not known and value and not _ERASED.fullmatch(str(value)):
            self._people[str(value)] = kind
            self._pattern = None

    @property
    def met(self) -> bool:
        """Whether anybody was met."""
        return bool(self._people)

    def over(self, value: Any, kind: Kind) -> Any:  # noqa: ANN401 - whatever a column holds
        """What the reader sees instead of a value. Numbers, moments and what is masked already stay."""
        match value:
            case Masked():
                return value
            case str():
                return self._text(value, kind)
            case Mapping() if value.keys() == _GONE:
                return value
            case Mapping():
                return {key: self.over(item, kind) for key, item in value.items()}
            case list() | tuple():
                return [self.over(item, kind) for item in value]
            case bool() | None:
                return value
            case _:
                return Masked(DOTS) if kind is Kind.HIDDEN else value

    def _text(self, value: str, kind: Kind) -> str:
        match kind:
            case Kind.NAME | Kind.EMAIL if _ERASED.fullmatch(value):
                return value
            case Kind.NAME:
                return name(value)
            case Kind.EMAIL:
                return email(value)
            case Kind.WORDS:
                return self.words(value)
            case _:
                return Masked(DOTS)

    def words(self, text: str) -> str:
        """A text in which addresses, and the names of those who were met, are masked."""
        told = self._known().sub(lambda found: self._stand_in(found[0]), text)
        told = _ADDRESS.sub(lambda found: email(found[0]), told)
        return text if told == text else Masked(told)

    def _stand_in(self, found: str) -> Masked:
        return email(found) if "@" in found else name(found)

    def _known(self) -> re.Pattern[str]:
        """Whole names and addresses first, then the parts of names."""
        if self._pattern is None:
            whole = sorted(self._people, key=len, reverse=True)
            names = [value for value in whole if self._people[value] is Kind.NAME]
            parts = sorted({part for value in names for part in value.split() if len(part) >= _PART}, key=len)
            wanted = [r"\s+".join(map(re.escape, value.split())) for value in [*whole, *reversed(parts)]]
            ways = "|".join(wanted) if wanted else r"(?!)"
            self._pattern = re.compile(rf"(?<![^\W_])(?:{ways})(?![^\W_])", re.IGNORECASE)
        return self._pattern
