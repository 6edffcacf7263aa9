"""Teams, as far as other screens need them: names to choose from, and a new one."""

from uuid import UUID

from app.actor import Actor
from app.errors import Forbidden, Invalid
from app.ids import uuid7
from app.models import Action, Team
from app.permissions import Permission
from app.repositories import teams as teams_table
from app.work import reading, writing

NAME_LENGTH = 120


async def names(actor: Actor) -> list[tuple[UUID, str]]:
    """The teams that one may see, by name."""
    async with reading(actor, Permission.TEAMS_READ) as work:
        return await teams_table.names(work)


async def create(actor: Actor, name: str) -> Team:
    """A new team. Its name is unique."""
    wanted = name.strip()
    if not wanted or len(wanted) > NAME_LENGTH or not wanted.isprintable():
        raise Invalid(new_team=f"Give the team a name of at most {NAME_LENGTH} characters.")
    async with writing(actor, Permission.TEAMS_CREATE) as work:
        if work.who.team_ids is not None:
            raise Forbidden("Only people who see all teams can add one. Ask an administrator.")
        team = Team(id=uuid7(), name=wanted)
        work.add(team)
        work.record(Action.TEAM_CREATED, team)
    return team
