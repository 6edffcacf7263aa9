"""Teams, the customers' organisations: find, look at, create, rename, suspend, limit."""

from dataclasses import asdict, dataclass
from uuid import UUID

from app.actor import Actor
from app.database import reading, writing
from app.errors import Conflict, Invalid, NotFound
from app.ids import uuid7
from app.models import Action, Team, TeamStatus
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import history
from app.repositories import teams as teams_table
from app.repositories.history import History
from app.repositories.teams import TeamRow
from app.topics import teams as topic
from app.values import reasons
from app.values.names import TEAM_LENGTH, of_team

NAME_LENGTH = TEAM_LENGTH
MOST = 1_000_000
"""The highest limit that can be set; who needs more has no limit."""


__all__ = [
    "Limits",
    "TeamRow",
    "TeamView",
    "create",
    "get",
    "limit",
    "named",
    "names",
    "rename",
    "resume",
    "search",
    "suspend",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a team may have; None is any number."""

    user_limit: int | None = None
    """Active users."""
    dataset_limit: int | None = None


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team with everything the record page shows."""

    team: TeamRow
    history: History

    @property
    def limits(self) -> Limits:
        """What it may have."""
        return Limits(self.team.user_limit, self.team.dataset_limit)


async def search(actor: Actor, request: PageRequest) -> Page[TeamRow]:
    """The teams that one may see, with what they have now."""
    async with reading(actor, Permission.TEAMS_READ) as work:
        return await teams_table.search(work, request)


async def names(actor: Actor, limit: int = 1000) -> list[tuple[UUID, str]]:
    """The first teams that one may see, by name."""
    async with reading(actor, Permission.TEAMS_READ) as work:
        return await teams_table.names(work, limit)


async def named(actor: Actor, words: str) -> UUID:
    """The team with exactly this name or id, for who types it instead of choosing."""
    async with reading(actor, Permission.TEAMS_READ) as work:
        found = await teams_table.named(work, words.strip())
    if found is None:
        raise NotFound("There is no team with this name or id, or you may not see it.")
    return found


async def get(actor: Actor, team_id: UUID) -> TeamView:
    """One team, with what happened in it lately."""
    async with reading(actor, Permission.TEAMS_READ) as work:
        team = await work.get(Team, team_id)
        if team.status == TeamStatus.DISCARDED:
            raise NotFound("This team does not exist any more.")
        return TeamView(await teams_table.view(work, team), await history.of_team(work, team.id))


async def create(actor: Actor, name: str) -> Team:
    """A new team. Its name is unique, so doing it twice does it once and refuses the second."""
    wanted = of_team(name)
    async with writing(actor, Permission.TEAMS_CREATE) as work:
        team = Team(id=uuid7(), name=wanted)
        work.add(team)
        work.record(Action.TEAM_CREATED, team)
        work.notify(topic, team.id, "created")
    return team


async def rename(actor: Actor, team_id: UUID, name: str, seen: str, reason: str) -> None:
    """Give a team another name. ``seen`` is the one that the person saw."""
    why, wanted = reasons.checked(reason), of_team(name)
    async with writing(actor, Permission.TEAMS_RENAME) as work:
        team = await work.get(Team, team_id, lock=True)
        if team.name == wanted:
            raise Invalid(name="This is the name that is there already.")
        if team.name != seen:
            message = "Somebody renamed this team meanwhile."
            raise Conflict(message, original={"name": seen}, theirs={"name": team.name}, yours={"name": wanted})
        team.name = wanted
        work.record(Action.TEAM_RENAMED, team, reason=why, label=seen)
        work.notify(topic, team.id)


async def suspend(actor: Actor, team_id: UUID, reason: str) -> None:
    """From now on the team takes no new users, datasets or imports. What is there stays, what runs goes on."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.TEAMS_SUSPEND) as work:
        team = await work.get(Team, team_id, lock=True)
        if team.status == TeamStatus.SUSPENDED:
            raise Conflict(f"{team.name} is suspended already.")
        team.status = TeamStatus.SUSPENDED
        work.record(Action.TEAM_SUSPENDED, team, reason=why)
        work.notify(topic, team.id)


async def resume(actor: Actor, team_id: UUID, reason: str) -> None:
    """Let a suspended team go on."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.TEAMS_SUSPEND) as work:
        team = await work.get(Team, team_id, lock=True)
        if team.status == TeamStatus.ACTIVE:
            raise Conflict(f"{team.name} is not suspended.")
        team.status = TeamStatus.ACTIVE
        work.record(Action.TEAM_RESUMED, team, reason=why)
        work.notify(topic, team.id)


async def limit(actor: Actor, team_id: UUID, limits: Limits, seen: Limits, reason: str) -> None:
    """Change how much a team may have. ``seen`` are the limits that the person saw.

    Who has more already keeps it; nothing is added until there is room again.
    """
    why = reasons.checked(reason)
    _check(limits)
    async with writing(actor, Permission.TEAMS_LIMIT) as work:
        team = await work.get(Team, team_id, lock=True)
        now = Limits(team.user_limit, team.dataset_limit)
        if now == limits:
            raise Invalid("These are the limits that are there already.")
        if now != seen:
            message = f"Somebody changed the limits of {team.name} meanwhile."
            raise Conflict(message, original=asdict(seen), theirs=asdict(now), yours=asdict(limits))
        team.user_limit, team.dataset_limit = limits.user_limit, limits.dataset_limit
        work.record(Action.TEAM_LIMITS_CHANGED, team, reason=why)
        work.notify(topic, team.id)


def _check(limits: Limits) -> None:
    wrong = {
        name: f"A limit is a whole number up to {MOST:,}; empty means none."
        for name, value in asdict(limits).items()
        if value is not None and not 0 <= value <= MOST
    }
    if wrong:
        raise Invalid(**wrong)
