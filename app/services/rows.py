"""Rows of a dataset: windows for the grid, one row, the edit of one cell."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.actor import Actor
from app.database import Work, reading, writing
from app.errors import Conflict, Invalid, NotFound
from app.fields.filters import Condition, check
from app.fields.values import kept
from app.models import Action, DatasetRow
from app.paging import COUNT_CAP, Count, CountKind, Sort
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import datasets as datasets_table
from app.repositories import rows as rows_table
from app.repositories.datasets import DatasetView, Field
from app.topics import rows as topic

MOST_AT_ONCE = 1000
SCAN_TIMEOUT = 10.0
"""Seconds that a filter or an order without an index may take."""
SCAN_ROWS = 50_000
"""From this size on, reading every row is said before it is done."""
_REMEMBERED, _SECONDS = 32, 120.0


@dataclass(frozen=True, slots=True)
class Window:
    """Some rows at consecutive indices of an order. ``scan``: every row of the dataset was read for it."""

    rows: Sequence[Any]
    fields: tuple[Field, ...]
    total: Count
    scan: bool
    took_ms: float


@dataclass(frozen=True, slots=True)
class RowView:
    """One row with everything its screen shows."""

    id: UUID
    position: int
    version: int
    status: str
    data: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    import_id: UUID | None
    dataset: DatasetView
    previous: UUID | None
    next: UUID | None
    history: Sequence[Any]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a list of matches depends on. Teams are part of it: two people may see different rows."""

    dataset_id: UUID
    teams: tuple[UUID, ...] | None
    conditions: tuple[Condition, ...]
    sort: Sort | None
    next_position: int


@dataclass
class _Remembered:
    """The ids of recent questions' matches, so that scrolling through them asks the database once.

    Only ids are kept; the rows themselves are read through the door each time.
    """

    entries: OrderedDict[_Question, tuple[float, list[UUID]]] = field(default_factory=OrderedDict)

    def get(self, question: _Question) -> list[UUID] | None:
        at, ids = self.entries.get(question, (0.0, []))
        return ids if at and time.monotonic() - at < _SECONDS else None

    def put(self, question: _Question, ids: list[UUID]) -> None:
        self.entries[question] = (time.monotonic(), ids)
        self.entries.move_to_end(question)
        while len(self.entries) > _REMEMBERED:
            self.entries.popitem(last=False)


_matches = _Remembered()
_known_fields: dict[tuple[UUID, int], tuple[Field, ...]] = {}


async def window(
    actor: Actor,
    dataset_id: UUID,
    start: int,
    stop: int,
    conditions: tuple[Condition, ...] = (),
    sort: Sort | None = None,
) -> Window:
    """The rows at indices from ``start`` to before ``stop``, by position or as filtered and ordered.

    Without filter and order every row is in reach. Otherwise the first 10,000 matches are; "at least" says so.
    """
    if not 0 <= start < stop or stop - start > MOST_AT_ONCE:
        raise Invalid("This part of the dataset cannot be shown.")
    began = time.perf_counter()
    if not conditions and (sort is None or sort == Sort("position", descending=False)):
        return await _by_position(actor, dataset_id, start, stop, began)
    async with reading(actor, Permission.DATASETS_READ, timeout=SCAN_TIMEOUT) as work:
        head = await datasets_table.head(work, dataset_id)
        if head is None:
            raise NotFound("This dataset does not exist, or you may not see it.")
        fields = await datasets_table.fields(work, head.schema_id)
        check(conditions, {f.key: f.type for f in fields})
        ids = await _matching(work, head, {f.key: f for f in fields}, conditions, sort, fresh=start == 0)
        rows = await rows_table.by_ids(work, head.number, ids[start : min(stop, COUNT_CAP)])
    total = Count(COUNT_CAP, CountKind.AT_LEAST) if len(ids) > COUNT_CAP else Count(len(ids))
    return Window(rows, fields, total, head.rows > SCAN_ROWS, (time.perf_counter() - began) * 1000)


async def _by_position(actor: Actor, dataset_id: UUID, start: int, stop: int, began: float) -> Window:
    async with reading(actor, Permission.DATASETS_READ) as work:
        seen = await rows_table.window(work, dataset_id, start, stop)
        if seen is None:
            raise NotFound("This dataset does not exist, or you may not see it.")
        fields = await _fields(work, seen.schema_id, seen.schema_version)
    return Window(seen.rows, fields, Count(seen.total), False, (time.perf_counter() - began) * 1000)


async def _fields(work: Work, schema_id: UUID, version: int) -> tuple[Field, ...]:
    """The fields of a version of a schema, asked for once: versions never change. That the asker may see the schema,
    the statement that named its version has proved.
    """
    known = _known_fields.get((schema_id, version))
    if known is None:
        known = await datasets_table.fields(work, schema_id, version)
        while len(_known_fields) >= _REMEMBERED:
            del _known_fields[next(iter(_known_fields))]
        _known_fields[schema_id, version] = known
    return known


async def _matching(
    work: Work,
    head: Any,  # noqa: ANN401 - a row of the list
    fields: Mapping[str, Field],
    conditions: tuple[Condition, ...],
    sort: Sort | None,
    *,
    fresh: bool,
) -> list[UUID]:
    question = _Question(head.id, work.who.team_ids, conditions, sort, head.next_position)
    known = None if fresh else _matches.get(question)
    if known is None:
        known = await rows_table.filtered(work, head.number, head.next_position, fields, conditions, sort)
        _matches.put(question, known)
    return known


async def get(actor: Actor, dataset_id: UUID, row_id: UUID) -> RowView:
    """One row, with its neighbours and its history."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        dataset = await datasets_table.view(work, dataset_id)
        row = await _row(work, dataset.number, dataset.next_position, row_id, lock=False)
        previous, following = await rows_table.neighbours(work, dataset.number, row.position, dataset.next_position)
        history = await audit_table.of_record(work, "row", str(row.id))
        return RowView(
            row.id,
            row.position,
            row.version,
            row.status,
            row.data,
            row.created_at,
            row.updated_at,
            row.import_id,
            dataset,
            previous,
            following,
            history,
        )


async def value(actor: Actor, dataset_id: UUID, row_id: UUID, key: str) -> Any:  # noqa: ANN401 - a JSON value
    """One cell as it is now."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        head = await datasets_table.head(work, dataset_id)
        if head is None:
            raise NotFound("This dataset does not exist, or you may not see it.")
        row = await _row(work, head.number, head.next_position, row_id, lock=False)
        return row.data.get(key)


async def edit(actor: Actor, dataset_id: UUID, row_id: UUID, key: str, seen: Any, wanted: Any) -> Any:  # noqa: ANN401
    """Change one cell; returns the value as it is kept.

    ``seen`` is the value that the person saw. Only this field is compared, so two people in different cells of one
    row do not collide; in the same cell the second gets a :class:`Conflict` with theirs, yours and the original.
    """
    async with writing(actor, Permission.ROWS_EDIT) as work:
        head = await datasets_table.head(work, dataset_id)
        if head is None:
            raise NotFound("This dataset does not exist, or you may not see it.")
        rules = {f.key: f for f in await datasets_table.fields(work, head.schema_id)}.get(key)
        if rules is None:
            raise Invalid("This dataset has no such field. Reload the page.")
        new = kept(rules, wanted)
        row = await _row(work, head.number, head.next_position, row_id, lock=True)
        now = row.data.get(key)
        if now == new:
            return new
        if now != _as_kept(rules, seen):
            raise Conflict(f"Somebody changed {rules.label} meanwhile.", original=seen, theirs=now, yours=new)
        row.data = {k: v for k, v in row.data.items() if k != key} | ({} if new is None else {key: new})
        work.record(Action.ROW_EDITED, row, label=f"row {row.position:,} of {head.name}")
        work.notify(topic, dataset_id, f"{row.id}:{key}")
        return new


def _as_kept(rules: Field, seen: Any) -> Any:  # noqa: ANN401
    try:
        return kept(rules, seen)
    except Invalid:  # what was seen may break a rule that came later; it is still what was seen
        return seen


async def _row(work: Work, number: int, next_position: int, row_id: UUID, *, lock: bool) -> DatasetRow:
    row = await work.get(DatasetRow, row_id, lock=lock)
    if row.dataset_number != number or row.position >= next_position:
        raise NotFound("This row does not exist, or you may not see it.")
    return row
