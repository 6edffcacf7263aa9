"""Keyset paging for every list: a page costs the same wherever it lies, and its count never walks the table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    Numeric,
    Row,
    Select,
    Uuid,
    any_,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.database import Work
from app.database.masking import kind_of
from app.errors import Invalid
from app.paging import COUNT_CAP, Count, CountKind, Cursor, Page, PageRequest, Sort

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


@dataclass(frozen=True)
class Parts:
    """What a question matches, in parts that share no row, where no single index finds all of it: ``dense`` is walked
    in the order of the list; each of the ``sparse`` ones holds few rows, which an index of its own gathers.
    """

    dense: ColumnElement[bool]
    sparse: Sequence[ColumnElement[bool]]


async def page(
    work: Work,
    query: Query,
    listing: Listing,
    request: PageRequest,
    *,
    count: Count | None = None,
    parts: Parts | None = None,
) -> Page[Row[Any]]:
    """One page of ``query``, in display order. ``count`` is given where a counter already knows it; ``parts`` where
    what matches is found in several ways.
    """
    sort = request.sort or listing.default
    column = listing.column(sort, masked=work.veil is not None)
    cursor = request.cursor
    backwards = cursor is not None and cursor.backwards
    downwards = sort.descending != backwards
    counted = count if count is not None else await capped_count(work, query, parts)
    if count is None and not counted.value:
        return Page([], counted)

    asked = query.add_columns(column.label("sort_value"), listing.id.label("sort_id"))
    if cursor is not None:
        asked = asked.where(_beyond(column, listing.id, cursor, downwards=downwards))
    keys = [listing.id] if column is listing.id else [column, listing.id]
    order, most = [key.desc() if downwards else key.asc() for key in keys], request.size + 1
    if parts is not None:
        first = _only(asked.where(parts.dense).order_by(*order).limit(most), listing.id).subquery()
        few = [_only(asked.where(part), listing.id) for part in parts.sparse]
        found = union_all(select(first.c[0]), *few).subquery()
        # An array, not a join: whatever the plan expects of the parts, rows are then fetched by their ids.
        ids = func.array(select(found.c[0]).scalar_subquery(), type_=ARRAY(listing.id.type))
        asked = asked.where(listing.id == any_(ids))
    asked = asked.order_by(*order).limit(most)

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
    return replace(page_, rows=[make(row) for row in page_.rows])


async def capped_count(work: Work, query: Query, parts: Parts | None = None) -> Count:
    """How many rows match, exactly up to the cap and "at least" beyond it."""
    matched = _only(query, literal(1)).order_by(None)
    capped = (matched if parts is None else matched.where(parts.dense)).limit(COUNT_CAP + 1).subquery()
    found = select(func.count()).select_from(capped)
    for part in parts.sparse if parts is not None else ():
        found = select(found.scalar_subquery() + _counted(matched.where(part)))
    n = await work.scalar(found)
    return Count(COUNT_CAP, CountKind.AT_LEAST) if n > COUNT_CAP else Count(n)


def _only(query: Query, column: Any) -> Query:  # noqa: ANN401 - a column
    return query.with_only_columns(column, maintain_column_froms=True)


def _counted(matched: Query) -> ColumnElement[int]:
    return select(func.count()).select_from(matched.subquery()).scalar_subquery()


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
    except (TypeError, ValueError, OverflowError):
        raise Invalid("This page link is damaged. Open the list again.") from None
