"""The values of list filters, as they stand in a URL: read strictly, refused in a sentence."""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from app import clock
from app.database import Work
from app.errors import Invalid
from app.paging import RANGES, PageRequest


def allowed(work: Work, request: PageRequest) -> PageRequest:
    """The request as its asker may put it: what they may not read, they cannot find out by searching either."""
    return request if work.veil is None else replace(request, exact=True)


def among(request: PageRequest, name: str, kind: type[StrEnum]) -> list[str]:
    """The chosen members of an enum; unknown words are refused."""
    values = request.filters.get(name, ())
    known = {member.value for member in kind}
    if not known.issuperset(values):
        raise Invalid(f"The filter “{name}” has a value that does not exist. Remove it.")
    return list(values)


def identity(request: PageRequest, name: str) -> UUID | None:
    """A record's id, or None when the filter is not set."""
    value = request.one(name)
    return None if value is None else as_uuid(value)


def as_uuid(value: str) -> UUID:
    """A UUID from a URL."""
    try:
        return UUID(value)
    except ValueError:
        raise Invalid("This is not the id of a record.") from None


def within(
    request: PageRequest,
    name: str,
    column: ColumnElement[datetime] | InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
) -> list[ColumnElement[bool]]:
    """Conditions of a time range, as :func:`ends` reads it; the first moment is included."""
    start, end = ends(request.filters.get(name, ()))
    found: list[ColumnElement[bool]] = []
    if start:
        found.append(column >= moment(start))
    if end:
        found.append(column < moment(end))
    return found


def ends(values: tuple[str, ...]) -> tuple[str, str]:
    """Two moments in ISO form, from ``24h`` (see ``RANGES``), ``from..to``, or the two; "" leaves an end open."""
    first, second = (*values, "", "")[:2]
    if first in RANGES:
        return (clock.now() - RANGES[first][1]).isoformat(), ""
    if ".." in first:
        first, _, second = first.partition("..")
    return first, second


def like(text: str) -> str:
    """A pattern that contains ``text`` literally."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def patterns(words: str) -> list[str]:
    """Where ``words`` are looked for: anywhere; fewer than three letters only where a word begins, because an index
    of three letters finds nothing else.
    """
    anywhere = like(words)
    return [anywhere] if len(words) > 2 else [anywhere[1:], f"% {anywhere[1:]}"]


def moment(text: str) -> datetime:
    """A moment from a URL; without a zone it is UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("This time range cannot be read. Choose another.") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
