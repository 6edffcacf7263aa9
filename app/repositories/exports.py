"""Lists as CSV: PostgreSQL writes the file itself (COPY), so that no row passes through Python."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Integer,
    Numeric,
    Text,
    Uuid,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql import ColumnElement, select

from app.database import Work
from app.database.masking import kind_of
from app.paging import EXPORT_CAP, PageRequest
from app.privacy.personal import DOTS
from app.repositories.keyset import Listing, Query
from app.values.spreadsheets import SIGNS, UNSEEN

Sink = Callable[[bytes], Awaitable[None]]
"""Takes the file in, piece by piece."""

MOST_ROWS = EXPORT_CAP

_FORMULA = ", ".join(str(ord(sign)) for sign in SIGNS)
_DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_AS_THEY_ARE = (Integer, Numeric, Uuid, Date)


async def copy(
    work: Work,
    query: Query,
    listing: Listing,
    columns: Mapping[str, Any],
    request: PageRequest,
    sink: Sink,
    *,
    most: int | None = None,
) -> int:
    """Write what matches to ``sink`` in the order of the list, with a head; returns how many rows, at most ``most``, or
    :data:`MOST_ROWS`.
    """
    listed = _first(work, query, listing, _readable(work, columns), request, most or MOST_ROWS).subquery()
    statement = select(*(_cell(listed.c[head]) for head in columns)).compile(
        dialect=_DIALECT, compile_kwargs={"render_postcompile": True}
    )
    values = statement.construct_params()
    positions = [values[name] for name in statement.positiontup or ()]
    connection = await work.raw()
    told = await connection.copy_from_query(str(statement), *positions, output=sink, format="csv", header=True)
    return int(told.removeprefix("COPY "))


async def has_more(work: Work, query: Query, listing: Listing, request: PageRequest) -> bool:
    """Whether more matches than a file takes."""
    beyond = _first(work, query, listing, {"id": listing.id}, request, MOST_ROWS).offset(MOST_ROWS).limit(1)
    return bool(await work.scalar(select(exists(beyond))))


def _readable(work: Work, columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns of a file; what its taker may not read is hidden already by the question."""
    if work.veil is None:
        return columns
    hidden = literal(DOTS, Text())
    return {head: column if kind_of(column) is None else hidden for head, column in columns.items()}


def _first(
    work: Work,
    query: Query,
    listing: Listing,
    columns: Mapping[str, Any],
    request: PageRequest,
    most: int,
) -> Query:
    """The first rows of a list, with the columns of its file."""
    sort = request.sort or listing.default
    column = listing.column(sort, masked=work.veil is not None)
    keys = [listing.id] if column is listing.id else [column, listing.id]
    chosen: Query = query.with_only_columns(
        *(expression.label(head) for head, expression in columns.items()), maintain_column_froms=True
    )
    return chosen.order_by(*(key.desc() if sort.descending else key.asc() for key in keys)).limit(most)


def _cell(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A value as it stands in the file: moments in UTC to the second, texts that no spreadsheet takes for a formula."""
    if isinstance(column.type, DateTime):
        return func.date_trunc("second", func.timezone("UTC", column)).label(f"{column.name}_utc")
    if isinstance(column.type, _AS_THEY_ARE):
        return column
    text = cast(column, Text)
    if isinstance(column.type, Boolean):
        return text.label(column.name)
    formula = func.ascii(func.ltrim(text, literal(UNSEEN, Text()))).in_([literal_column(_FORMULA)])
    return case((formula, literal_column("''''").concat(text)), else_=text).label(column.name)
