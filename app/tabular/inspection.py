"""Looking at a file before anything is decided: how it is written, its columns, their likely types, its first rows.

The work is done in a short-lived process of its own (``python -m app.tabular``), so that the caller's event loop stays
free and its memory flat.
"""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from app.errors import Unavailable
from app.fields.keys import field_key
from app.fields.types import SPACE, FieldType
from app.tabular.plan import MAX_COLUMNS, Dialect, ImportPlan, PlanColumn, Unreadable, load
from app.tabular.propose import is_narrow, propose
from app.tabular.records import records
from app.tabular.sampling import Sample, sample
from app.tabular.sniff import dialect_of, eight_bit_encoding, encoding_of, head_of

PREVIEW_ROWS = 1_000
TIMEOUT_SECONDS = 60.0

_SHOWN_LETTERS = 500
_SAMPLES = 5
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as found and the field proposed for it.

    ``found`` counts every word that could mean "no value", ``missing`` are those proposed to mean it, ``nulls`` is how
    many of the ``values`` looked at they make.
    """

    index: int
    label: str
    key: str
    type: FieldType
    missing: tuple[str, ...]
    found: dict[str, int]
    nulls: int
    values: int
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file is. ``rows`` is their number, an estimate unless ``exact``; ``preview`` holds the first."""

    dialect: Dialect
    columns: tuple[Column, ...]
    preview: tuple[tuple[str, ...], ...]
    rows: int
    exact: bool

    def plan(self) -> ImportPlan:
        """The plan that follows from the proposals alone."""
        chosen = tuple(PlanColumn(c.index, c.key, c.type, c.missing) for c in self.columns)
        return ImportPlan(self.dialect, tuple(c.label for c in self.columns), chosen)


async def inspect(path: Path, *, limit_seconds: float = TIMEOUT_SECONDS) -> Inspection:
    """Look at the file at ``path`` in another process. Raises ``Unreadable`` with a sentence when it is no table."""
    process = await asyncio.create_subprocess_exec(*_command(path), cwd=_ROOT, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(limit_seconds):
            out, told = await process.communicate()
    except TimeoutError as error:
        raise Unreadable("Looking at this file takes too long. Divide it and import the parts.") from error
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode != 0:
        raise Unavailable("The file could not be looked at. Try again.") from RuntimeError(
            told.decode(errors="replace")
        )
    answer = json.loads(out)
    if "unreadable" in answer:
        raise Unreadable(answer["unreadable"])
    return load(Inspection, answer)


def _command(path: Path) -> list[str]:
    return [sys.executable, "-m", "app.tabular", str(path.resolve())]


def inspect_here(path: Path) -> Inspection:
    """The same in this process, blocking."""
    head, gzipped = head_of(path)
    encoding = encoding_of(head)
    found = sample(path, encoding, gzipped=gzipped)
    if encoding == "utf-8":
        encoding = eight_bit_encoding([*found.head, *found.spread])
    if encoding == "cp1252":
        found = replace(found, head=_recoded(found.head), spread=_recoded(found.spread))
    dialect = dialect_of([*found.head, *found.spread], encoding, gzipped=gzipped)
    rows = _rows(found.head, dialect)
    if not rows:
        raise Unreadable("No row of this file can be read. Check its quotation marks.")
    if len(rows[0]) > MAX_COLUMNS:
        raise Unreadable(f"The file has {len(rows[0]):,} columns; at most {MAX_COLUMNS} can be imported.")
    dialect = replace(dialect, header=not all(is_narrow(value) for value in rows[0]))
    labels = tuple(rows.pop(0)) if dialect.header else ("",) * len(rows[0])
    values = [row for row in (*rows, *_rows(found.spread, dialect)) if len(row) == len(labels)]
    total = len(rows) if found.whole else _estimate(found, len(rows))
    preview = tuple(tuple(map(_shown, row)) for row in rows[:PREVIEW_ROWS])
    return Inspection(dialect, _columns(labels, values), preview, total, found.whole)


def _recoded(lines: list[bytes]) -> list[bytes]:
    return [line.decode("cp1252", "surrogateescape").encode("utf-8", "surrogateescape") for line in lines]


def _rows(lines: list[bytes], dialect: Dialect) -> list[list[str]]:
    """The rows in these lines; what cannot be divided is left to the check."""
    return [record.values for record in records(list(lines), 1, dialect, None, list) if record.broken is None]


def _estimate(found: Sample, rows: int) -> int:
    """Rows in the whole file, by the share of lines that begin a row."""
    return max(rows, int(found.lines * (rows + 1) / max(len(found.head), 1)) - 1)


def _columns(labels: tuple[str, ...], rows: list[list[str]]) -> tuple[Column, ...]:
    columns: list[Column] = []
    for index, words in enumerate(labels):
        label = _shown(words).strip() or f"Column {index + 1}"
        key = field_key(label, {column.key for column in columns})
        columns.append(_column(index, label, key, [row[index] for row in rows]))
    return tuple(columns)


def _column(index: int, label: str, key: str, values: list[str]) -> Column:
    proposal = propose(values)
    nulls = sum(proposal.found[word] for word in proposal.missing)
    present = dict.fromkeys(value for value in values if value.strip(SPACE) not in proposal.found)
    samples = tuple(_shown(value) for value in islice(present, _SAMPLES))
    return Column(index, label, key, proposal.type, proposal.missing, proposal.found, nulls, len(values), samples)


def _shown(value: str) -> str:
    """A value that may be shown and sent as JSON: short and valid."""
    short = value[:_SHOWN_LETTERS].replace("\0", "�")
    return short.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
