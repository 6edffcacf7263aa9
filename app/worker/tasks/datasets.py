"""What the jobs of datasets do."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete

from app import job_queue
from app.database import writing
from app.errors import NotFound
from app.job_queue.tasks import DATASET_DELETE
from app.models import Action, Dataset, DatasetCount, Schema
from app.permissions import Permission
from app.repositories import imports as imports_table
from app.topics import datasets as topic
from app.worker.context import JobContext
from app.worker.registry import runs
from app.worker.tasks.imports import remove_files, remove_rows, remove_unseen


@runs(DATASET_DELETE)
async def delete_dataset(ctx: JobContext, *, dataset_id: str, **_: Any) -> None:  # noqa: ANN401 - words for people
    """Remove the rows of a deleted dataset, in batches, then the dataset itself; its log stays."""
    async with ctx.keeping("dataset: delete") as work:
        try:
            dataset = await work.get(Dataset, UUID(dataset_id))
        except NotFound:
            return
        files = await imports_table.files(work, dataset.id)
    await remove_unseen(ctx, dataset.number, dataset.next_position)
    await remove_rows(ctx, dataset.number, 0, dataset.next_position)
    async with writing(ctx.actor, Permission.DATASETS_DELETE) as work:
        gone = await work.get(Dataset, dataset.id, lock=True)
        await work.delete(gone)
        await work.execute(delete(DatasetCount).where(DatasetCount.dataset_number == gone.number))
        await work.flush()
        await work.execute(delete(Schema).where(Schema.id == gone.schema_id))
        work.implied(DatasetCount, Schema)
        work.record(Action.DATASET_REMOVED, gone)
        await job_queue.finish_in(work, ctx.run, {})
        work.notify(topic, gone.id, "deleted")
    remove_files(ctx, files)
