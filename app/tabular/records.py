"""From physical lines to rows with the right number of values, losing none and shifting none.

The result is a canonical CSV that DuckDB cannot misread: every row is complete, valid UTF-8, and begins with the
number of its line. What cannot be divided becomes a :class:`BadRow`.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from app.fields.types import SPACE
from app.tabular.plan import BadRow, Dialect, ErrorCode, RowError
from app.tabular.source import Lines

RAW_LETTERS = 500
_RECORD_BYTES = 128 * 1024
_NUL_IN_JSON = re.compile(r"(?<!\\)(\\\\)*\\u0000")

JsonColumns = Mapping[int, frozenset[str]]
"""Columns of JSON by index, with the words that mean "no value" in each."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the file: its values, or the reason why it has none. ``line`` is where it begins."""

    line: int
    values: list[str]
    broken: ErrorCode | None = None


@dataclass(frozen=True, slots=True)
class Framed:
    """Rows for DuckDB as CSV bytes, first the line number; ``quoted`` tells whether ``"`` encloses values."""

    text: bytes
    delimiter: str
    quoted: bool
    bad: list[BadRow]


def records(
    lines: list[bytes], first: int, dialect: Dialect, width: int | None, more: Callable[[], list[bytes]]
) -> Iterator[Record]:
    """Divide ``lines`` (the first is number ``first``) into rows; a quoted value that goes on asks for ``more``.

    A line that opens a quotation and never rightly closes it (or closes it so that the row has not ``width`` values)
    is broken alone: reading goes on with the next line, so that a stray mark swallows no good row. Empty lines are no
    rows.
    """
    feed = _Feed(lines, more)
    while feed.begun < len(feed.lines):
        try:
            for values in _divide(feed, dialect):
                start, swallowed = feed.begun, feed.next - feed.begun - 1
                if swallowed and width is not None and len(values) != width:
                    raise csv.Error("the quotation is closed in the wrong place")
                feed.begun = feed.next
                if values and (values != [""] or feed.lines[start].strip(b"\r\n")):
                    yield Record(first + start, values)
        except csv.Error:
            yield Record(first + feed.begun, [_text(feed.lines[feed.begun])], ErrorCode.QUOTES)
            feed.begun += 1
            feed.next = feed.begun


class _Feed:
    """Lines for ``csv.reader``, which asks for as many as a row needs; after an error it starts again anywhere."""

    def __init__(self, lines: list[bytes], more: Callable[[], list[bytes]]) -> None:
        self.lines = lines
        self.more = more
        self.begun = 0
        self.next = 0

    def __iter__(self) -> Iterator[str]:
        held = 0
        while self.next < len(self.lines) or (self.next > self.begun and self._went_on()):
            line = self.lines[self.next]
            held = len(line) if self.next == self.begun else held + len(line)
            if held > _RECORD_BYTES:
                raise csv.Error("row too long")
            self.next += 1
            yield line.decode("utf-8", "surrogateescape")

    def _went_on(self) -> bool:
        further = self.more()
        self.lines += further
        return bool(further)


def _divide(feed: _Feed, dialect: Dialect) -> Iterator[list[str]]:
    if dialect.quote is None:
        return ([*line.rstrip("\r\n").split(dialect.delimiter)] for line in feed)
    return csv.reader(iter(feed), delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)


def _text(line: bytes) -> str:
    return line.rstrip(b"\r\n").decode("utf-8", "replace").replace("\0", "�")


def frame(source: Lines, dialect: Dialect, width: int, json_columns: JsonColumns, rows: int) -> Framed | None:
    """The next ``rows`` lines as complete rows and bad ones; None at the end of the file."""
    first = source.count + 1
    lines = source.take(rows)
    if not lines:
        return None
    if not json_columns and _is_plain(lines, dialect, width):
        mark = dialect.delimiter.encode()
        numbered = [b"%d%b%b\n" % (n, mark, line.rstrip(b"\r\n")) for n, line in enumerate(lines, first)]
        return Framed(b"".join(numbered), dialect.delimiter, quoted=False, bad=[])
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    bad: list[BadRow] = []
    for record in records(lines, first, dialect, width, lambda: source.take(1)):
        refused = _refusal(record, width, json_columns)
        if refused is None:
            writer.writerow([record.line, *record.values])
        else:
            bad.append(refused)
    return Framed(out.getvalue().encode(), ",", quoted=True, bad=bad)


def _is_plain(lines: list[bytes], dialect: Dialect, width: int) -> bool:
    """Whether nothing in these lines needs a closer look; this is what makes most files fast."""
    text = b"".join(lines)
    if width < 2 or b"\0" in text or (dialect.quote is not None and dialect.quote.encode() in text):
        return False
    mark = dialect.delimiter.encode()
    if {line.count(mark) for line in lines} != {width - 1} or max(map(len, lines)) > _RECORD_BYTES:
        return False
    return text.isascii() or _is_utf8(text)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refusal(record: Record, width: int, json_columns: JsonColumns) -> BadRow | None:
    """Why a row cannot go on to the rules of its fields, if so."""
    values = record.values
    whole = "".join(values)
    if record.broken is not None:
        return _bad(record, record.broken, "The quotation marks of this line do not match, or it is too long.")
    if len(values) != width:
        return _bad(record, ErrorCode.COLUMNS, f"This row has {len(values)} values instead of {width}.")
    if "\0" in whole or not _encodes(whole):
        return _bad(record, ErrorCode.LETTERS, "This row has characters that are no valid text. Save it as UTF-8.")
    if len(whole) > _RECORD_BYTES:
        return _bad(record, ErrorCode.TOO_LARGE, "This row is larger than 64 kB.")
    if not all(_is_json(values[index], missing) for index, missing in json_columns.items()):
        return _bad(record, ErrorCode.JSON, "A value of this row is not valid JSON.")
    return None


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_json(value: str, missing: frozenset[str]) -> bool:
    """Whether PostgreSQL will take this as jsonb: no NaN, no endless number, no NUL, no half letter, no abyss."""
    if value.strip(SPACE) in missing:
        return True
    try:
        again = json.dumps(json.loads(value), ensure_ascii=False, allow_nan=False)
        again.encode()
    except (ValueError, RecursionError):
        return False
    return not _NUL_IN_JSON.search(again)


def _bad(record: Record, code: ErrorCode, message: str) -> BadRow:
    values = tuple(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for value in record.values)
    values = tuple(value.replace("\0", "�") for value in values)
    raw = "  ".join(values)[:RAW_LETTERS]
    return BadRow(record.line, values, (RowError(record.line, "", code, message, raw),))
