"""Questions about jobs, for people. The ledger asks its own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select

from app.models import Job, JobCount, JobEvent, JobStatus, Team
from app.paging import Page, PageRequest, Sort
from app.repositories.filters import among, identity, like, within
from app.repositories.keyset import Listing, Query, page
from app.work import Work

LISTING = Listing(Job.id, Sort("id"), {})
EXPORT: Mapping[str, Any] = MappingProxyType(
    {
        "id": Job.id,
        "kind": Job.kind,
        "status": Job.status,
        "team_id": Job.team_id,
        "team": Team.name,
        "user_id": Job.user_id,
        "payment_id": Job.payment_id,
        "attempts": Job.attempts,
        "progress_percent": Job.progress,
        "error_code": Job.error_code,
        "error": Job.error,
        "cost_micros": Job.cost_micros,
        "created_at": Job.created_at,
        "started_at": Job.started_at,
        "finished_at": Job.finished_at,
    }
)
"""The columns of a file of jobs, over the same question as the list."""


def _listed() -> Query:
    return select(
        Job.id,
        Job.team_id,
        Job.kind,
        Job.status,
        Job.progress,
        Job.progress_text,
        Job.attempts,
        Job.max_attempts,
        Job.error,
        Job.cancel_requested_at,
        Job.created_at,
        Job.started_at,
        Job.finished_at,
        Team.name.label("team"),
    ).join(Team, Team.id == Job.team_id)


def matching(request: PageRequest) -> Query:
    """Jobs by the filters status, kind, team, user, created_at and finished_at, searched by id, kind, team or error."""
    query = _listed()
    if states := among(request, "status", JobStatus):
        query = query.where(Job.status.in_(states))
    if kinds := request.filters.get("kind"):
        query = query.where(Job.kind.in_(kinds))
    if team := identity(request, "team"):
        query = query.where(Job.team_id == team)
    if user := identity(request, "user"):
        query = query.where(Job.user_id == user)
    for condition in (
        *within(request, "created_at", Job.created_at),
        *within(request, "finished_at", Job.finished_at),
    ):
        query = query.where(condition)
    if words := request.search.strip():
        query = query.where(_found(words))
    return query


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Jobs in sight, newest first."""
    return await page(work, matching(request), LISTING, request)


def _found(words: str) -> Any:  # noqa: ANN401 - a condition
    try:
        return Job.id == UUID(words)
    except ValueError:
        pattern = like(words)
        return or_(Job.kind.ilike(pattern), Team.name.ilike(pattern), Job.error.ilike(pattern))


async def counts(work: Work) -> dict[JobStatus, int]:
    """How many jobs in sight stand where, from the counters."""
    rows = await work.execute(select(JobCount.status, func.sum(JobCount.n)).group_by(JobCount.status))
    return {JobStatus(status): int(n) for status, n in rows}


async def events(work: Work, job_id: UUID, limit: int = 500) -> list[JobEvent]:
    """A job's time line, newest first."""
    query = select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.id.desc()).limit(limit)
    return list((await work.execute(query)).scalars())
