"""Questions about jobs, for people. The ledger asks its own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Uuid, any_, false, func, or_, select

from app.models import Job, JobCount, JobEvent, JobStatus, Team, User
from app.paging import Count, Page, PageRequest, Sort
from app.repositories.filters import allowed, among, identity, like, within
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
MOST_TEAMS = 1_000
"""Teams whose names carry the words of a search; further ones are not looked at."""


def _listed() -> Query:
    listed = select(
        Job.id,
        Job.team_id,
        Job.user_id,
        Job.payment_id,
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
        User.name.label("user"),
    )
    return listed.outerjoin(Team, Team.id == Job.team_id).outerjoin(User, User.id == Job.user_id)


def matching(request: PageRequest) -> Query:
    """Jobs by the filters status, kind, team, user, created_at and finished_at, searched by id, kind, team or error."""
    return _listed().where(
        *_filters(request), *([_found(words, exact=request.exact)] if (words := request.search.strip()) else [])
    )


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Jobs in sight, newest first."""
    request = allowed(work, request)
    query = _listed().where(*_filters(request))
    if words := request.search.strip():
        one = _exactly(words)
        query = query.where(await _soon_found(work, words, exact=request.exact) if one is None else one)
    return await page(work, query, LISTING, request, count=await _counted(work, request))


def _filters(request: PageRequest) -> list[ColumnElement[bool]]:
    found = [*within(request, "created_at", Job.created_at), *within(request, "finished_at", Job.finished_at)]
    if states := among(request, "status", JobStatus):
        found.append(Job.status.in_(states))
    if kinds := request.filters.get("kind"):
        found.append(Job.kind.in_(kinds))
    if team := identity(request, "team"):
        found.append(Job.team_id == team)
    if user := identity(request, "user"):
        found.append(Job.user_id == user)
    return found


def _exactly(words: str) -> ColumnElement[bool] | None:
    """The job with this id; None where the words are no id."""
    try:
        return Job.id == UUID(words)
    except ValueError:
        return None


def _found(words: str, *, exact: bool) -> ColumnElement[bool]:
    """``exact``: errors, which may name somebody, are not looked through."""
    if (one := _exactly(words)) is not None:
        return one
    pattern = like(words)
    ways = [Job.kind.ilike(pattern), Team.name.ilike(pattern)]
    return or_(*ways, *([] if exact else [Job.error.ilike(pattern)]))


async def _soon_found(work: Work, words: str, *, exact: bool) -> ColumnElement[bool]:
    """The same question by indexes alone: kinds and teams are few and looked up first, errors have an index of words.
    Those limited to some teams could not use that one; a function of the database does it for them.
    """
    pattern = like(words)
    kinds = list((await work.execute(select(JobCount.kind).where(JobCount.kind.ilike(pattern)).distinct())).scalars())
    teams = list((await work.execute(select(Team.id).where(Team.name.ilike(pattern)).limit(MOST_TEAMS))).scalars())
    everywhere = work.who.team_ids is None
    errors = Job.error.ilike(pattern) if everywhere else Job.id == any_(_array(select(func.jobs_like(pattern))))
    ways = [] if exact else [errors]
    ways += [Job.kind.in_(kinds)] if kinds else []
    ways += [Job.team_id.in_(teams)] if teams else []
    return or_(false(), *ways)


def _array(ids: Any) -> Any:  # noqa: ANN401 - a question, an expression
    """An array, not a join: so that each way of several keeps its index."""
    return func.array(ids.scalar_subquery(), type_=ARRAY(Uuid))


async def _counted(work: Work, request: PageRequest) -> Count | None:
    """How many match, where the counters know it: they know states, kinds and teams, no more."""
    if request.search.strip() or any(
        any(request.filters.get(name, ())) for name in ("user", "created_at", "finished_at")
    ):
        return None
    known = [
        (JobCount.status, among(request, "status", JobStatus)),
        (JobCount.kind, request.filters.get("kind", ())),
        (JobCount.team_id, [team] if (team := identity(request, "team")) else ()),
    ]
    query = select(func.coalesce(func.sum(JobCount.n), 0).cast(BigInteger))
    return Count(await work.scalar(query.where(*(column.in_(values) for column, values in known if values))))


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
