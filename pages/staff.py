"""Staff: the people who use this console, one account, and the one-time links by which they come in."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from app import topics
from app.models import StaffState, StaffStatus, state_of
from app.permissions import ROLE_PERMISSIONS, Permission, Role
from app.services import staff, teams, tokens
from app.services.staff import OneTimeLink, StaffView
from app.services.tokens import TokenView
from components.forms.dialogs import ask, save_over
from components.forms.form import Field, Values
from components.forms.secret_once import show_link_once
from components.lists.columns import IdColumn, StatusColumn, TextColumn, TimeColumn
from components.lists.downloads import Export
from components.lists.filters import ChoiceFilter
from components.lists.table import DataTable, Empty, RowAction
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Fact, Facts, Note, PageHead, Panel, Timeline
from pages.shared.audit_timeline import audit_entry
from pages.shared.labels import STAFF, plural
from pages.shared.token_list import token_list, works

_REASON = Field("reason", "Reason", kind="long", hint="Goes into the audit log.")
_SEES = [("all", "All teams"), ("some", "Only some teams")]
_ONCE = "It is shown only now. It works once, for 72 hours; a newer link replaces it."


@screen("/staff", title="Staff", icon="staff", menu="Trust", needs=Permission.STAFF_READ)
async def staff_screen(view: View) -> None:
    """Everybody who may sign in here."""
    known = await teams.names(view.actor) if view.may(Permission.STAFF_CREATE) else []

    async def invite() -> None:
        made: list[OneTimeLink] = []

        async def save(values: Values) -> None:
            chosen = _chosen(values)
            link = await staff.invite(
                view.actor, name=values["name"], email=values["email"], role=values["role"], team_ids=chosen
            )
            made.append(link)

        fields = [
            Field("name", "Name", max_length=120),
            Field("email", "E-mail", kind="email", max_length=staff.EMAIL_LENGTH),
            Field("role", "Role", kind="choice", value=Role.VIEWER, choices=_roles(view)),
            *_teams_fields(known, None),
        ]
        if await ask("Invite somebody to the staff", submit="Invite", fields=fields, on_submit=save):
            [link] = made
            await show_link_once(
                f"Send this link to {link.name}", link.path, ["They choose a password with it.", _ONCE]
            )
            frame.navigate(f"/staff/{link.staff_id}")

    PageHead(
        "Staff",
        sub="The people who use this console.",
        actions=[
            Action("Roles", opens="/staff/roles"),
            Action("Invite", invite, needs=Permission.STAFF_CREATE, main=True),
        ],
    )
    DataTable(
        "Staff",
        load=partial(staff.search, view.actor),
        columns=[
            TextColumn("name", sort="name", opens="/staff/{id}", card=True),
            TextColumn("email", label="E-mail", wide=True),
            TextColumn("role", read=lambda row: Role(row.role).label, card=True),
            StatusColumn("status", read=state_of, shows=STAFF, card=True),
            TextColumn("teams", label="Sees", read=_sees, quiet=True),
            TimeColumn("last_seen_at", label="Last seen"),
            IdColumn("id"),
            TimeColumn("created_at", sort="id"),
        ],
        filters=[
            ChoiceFilter("role", choices=Role, pinned=True),
            ChoiceFilter("status", choices=StaffState, pinned=True),
            ChoiceFilter("limited", label="Sees", choices={"no": "All teams", "yes": "Only some teams"}),
        ],
        search="Name, e-mail, id …",
        live=topics.staff,
        export=Export("staff"),
        empty=Empty("Nobody yet", "Invite somebody: they get a link by which they choose a password."),
    )


@screen("/staff/{id}", title="Staff account", needs=Permission.STAFF_READ)
async def account_screen(view: View) -> None:
    """One account: what is known, what may be done, everything that happened to it."""
    staff_id = record_id(view.params["id"])
    desk = _Desk(view, await staff.get(view.actor, staff_id))
    seen, member = desk.seen, desk.seen.member
    PageHead(
        member.name,
        trail=[("Staff", "/staff")],
        sub=member.email,
        status=STAFF[member.state],
        id=member.id,
        actions=desk.actions(),
    )
    if member.id == view.actor.staff_id:
        Note("This is you", "Your name and password are in your profile. Your role, somebody else changes.",
             link="My profile", opens="/profile", small=True)  # fmt: skip
    Facts(_facts(seen), title="About this account")
    if seen.teams is not None:
        Facts([Fact("Team", name, opens=f"/teams/{id_}") for id_, name in seen.teams] or [Fact("Team", None)],
              title="Sees only")  # fmt: skip
    if view.may(Permission.TOKENS_READ):
        desk.tokens()
    if seen.acts is not None:
        Timeline([audit_entry(entry, linked=True) for entry in seen.acts], title="What happened")
    Live(topics.staff, frame.redraw, about=staff_id)


def _facts(seen: StaffView) -> list[Fact]:
    member, link = seen.member, seen.link
    words = {"invite": "Invitation works until", "reset": "Link for a new password works until"}
    return [
        Fact("E-mail", member.email),
        Fact("Role", seen.role.label, opens="/staff/roles"),
        Fact("Sees", staff.ALL_TEAMS if seen.teams is None else plural(len(seen.teams), "team")),
        Fact("Signed in on", plural(seen.sessions, "device"), opens=f"/staff/{member.id}/sessions"),
        Fact("Last seen", seen.last_seen_at, "time"),
        Fact("Password chosen", member.password_set_at, "time"),
        Fact("Second factor since", member.totp_set_at, "time"),
        *([Fact("At the next sign-in", "Must choose a new password")] if member.must_change_password else []),
        Fact("Created", member.created_at, "time"),
        *([Fact(words[link.purpose], link.expires_at, "time")] if link else []),
    ]


@dataclass
class _Desk:
    """What can be done to one account. Each verb is asked in a dialog that stays open until it is done."""

    view: View
    seen: StaffView

    def actions(self) -> list[Action]:
        """The buttons of the head: what this account allows, and its reader's rights."""
        member = self.seen.member
        may = Action("What they may do", opens=f"/staff/{member.id}/permissions")
        history = Action("Activity", opens=f"/staff/{member.id}/activity", needs=Permission.AUDIT_READ)
        mine = ROLE_PERMISSIONS[self.view.actor.role]
        if member.id == self.view.actor.staff_id or not ROLE_PERMISSIONS[self.seen.role] <= mine:
            return [may, history]
        if member.status == StaffStatus.DEACTIVATED:
            return [may, history, Action("Reactivate", self.reactivate, needs=Permission.STAFF_DEACTIVATE, main=True)]
        return [
            may,
            history,
            Action("Make a one-time link", self.make_link, needs=Permission.STAFF_PASSWORD),
            *self._password_actions(),
            Action("Change teams", self.change_teams, needs=Permission.STAFF_ROLE),
            Action("Change role", self.change_role, needs=Permission.STAFF_ROLE, main=True),
            *self._second_factor_actions(),
            Action("Deactivate account", self.deactivate, needs=Permission.STAFF_DEACTIVATE, danger=True),
        ]

    def _second_factor_actions(self) -> list[Action]:
        if self.seen.member.totp_set_at is None:
            return []
        needs = Permission.STAFF_SECOND_FACTOR
        return [Action("Remove second factor", self.remove_second_factor, needs=needs, danger=True)]

    async def remove_second_factor(self) -> None:
        """For somebody who lost their phone and their recovery codes."""
        name = self.seen.member.name
        plan = [f"The password alone signs {name} in, until a second factor is set up anew.", _signs_out(self.seen)]
        title = f"Remove the second factor of {name}?"
        if await self._act(title, "Remove second factor", plan, staff.remove_second_factor, danger=True):
            done(f"{name} has no second factor any more.")

    async def change_role(self) -> None:
        """Another role."""
        member = self.seen.member

        async def save(values: Values) -> None:
            async def change(yours: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
                await staff.change_role(self.view.actor, member.id, yours["role"], seen["role"], values["reason"])

            labels, now = {"role": "Role"}, {"role": self.seen.role.value}
            await save_over(change, {"role": values["role"]}, now, labels=labels, show=lambda role: Role(role).label)

        fields = [Field("role", "Role", kind="choice", value=self.seen.role, choices=_roles(self.view)), _REASON]
        plan = [_signs_out(self.seen)]
        if await ask(
            f"Change the role of {member.name}", submit="Change role", plan=plan, fields=fields, on_submit=save
        ):
            done(f"The role of {member.name} is changed.")

    async def change_teams(self) -> None:
        """All teams, or only some."""
        member = self.seen.member
        known = await teams.names(self.view.actor)
        names = dict(known)

        def show(ids: Collection[UUID] | None) -> str:
            return staff.ALL_TEAMS if ids is None else ", ".join(sorted(names.get(id_, "?") for id_ in ids))

        async def save(values: Values) -> None:
            async def change(yours: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
                await staff.change_teams(self.view.actor, member.id, yours["teams"], seen["teams"], values["reason"])

            now = {"teams": self.seen.team_ids}
            await save_over(change, {"teams": _chosen(values)}, now, labels={"teams": "Sees"}, show=show)

        fields = [*_teams_fields(known, self.seen.team_ids), _REASON]
        title, plan = f"Which teams does {member.name} see?", [_signs_out(self.seen)]
        if await ask(title, submit="Change teams", plan=plan, fields=fields, on_submit=save):
            done(f"Which teams {member.name} sees is changed.")

    async def make_link(self) -> None:
        """A new way in, for somebody who forgot their password or lost the invitation."""
        member, made = self.seen.member, []

        async def save(values: Values) -> None:
            made.append(await staff.make_link(self.view.actor, member.id, values["reason"]))

        plan = [f"Whoever opens the link chooses a new password for {member.name}.", "Links before it stop working."]
        title = f"Make a one-time link for {member.name}?"
        if await ask(title, submit="Make link", plan=plan, fields=[_REASON], on_submit=save):
            [link] = made
            await show_link_once(f"Send this link to {member.name}", link.path, [_ONCE])

    def _password_actions(self) -> list[Action]:
        member = self.seen.member
        if member.must_change_password or member.password_set_at is None:
            return []
        return [Action("Demand a new password", self.demand_password_change, needs=Permission.STAFF_PASSWORD)]

    async def demand_password_change(self) -> None:
        """Another password before anything else."""
        name = self.seen.member.name
        plan = [f"{name} must choose a new password at the next sign-in, by the present one.", _signs_out(self.seen)]
        title = f"Demand a new password from {name}?"
        if await self._act(title, "Demand new password", plan, staff.demand_password_change):
            done(f"{name} must choose a new password at the next sign-in.")

    async def deactivate(self) -> None:
        """Shut out."""
        name = self.seen.member.name
        plan = [f"{name} can not sign in any more.", _signs_out(self.seen), "What they did stays in the audit log."]
        if await self._act(f"Deactivate {name}?", "Deactivate account", plan, staff.deactivate, danger=True):
            done(f"{name} is deactivated.")

    async def reactivate(self) -> None:
        """Let in again."""
        name = self.seen.member.name
        plan = [f"{name} can sign in again as {self.seen.role.label}, with the password from before."]
        if await self._act(f"Reactivate {name}?", "Reactivate", plan, staff.reactivate):
            done(f"{name} can sign in again.")

    def tokens(self) -> None:
        """By which programs act for them."""
        member = self.seen.member

        async def revoke(row: TokenView, reason: str) -> None:
            await tokens.revoke(self.view.actor, row.id, reason)
            done(f"“{row.token.name}” of {member.name} is revoked.")

        with Panel("API tokens", "By which programs act for them."):
            token_list(
                partial(tokens.search, self.view.actor, member.id),
                RowAction("Revoke", revoke, Permission.TOKENS_REVOKE, works, "Why revoke this token?", danger=True),
                Empty("No API tokens", f"No program acts for {member.name}."),
            )

    async def _act(
        self, title: str, submit: str, plan: list[str], verb: Callable[..., Awaitable[None]], *, danger: bool = False
    ) -> bool:
        async def save(values: Values) -> None:
            await verb(self.view.actor, self.seen.member.id, values["reason"])

        values = await ask(title, submit=submit, plan=plan, fields=[_REASON], on_submit=save, danger=danger)
        return values is not None


def _roles(view: View) -> list[tuple[str, str]]:
    """The roles that one may give: none that may do more than oneself."""
    mine = ROLE_PERMISSIONS[view.actor.role]
    return [(role.value, role.label) for role in Role if ROLE_PERMISSIONS[role] <= mine]


def _teams_fields(known: list[tuple[UUID, str]], seen: Collection[UUID] | None) -> list[Field]:
    choices = [(str(id_), name) for id_, name in known]
    ticked = ",".join(str(id_) for id_ in seen or ())
    return [
        Field("sees", "Sees", kind="choice", value="all" if seen is None else "some", choices=_SEES),
        Field("teams", "Teams", kind="many", value=ticked, choices=choices, when=("sees", "some")),
    ]


def _chosen(values: Values) -> frozenset[UUID] | None:
    if values["sees"] == "all":
        return None
    return frozenset(record_id(text) for text in values["teams"].split(",") if text)


def _signs_out(seen: StaffView) -> str:
    return f"Ends their sessions at once ({plural(seen.sessions, 'device')} now)."


def _sees(row: Any) -> str:  # noqa: ANN401 - a row of the list
    return staff.ALL_TEAMS if row.teams is None else plural(row.teams, "team")
