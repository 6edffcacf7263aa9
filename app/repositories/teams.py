"""Questions about teams, and the two that only a locked team can answer: is there room, may it work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from app.database import Work
from app.errors import Conflict, NotFound
from app.models import Dataset, DatasetStatus, Metric, Payment, Plan, Team, TeamStatus, User, UserStatus
from app.paging import Count, Page, PageRequest, Sort
from app.repositories import tallies
from app.repositories.filters import among, patterns, within
from app.repositories.keyset import Listing, Query, mapped, page

LISTING = Listing(Team.id, Sort("id"), {"name": func.lower(Team.name), "created_at": Team.created_at})

SHOWN = [TeamStatus.ACTIVE.value, TeamStatus.SUSPENDED.value]
"""All but those that were discarded."""
_shown = Team.status.in_(SHOWN)

ACTIVE = {plan: f"{plan.value}|{UserStatus.ACTIVE.value}" for plan in Plan}
"""The counters of users who may sign in, by their plan."""

EXPORT: MappingProxyType[str, Any] = MappingProxyType(
    {
        "id": Team.id,
        "name": Team.name,
        "status": Team.status,
        "active_users": tallies.of_team(Metric.USERS, Team.id, list(ACTIVE.values())),
        **{f"active_{plan.value}": tallies.of_team(Metric.USERS, Team.id, [key]) for plan, key in ACTIVE.items()},
        "user_limit": Team.user_limit,
        "datasets": tallies.of_team(Metric.DATASETS, Team.id, [DatasetStatus.ACTIVE]),
        "dataset_limit": Team.dataset_limit,
        "created_at": Team.created_at,
    }
)
"""The columns of a file of teams, over the same question as the list."""


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team as the list shows it, with what it has now. ``plans`` counts active users by plan."""

    id: UUID
    name: str
    status: str
    user_limit: int | None
    dataset_limit: int | None
    version: int
    created_at: datetime
    updated_at: datetime
    plans: dict[Plan, int]
    deactivated: int
    datasets: int

    @property
    def users(self) -> int:
        """How many may sign in; what the limit of users counts."""
        return sum(self.plans.values())


def matching(request: PageRequest) -> Query:
    """Teams by the filters status and created_at, searched by name or id."""
    query: Query = select(
        Team.id,
        Team.name,
        Team.status,
        Team.user_limit,
        Team.dataset_limit,
        Team.version,
        Team.created_at,
        Team.updated_at,
    )
    query = query.where(Team.status.in_(among(request, "status", TeamStatus) or SHOWN))
    query = query.where(*within(request, "created_at", Team.created_at))
    if words := request.search.strip():
        query = query.where(_found(words))
    return query


async def search(work: Work, request: PageRequest) -> Page[TeamRow]:
    """Teams in sight, newest first unless asked otherwise."""
    counted = None
    if not request.search.strip() and not any(request.filters.get("created_at", ())):
        states = among(request, "status", TeamStatus)
        counted = Count(await tallies.now(work, Metric.TEAMS, dimensions=states or SHOWN))
    found = await page(work, matching(request), LISTING, request, count=counted)
    rows = await _with_numbers(work, found.rows)
    return mapped(found, lambda row: rows[row.id])


async def view(work: Work, team: Team) -> TeamRow:
    """One team as the list shows it."""
    return (await _with_numbers(work, [team]))[team.id]


async def names(work: Work, limit: int = 1000) -> list[tuple[UUID, str]]:
    """The first teams in sight, by name, for a choice in a form."""
    query = select(Team.id, Team.name).where(_shown).order_by(func.lower(Team.name), Team.id).limit(limit)
    rows = await work.execute(query)
    return [(row.id, row.name) for row in rows]


async def named(work: Work, words: str) -> UUID | None:
    """The team in sight with exactly this name or id, or None."""
    try:
        condition = Team.id == UUID(words)
    except ValueError:
        condition = Team.name == words
    found: UUID | None = await work.scalar(select(Team.id).where(condition, _shown))
    return found


async def working(work: Work, team_id: UUID) -> Team:
    """A team that may begin something new, locked so that nobody suspends it or fills it up meanwhile.

    Raises:
        NotFound: there is none, or it is another team's.
        Conflict: it is suspended.
    """
    team = await work.get(Team, team_id, lock=True)
    if team.status == TeamStatus.DISCARDED:
        raise NotFound("This team does not exist any more.")
    if team.status == TeamStatus.SUSPENDED:
        raise Conflict(f"{team.name} is suspended: it takes no new users, datasets or imports. Resume the team first.")
    return team


async def room_for_a_user(work: Work, team_id: UUID) -> Team:
    """A working team, locked, that may have one more active user. Refused by :class:`Conflict` when it is full."""
    team = await working(work, team_id)
    if team.user_limit is not None:
        n = await tallies.now(work, Metric.USERS, teams=[team.id], dimensions=list(ACTIVE.values()))
        _refuse_full(team, n, team.user_limit, "active user")
    return team


async def room_for_a_dataset(work: Work, team_id: UUID) -> Team:
    """A working team, locked, that may have one more dataset. Refused by :class:`Conflict` when it is full."""
    team = await working(work, team_id)
    if team.dataset_limit is not None:
        n = await tallies.now(work, Metric.DATASETS, teams=[team.id], dimensions=[DatasetStatus.ACTIVE])
        _refuse_full(team, n, team.dataset_limit, "dataset")
    return team


async def is_empty(work: Work, team_id: UUID) -> bool:
    """Whether a team has no user, no payment and no dataset that is shown. The caller holds it locked."""
    active = (Dataset.team_id == team_id, Dataset.status == DatasetStatus.ACTIVE)
    inside = [User.team_id == team_id, Payment.team_id == team_id, and_(*active)]
    return not await work.scalar(select(or_(*(exists().where(condition) for condition in inside))))


def _refuse_full(team: Team, n: int, limit: int, noun: str) -> None:
    if n >= limit:
        may = f"{limit:,} {noun}{'' if limit == 1 else 's'}"
        raise Conflict(f"{team.name} may have {may} and has {n:,}. Raise the team's limit, or make room first.")


def _found(words: str) -> ColumnElement[bool]:
    try:
        return Team.id == UUID(words)
    except ValueError:
        return or_(*(Team.name.ilike(pattern) for pattern in patterns(words)))


async def _with_numbers(work: Work, teams: Sequence[Any]) -> dict[UUID, TeamRow]:
    """These teams with what they have now."""
    ids = [team.id for team in teams]
    users = await tallies.by_team(work, Metric.USERS, ids)
    datasets = await tallies.by_team(work, Metric.DATASETS, ids)
    return {
        team.id: TeamRow(
            team.id,
            team.name,
            team.status,
            team.user_limit,
            team.dataset_limit,
            team.version,
            team.created_at,
            team.updated_at,
            {plan: users[team.id].get(key, 0) for plan, key in ACTIVE.items()},
            sum(n for key, n in users[team.id].items() if key not in ACTIVE.values()),
            datasets[team.id].get(DatasetStatus.ACTIVE, 0),
        )
        for team in teams
    }
