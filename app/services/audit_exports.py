"""Parts of the audit log as files: made by a job, kept beside documents, taken away by whoever may read the log.

``jsonl`` proves itself without a database and holds no personal values; ``csv`` is for reading and holds them.
"""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from app import job_queue
from app.actor import Actor
from app.database import Subject, Who, reading, writing
from app.errors import Forbidden, Invalid, NotFound
from app.job_queue.tasks import AUDIT_EXPORT
from app.models import Action, Job, JobStatus
from app.paging import PageRequest
from app.permissions import Permission
from app.repositories import audit as audit_table
from app.repositories import filters
from app.storage import audit_exports, uploads

KIND = AUDIT_EXPORT.kind
"""The kind of such jobs."""


class Format(StrEnum):
    """What kind of file."""

    JSONL = "jsonl"
    CSV = "csv"


async def start(actor: Actor, request: PageRequest, format_: str) -> Job:
    """Have a job write the entries that match. That they leave the house is recorded now.

    Raises:
        Invalid: there is no such format or filter, or the person sees several teams and chose none.
    """
    if format_ not in set(Format):
        raise Invalid(format="Choose a format.")
    async with writing(actor, Permission.LISTS_EXPORT) as work:
        _check(work.who, Format(format_))
        asked = filters.allowed(work, request)
        audit_table.matching(asked)  # refuses what cannot be asked
        team = _team(work.who, request)
        job = await job_queue.submit(
            work,
            AUDIT_EXPORT,
            team_id=team,
            created_by=work.who.id,
            format=format_,
            filters={name: list(values) for name, values in request.filters.items()},
            search=request.search,
            exact=asked.exact,
            oldest_first=request.sort is not None and not request.sort.descending,
        )
        detail = {"format": format_, "filters": _said(request), "search": request.search, "job": str(job.id)}
        told = {key: value for key, value in detail.items() if value}
        work.record(Action.LIST_EXPORTED, Subject("list", "audit", "Audit log", team), detail=told)
    return job


async def kept(actor: Actor, store: uploads.Store, job_id: UUID) -> str | None:
    """The name of the file that this job made, if it is there and the reader may take it away; else None."""
    async with reading(actor, Permission.AUDIT_READ) as work:
        job = await work.get(Job, job_id)
        may = Permission.LISTS_EXPORT in work.who.permissions and not _hidden(work.who, job)
    return _name(job) if may and await _exists(store, job) else None


async def download(actor: Actor, store: uploads.Store, job_id: UUID) -> tuple[Path, str]:
    """The file that a job made, and a name for it. Each download is recorded."""
    async with writing(actor, Permission.LISTS_EXPORT) as work:
        job = await work.get(Job, job_id)
        if not await _exists(store, job):
            raise NotFound("There is no file of this export. It may have failed, or the file was removed.")
        _check(work.who, Format(job.input["format"]))
        work.record(Action.DOCUMENT_DOWNLOADED, job, label=_name(job))
    return _file(store, job), _name(job)


def _check(who: Who, format_: Format) -> None:
    needed = [Permission.AUDIT_READ, *([Permission.PERSONAL_READ] if format_ is Format.CSV else [])]
    for permission in needed:
        if permission not in who.permissions:
            raise Forbidden(f"Your role does not include “{permission}”. Ask an administrator if you need it.")


def _hidden(who: Who, job: Job) -> bool:
    return job.input.get("format") == Format.CSV and Permission.PERSONAL_READ not in who.permissions


def _team(who: Who, request: PageRequest) -> UUID | None:
    """Whose entries the job may see: those of one team, or all for people who see all and chose none."""
    chosen = request.filters.get("team", ())
    if len(chosen) == 1:
        return filters.as_uuid(chosen[0])
    if who.team_ids is None:
        return None
    if len(who.team_ids) == 1:
        return who.team_ids[0]
    raise Invalid(format="Filter by one of your teams first: a file holds the entries of one.")


def _said(request: PageRequest) -> Mapping[str, str]:
    return {name: ", ".join(values) for name, values in request.filters.items()}


def _name(job: Job) -> str:
    return f"audit-log-{job.created_at:%Y-%m-%d}-{job.id.hex[-8:]}.{job.input.get('format', 'jsonl')}"


async def _exists(store: uploads.Store, job: Job) -> bool:
    made = job.kind == AUDIT_EXPORT.kind and job.status == JobStatus.SUCCEEDED
    return made and await asyncio.to_thread(_file(store, job).exists)


def _file(store: uploads.Store, job: Job) -> Path:
    return audit_exports.path(store.folder.parent, job.id, str(job.input.get("format")))
