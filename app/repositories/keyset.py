"""Keyset paging for every list: a page costs the same wherever it lies, and its count never walks the table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Integer, Numeric, Row, Select, Uuid, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.errors import Invalid
from app.masking import kind_of
from app.paging import COUNT_CAP, Count, CountKind, Cursor, Page, PageRequest, Sort
from app.work import Work

T = TypeVar("T")
Query = Select[*tuple[Any, ...]]
"""A question of any columns."""
Column = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Listing:
    """What can be listed: how rows are told apart, and by which columns they can be ordered.

    ``orders`` maps a sort's name to a column without NULLs; the name ``id`` is always there (UUID v7 and identities
    grow with time). Each order needs an index that ends in the id.
    """

    id: Column
    default: Sort
    orders: Mapping[str, Column]

    def column(self, sort: Sort, *, masked: bool = False) -> Column:
        """The column of a sort; an unknown name is refused, and so is one whose values are ``masked``: the order would
        tell them.
        """
        if sort.by == "id":
            return self.id
        known = self.orders.get(sort.by)
        if known is None or (masked and kind_of(known) is not None):
            raise Invalid("This list cannot be sorted like that.")
        return known


async def page(
    work: Work, query: Query, listing: Listing, request: PageRequest, *, count: Count | None = None
) -> Page[Row[Any]]:
    """One page of ``query``, in display order. ``count`` is given where a counter already knows it."""
    sort = request.sort or listing.default
    column = listing.column(sort, masked=work.veil is not None)
    cursor = request.cursor
    backwards = cursor is not None and cursor.backwards
    downwards = sort.descending != backwards
    counted = count if count is not None else await capped_count(work, query)
    if count is None and not counted.value:
        return Page([], counted)

    asked = query.add_columns(column.label("sort_value"), listing.id.label("sort_id"))
    if cursor is not None:
        asked = asked.where(_beyond(column, listing.id, cursor, downwards=downwards))
    keys = [listing.id] if column is listing.id else [column, listing.id]
    asked = asked.order_by(*(key.desc() if downwards else key.asc() for key in keys)).limit(request.size + 1)

    rows = list((await work.execute(asked)).all())
    more = len(rows) > request.size
    rows = rows[: request.size]
    if backwards:
        rows.reverse()
    before = more if backwards else cursor is not None
    after = cursor is not None if backwards else more
    return Page(
        rows,
        counted,
        next=_cursor(rows[-1], backwards=False) if rows and after else None,
        previous=_cursor(rows[0], backwards=True) if rows and before else None,
    )


def mapped(page_: Page[Any], make: Callable[[Any], T]) -> Page[T]:
    """The same page with other rows."""
    return Page([make(row) for row in page_.rows], page_.count, page_.next, page_.previous)


async def capped_count(work: Work, query: Query) -> Count:
    """How many rows match, exactly up to the cap and "at least" beyond it."""
    capped = (
        query.with_only_columns(literal(1), maintain_column_froms=True).order_by(None).limit(COUNT_CAP + 1).subquery()
    )
    n = await work.scalar(select(func.count()).select_from(capped))
    return Count(COUNT_CAP, CountKind.AT_LEAST) if n > COUNT_CAP else Count(n)


def _cursor(row: Row[Any], *, backwards: bool) -> Cursor:
    value = row.sort_value
    if isinstance(value, datetime):
        value = value.isoformat()
    elif isinstance(value, UUID):
        value = str(value)
    return Cursor(value, str(row.sort_id), backwards)


def _beyond(column: Column, id_: Column, cursor: Cursor, *, downwards: bool) -> ColumnElement[bool]:
    key = literal(_typed(id_, cursor.id), id_.type)
    if column is id_:
        return id_ < key if downwards else id_ > key
    here = tuple_(literal(_typed(column, cursor.value), column.type), key)
    pair = tuple_(column, id_)
    return pair < here if downwards else pair > here


def _typed(column: Column, value: Any) -> Any:  # noqa: ANN401 - whatever the column holds
    """A cursor's value as the column's type; a damaged link is refused, never sent to the database."""
    try:
        match column.type:
            case Uuid():
                return UUID(value)
            case DateTime():
                return datetime.fromisoformat(value)
            case Integer() | Numeric():
                return int(value)
            case _:
                return str(value)
    except (TypeError, ValueError):
        raise Invalid("This page link is damaged. Open the list again.") from None
