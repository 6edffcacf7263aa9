"""Datasets: find, look at, rename, delete. They come into being by an import (``services/imports``)."""

from typing import Any
from uuid import UUID

from app import job_queue
from app.actor import Actor
from app.database import Work, reading, writing
from app.errors import Conflict, Invalid, NotFound
from app.job_queue.tasks import DATASET_DELETE
from app.models import Action, Dataset, DatasetStatus
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import datasets as datasets_table
from app.repositories import imports as imports_table
from app.repositories.datasets import DatasetView
from app.topics import datasets as topic
from app.values import names, reasons

NAME_LENGTH = names.LENGTH

__all__ = ["NAME_LENGTH", "DatasetView", "delete", "get", "rename", "search"]


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The datasets that one may see."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        return await datasets_table.search(work, request)


async def get(actor: Actor, dataset_id: UUID) -> DatasetView:
    """One dataset, with its fields and counters."""
    async with reading(actor, Permission.DATASETS_READ) as work:
        return await datasets_table.view(work, dataset_id)


async def rename(actor: Actor, dataset_id: UUID, name: str, seen: str) -> None:
    """Give a dataset another name. ``seen`` is the name that the person saw; another one now is a conflict."""
    wanted = names.checked(name)
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
    why = reasons.checked(reason)
    async with writing(actor, Permission.DATASETS_DELETE) as work:
        dataset = await _living(work, dataset_id)
        if name.strip() != dataset.name:
            raise Invalid(name="Type the name of the dataset exactly as it is.")
        if await imports_table.is_running(work, dataset.id):
            raise Conflict("A file is being imported into this dataset. Cancel the import first.")
        by_status = await datasets_table.count_by_status(work, dataset.number)
        dataset.status = DatasetStatus.DELETING
        work.record(Action.DATASET_DELETED, dataset, reason=why, detail={"rows": sum(by_status.values())})
        await job_queue.submit(
            work,
            DATASET_DELETE,
            team_id=dataset.team_id,
            created_by=work.who.id,
            dataset_id=str(dataset.id),
            name=dataset.name,
        )
        work.notify(topic, dataset.id, "deleted")


async def _living(work: Work, dataset_id: UUID) -> Dataset:
    dataset = await work.get(Dataset, dataset_id, lock=True)
    if dataset.status != DatasetStatus.ACTIVE:
        raise NotFound("This dataset has been deleted.")
    return dataset
