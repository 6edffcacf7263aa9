"""Questions about datasets, their fields and their counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, case, func, select
from sqlalchemy.dialects.postgresql import insert

from app.database import Work
from app.errors import NotFound
from app.models import (
    Dataset,
    DatasetCount,
    DatasetStatus,
    Import,
    ImportStatus,
    Job,
    JobStatus,
    RowStatus,
    Schema,
    SchemaField,
    Team,
)
from app.paging import Page, PageRequest, Sort
from app.repositories.filters import identity, like
from app.repositories.keyset import Listing, Query, page

_rows = (
    select(func.coalesce(func.sum(DatasetCount.n), 0).cast(BigInteger))
    .where(DatasetCount.dataset_number == Dataset.number)
    .scalar_subquery()
)
LISTING = Listing(Dataset.id, Sort("id"), {"name": func.lower(Dataset.name), "updated_at": Dataset.updated_at})
EXPORT: Mapping[str, Any] = MappingProxyType(
    {
        "id": Dataset.id,
        "name": Dataset.name,
        "team_id": Dataset.team_id,
        "team": Team.name,
        "rows": _rows,
        "created_at": Dataset.created_at,
        "updated_at": Dataset.updated_at,
    }
)
"""The columns of a file of datasets, over the same question as the list."""


@dataclass(frozen=True, slots=True)
class Field:
    """One typed field of a dataset's current schema."""

    key: str
    label: str
    type: str
    required: bool
    enum: tuple[str, ...]
    minimum: Decimal | None
    maximum: Decimal | None
    pattern: str | None


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A dataset with everything its screen shows."""

    id: UUID
    number: int
    name: str
    team_id: UUID
    team: str
    schema_id: UUID
    rows: int
    by_status: dict[RowStatus, int]
    fields: tuple[Field, ...]
    next_position: int
    version: int
    created_at: datetime


_FIELD_COLUMNS: Sequence[Any] = (
    SchemaField.key,
    SchemaField.label,
    SchemaField.type,
    SchemaField.required,
    SchemaField.enum,
    SchemaField.minimum,
    SchemaField.maximum,
    SchemaField.pattern,
)


def _listed() -> Query:
    return (
        select(
            Dataset.id,
            Dataset.number,
            Dataset.name,
            Dataset.team_id,
            Dataset.schema_id,
            Dataset.next_position,
            Dataset.version,
            Dataset.created_at,
            Dataset.updated_at,
            Team.name.label("team"),
            _rows.label("rows"),
        )
        .join(Team, Team.id == Dataset.team_id)
        .where(Dataset.status == DatasetStatus.ACTIVE)
    )


def matching(request: PageRequest) -> Query:
    """Datasets by the filter team, searched by name."""
    query = _listed()
    if team := identity(request, "team"):
        query = query.where(Dataset.team_id == team)
    if request.search:
        query = query.where(Dataset.name.ilike(like(request.search)))
    return query


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Datasets in sight, newest first unless asked otherwise."""
    return await page(work, matching(request), LISTING, request)


async def head(work: Work, dataset_id: UUID) -> Any:  # noqa: ANN401 - a row of the list
    """One dataset as the list shows it, or None."""
    return (await work.execute(_listed().where(Dataset.id == dataset_id))).one_or_none()


async def view(work: Work, dataset_id: UUID) -> DatasetView:
    """One dataset with its fields and counters.

    Raises:
        NotFound: there is none, or it is another team's, or it has been deleted.
    """
    found = await head(work, dataset_id)
    if found is None:
        raise NotFound("This dataset does not exist, or you may not see it.")
    return DatasetView(
        found.id,
        found.number,
        found.name,
        found.team_id,
        found.team,
        found.schema_id,
        found.rows,
        await count_by_status(work, found.number),
        await fields(work, found.schema_id),
        found.next_position,
        found.version,
        found.created_at,
    )


async def fields(work: Work, schema_id: UUID, version: int | None = None) -> tuple[Field, ...]:
    """The fields of a version of a schema, by default the current one, in their order."""
    query = select(*_FIELD_COLUMNS).where(SchemaField.schema_id == schema_id, SchemaField.deprecated.is_(False))
    if version is None:
        current = (Schema.id == SchemaField.schema_id) & (Schema.current_version == SchemaField.version)
        query = query.join(Schema, current)
    else:
        query = query.where(SchemaField.version == version)
    rows = await work.execute(query.order_by(SchemaField.position))
    return tuple(
        Field(f.key, f.label, f.type, f.required, tuple(f.enum or ()), f.minimum, f.maximum, f.pattern) for f in rows
    )


async def current_version(work: Work, schema_id: UUID) -> int:
    """The number of a schema's current version."""
    return int(await work.scalar(select(Schema.current_version).where(Schema.id == schema_id)))


async def count_by_status(work: Work, number: int) -> dict[RowStatus, int]:
    """Visible rows of a dataset by status."""
    rows = await work.execute(select(DatasetCount.status, DatasetCount.n).where(DatasetCount.dataset_number == number))
    return {RowStatus(status): n for status, n in rows if n}


async def add_to_counts(work: Work, number: int, team_id: UUID, status: str, n: int) -> None:
    """Move a counter by ``n``, in the transaction that makes it true."""
    new = insert(DatasetCount).values(dataset_number=number, team_id=team_id, status=status, n=max(n, 0))
    keys = [DatasetCount.dataset_number, DatasetCount.status]
    await work.execute(new.on_conflict_do_update(index_elements=keys, set_={"n": DatasetCount.n + n}))


def _import_state() -> Any:  # noqa: ANN401 - a column expression
    """An import whose job ended without it has failed, or was cancelled while it waited."""
    open_ = Import.status.in_([ImportStatus.QUEUED, ImportStatus.CHECKING, ImportStatus.LOADING])
    return case(
        (open_ & (Job.status == JobStatus.FAILED), ImportStatus.FAILED.value),
        (open_ & (Job.status == JobStatus.CANCELLED), ImportStatus.CANCELLED.value),
        else_=Import.status,
    )


IMPORT_STATE = _import_state()
IMPORT_COLUMNS: Sequence[Any] = (
    Import.id,
    Import.team_id,
    Import.dataset_id,
    Import.job_id,
    Import.filename,
    Import.size_bytes,
    Import.sha256,
    Import.skip_bad,
    Import.rows_good,
    Import.rows_bad,
    Import.error_groups,
    Import.created_by,
    Import.created_at,
    Import.started_at,
    Import.finished_at,
    Import.made_dataset,
    Dataset.name.label("dataset"),
    Dataset.status.label("dataset_status"),
    Team.name.label("team"),
    Job.status.label("job_status"),
    IMPORT_STATE.label("status"),
)
