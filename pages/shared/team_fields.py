"""Which team: as a filter of a list, as an input of a form."""

from uuid import UUID

from app.errors import Invalid, NotFound
from app.services import teams
from components.forms.form import Field, Values
from components.lists.filters import ChoiceFilter, Filter, IdFilter
from components.page.screen import View

FEW_TEAMS = 100
"""So many can be chosen from; of more, one types the name."""


async def team_filter(view: View) -> Filter:
    """The filter by team: by names where there are few, else by id, as links set it."""
    known = await teams.names(view.actor, FEW_TEAMS + 1)
    if len(known) > FEW_TEAMS:
        return IdFilter("team")
    return ChoiceFilter("team", choices={str(id_): name for id_, name in known})


async def team_field(view: View, *, but: UUID | None = None) -> Field:
    """The input of a team, ``but`` one: a choice where there are few, else a name to type."""
    known = await teams.names(view.actor, FEW_TEAMS + 1)
    if len(known) > FEW_TEAMS:
        return Field("team", "Team", hint="Its whole name, or its id.", max_length=teams.NAME_LENGTH)
    return Field("team", "Team", "choice", choices=[(str(id_), name) for id_, name in known if id_ != but])


async def team_of(view: View, values: Values) -> UUID:
    """The team that was chosen or typed."""
    try:
        return UUID(values["team"])
    except ValueError:
        pass
    try:
        return await teams.named(view.actor, values["team"])
    except NotFound as refusal:
        raise Invalid(team=refusal.message) from None
