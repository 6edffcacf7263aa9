"""Questions about users, the customers' people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, column, false, func, literal, or_, select

from app.database import Work
from app.errors import NotFound
from app.models import Metric, Plan, Team, User, UserDay, UserStatus
from app.paging import COUNT_CAP, Count, CountKind, Page, PageRequest, Sort
from app.repositories import tallies
from app.repositories.filters import allowed, among, as_uuid, patterns, within
from app.repositories.keyset import Listing, Query, page
from app.values import emails

LISTING = Listing(User.id, Sort("id"), {"name": func.lower(User.name), "created_at": User.created_at})

_last_active = (
    select(UserDay.day)
    .where(UserDay.user_id == User.id)
    .order_by(UserDay.day.desc())
    .limit(1)
    .correlate(User)
    .scalar_subquery()
)
EXPORT: Mapping[str, Any] = MappingProxyType(
    {
        "id": User.id,
        "name": User.name,
        "email": User.email,
        "team_id": User.team_id,
        "team": Team.name,
        "plan": User.plan,
        "status": User.status,
        "last_active_day": _last_active,
        "created_at": User.created_at,
    }
)
"""The columns of a file of users, over the same question as the list."""


def matching(request: PageRequest, *, limited: bool = False) -> Query:
    """Users by the filters plan, status, team and created_at, searched by name, e-mail or id.

    ``limited`` asks the way that is fast for people who see only some teams, and finds nothing for others; without it
    everybody gets the right answer.
    """
    query: Query = select(
        User.id,
        User.name,
        User.email,
        User.plan,
        User.status,
        User.team_id,
        User.version,
        User.created_at,
        Team.name.label("team"),
        _last_active.label("last_active"),
    ).join(Team, Team.id == User.team_id)
    if plans := among(request, "plan", Plan):
        query = query.where(User.plan.in_(plans))
    if states := among(request, "status", UserStatus):
        query = query.where(User.status.in_(states))
    if teams := _teams(request):
        query = query.where(User.team_id.in_(teams))
    query = query.where(*within(request, "created_at", User.created_at))
    if words := request.search.strip():
        query = query.where(_found(words, limited=limited, exact=request.exact))
    return query


async def search(work: Work, request: PageRequest) -> Page[Any]:
    """Users in sight, newest first unless asked otherwise."""
    request = allowed(work, request)
    if request.sort is None and any(request.filters.get("created_at", ())):
        request = replace(request, sort=Sort("created_at"))  # the order of the index that the range is read from
    query, count = await _asked(work, request)
    return await page(work, query, LISTING, request, count=count)


async def last_active(work: Work, user_id: UUID) -> date | None:
    """The last day (UTC) on which a user started a job or paid."""
    found: date | None = await work.scalar(select(func.max(UserDay.day)).where(UserDay.user_id == user_id))
    return found


async def team_of(work: Work, user_id: UUID) -> UUID:
    """The team of a user, unlocked: whoever locks it looks again."""
    return UUID(str(await _one(work, User.team_id, user_id)))


async def is_active(work: Work, user_id: UUID) -> bool:
    """Whether a user may sign in, unlocked: whoever locks it looks again."""
    return bool(await _one(work, User.status, user_id) == UserStatus.ACTIVE)


@dataclass(frozen=True, slots=True)
class Gone:
    """What erasing a person found: jobs that did not end yet, in which case nothing was erased; entries of the audit
    log that named them; all their jobs.
    """

    unfinished: int
    entries: int
    jobs: Sequence[UUID]


async def erase(work: Work, user_id: UUID) -> Gone:
    """Erase everything that names a user, in whichever team it lies."""
    found = func.erase_person(user_id).table_valued("unfinished", "entries", column("jobs", ARRAY(Uuid)))
    row = (await work.execute(select(found))).one_or_none()
    if row is None:
        raise NotFound("This user does not exist, or you may not see it.")
    return Gone(row.unfinished, row.entries or 0, row.jobs or ())


async def _one(work: Work, column: Any, user_id: UUID) -> Any:  # noqa: ANN401 - a column and its value
    found = await work.scalar(select(column).where(User.id == user_id))
    if found is None:
        raise NotFound("This user does not exist, or you may not see it.")
    return found


async def _asked(work: Work, request: PageRequest) -> tuple[Query, Count | None]:
    """The question, and how many match where that is known. Words are looked for once, not once for the number and
    once for the page, unless very many match.
    """
    words, limited = request.search.strip(), work.who.team_ids is not None
    if not words:
        return matching(request), await _counted(work, request)
    found = select(User.id).where(_found(words, limited=limited, exact=request.exact)).limit(COUNT_CAP + 1)
    ids = list((await work.execute(found)).scalars())
    filtered = any(request.filters.values())
    if len(ids) > COUNT_CAP:
        query, count = matching(request, limited=limited), Count(COUNT_CAP, CountKind.AT_LEAST)
    else:
        query = matching(replace(request, search="")).where(User.id == any_(literal(ids, ARRAY(Uuid))))
        count = Count(len(ids))
    return query, None if filtered else count


async def _counted(work: Work, request: PageRequest) -> Count | None:
    """How many match, where the counters know it: they know plans, states and teams, no words and no times."""
    if request.search.strip() or any(request.filters.get("created_at", ())):
        return None
    plans, states = among(request, "plan", Plan), among(request, "status", UserStatus)
    kinds = [f"{plan}|{state}" for plan, state in product(plans or list(Plan), states or list(UserStatus))]
    teams = _teams(request) or None
    return Count(await tallies.now(work, Metric.USERS, teams=teams, dimensions=kinds))


def _teams(request: PageRequest) -> list[UUID]:
    return [as_uuid(value) for value in request.filters.get("team", ())]


def _found(words: str, *, limited: bool, exact: bool) -> ColumnElement[bool]:
    """By the id or the whole e-mail address, else, unless ``exact``, by a part of the name or the address. Indexes of
    words are out of reach for those who see only some teams: functions of the database ask them.
    """
    try:
        return User.id == UUID(words)
    except ValueError:
        pass
    if emails.is_address(words):
        return _one_of(func.users_at(words)) if limited else func.lower(User.email) == words.lower()
    if exact:
        return false()
    if limited:
        return or_(*(_one_of(func.users_like(pattern)) for pattern in patterns(words)))
    return or_(*(column.ilike(pattern) for column in (User.name, User.email) for pattern in patterns(words)))


def _one_of(ids: ColumnElement[Any]) -> ColumnElement[bool]:
    """An array, not a join: it is asked once, and the index of ids does the rest."""
    return User.id == any_(func.array(select(ids).scalar_subquery(), type_=ARRAY(Uuid)))
