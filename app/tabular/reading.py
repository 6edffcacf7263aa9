"""Reading a whole file by a plan: chunks for loading, and the check of everything before anything is loaded.

Python divides the file into complete rows (exact lines, exact places, nothing lost); DuckDB judges the values and
writes the JSON. Both work on one chunk at a time, in a thread of the worker process, while the caller loads the last.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, nullcontext
from pathlib import Path

from app.fields.types import FieldType
from app.tabular.judge import Judge
from app.tabular.plan import CHUNK_ROWS, Chunk, ErrorCode, ErrorGroup, ImportPlan, Place, Report, RowError, Unreadable
from app.tabular.records import JsonColumns, frame, records
from app.tabular.report import ErrorFile
from app.tabular.source import Lines

KEPT_ERRORS = 1_000
EARLY_ROWS = 10_000
EARLY_SHARE = 0.2


def read_chunks(
    path: Path, plan: ImportPlan, *, scratch: Path, start: Place | None = None, rows: int = CHUNK_ROWS
) -> AsyncGenerator[Chunk, None]:
    """The rows of a file from ``start`` on, in chunks of about ``rows``; close it with ``contextlib.aclosing``.

    A chunk depends on the file, the plan and its place alone: whoever keeps ``chunk.place`` together with the rows
    goes on from there after a crash and gets every other row once. ``scratch`` is a folder for a file of one chunk.
    """
    return _chunks(path, plan, scratch, start or Place(), rows, write=True)


async def check(
    path: Path,
    plan: ImportPlan,
    *,
    scratch: Path,
    error_file: Path | None = None,
    told: Callable[[Chunk], Awaitable[None]] | None = None,
) -> Report:
    """Read the whole file without keeping a row: how many are good and bad, and what is wrong.

    ``error_file`` receives every bad row as CSV; ``told`` hears of every chunk (its ``rows`` are empty) for progress.
    Gives up when more than 20 % of the first 10,000 rows fail: then the plan is wrong, not the rows.
    """
    groups: Counter[tuple[str, ErrorCode]] = Counter()
    kept: list[RowError] = []
    place, stopped = Place(), False
    with ErrorFile(error_file, plan.labels) if error_file else nullcontext() as file:
        async with aclosing(_chunks(path, plan, scratch, place, EARLY_ROWS, write=False)) as chunks:
            async for chunk in chunks:
                groups.update((error.field, error.code) for error in chunk.errors)
                kept += chunk.errors[: KEPT_ERRORS - len(kept)]
                if file is not None:
                    file.write(chunk.bad_rows)
                if told is not None:
                    await told(chunk)
                stopped = _is_hopeless(place, chunk.place)
                place = chunk.place
                if stopped:
                    break
    counted = tuple(ErrorGroup(field, code, count) for (field, code), count in groups.most_common())
    return Report(place.good, place.bad, counted, tuple(kept), stopped)


def _is_hopeless(before: Place, after: Place) -> bool:
    """Whether the chunk that completes the first rows leaves too many of them bad."""
    seen = after.good + after.bad
    return before.good + before.bad < EARLY_ROWS <= seen and after.bad > EARLY_SHARE * seen


async def _chunks(
    path: Path, plan: ImportPlan, scratch: Path, start: Place, rows: int, *, write: bool
) -> AsyncGenerator[Chunk, None]:
    reader = _Reader(path, plan, scratch, start, rows, write=write)
    loop = asyncio.get_running_loop()
    # The next chunk is read while the caller works on this one; never more than one ahead, to keep memory flat.
    ahead = loop.run_in_executor(None, reader.read)
    try:
        while (chunk := await asyncio.shield(ahead)) is not None:
            ahead = loop.run_in_executor(None, reader.read)
            yield chunk
    finally:
        await _ended(ahead, reader)
        reader.close()


async def _ended(ahead: asyncio.Future[Chunk | None], reader: "_Reader") -> None:
    """Stop what is read ahead and wait until its thread has really ended; nobody wants its outcome any more."""
    while not ahead.done():
        reader.interrupt()
        await asyncio.wait([ahead])
    if not ahead.cancelled():
        ahead.exception()


class _Reader:
    """The blocking half: one file, one judge, the place between two chunks."""

    def __init__(self, path: Path, plan: ImportPlan, scratch: Path, start: Place, rows: int, *, write: bool) -> None:
        self._plan, self._place, self._rows, self._write = plan, start, rows, write
        self._json = _json_columns(plan)
        self._path = path
        self._lines: Lines | None = None
        self._judge = Judge(plan, scratch)

    def close(self) -> None:
        self._judge.close()
        if self._lines is not None:
            self._lines.close()

    def interrupt(self) -> None:
        self._judge.interrupt()

    def read(self) -> Chunk | None:
        """The next chunk, None after the last one."""
        lines = self._lines or self._open()
        framed = frame(lines, self._plan.dialect, self._plan.width, self._json, self._rows)
        if framed is None:
            return None
        judged = self._judge.judge(framed, write=self._write)
        bad = tuple(sorted([*framed.bad, *judged.bad], key=lambda row: row.line))
        done = self._place
        self._place = Place(lines.offset, lines.count, done.good + judged.good, done.bad + len(bad))
        return Chunk(judged.rows, judged.good, bad, self._place, lines.fraction)

    def _open(self) -> Lines:
        dialect, place = self._plan.dialect, self._place
        lines = Lines(
            self._path, encoding=dialect.encoding, gzipped=dialect.gzipped, offset=place.offset, count=place.line
        )
        self._lines = lines
        if dialect.header and place.line == 0:
            self._pass_header(lines)
        return lines

    def _pass_header(self, lines: Lines) -> None:
        while line := lines.take(1):
            for _header in records(line, lines.count, self._plan.dialect, None, lambda: lines.take(1)):
                return
        raise Unreadable("The file is empty.")


def _json_columns(plan: ImportPlan) -> JsonColumns:
    return {c.index: frozenset({"", *c.missing}) for c in plan.columns if c.type is FieldType.JSON}
