"""Datasets: find, look at, rename, delete. They come into being by an import (``services/imports``)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app import ledger
from app.actor import Actor
from app.errors import Conflict, Invalid, NotFound
from app.ledger.tasks import DATASET_DELETE
from app.models import Action, Dataset, DatasetStatus, RowStatus
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import datasets as datasets_table
from app.repositories import imports as imports_table
from app.repositories.datasets import Field
from app.topics import datasets as topic
from app.work import Work, reading, writing

NAME_LENGTH = 120


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


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The datasets that one may see."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        return await datasets_table.search(work, request)


async def get(actor: Actor, dataset_id: UUID) -> DatasetView:
    """One dataset, with its fields and counters."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        return await view(work, dataset_id)


async def rename(actor: Actor, dataset_id: UUID, name: str, seen: str) -> None:
    """Give a dataset another name. ``seen`` is the name that the person saw; another one now is a conflict."""
    wanted = checked_name(name)
    async with writing(actor, Permission.DATASETS_RENAME) as work:
        dataset = await _living(work, dataset_id)
        if dataset.name == wanted:
            return
        if dataset.name != seen:
            raise Conflict("Somebody renamed this dataset meanwhile.", original=seen, theirs=dataset.name, yours=wanted)
        dataset.name = wanted
        work.record(Action.DATASET_RENAMED, dataset, label=seen)
        work.notify(topic, dataset.id)


async def delete(actor: Actor, dataset_id: UUID, name: str, reason: str) -> None:
    """Delete a dataset with all its rows. ``name`` is what the person typed to confirm.

    It is gone from the screens at once; a job removes the rows.
    """
    async with writing(actor, Permission.DATASETS_DELETE) as work:
        dataset = await _living(work, dataset_id)
        if name.strip() != dataset.name:
            raise Invalid(name="Type the name of the dataset exactly as it is.")
        if await imports_table.is_running(work, dataset.id):
            raise Conflict("A file is being imported into this dataset. Cancel the import first.")
        by_status = await datasets_table.count_by_status(work, dataset.number)
        dataset.status = DatasetStatus.DELETING
        work.record(Action.DATASET_DELETED, dataset, reason=reason, detail={"rows": sum(by_status.values())})
        await ledger.submit(
            work,
            DATASET_DELETE,
            team_id=dataset.team_id,
            created_by=work.who.id,
            dataset_id=str(dataset.id),
            name=dataset.name,
        )
        work.notify(topic, dataset.id, "deleted")


async def view(work: Work, dataset_id: UUID) -> DatasetView:
    """The dataset's view, inside somebody's block."""
    head = await datasets_table.head(work, dataset_id)
    if head is None:
        raise NotFound("This dataset does not exist, or you may not see it.")
    return DatasetView(
        head.id,
        head.number,
        head.name,
        head.team_id,
        head.team,
        head.schema_id,
        head.rows,
        await datasets_table.count_by_status(work, head.number),
        await datasets_table.fields(work, head.schema_id),
        head.next_position,
        head.version,
        head.created_at,
    )


def checked_name(name: str) -> str:
    """A dataset's name without the spaces around it."""
    wanted = name.strip()
    if not wanted:
        raise Invalid(name="Give the dataset a name.")
    if len(wanted) > NAME_LENGTH or not wanted.isprintable():
        raise Invalid(name=f"A name has at most {NAME_LENGTH} characters, and no line breaks.")
    return wanted


async def _living(work: Work, dataset_id: UUID) -> Dataset:
    dataset = await work.get(Dataset, dataset_id, lock=True)
    if dataset.status != DatasetStatus.ACTIVE:
        raise NotFound("This dataset has been deleted.")
    return dataset
