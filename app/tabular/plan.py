"""The shapes that go in and come out: how a file is written, what each column becomes, what was wrong with it.

All are frozen and JSON-able (``dump``, ``load``), because plans and places are kept with a job.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from app.errors import Invalid
from app.fields.keys import KEY
from app.fields.types import FieldType

CHUNK_ROWS = 20_000
ROW_BYTES = 64 * 1024
"""The most that one row's data may take, as JSON."""
MAX_COLUMNS = 500

_T = TypeVar("_T")


class Unreadable(Invalid):
    """The file as a whole cannot be read as a table; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written down. ``quote`` is None where a quotation mark is a character like any other."""

    delimiter: str = ","
    quote: str | None = '"'
    encoding: str = "utf-8"
    gzipped: bool = False
    header: bool = True


@dataclass(frozen=True, slots=True)
class PlanColumn:
    """One column of the file and the field that it fills. ``index`` counts from 0.

    ``minimum`` and ``maximum`` bound integers and numbers; ``pattern`` (RE2) must match the whole value.
    """

    index: int
    key: str
    type: FieldType
    missing: tuple[str, ...] = ()
    required: bool = False
    enum: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What to read and by which rules. ``labels`` are the words of every column of the file, loaded or not."""

    dialect: Dialect
    labels: tuple[str, ...]
    columns: tuple[PlanColumn, ...]

    def __post_init__(self) -> None:
        keys = [column.key for column in self.columns]
        if not keys:
            raise Invalid("Choose at least one column to import.")
        for column in self.columns:
            _check_column(column, len(self.labels))
        if len(set(keys)) != len(keys):
            raise Invalid("Two columns have the same key. Give each its own.")

    @property
    def width(self) -> int:
        """The number of values in a complete row."""
        return len(self.labels)


def _check_column(column: PlanColumn, width: int) -> None:
    if not KEY.fullmatch(column.key):
        raise Invalid(f'"{column.key}" is no key: use lower-case letters, digits and _, starting with a letter.')
    if not 0 <= column.index < width:
        raise Invalid(f"{column.key} points to column {column.index + 1}, but the file has {width}.")
    bounded = column.minimum is not None or column.maximum is not None
    if bounded and column.type not in (FieldType.INTEGER, FieldType.NUMBER):
        raise Invalid(f"{column.key} has a smallest or largest value, which only numbers can have.")
    if column.pattern is not None:
        try:
            re.compile(column.pattern)
        except re.error as error:
            raise Invalid(f"The pattern of {column.key} is no regular expression: {error}.") from error


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading stands, always between two rows; the default is the beginning.

    ``offset`` counts bytes of the text as UTF-8, after unpacking; ``line`` counts the lines before it.
    """

    offset: int = 0
    line: int = 0
    good: int = 0
    bad: int = 0


class ErrorCode(StrEnum):
    """Why a value or a row is refused. The first five are about a whole row, whose other values are not judged."""

    COLUMNS = "columns"
    QUOTES = "quotes"
    LETTERS = "letters"
    TOO_LARGE = "too_large"
    JSON = "json"
    REQUIRED = "required"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    URL = "url"
    CHOICE = "choice"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing wrong in one row. ``line`` is the line of the file where the row begins; ``field`` "" is the row."""

    line: int
    field: str
    code: ErrorCode
    message: str
    raw: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A refused row: its values as written (one value, the whole line, when it could not be divided)."""

    line: int
    values: tuple[str, ...]
    errors: tuple[RowError, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows in the order of the file.

    ``rows`` is PostgreSQL's COPY text format with the columns (line bigint, data jsonb). ``place`` is where the next
    chunk begins, with the totals so far; ``fraction`` is how much of the file was read, 0 to 1.
    """

    rows: bytes
    good: int
    bad_rows: tuple[BadRow, ...]
    place: Place
    fraction: float

    @property
    def bad(self) -> int:
        """The number of refused rows in this chunk."""
        return len(self.bad_rows)

    @property
    def errors(self) -> tuple[RowError, ...]:
        """Everything wrong in this chunk; a row can have several errors."""
        return tuple(error for row in self.bad_rows for error in row.errors)


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """How often one thing is wrong with one field."""

    field: str
    code: ErrorCode
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of checking a file. ``stopped``: given up early, because too many of the first rows fail."""

    good: int = 0
    bad: int = 0
    groups: tuple[ErrorGroup, ...] = ()
    errors: tuple[RowError, ...] = field(default=(), repr=False)
    stopped: bool = False


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", kind))


def dump(value: object) -> dict[str, Any]:
    """Any shape of this package as plain JSON values."""
    plain: dict[str, Any] = _adapter(cast("Hashable", type(value))).dump_python(value, mode="json")
    return plain


def load(kind: type[_T], plain: object) -> _T:
    """The opposite of :func:`dump`."""
    shape: _T = _adapter(cast("Hashable", kind)).validate_python(plain)
    return shape
