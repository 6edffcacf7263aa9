"""Roles: who may do what, in words, made from the very table that decides; and what one person may do, and why."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from app import topics
from app.permissions import ALL_TEAMS_ONLY, ROLE_PERMISSIONS, STEP_UP, Permission, Role
from app.services import permissions
from app.services.permissions import Explanation
from components import frame
from components.blocks import Fact, Facts, Note, PageHead
from components.ids import record_id
from components.live import Live
from components.matrix import Matrix, MatrixGroup, MatrixRow
from components.screen import View, screen
from components.verdicts import Ruling, Verdicts
from pages.words import STAFF

WORDS = {
    Permission.HOME_READ: "See Home",
    Permission.DATASETS_READ: "See datasets and their rows",
    Permission.DATASETS_CREATE: "Create datasets",
    Permission.DATASETS_RENAME: "Rename datasets",
    Permission.DATASETS_DELETE: "Delete datasets",
    Permission.ROWS_EDIT: "Edit cells of rows",
    Permission.IMPORTS_RUN: "Import files",
    Permission.IMPORTS_DELETE: "Delete imports with their rows",
    Permission.USERS_READ: "See users",
    Permission.USERS_CREATE: "Add users",
    Permission.USERS_EDIT: "Correct e-mails, edit options",
    Permission.USERS_PLAN: "Change the plan of users",
    Permission.USERS_DEACTIVATE: "Deactivate and reactivate users",
    Permission.USERS_MOVE: "Move users to another team",
    Permission.TEAMS_READ: "See teams",
    Permission.TEAMS_CREATE: "Add teams",
    Permission.TEAMS_RENAME: "Rename teams",
    Permission.TEAMS_SUSPEND: "Suspend and resume teams",
    Permission.TEAMS_LIMIT: "Change the limits of teams",
    Permission.PAYMENTS_READ: "See payments",
    Permission.DOCUMENTS_READ: "Download the documents that jobs made",
    Permission.STATS_READ: "See stats",
    Permission.LISTS_EXPORT: "Export lists as CSV",
    Permission.PROFILE_EDIT: "Change one's own name and password, see these roles",
    Permission.JOBS_READ: "See jobs",
    Permission.JOBS_RETRY: "Retry failed jobs",
    Permission.JOBS_CANCEL: "Cancel jobs",
    Permission.AUDIT_READ: "Read the audit log",
    Permission.STAFF_READ: "See staff accounts",
    Permission.STAFF_CREATE: "Invite staff",
    Permission.STAFF_ROLE: "Change roles, and which teams somebody sees",
    Permission.STAFF_DEACTIVATE: "Deactivate and reactivate staff",
    Permission.STAFF_PASSWORD: "Make one-time links for a new password",
    Permission.STAFF_SECOND_FACTOR: "Take away a lost second factor",
    Permission.STAFF_RULES: "Decide which roles need a second factor",
    Permission.SESSIONS_READ: "See where staff are signed in",
    Permission.SESSIONS_END: "End sessions of staff",
    Permission.TOKENS_CREATE: "Make API tokens for oneself",
    Permission.TOKENS_READ: "See everybody's API tokens",
    Permission.TOKENS_REVOKE: "Revoke everybody's API tokens",
    Permission.PERSONAL_READ: "Read personal data",
    Permission.PERSONAL_REVEAL: "Reveal one personal value, with a reason",
}
_TITLES = {"profile": "My profile", "audit": "Audit log", "tokens": "API tokens", "personal": "Personal data"}
_ALL_TEAMS_ONLY = "only people who see all teams"


@screen("/staff/roles", title="Roles", needs=Permission.PROFILE_EDIT)
async def roles_screen(view: View) -> None:
    """The whole matrix."""
    trail = ("Staff", "/staff") if view.may(Permission.STAFF_READ) else ("My profile", "/profile")
    PageHead("Roles", trail=[trail], sub=f"Who may do what. Your role is {view.actor.role.label}.")
    roles = [role for role in Role if ROLE_PERMISSIONS[role]]
    Matrix("Roles", [role.label for role in roles], _groups(roles), own=view.actor.role.label)
    Note(
        "Beyond the role",
        "Somebody without a role may do nothing. Whoever is limited to some teams sees nothing of the others, and"
        " nothing of the staff, whatever their role. Nobody gives a role that may do more than their own. What asks for"
        " the password or code again does so ten minutes after one last gave it, and no API token may do it.",
        small=True,
    )


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
        yield title, [Ruling(WORDS[p], p.value, ruled[p].may, ruled[p].why) for p in asked]


def _groups(roles: Sequence[Role]) -> list[MatrixGroup]:
    def row(one: Permission) -> MatrixRow:
        return MatrixRow(WORDS[one], one.value, [one in ROLE_PERMISSIONS[role] for role in roles], _notes(one))

    return [MatrixGroup(title, [row(one) for one in asked]) for title, asked in _by_noun()]


def _by_noun() -> Iterator[tuple[str, list[Permission]]]:
    """The permissions in the order in which they are declared, with the title of each noun."""
    for noun, asked in groupby(Permission, lambda permission: permission.value.partition(":")[0]):
        yield _TITLES.get(noun, noun.capitalize()), list(asked)


def _notes(permission: Permission) -> list[str]:
    said = [(STEP_UP, permissions.ASKS_AGAIN), (ALL_TEAMS_ONLY, _ALL_TEAMS_ONLY)]
    return [words for kind, words in said if permission in kind]
