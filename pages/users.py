"""Users, the customers' people: the list and one user."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from app import topics
from app.errors import Conflict, Duplicate, Invalid
from app.models import Action as LogAction
from app.models import Plan, UserStatus
from app.permissions import Permission
from app.privacy.personal import Masked
from app.services import erasure, users
from app.services.users import UserView
from app.storage import uploads
from app.values import emails, exact_json, options
from app.values.phrases import day
from components.forms.dialogs import save_over
from components.forms.form import Field, Values
from components.lists.columns import IdColumn, StatusColumn, TextColumn, TimeColumn
from components.lists.downloads import Export
from components.lists.filters import ChoiceFilter, TimeRangeFilter
from components.lists.table import DataTable, Empty
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.records.blocks import Action, Entry, Fact, Facts, PageHead, Timeline
from pages.shared.audit_timeline import shown
from pages.shared.labels import PLAN, USER
from pages.shared.new_user import PLANS, ask_new_user
from pages.shared.personal_facts import about
from pages.shared.reason_dialog import act
from pages.shared.record_timeline import line, note
from pages.shared.team_fields import team_field, team_filter, team_of

_EMPTY = "Users are the people of your customers' teams. They appear here as soon as they sign up or are added."


@screen("/users", title="Users", icon="users", menu="Company", needs=Permission.USERS_READ)
async def users_screen(view: View) -> None:
    """All users that one may see."""
    teams, reads = await team_filter(view), view.may(Permission.PERSONAL_READ)

    async def new() -> None:
        await ask_new_user(view)

    masked = "" if reads else "Names and e-mail addresses are masked for your role."
    PageHead("Users", sub=masked, actions=[Action("New user", new, needs=Permission.USERS_CREATE, main=True)])
    DataTable(
        "Users",
        load=partial(users.search, view.actor),
        columns=[
            TextColumn("name", sort="name" if reads else None, opens="/users/{id}", card=True),
            TextColumn("email", label="E-mail", wide=True),
            TextColumn("team", opens="/teams/{team_id}", card=True),
            StatusColumn("plan", shows=PLAN),
            StatusColumn("status", shows=USER, card=True),
            TextColumn("last_active", label="Last active", read=lambda user: day(user.last_active), quiet=True),
            IdColumn("id"),
            TimeColumn("created_at", sort="created_at"),
        ],
        filters=[
            ChoiceFilter("plan", choices=dict(PLANS), pinned=True),
            ChoiceFilter("status", choices=UserStatus, pinned=True),
            teams,
            TimeRangeFilter("created_at"),
        ],
        search="Name, e-mail, id …" if reads else "Whole id or e-mail",
        live=topics.users,
        export=Export("users"),
        empty=Empty("No users yet", _EMPTY),
    )


@screen("/users/{id}", title="User", needs=Permission.USERS_READ)
async def user_screen(view: View) -> None:
    """One user: what is known, what may be done, everything that happened."""
    user_id = record_id(view.params["id"])
    desk = _Desk(view, await users.get(view.actor, user_id))
    user = desk.seen.user
    PageHead(
        user.name,
        trail=[("Users", "/users")],
        sub=user.email if user.erased_at is None else f"Personal data erased on {user.erased_at:%-d %B %Y}",
        status=USER[user.status],
        id=user.id,
        actions=desk.actions(),
    )
    Facts(_facts(view, desk.seen), title="About this user")
    Facts(_related(view, desk.seen), title="Related")
    if user.options:
        Facts([Fact(key, shown(value)) for key, value in user.options.items()], title="Options")
    desk.tell()
    Live(topics.users, frame.redraw, about=user_id)
    Live([topics.jobs, topics.payments], desk.look_again)


def _facts(view: View, seen: UserView) -> list[Fact]:
    user = seen.user
    who = [("Name", user.name, "name"), ("E-mail", user.email, "email")]
    return [
        *(
            about(view, label, value, "user", user.id, field)
            for label, value, field in who
            if isinstance(value, Masked)
        ),
        Fact("Team", seen.team.name, opens=f"/teams/{seen.team.id}"),
        Fact("Plan", PLAN[user.plan], "status"),
        Fact("Last active", day(seen.last_active)),
        Fact("Created", user.created_at, "time"),
        Fact("Changed", user.updated_at, "time"),
        *([Fact("Erased", user.erased_at, "time")] if user.erased_at else []),
    ]


def _related(view: View, seen: UserView) -> list[Fact]:
    user = seen.user
    links = [
        ("Jobs", f"Jobs of {user.name}", f"/jobs?user={user.id}", Permission.JOBS_READ),
        ("Payments", f"Payments of {user.name}", f"/payments?user={user.id}", Permission.PAYMENTS_READ),
        ("Datasets", f"Datasets of {seen.team.name}", f"/datasets?team={seen.team.id}", Permission.DATASETS_READ),
        ("Changes", "All entries in the audit log", f"/audit?record=user:{user.id}", Permission.AUDIT_READ),
    ]
    return [Fact(label, words, opens=opens) for label, words, opens, needs in links if view.may(needs)]


@dataclass
class _Desk:
    """What staff can do to one user. Each verb is asked in a dialog that stays open until it is done."""

    view: View
    seen: UserView
    timeline: Timeline | None = None

    def actions(self) -> list[Action]:
        """The buttons of the head: what a user of this state allows; nothing once they are erased."""
        if self.seen.user.erased_at is not None:
            return []
        active = self.seen.user.status == UserStatus.ACTIVE
        return [
            Action("Change plan", self.change_plan, needs=Permission.USERS_PLAN, main=True),
            Action("Correct e-mail", self.correct_email, needs=Permission.USERS_EDIT),
            Action("Edit options", self.edit_options, needs=Permission.USERS_EDIT),
            Action("Move to a team", self.move, needs=Permission.USERS_MOVE),
            *([] if active else [Action("Reactivate", self.reactivate, needs=Permission.USERS_DEACTIVATE)]),
            *([Action("Deactivate user", self.deactivate, needs=Permission.USERS_DEACTIVATE, danger=True)] * active),
            Action("Erase personal data", self.erase, needs=Permission.USERS_ERASE, danger=True),
        ]

    def tell(self) -> None:
        """Draw the time line."""
        entries = self._line()
        self.timeline = Timeline(entries, title="What happened", note=note(entries))

    async def look_again(self) -> None:
        """A job or a payment changed somewhere: it may be this user's."""
        self.seen = await users.get(self.view.actor, self.seen.user.id)
        if self.timeline is not None:
            self.timeline.replace(self._line())

    def _line(self) -> list[Entry]:
        seen = self.seen
        born = Entry(seen.user.created_at, ["Signed up"])
        return line(seen.history, LogAction.USER_CREATED, born, linked=self.view.may(Permission.AUDIT_READ))

    async def change_plan(self) -> None:
        """Free or premium."""
        user = self.seen.user
        other = next(plan for plan in Plan if plan != user.plan)
        field = Field("plan", "Plan", "choice", value=other, choices=PLANS)

        async def save(values: Values) -> str:
            await users.change_plan(self.view.actor, user.id, values["plan"], values["reason"])
            return f"{user.name} is on the {values['plan']} plan now."

        await act("Change the plan", "Change plan", [field], save, [f"{user.name} is on the {user.plan} plan."])

    async def correct_email(self) -> None:
        """Another address to sign in with."""
        user = self.seen.user
        field = Field("email", "E-mail", "email", value=user.email, max_length=emails.LENGTH)

        async def save(values: Values) -> str:
            async def store(yours: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
                try:
                    await users.correct_email(self.view.actor, user.id, yours["email"], seen["email"], values["reason"])
                except Duplicate as taken:
                    raise Invalid(email=taken.message) from None

            mine = await save_over(store, {"email": values["email"]}, {"email": user.email}, labels={"email": "E-mail"})
            return f"{user.name} signs in by {values['email']} now." if mine else "The e-mail stays as it was saved."

        plan = ["From now on the user signs in to the product by the new address."]
        await act("Correct the e-mail", "Correct e-mail", [field], save, plan)

    async def edit_options(self) -> None:
        """The options as JSON; what somebody else changed meanwhile is kept, or asked about."""
        user = self.seen.user
        field = Field(
            *("options", "Options", "json"), value=options.text(user.options), max_length=options.MAX_BYTES,
            hint="A JSON object of at most 16 KB. The product reads it at the user's next step.",
        )  # fmt: skip

        async def save(values: Values) -> str:
            async def store(yours: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
                await users.edit_options(self.view.actor, user.id, yours, seen, values["reason"])

            typed = options.checked(values["options"])
            mine = await save_over(store, typed, user.options, show=exact_json.dumps)
            return "The options are saved." if mine else "The options stay as the other person saved them."

        await act(f"Edit the options of {user.name}", "Save options", [field], save)

    async def move(self) -> None:
        """Into another team."""
        user = self.seen.user
        field = await team_field(self.view, but=user.team_id)
        if field.kind == "choice" and not field.choices:
            raise Conflict("There is no other team that you may see.")

        async def save(values: Values) -> str:
            await users.move(self.view.actor, user.id, await team_of(self.view, values), values["reason"])
            return f"{user.name} is in another team now."

        plan = [
            f"{user.name} leaves {self.seen.team.name}.",
            "Jobs and payments so far stay with the team that they were made in.",
        ]
        await act("Move to another team", "Move user", [field], save, plan)

    async def deactivate(self) -> None:
        """Keep the user from signing in."""
        user = self.seen.user

        async def save(values: Values) -> str:
            await users.deactivate(self.view.actor, user.id, values["reason"])
            return f"{user.name} is deactivated."

        plan = [f"{user.name} cannot sign in to the product any more.", "Jobs, payments and options stay."]
        await act(f"Deactivate {user.name}?", "Deactivate user", [], save, plan, danger=True)

    async def reactivate(self) -> None:
        """Let the user sign in again."""
        user = self.seen.user

        async def save(values: Values) -> str:
            await users.reactivate(self.view.actor, user.id, values["reason"])
            return f"{user.name} can sign in again."

        await act(f"Reactivate {user.name}?", "Reactivate user", [], save)

    async def erase(self) -> None:
        """Everything that names them, for good."""
        user = self.seen.user
        typed = Field("email", f"Type “{user.email}” to confirm", must_equal=user.email)

        async def save(values: Values) -> str:
            erased = await erasure.erase(self.view.actor, uploads.bound(), user.id, values["email"], values["reason"])
            entries = "1 entry" if erased.entries == 1 else f"{erased.entries:,} entries"
            return f"The personal data are erased, in {entries} of the audit log, too."

        plan = [
            "Name, e-mail address and options go, and the words of their payments, jobs and documents.",
            "The audit log keeps what was done, by whom and when; it no longer tells whom it was done to.",
            "Amounts, states, times and ids stay. The user cannot sign in to the product any more.",
            "Nobody can undo this. Do not name the person in the reason.",
        ]
        await act(f"Erase the personal data of {user.name}?", "Erase for good", [typed], save, plan, danger=True)
