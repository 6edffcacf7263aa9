"""What staff do to one job: retry it, cancel it. Callers know these verbs by ``jobs``; ``job_view`` shows it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app import job_queue
from app.actor import Actor
from app.database import Work, writing
from app.errors import Conflict
from app.job_queue.requests import give_up
from app.job_queue.tasks import TASKS
from app.models import (
    Action,
    BulkAct,
    BulkItem,
    Dataset,
    DatasetStatus,
    Import,
    ImportStatus,
    Job,
    JobStatus,
)
from app.permissions import Permission
from app.repositories import bulk as bulk_table
from app.repositories import imports as imports_table
from app.repositories.bulk import Part
from app.values import reasons

KINDS: Mapping[str, str] = MappingProxyType({task.kind: task.label for task in TASKS.values()})
"""The kinds of jobs as people read them. A kind of an older or newer version is not among them."""

LASTING = frozenset(task.kind for task in TASKS.values() if not task.can_cancel)
"""Kinds that cannot be cancelled: a deletion that has begun."""


async def retry(actor: Actor, job_id: UUID, reason: str, *, from_start: bool = False, part: Part | None = None) -> None:
    """Put a failed or cancelled job back in the queue. It goes on from its checkpoint, unless ``from_start``: then it
    forgets where it was. ``part``: of a bulk act.
    """
    why = reasons.checked(reason)
    async with writing(actor, Permission.JOBS_RETRY) as work:
        job = await work.get(Job, job_id, lock=True)
        if not job.can_retry:
            raise Conflict(f"Only a failed or cancelled job can be retried; this one is {job.status}.")
        await _reopen_import(work, job)
        await job_queue.requeue(
            work, job, by=work.who.id, from_start=from_start, bulk_id=part.bulk_id if part else None
        )
        detail = {"from_start": True} if from_start else {}
        work.record(Action.JOB_RETRIED, job, reason=why, detail=detail | (await _of_bulk(work, job, part)))


async def cancel(actor: Actor, job_id: UUID, reason: str, *, part: Part | None = None) -> None:
    """Ask a job to stop. A waiting one stops at once, a running one at its next step; one that failed is given up, and
    no longer stands among the failures. ``part``: of a bulk act.
    """
    why = reasons.checked(reason)
    async with writing(actor, Permission.JOBS_CANCEL) as work:
        job = await work.get(Job, job_id, lock=True)
        if job.kind in LASTING:
            raise Conflict("Deleting has begun and cannot be cancelled.")
        if part is not None:
            job.bulk_id = part.bulk_id
        if job.status == JobStatus.FAILED:
            await give_up(work, job, by=work.who.id)
        elif job.can_cancel:
            await job_queue.request_cancel(work, job, by=work.who.id)
            await _close_import(work, job)
        else:
            raise Conflict(f"This job cannot be cancelled any more; it is {job.status}.")
        work.record(Action.JOB_CANCELLED, job, reason=why, detail=await _of_bulk(work, job, part))


async def _of_bulk(work: Work, job: Job, part: Part | None) -> dict[str, Any]:
    """Settle the part of a bulk act that this is, in the very transaction; what its entry says of it."""
    if part is None:
        return {}
    await bulk_table.settle(work, part, job)
    work.implied(BulkAct, BulkItem)
    return {"bulk": str(part.bulk_id)}


async def _close_import(work: Work, job: Job) -> None:
    """An import whose job has stopped while it waited has ended with it."""
    found = await imports_table.of_job(work, job.id)
    if found is not None and job.status == JobStatus.CANCELLED:
        await work.get(Dataset, found.dataset_id, lock=True)
        work.implied(Import)
        await imports_table.settle(work, found.dataset_id)


async def _reopen_import(work: Work, job: Job) -> None:
    """An import that ended with its job goes on with it, if its dataset is still there."""
    found = await imports_table.of_job(work, job.id)
    if found is None:
        return
    if found.status == ImportStatus.REFUSED:
        raise Conflict("This file would be refused again. Correct its columns on the page of the import.")
    dataset = await work.get(Dataset, found.dataset_id, lock=True)
    if dataset.status != DatasetStatus.ACTIVE or found.status in {ImportStatus.DELETING, ImportStatus.DELETED}:
        raise Conflict("What this job would import into has been deleted; it cannot run again.")
    work.implied(Import)
    await imports_table.settle(work, dataset.id)
    await imports_table.update_progress(work, found.id, status=ImportStatus.QUEUED)
