"""What is asked before a change is taken back, of records that the change names only indirectly."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.database import Work
from app.errors import NotFound
from app.models import Dataset, DatasetRow, DatasetStatus, Job
from app.repositories import datasets as datasets_table
from app.repositories.datasets import Field


async def team_of_dataset(work: Work, dataset_id: UUID) -> UUID:
    """Whose a dataset is, also one that is being deleted."""
    found: UUID | None = await work.scalar(select(Dataset.team_id).where(Dataset.id == dataset_id))
    if found is None:
        raise NotFound("This dataset does not exist, or you may not see it.")
    return found


async def removing(work: Work, kind: str, dataset_id: UUID) -> Job | None:
    """The latest job of this kind that removes the rows of a dataset, locked."""
    job_id = await work.scalar(_latest(kind, dataset_id))
    return None if job_id is None else await work.get(Job, job_id, lock=True)


async def removing_status(work: Work, kind: str, dataset_id: UUID) -> str | None:
    """How that job stands, unlocked; None: there is none."""
    found: str | None = await work.scalar(_latest(kind, dataset_id).with_only_columns(Job.status))
    return found


def _latest(kind: str, dataset_id: UUID) -> Select[Any]:
    wanted = Job.input["dataset_id"].astext == str(dataset_id)
    return select(Job.id).where(Job.kind == kind, wanted).order_by(Job.id.desc()).limit(1)


async def dataset_of_row(work: Work, row: DatasetRow) -> UUID:
    """The dataset that a row belongs to."""
    found: UUID | None = await work.scalar(select(Dataset.id).where(Dataset.number == row.dataset_number))
    if found is None:
        raise NotFound("The dataset of this row does not exist any more.")
    return found


async def fields_of_row(work: Work, row: DatasetRow) -> Sequence[Field]:
    """The fields that a row's values obey now."""
    standing = (Dataset.number == row.dataset_number, Dataset.status == DatasetStatus.ACTIVE)
    schema = await work.scalar(select(Dataset.schema_id).where(*standing))
    if schema is None:
        raise NotFound("The dataset of this row does not exist any more.")
    return await datasets_table.fields(work, schema)
