"""The documents that jobs made for customers: taken away by staff, which is recorded like every export."""

import asyncio
from pathlib import Path
from uuid import UUID

from app.actor import Actor
from app.database import reading, writing
from app.documents import drafts
from app.errors import NotFound
from app.job_queue.tasks import DOCUMENT_GENERATE
from app.models import Action, Job, JobStatus
from app.permissions import Permission
from app.storage import uploads
from app.storage.documents import document_file


async def is_kept(actor: Actor, store: uploads.Store, job_id: UUID) -> bool:
    """Whether the document of this job can be downloaded."""
    async with reading(actor, Permission.DOCUMENTS_READ) as work:
        job = await work.get(Job, job_id)
    return await _exists(store, job)


async def download(actor: Actor, store: uploads.Store, job_id: UUID) -> tuple[Path, str]:
    """The document of a job as a file, and a name for it."""
    async with writing(actor, Permission.DOCUMENTS_READ) as work:
        job = await work.get(Job, job_id)
        if not await _exists(store, job):
            raise NotFound("There is no file of this document. Only documents made by workers here are kept.")
        work.record(Action.DOCUMENT_DOWNLOADED, job, label=str(job.input.get("title", "")) or job.audit_label)
    return _file(store, job), drafts.file_name(str(job.input.get("title", "")))


async def _exists(store: uploads.Store, job: Job) -> bool:
    made = job.kind == DOCUMENT_GENERATE.kind and job.status == JobStatus.SUCCEEDED
    return made and await asyncio.to_thread(_file(store, job).exists)


def _file(store: uploads.Store, job: Job) -> Path:
    return document_file(store.folder.parent, job.id)
