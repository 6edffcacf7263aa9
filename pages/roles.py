"""Roles: who may do what, in words, made from the very table that decides; and what one person may do, and why."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from app import topics
from app.permissions import ALL_TEAMS_ONLY, ROLE_PERMISSIONS, STEP_UP, Permission, Role
from app.services import permissions, staff_rules
from app.services.permissions import Explanation
from app.services.staff_rules import Demand
from components.forms.dialogs import ask
from components.forms.form import Field, Values
from components.page import frame
from components.page.ids import record_id
from components.page.live import Live
from components.page.screen import View, screen
from components.page.toasts import done
from components.records.blocks import Action, Fact, Facts, Note, PageHead
from components.records.permission_list import Ruling, Verdicts
from components.records.permission_matrix import Matrix, MatrixGroup, MatrixRow
from pages.shared.labels import STAFF
from pages.shared.permission_labels import RIGHTS

_TITLES = {"profile": "My profile", "audit": "Audit log", "tokens": "API tokens", "personal": "Personal data"}
_ALL_TEAMS_ONLY = "only people who see all teams"


@screen("/staff/roles", title="Roles", needs=Permission.PROFILE_EDIT)
async def roles_screen(view: View) -> None:
    """The whole matrix."""
    trail = ("Staff", "/staff") if view.may(Permission.STAFF_READ) else ("My profile", "/profile")
    demands = await staff_rules.search(view.actor) if view.may(Permission.STAFF_READ) else []

    async def change_demand() -> None:
        await _change_demand(view, demands)

    change = Action("Demand a second factor", change_demand, needs=Permission.STAFF_RULES)
    sub = f"Who may do what. Your role is {view.actor.role.label}."
    PageHead("Roles", trail=[trail], sub=sub, actions=[change])
    if demands:
        Facts([_demand(demand) for demand in demands], title="Second factor")
        Live(topics.staff, frame.redraw)
    roles = [role for role in Role if ROLE_PERMISSIONS[role]]
    Matrix("Roles", [role.label for role in roles], _groups(roles), own=view.actor.role.label)
    Note(
        "Beyond the role",
        "Somebody without a role may do nothing. Whoever is limited to some teams sees nothing of the others, and"
        " nothing of the staff, whatever their role. Nobody gives a role that may do more than their own. What asks for"
        " the password or code again does so ten minutes after one last gave it, and no API token may do it.",
        small=True,
    )


def _demand(demand: Demand) -> Fact:
    """Whether a role needs a second factor, and how many people have one."""
    have = f"{demand.people - demand.lacking} of {demand.people} have one" if demand.people else "nobody has this role"
    return Fact(demand.role.label, f"{'Needed' if demand.second_factor else 'Not needed'} · {have}")


async def _change_demand(view: View, demands: Sequence[Demand]) -> None:
    """Ask which role needs a second factor from now on, or no more."""
    versions = {demand.role.value: demand.version for demand in demands}

    async def save(values: Values) -> None:
        role, needed = values["role"], values["needed"] == "yes"
        await staff_rules.demand_second_factor(view.actor, role, needed, versions.get(role, 0), values["reason"])

    fields = [
        Field("role", "Role", kind="choice", choices=[(demand.role.value, demand.role.label) for demand in demands]),
        Field("needed", "A second factor is", kind="choice", choices=[("yes", "Needed"), ("no", "Not needed")]),
        Field("reason", "Reason", kind="long", hint="Goes into the audit log."),
    ]
    plan = ["Whoever has the role and no second factor sets one up at their next click, before anything else."]
    title = "Which role needs a second factor?"
    if (chosen := await ask(title, submit="Save", plan=plan, fields=fields, on_submit=save)) is not None:
        needs = "needs a second factor now" if chosen["needed"] == "yes" else "needs no second factor any more"
        done(f"The role {Role(chosen['role']).label} {needs}.")


@screen("/staff/{id}/permissions", title="What may they do", needs=Permission.STAFF_READ)
async def person_screen(view: View) -> None:
    """What one person may do at this moment, and the rule that says so."""
    staff_id = record_id(view.params["id"])
    seen = await permissions.explain(view.actor, staff_id)
    name = seen.member.name
    PageHead(
        f"What {name} may do",
        trail=[("Staff", "/staff"), (name, f"/staff/{staff_id}")],
        sub="Asked of the database at every click: what stands here counts now.",
        status=STAFF[seen.member.state],
    )
    if seen.hindrance:
        Note(f"{name} may do nothing now", seen.hindrance, small=True)
    Facts(_where_from(seen), title="Where the rights come from")
    Verdicts(f"What {name} may do", list(_ruled(seen)))
    Live((topics.staff, topics.teams), frame.redraw)


def _where_from(seen: Explanation) -> list[Fact]:
    names = [Fact("Sees", "All teams")] if seen.teams is None else [
        Fact("Sees only", team, opens=f"/teams/{id_}") for id_, team in seen.teams
    ]  # fmt: skip
    return [Fact("Role", seen.role.label, opens="/staff/roles"), *(names or [Fact("Sees only", "No team at all")])]


def _ruled(seen: Explanation) -> Iterator[tuple[str, list[Ruling]]]:
    ruled = {verdict.permission: verdict for verdict in seen.verdicts}
    for title, asked in _by_noun():
        yield title, [Ruling(RIGHTS[p], p.value, ruled[p].may, ruled[p].why) for p in asked]


def _groups(roles: Sequence[Role]) -> list[MatrixGroup]:
    def row(one: Permission) -> MatrixRow:
        return MatrixRow(RIGHTS[one], one.value, [one in ROLE_PERMISSIONS[role] for role in roles], _notes(one))

    return [MatrixGroup(title, [row(one) for one in asked]) for title, asked in _by_noun()]


def _by_noun() -> Iterator[tuple[str, list[Permission]]]:
    """The permissions in the order in which they are declared, with the title of each noun."""
    for noun, asked in groupby(Permission, lambda permission: permission.value.partition(":")[0]):
        yield _TITLES.get(noun, noun.capitalize()), list(asked)


def _notes(permission: Permission) -> list[str]:
    said = [(STEP_UP, permissions.ASKS_AGAIN), (ALL_TEAMS_ONLY, _ALL_TEAMS_ONLY)]
    return [words for kind, words in said if permission in kind]
