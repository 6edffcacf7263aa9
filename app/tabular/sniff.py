"""What a file is: the content decides, never its ending. Anything but a table in text is refused in one sentence."""

import codecs
import csv
import gzip
import json
import zlib
from collections import Counter
from pathlib import Path

from app.fields.types import DELIMITERS
from app.tabular.plan import Dialect, Unreadable
from app.tabular.records import records

HEAD = 64 * 1024
_GZIP = b"\x1f\x8b"
_OTHER = (
    (b"PK\x03\x04", "This is a zip archive or an Excel workbook. Save the sheet as CSV and upload that."),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel or Word document. Save the sheet as CSV and upload that."),
    (b"PAR1", "This is a Parquet file. Save it as CSV and upload that."),
    (b"%PDF", "This is a PDF document. Upload the table that it was made from, as CSV."),
    (b"SQLite format 3", "This is an SQLite database. Export the table as CSV and upload that."),
    (b"BZh", "This is a bzip2 archive. Unpack it, or pack it with gzip."),
    (b"\x28\xb5\x2f\xfd", "This is a Zstandard archive. Unpack it, or pack it with gzip."),
    (b"\xfd7zXZ", "This is an xz archive. Unpack it, or pack it with gzip."),
    (b"7z\xbc\xaf", "This is a 7-Zip archive. Unpack it and upload the table in it."),
)
_NOT_TEXT = "This is not a text file. Upload a table as CSV or TSV."
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<svg")
_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13}


def head_of(path: Path) -> tuple[bytes, bool]:
    """The first 64 kB, unpacked, and whether the file is packed with gzip."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.startswith(_GZIP):
        return head, False
    try:
        with gzip.open(path) as stream:
            return stream.read(HEAD), True
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable("The compressed file is damaged or incomplete. Upload it again.") from error


def encoding_of(head: bytes) -> str:
    """The encoding as far as the first bytes tell; files that are no tables in text are refused here."""
    if not head.strip():
        raise Unreadable("The file is empty.")
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            _refuse_other(head.decode(encoding, "ignore").encode())
            return encoding
    _refuse_other(head)
    zeros = (head[0::2].count(0), head[1::2].count(0))
    if max(zeros) > len(head) * 0.35 and min(zeros) < len(head) * 0.1:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    share = sum(byte in _CONTROLS for byte in head) / len(head)
    if share > 0.3 or (share > 0.03 and not _is_utf8(head)):
        raise Unreadable(_NOT_TEXT)
    return "utf-8"


def _refuse_other(head: bytes) -> None:
    for magic, sentence in _OTHER:
        if head.startswith(magic):
            raise Unreadable(sentence)
    start = head.lstrip().lower()
    if start.startswith(_MARKUP):
        raise Unreadable("This is a web page or an XML document, not a table. Upload a table as CSV or TSV.")
    if start[:1] in (b"{", b"[") and _is_json(start):
        raise Unreadable("This is JSON. Save it as CSV and upload that.")


def _is_json(text: bytes) -> bool:
    """Whether the first line, or everything, is a JSON object or list; or the start of one, pretty-printed."""
    first = text.split(b"\n", 1)[0].strip()
    if first in (b"{", b"[", b"[{"):
        return True
    for candidate in (first, text):
        try:
            json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        return True
    return False


def _is_utf8(text: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(text)
    except UnicodeDecodeError:
        return False
    return True


def eight_bit_encoding(lines: list[bytes]) -> str:
    """UTF-8, unless so much of the sample is not that it must be the old Windows alphabet (which holds Latin-1)."""
    odd = [line for line in lines if not line.isascii()]
    broken = sum(not _is_utf8(line) or line[-1:] > b"\x7f" for line in odd)
    return "cp1252" if broken * 2 > len(odd) else "utf-8"


def dialect_of(lines: list[bytes], encoding: str, *, gzipped: bool) -> Dialect:
    """Delimiter and quoting that divide these lines (UTF-8) most evenly."""
    options = [Dialect(mark, '"', encoding, gzipped) for mark in DELIMITERS]
    best = max(options, key=lambda option: _evenness(lines[:1000], option))
    if best.delimiter == "\t" and not _needs_quotes(lines):
        return Dialect("\t", None, encoding, gzipped)
    return best


def _evenness(lines: list[bytes], dialect: Dialect) -> tuple[float, int]:
    """The share of rows with the usual number of values, and that number; a single column is the last resort."""
    widths = Counter(len(row.values) for row in records(list(lines), 1, dialect, None, list) if not row.broken)
    if not widths:
        return (0.0, 0)
    header = next(iter(widths))
    width, count = max(widths.items(), key=lambda item: (item[1], item[0] == header))
    return (round(count / widths.total(), 2) if width > 1 else 0.0, width)


def _needs_quotes(lines: list[bytes]) -> bool:
    """Whether quotation marks in a TSV enclose values. They do where a value must be enclosed, or a column always is.

    Otherwise, as in most files of tabs, they are letters of the text.
    """
    if not any(b'"' in line for line in lines):
        return True
    quoted = Dialect("\t", '"')
    try:
        rows = [row.values for row in records(list(lines), 1, quoted, None, list) if not row.broken]
    except csv.Error:
        return False
    if any(mark in value for row in rows for value in row for mark in "\t\n\r"):
        return True
    marked = [[v[:1] == b'"' and v[-1:] == b'"' for v in line.rstrip(b"\r\n").split(b"\t")] for line in lines[1:]]
    return any(all(column) for column in zip(*marked, strict=False))
