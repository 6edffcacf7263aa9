"""Roles: who may do what, in words, made from the very table that decides."""

from itertools import groupby

from app.permissions import ALL_TEAMS_ONLY, ROLE_PERMISSIONS, Permission, Role
from components.blocks import Note, PageHead
from components.matrix import Matrix, MatrixGroup, MatrixRow
from components.screen import View, screen

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
}
_TITLES = {"home": "Home", "lists": "Lists", "profile": "My profile", "audit": "Audit log"}


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
        " nothing of the staff, whatever their role. Nobody gives a role that may do more than their own.",
        small=True,
    )


def _groups(roles: list[Role]) -> list[MatrixGroup]:
    """By noun, in the order in which permissions are declared."""
    found = []
    for noun, permissions in groupby(Permission, lambda permission: permission.value.partition(":")[0]):
        asked = list(permissions)
        rows = [MatrixRow(WORDS[p], p.value, [p in ROLE_PERMISSIONS[role] for role in roles]) for p in asked]
        beyond = " (only people who see all teams)" if ALL_TEAMS_ONLY.issuperset(asked) else ""
        found.append(MatrixGroup(_TITLES.get(noun, noun.capitalize()) + beyond, rows))
    return found
