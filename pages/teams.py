"""Teams, the customers' organisations: the list and one team."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from app import topics
from app.errors import Duplicate, Invalid
from app.models import Action as LogAction
from app.models import Plan, TeamStatus
from app.permissions import Permission
from app.services import teams
from app.services.teams import Limits, TeamRow, TeamView
from components.forms.dialogs import ask, save_over
from components.forms.form import Field, Values
from components.lists.columns import IdColumn, NumberColumn, StatusColumn, TextColumn, TimeColumn
from components.lists.downloads import Export
from components.lists.filters import ChoiceFilter, TimeRangeFilter
from components.lists.table import DataTable, Empty
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Entry, Fact, Facts, PageHead, Timeline
from pages.shared.labels import TEAM, plural
from pages.shared.new_user import ask_new_user
from pages.shared.reason_dialog import act
from pages.shared.record_timeline import line, note

_EMPTY = "A team is a customer's organisation. Datasets, users, jobs and payments belong to one."
_LABELS = {"user_limit": "Active users", "dataset_limit": "Datasets"}


@screen("/teams", title="Teams", icon="teams", menu="Company", needs=Permission.TEAMS_READ)
async def teams_screen(view: View) -> None:
    """All teams that one may see, with what they have now."""

    async def new() -> None:
        async def save(values: Values) -> None:
            try:
                made = await teams.create(view.actor, values["name"])
            except Duplicate as taken:
                raise Invalid(name=taken.message) from None
            done(f"{made.name} is added.")
            frame.navigate(f"/teams/{made.id}")

        field = Field("name", "Name", max_length=teams.NAME_LENGTH)
        await ask("New team", submit="Create team", fields=[field], on_submit=save)

    PageHead("Teams", actions=[Action("New team", new, needs=Permission.TEAMS_CREATE, main=True)])
    DataTable(
        "Teams",
        load=partial(teams.search, view.actor),
        columns=[
            TextColumn("name", sort="name", opens="/teams/{id}", card=True, wide=True),
            StatusColumn("status", shows=TEAM, card=True),
            NumberColumn("users", label="Active users", opens="/users?team={id}", card=True),
            TextColumn("plans", read=_mix, quiet=True),
            NumberColumn("datasets", opens="/datasets?team={id}"),
            IdColumn("id"),
            TimeColumn("created_at", sort="created_at"),
        ],
        filters=[
            ChoiceFilter("status", choices={str(state): word for state, (word, _) in TEAM.items()}, pinned=True),
            TimeRangeFilter("created_at"),
        ],
        search="Name, id …",
        live=topics.teams,
        export=Export("teams"),
        empty=Empty("No teams yet", _EMPTY),
    )


@screen("/teams/{id}", title="Team", needs=Permission.TEAMS_READ)
async def team_screen(view: View) -> None:
    """One team: what it has and may have, what may be done, everything that happened."""
    team_id = record_id(view.params["id"])
    desk = _Desk(view, await teams.get(view.actor, team_id))
    team = desk.seen.team
    PageHead(team.name, trail=[("Teams", "/teams")], status=TEAM[team.status], id=team.id, actions=desk.actions())
    Facts(_facts(team), title="About this team")
    Facts(_related(view, team), title="Related")
    desk.tell()
    Live(topics.teams, frame.redraw, about=team_id)
    Live([topics.jobs, topics.payments, topics.datasets], desk.look_again)


def _mix(team: TeamRow) -> str | None:
    """``12 premium, 30 free``; what there is none of is left out."""
    return ", ".join(f"{n:,} {plan}" for plan in (Plan.PREMIUM, Plan.FREE) if (n := team.plans[plan])) or None


def _facts(team: TeamRow) -> list[Fact]:
    return [
        Fact("Active users", _of(team.users, team.user_limit)),
        Fact("Plans", _mix(team)),
        Fact("Deactivated users", team.deactivated, "number"),
        Fact("Datasets", _of(team.datasets, team.dataset_limit)),
        Fact("Created", team.created_at, "time"),
    ]


def _of(n: int, limit: int | None) -> str:
    return f"{n:,}, no limit" if limit is None else f"{n:,} of at most {limit:,}"


def _related(view: View, team: TeamRow) -> list[Fact]:
    name = team.name
    links = [
        ("Users", f"Users of {name}", f"/users?team={team.id}", Permission.USERS_READ),
        ("Datasets", f"Datasets of {name}", f"/datasets?team={team.id}", Permission.DATASETS_READ),
        ("Jobs", f"Jobs of {name}", f"/jobs?team={team.id}", Permission.JOBS_READ),
        ("Payments", f"Payments of {name}", f"/payments?team={team.id}", Permission.PAYMENTS_READ),
        ("Changes", "All entries in the audit log", f"/audit?team={team.id}", Permission.AUDIT_READ),
    ]
    return [Fact(label, words, opens=opens) for label, words, opens, needs in links if view.may(needs)]


@dataclass
class _Desk:
    """What staff can do to one team. Each verb is asked in a dialog that stays open until it is done."""

    view: View
    seen: TeamView
    timeline: Timeline | None = None

    def actions(self) -> list[Action]:
        """The buttons of the head: what a team of this state allows."""
        works = self.seen.team.status == TeamStatus.ACTIVE
        return [
            Action("New user", self.new_user, needs=Permission.USERS_CREATE, main=works),
            Action("Rename", self.rename, needs=Permission.TEAMS_RENAME),
            Action("Change limits", self.limit, needs=Permission.TEAMS_LIMIT),
            *([] if works else [Action("Resume team", self.resume, needs=Permission.TEAMS_SUSPEND, main=True)]),
            *([Action("Suspend team", self.suspend, needs=Permission.TEAMS_SUSPEND, danger=True)] * works),
        ]

    def tell(self) -> None:
        """Draw the time line."""
        entries = self._line()
        self.timeline = Timeline(entries, title="What happened", note=note(entries))

    async def look_again(self) -> None:
        """A job, a payment or a dataset changed somewhere: it may be this team's."""
        self.seen = await teams.get(self.view.actor, self.seen.team.id)
        if self.timeline is not None:
            self.timeline.replace(self._line())

    def _line(self) -> list[Entry]:
        seen = self.seen
        born = Entry(seen.team.created_at, ["The team came into being"])
        return line(seen.history, LogAction.TEAM_CREATED, born, linked=self.view.may(Permission.AUDIT_READ))

    async def new_user(self) -> None:
        """A user of this team."""
        await ask_new_user(self.view, self.seen.team.id)

    async def rename(self) -> None:
        """Another name, unless somebody else gave one meanwhile."""
        team = self.seen.team

        async def save(values: Values) -> str:
            async def store(yours: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
                try:
                    await teams.rename(self.view.actor, team.id, yours["name"], seen["name"], values["reason"])
                except Duplicate as taken:
                    raise Invalid(name=taken.message) from None

            mine = await save_over(store, {"name": values["name"]}, {"name": team.name}, labels={"name": "Name"})
            return f"The team is called {values['name'].strip()} now." if mine else "The name stays as it was saved."

        field = Field("name", "Name", value=team.name, max_length=teams.NAME_LENGTH)
        await act(f"Rename {team.name}", "Rename team", [field], save)

    async def limit(self) -> None:
        """How many users and datasets it may have."""
        team, limits = self.seen.team, self.seen.limits

        async def save(values: Values) -> str:
            async def store(yours: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
                await teams.limit(self.view.actor, team.id, Limits(**yours), Limits(**seen), values["reason"])

            typed = {name: _number(name, values[name]) for name in _LABELS}
            mine = await save_over(store, typed, asdict(limits), labels=_LABELS, show=_limit)
            return "The limits are saved." if mine else "The limits stay as the other person saved them."

        has = {"user_limit": team.users, "dataset_limit": team.datasets}
        fields = [
            Field(
                name, label, "number", _typed(asdict(limits)[name]), f"Has {has[name]:,} now. Empty: no limit.", False
            )
            for name, label in _LABELS.items()
        ]
        plan = ["A team that has more already keeps it; nothing is added until there is room again."]
        await act(f"Change the limits of {team.name}", "Save limits", fields, save, plan)

    async def suspend(self) -> None:
        """No new users, datasets or imports."""
        team = self.seen.team

        async def save(values: Values) -> str:
            await teams.suspend(self.view.actor, team.id, values["reason"])
            return f"{team.name} is suspended."

        plan = [
            f"{team.name} takes no new users, datasets or imports until somebody resumes it.",
            f"{plural(team.users, 'active user')} and everything that is there stay; jobs that run go on.",
        ]
        await act(f"Suspend {team.name}?", "Suspend team", [], save, plan, danger=True)

    async def resume(self) -> None:
        """Go on as before."""
        team = self.seen.team

        async def save(values: Values) -> str:
            await teams.resume(self.view.actor, team.id, values["reason"])
            return f"{team.name} goes on."

        await act(f"Resume {team.name}?", "Resume team", [], save)


def _number(name: str, typed: str) -> int | None:
    words = typed.strip().replace(",", "")
    if not words:
        return None
    if not words.isascii() or not words.isdigit() or len(words) > len(str(teams.MOST)):
        raise Invalid(**{name: f"Write a whole number up to {teams.MOST:,}, or nothing for no limit."})
    return int(words)


def _typed(limit: int | None) -> str:
    return "" if limit is None else str(limit)


def _has(n: int) -> str:
    return f"Has {n:,} now. Empty: no limit."


def _limit(limit: int | None) -> str:
    return "no limit" if limit is None else f"{limit:,}"
