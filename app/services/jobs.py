"""Jobs, for the people who watch them: the list. What is done with one of them stands in ``job``."""

from collections.abc import Mapping
from typing import Any

from app.actor import Actor
from app.models import JobStatus
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import jobs as jobs_table
from app.services.job import KINDS, LASTING, cancel, retry
from app.services.job_view import JobView, content, get
from app.work import reading

__all__ = ["KINDS", "LASTING", "JobView", "cancel", "content", "counts", "get", "retry", "search"]


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The jobs that one may see."""
    async with reading(actor, Permission.JOBS_READ) as work:
        return await jobs_table.search(work, request)


async def counts(actor: Actor) -> Mapping[JobStatus, int]:
    """How many jobs stand where, from counters."""
    async with reading(actor, Permission.JOBS_READ) as work:
        return await jobs_table.counts(work)
