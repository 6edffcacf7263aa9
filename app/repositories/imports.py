"""Questions about imports, and the statements that load and remove their rows."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update

from app import clock
from app.database import Work
from app.ids import uuid7
from app.models import Dataset, DatasetRow, Import, ImportIssue, ImportStatus, Job, JobStatus, Team
from app.paging import Page, PageRequest, Sort
from app.repositories.datasets import IMPORT_COLUMNS, IMPORT_STATE
from app.repositories.filters import identity
from app.repositories.keyset import Listing, Query, page
from app.tabular.plan import RowError

LISTING = Listing(Import.id, Sort("id"), {})
EXPORT: Mapping[str, Any] = MappingProxyType(
    {
        "id": Import.id,
        "file": Import.filename,
        "status": IMPORT_STATE,
        "dataset_id": Import.dataset_id,
        "dataset": Dataset.name,
        "team_id": Import.team_id,
        "team": Team.name,
        "rows": Import.rows_good,
        "bad_rows": Import.rows_bad,
        "size_bytes": Import.size_bytes,
        "created_at": Import.created_at,
        "started_at": Import.started_at,
        "finished_at": Import.finished_at,
    }
)
"""The columns of a file of imports, over the same question as the list."""
ISSUES = Listing(ImportIssue.n, Sort("id", descending=False), {})


def _listed() -> Query:
    return (
        select(*IMPORT_COLUMNS)
        .join(Dataset, Dataset.id == Import.dataset_id)
        .join(Team, Team.id == Import.team_id)
        .outerjoin(Job, Job.id == Import.job_id)
    )


def matching(request: PageRequest) -> Query:
    """Imports; the filter ``dataset`` names whose."""
    query = _listed().where(Import.status != ImportStatus.DELETED)
    if dataset := identity(request, "dataset"):
        query = query.where(Import.dataset_id == dataset)
    return query


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Imports in sight, newest first."""
    return await page(work, matching(request), LISTING, request)


async def head(work: Work, import_id: UUID) -> Any:  # noqa: ANN401 - a row of the list
    """One import as the list shows it, or None."""
    return (await work.execute(_listed().where(Import.id == import_id))).one_or_none()


async def by_file(work: Work, file_id: UUID) -> Import | None:
    """The import of an uploaded file, if it was started already."""
    found: Import | None = await work.scalar(select(Import).where(Import.file_id == file_id))
    return found


async def is_running(work: Work, dataset_id: UUID) -> bool:
    """Whether an import of this dataset waits or runs."""
    query = (
        select(Import.id)
        .join(Job, Job.id == Import.job_id)
        .where(Import.dataset_id == dataset_id, Job.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]))
    )
    return await work.scalar(query.limit(1)) is not None


async def of_job(work: Work, job_id: UUID) -> Import | None:
    """The import that a job works on."""
    found: Import | None = await work.scalar(select(Import).where(Import.job_id == job_id))
    return found


async def same_content(work: Work, sha256: bytes) -> Any:  # noqa: ANN401 - a row of the list
    """The latest finished import of exactly the same bytes, or None."""
    query = _listed().where(Import.sha256 == sha256, Import.status == ImportStatus.SUCCEEDED)
    return (await work.execute(query.order_by(Import.id.desc()).limit(1))).one_or_none()


async def with_bad_rows(work: Work, limit: int) -> list[Any]:
    """The latest imports of the last 14 days that met bad rows."""
    recent = Import.created_at > clock.now() - timedelta(days=14)
    query = _listed().where(Import.rows_bad > 0, recent, Import.status != ImportStatus.DELETED)
    return list((await work.execute(query.order_by(Import.id.desc()).limit(limit))).all())


async def issues(work: Work, import_id: UUID, request: PageRequest) -> Page[Any]:
    """The kept errors of an import, in the order of the file."""
    query = select(
        ImportIssue.n.label("id"),
        ImportIssue.line,
        ImportIssue.field,
        ImportIssue.code,
        ImportIssue.message,
        ImportIssue.raw,
    ).where(ImportIssue.import_id == import_id)
    if field := request.one("field"):
        query = query.where(ImportIssue.field == field)
    return await page(work, query, ISSUES, request)


async def update_progress(work: Work, import_id: UUID, **values: Any) -> None:  # noqa: ANN401 - columns of imports
    """Book-keeping of a running import."""
    await work.execute(update(Import).where(Import.id == import_id).values(**values))


async def keep_issues(work: Work, import_id: UUID, team_id: UUID, errors: Iterable[RowError]) -> None:
    """Keep the first errors for the screen; a second run replaces those of the first."""
    await work.execute(delete(ImportIssue).where(ImportIssue.import_id == import_id))
    values = [
        {
            "import_id": import_id,
            "team_id": team_id,
            "n": n,
            "line": error.line,
            "field": error.field,
            "code": error.code.value,
            "message": error.message,
            "raw": error.raw[:1000].replace("\x00", "�"),
        }
        for n, error in enumerate(errors, start=1)
    ]
    if values:
        await work.execute(insert(ImportIssue), values)


# The memory keeps the chunk's rows off the disk while they are put in order.
_STAGE = """
    SET LOCAL work_mem = '32MB';
    CREATE TEMP TABLE staged_rows (line bigint, data jsonb) ON COMMIT DROP
"""
_COUNTER_DIGITS = 12
"""Hexadecimal digits at the end of a row's id that count."""
_LOAD = text(
    """
    INSERT INTO dataset_rows (id, dataset_number, team_id, position, data, schema_version, status, version, import_id,
                              created_at, updated_at)
    SELECT CAST(:prefix || lpad(to_hex(:counter + n), 12, '0') AS uuid), :number, :team, :first + n - 1, data,
           :schema_version, 'pending', 1, :import, now(), now()
    FROM (SELECT data, row_number() OVER (ORDER BY line) AS n FROM staged_rows) AS ordered ORDER BY n
    """
)


async def load_rows(
    work: Work, rows: bytes, *, number: int, team_id: UUID, first: int, schema_version: int, import_id: UUID
) -> None:
    """Load one chunk (COPY text: line, data) at consecutive positions from ``first``.

    PostgreSQL refuses COPY into a table with row-level security, so rows pass through a temporary table. Their ids
    count on from one random UUID v7: asking the system for randomness at every row would take a fifth of the time.
    """
    connection = await work.raw()
    await connection.execute(_STAGE)
    await connection.copy_to_table("staged_rows", source=_chunked(rows), columns=["line", "data"])
    start = uuid7().hex
    named = {
        "prefix": start[:-_COUNTER_DIGITS],
        # Half of the counter's range is left to count in.
        "counter": int(start[-_COUNTER_DIGITS:], 16) >> 1,
        "number": number,
        "team": team_id,
        "first": first,
        "schema_version": schema_version,
        "import": import_id,
    }
    await work.execute(_LOAD, named)


async def _chunked(rows: bytes) -> Any:  # noqa: ANN401 - an async iterator of bytes
    view = memoryview(rows)
    for start in range(0, len(rows), 1 << 18):
        yield bytes(view[start : start + (1 << 18)])


async def count_unseen(work: Work, number: int, next_position: int, import_id: UUID) -> tuple[int, int]:
    """How many rows lie out of sight in a dataset: this import's, and those of others."""
    mine = DatasetRow.import_id == import_id
    query = select(func.count().filter(mine), func.count().filter(~mine)).where(
        DatasetRow.dataset_number == number, DatasetRow.position >= next_position
    )
    ours, others = (await work.execute(query)).one()
    return ours, others


async def files(work: Work, dataset_id: UUID) -> list[tuple[UUID, UUID]]:
    """What a dataset's imports may have left on disk, as (import, file)."""
    rows = await work.execute(select(Import.id, Import.file_id).where(Import.dataset_id == dataset_id))
    return [(row.id, row.file_id) for row in rows]


async def refused_files(work: Work, before: datetime) -> list[UUID]:
    """The files of imports that were refused before a moment."""
    query = select(Import.file_id).where(Import.status == ImportStatus.REFUSED, Import.finished_at < before)
    return list((await work.execute(query)).scalars())


async def is_alone(work: Work, import_id: UUID, dataset_id: UUID) -> bool:
    """Whether nothing else ever came into a dataset, or tried to."""
    other = select(Import.id).where(Import.dataset_id == dataset_id, Import.id != import_id).limit(1)
    return await work.scalar(other) is None


async def settle(work: Work, dataset_id: UUID) -> None:
    """Close imports whose job has ended without them (its worker was lost, or it was cancelled while it waited).

    The caller holds the dataset locked. Its rows are removed by a job of their own, or when the next import begins.
    """
    open_ = Import.status.in_([ImportStatus.QUEUED, ImportStatus.CHECKING, ImportStatus.LOADING])
    for job_status, status in ((JobStatus.FAILED, ImportStatus.FAILED), (JobStatus.CANCELLED, ImportStatus.CANCELLED)):
        ended = select(Job.id).where(Job.id == Import.job_id, Job.status == job_status).exists()
        statement = update(Import).where(Import.dataset_id == dataset_id, open_, ended)
        await work.execute(statement.values(status=status, rows_good=0, finished_at=clock.now()))


async def lock_ended(work: Work, import_id: UUID) -> Any:  # noqa: ANN401 - a row
    """An import whose job has ended without success, with its ``number`` and ``next_position`` of the dataset and how
    its job ended; None: it goes on, or it is being deleted. Nobody retries it before the end of the transaction.
    """
    job = select(Job.id).join(Import, Import.job_id == Job.id).where(Import.id == import_id)
    await work.execute(job.with_for_update(of=Job, key_share=True))
    # A question of its own: the one that waited for the lock saw what was there before.
    leaving = Import.status.in_([ImportStatus.SUCCEEDED, ImportStatus.DELETING, ImportStatus.DELETED])
    query = (
        select(Import.dataset_id, Import.job_id, Import.status, Dataset.number, Dataset.next_position)
        .add_columns(Job.status.label("job_status"), Job.finished_at)
        .join(Dataset, Dataset.id == Import.dataset_id)
        .join(Job, Job.id == Import.job_id)
        .where(Import.id == import_id, Job.status.in_([JobStatus.FAILED, JobStatus.CANCELLED]), ~leaving)
    )
    return (await work.execute(query)).one_or_none()


async def close(work: Work, import_id: UUID, ended: Any) -> None:  # noqa: ANN401 - a row of :func:`lock_ended`
    """Say how an import ended of which nothing is left. Nor does its job know a place any more to go on from."""
    status = ImportStatus.CANCELLED if ended.job_status == JobStatus.CANCELLED else ImportStatus.FAILED
    if ended.status == ImportStatus.REFUSED:
        status = ImportStatus.REFUSED
    await update_progress(work, import_id, status=status, rows_good=0, finished_at=ended.finished_at)
    await work.execute(update(Job).where(Job.id == ended.job_id).values(checkpoint=None))


async def remove_staged(
    work: Work, number: int, next_position: int, limit: int = 20_000, *, import_id: UUID | None = None
) -> int:
    """Remove rows that nobody has ever seen, of an abandoned import, or of all; returns how many."""
    beyond = select(DatasetRow.id).where(DatasetRow.dataset_number == number, DatasetRow.position >= next_position)
    if import_id is not None:
        beyond = beyond.where(DatasetRow.import_id == import_id)
    return await _remove(work, beyond, limit)


async def remove_range(work: Work, number: int, first: int, stop: int, limit: int = 20_000) -> dict[str, int]:
    """Remove up to ``limit`` rows at positions from ``first`` to before ``stop``; returns how many by status."""
    chosen = (
        select(DatasetRow.id)
        .where(DatasetRow.dataset_number == number, DatasetRow.position >= first, DatasetRow.position < stop)
        .order_by(DatasetRow.position)
        .limit(limit)
    )
    gone = delete(DatasetRow).where(DatasetRow.id.in_(chosen)).returning(DatasetRow.status).cte("gone")
    rows = await work.execute(select(gone.c.status, func.count()).group_by(gone.c.status))
    return {status: n for status, n in rows}  # noqa: C416 - rows are not plain pairs to dict()


async def _remove(work: Work, chosen: Query, limit: int) -> int:
    result = await work.execute(delete(DatasetRow).where(DatasetRow.id.in_(chosen.limit(limit))))
    return int(getattr(result, "rowcount", 0))
