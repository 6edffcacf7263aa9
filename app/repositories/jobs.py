"""Questions about jobs, for people. The job queue asks its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, func, literal, or_, select
from sqlalchemy.dialects.postgresql import array

from app.database import Work
from app.models import Failure, Job, JobCount, JobEvent, JobStatus, JobTotal, Team, User
from app.paging import Count, Page, PageRequest, Sort
from app.repositories import job_activity, job_search, job_times
from app.repositories.filters import allowed, among, identity, within
from app.repositories.keyset import Listing, Query, page

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
        "max_attempts": Job.max_attempts,
        "progress_percent": Job.progress,
        "error_code": Job.error_code,
        "error": Job.error,
        "cost_micros": Job.cost_micros,
        "created_at": Job.created_at,
        "started_at": Job.started_at,
        "finished_at": Job.finished_at,
        "waited_seconds": job_times.WAITED,
        "ran_seconds": job_times.RAN,
    }
)
"""The columns of a file of jobs, over the same question as the list."""
_IDS: Mapping[str, Any] = {
    "team": Job.team_id,
    "user": Job.user_id,
    "staff": Job.created_by,
    "schedule": Job.schedule_id,
}


class Priority(StrEnum):
    """Which jobs go first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


_PRIORITIES = {Priority.HIGH: Job.priority > 0, Priority.NORMAL: Job.priority == 0, Priority.LOW: Job.priority < 0}


def _listed() -> Query:
    who = func.staff_names(array([Job.created_by])).table_valued("id", "name").alias("asker")
    listed = select(
        *(Job.id, Job.team_id, Job.user_id, Job.created_by, Job.payment_id, Job.kind, Job.queue, Job.status),
        *(Job.priority, Job.progress, Job.progress_text, Job.attempts, Job.max_attempts, Job.cancel_requested_at),
        *(Job.run_after, Job.held_at, Job.created_at, Job.started_at, Job.finished_at, job_times.WAITED, job_times.RAN),
        Job.error_code,
        func.left(func.split_part(Job.error, "\n", 1), 300).label("error"),  # a traceback is for the job's own page
        Team.name.label("team"),
        User.name.label("user"),
        select(who.c.name).scalar_subquery().label("asked_by"),
    )
    return listed.outerjoin(Team, Team.id == Job.team_id).outerjoin(User, User.id == Job.user_id)


def matching(request: PageRequest, *, limited: bool = False) -> Query:
    """Jobs by the filters of the list and its words: see ``job_search``. ``limited``: for who sees only some teams."""
    query = _listed().where(*_filters(request))
    return query.where(job_search.matching(request, limited=limited)) if request.search.strip() else query


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Jobs in sight, newest first, and how many stand where of all that match but for the state."""
    request = allowed(work, request)
    query = _listed().where(*await _conditions(work, request))
    known = await _tallies(work, request)
    states = among(request, "status", JobStatus)
    count = None if known is None else Count(sum(n for state, n in known.items() if not states or state in states))
    parts = job_activity.parts(request)
    return replace(await page(work, query, LISTING, request, count=count, parts=parts), tallies=known)


async def chosen(work: Work, request: PageRequest) -> Query:
    """The jobs that match, without any order: for what is done with all of them."""
    return _jobs().where(*await _conditions(work, allowed(work, request)))


def among_ids(work: Work, ids: Sequence[UUID]) -> Query:  # noqa: ARG001 - the shape of every question
    """These jobs, as far as they are in sight."""
    return _jobs().where(Job.id == any_(literal(list(ids), ARRAY(Uuid))))


def _jobs() -> Query:
    return select(Job.id)


async def _conditions(work: Work, request: PageRequest) -> list[ColumnElement[bool]]:
    conditions = _filters(request)
    if (queues := request.filters.get("queue")) and work.who.team_ids is None:
        known = select(JobTotal.kind).where(JobTotal.queue.in_(queues)).distinct()
        conditions.append(Job.kind.in_(list((await work.execute(known)).scalars())))  # kinds have an index
    if request.search.strip():
        conditions.append(await job_search.found(work, request))
    return conditions


def _filters(request: PageRequest) -> list[ColumnElement[bool]]:
    found = [*_created(request), *job_activity.conditions(request), *within(request, "finished_at", Job.finished_at)]
    found += [Job.status.in_(states)] if (states := among(request, "status", JobStatus)) else []
    for name, column in (("kind", Job.kind), ("queue", Job.queue)):
        found += [column.in_(values)] if (values := request.filters.get(name)) else []
    for name, column in _IDS.items():
        found += [column == known] if (known := identity(request, name)) else []
    if worker := identity(request, "worker"):
        found += [Job.worker == worker, Job.status == JobStatus.RUNNING]
    if signature := identity(request, "signature"):
        named = select(Failure.signature).where(Failure.id == signature).limit(1)
        found.append(Job.error_signature == named.scalar_subquery())
    if priorities := among(request, "priority", Priority):
        found.append(or_(*(_PRIORITIES[Priority(one)] for one in priorities)))
    return found


def _created(request: PageRequest) -> list[ColumnElement[bool]]:
    """A range of creation. Ids grow with time, which ends the walk through any index that they stand in."""
    start = job_activity.named_start(request, "created_at")
    if start is None:
        return within(request, "created_at", Job.created_at)
    return [Job.created_at >= start, Job.id >= job_activity.first_id(start)]


async def _tallies(work: Work, request: PageRequest) -> dict[str, int] | None:
    """How many of each state match, from the counters: they know kinds, teams and named ranges, no more."""
    counted = {"status", "kind", "team", job_activity.NAME}
    ranged = any(request.filters.get(job_activity.NAME, ()))
    start = job_activity.named_start(request, job_activity.NAME)
    if request.search.strip() or (ranged and start is None):
        return None
    if any(values for name, values in request.filters.items() if name not in counted):
        return None
    kinds, team = request.filters.get("kind", ()), identity(request, "team")
    query = _ever(kinds, team) if start is None else job_activity.counted(work, start, kinds, team)
    rows = {state: int(n) for state, n in await work.execute(query)}
    return {state: max(0, rows.get(state, 0)) for state in JobStatus}


def _ever(kinds: Collection[str], team: UUID | None) -> Query:
    query = select(JobCount.status, func.sum(JobCount.n)).group_by(JobCount.status)
    query = query.where(JobCount.kind.in_(kinds)) if kinds else query
    return query.where(JobCount.team_id == team) if team else query


async def counts(work: Work) -> dict[JobStatus, int]:
    """How many jobs in sight stand where, from the counters."""
    rows = await work.execute(select(JobCount.status, func.sum(JobCount.n)).group_by(JobCount.status))
    return {JobStatus(status): int(n) for status, n in rows}


async def events(work: Work, job_id: UUID, limit: int = 500) -> list[JobEvent]:
    """A job's time line, newest first."""
    query = select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.id.desc()).limit(limit)
    return list((await work.execute(query)).scalars())


async def customer(work: Work, user_id: UUID | None) -> str:
    """The name of the user who asked for a job; "" for nobody, or one out of sight."""
    if user_id is None:
        return ""
    return await work.scalar(select(User.name).where(User.id == user_id)) or ""
