"""Who may do what, on one screen. A permission is ``noun:verb``; a role is a set of them."""

from collections.abc import Collection
from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    """What a service demands before it runs; each service verb names exactly one."""

    HOME_READ = "home:read"
    DATASETS_READ = "datasets:read"
    DATASETS_CREATE = "datasets:create"
    DATASETS_RENAME = "datasets:rename"
    DATASETS_DELETE = "datasets:delete"
    ROWS_EDIT = "rows:edit"
    IMPORTS_RUN = "imports:run"
    IMPORTS_DELETE = "imports:delete"
    USERS_READ = "users:read"
    USERS_CREATE = "users:create"
    USERS_EDIT = "users:edit"
    USERS_PLAN = "users:plan"
    USERS_DEACTIVATE = "users:deactivate"
    USERS_MOVE = "users:move"
    USERS_ERASE = "users:erase"
    TEAMS_READ = "teams:read"
    TEAMS_CREATE = "teams:create"
    TEAMS_RENAME = "teams:rename"
    TEAMS_SUSPEND = "teams:suspend"
    TEAMS_LIMIT = "teams:limit"
    PAYMENTS_READ = "payments:read"
    STATS_READ = "stats:read"
    LISTS_EXPORT = "lists:export"
    PROFILE_EDIT = "profile:edit"
    JOBS_READ = "jobs:read"
    JOBS_RETRY = "jobs:retry"
    JOBS_CANCEL = "jobs:cancel"
    JOBS_BULK = "jobs:bulk"
    QUEUES_READ = "queues:read"
    QUEUES_MANAGE = "queues:manage"
    WORKERS_DRAIN = "workers:drain"
    SCHEDULES_READ = "schedules:read"
    SCHEDULES_MANAGE = "schedules:manage"
    SCHEDULES_RUN = "schedules:run"
    DOCUMENTS_READ = "documents:read"
    AUDIT_READ = "audit:read"
    AUDIT_REVERT = "audit:revert"
    STAFF_READ = "staff:read"
    STAFF_CREATE = "staff:create"
    STAFF_ROLE = "staff:role"
    STAFF_DEACTIVATE = "staff:deactivate"
    STAFF_PASSWORD = "staff:password"  # noqa: S105 - the name of a permission, not a secret
    STAFF_SECOND_FACTOR = "staff:second-factor"
    STAFF_RULES = "staff:rules"
    SESSIONS_READ = "sessions:read"
    SESSIONS_END = "sessions:end"
    TOKENS_CREATE = "tokens:create"
    TOKENS_READ = "tokens:read"
    TOKENS_REVOKE = "tokens:revoke"
    PERSONAL_READ = "personal:read"
    PERSONAL_REVEAL = "personal:reveal"


class Role(StrEnum):
    """A staff member's role. ``NONE`` has no permission at all: a person between roles."""

    NONE = "none"
    VIEWER = "viewer"
    SUPPORT = "support"
    REVIEWER = "reviewer"
    ADMIN = "admin"
    SUPER_ADMIN = "super_admin"

    @property
    def label(self) -> str:
        """The role as people read it."""
        return self.value.replace("_", " ").capitalize()


_P = Permission
_VIEWER = frozenset(
    {
        *(_P.HOME_READ, _P.STATS_READ, _P.DATASETS_READ, _P.TEAMS_READ, _P.USERS_READ, _P.JOBS_READ, _P.PAYMENTS_READ),
        _P.PROFILE_EDIT,
    }
)
_SUPPORT = _VIEWER | {
    *(_P.JOBS_RETRY, _P.JOBS_CANCEL, _P.DOCUMENTS_READ, _P.AUDIT_READ, _P.LISTS_EXPORT, _P.PERSONAL_READ),
    *(_P.USERS_CREATE, _P.USERS_EDIT, _P.USERS_PLAN, _P.USERS_DEACTIVATE),
    *(_P.JOBS_BULK, _P.QUEUES_READ, _P.SCHEDULES_READ, _P.SCHEDULES_RUN),
}
_REVIEWER = _VIEWER | {_P.ROWS_EDIT, _P.PERSONAL_REVEAL}
_ADMIN = (
    _SUPPORT
    | _REVIEWER
    | {_P.DATASETS_CREATE, _P.DATASETS_RENAME, _P.DATASETS_DELETE, _P.IMPORTS_RUN, _P.IMPORTS_DELETE}
    | {_P.TEAMS_CREATE, _P.TEAMS_RENAME, _P.TEAMS_SUSPEND, _P.TEAMS_LIMIT, _P.USERS_MOVE}
    | {_P.STAFF_READ, _P.SESSIONS_READ, _P.TOKENS_CREATE}
    | {_P.USERS_ERASE, _P.AUDIT_REVERT}
    | {_P.QUEUES_MANAGE, _P.WORKERS_DRAIN, _P.SCHEDULES_MANAGE}
)

ROLE_PERMISSIONS = MappingProxyType(
    {
        Role.NONE: frozenset[Permission](),
        Role.VIEWER: _VIEWER,
        Role.SUPPORT: _SUPPORT,
        Role.REVIEWER: _REVIEWER,
        Role.ADMIN: _ADMIN,
        Role.SUPER_ADMIN: frozenset(Permission),
    }
)
"""The whole matrix. Nothing else grants anything."""

ALL_TEAMS_ONLY = frozenset(
    {
        *(_P.STAFF_READ, _P.STAFF_CREATE, _P.STAFF_ROLE, _P.STAFF_DEACTIVATE, _P.STAFF_PASSWORD),
        *(_P.STAFF_SECOND_FACTOR, _P.STAFF_RULES, _P.SESSIONS_READ, _P.SESSIONS_END, _P.TOKENS_READ, _P.TOKENS_REVOKE),
        *(_P.TEAMS_CREATE, _P.QUEUES_READ, _P.QUEUES_MANAGE, _P.WORKERS_DRAIN),
        *(_P.SCHEDULES_READ, _P.SCHEDULES_MANAGE, _P.SCHEDULES_RUN),
    }
)
"""What nobody may do who is limited to some teams, whatever their role: staff accounts, queues,
workers and schedules belong to no team, and a new team would be none of theirs.
"""

STEP_UP = frozenset(
    {
        *(_P.STAFF_CREATE, _P.STAFF_ROLE, _P.STAFF_DEACTIVATE, _P.STAFF_PASSWORD, _P.STAFF_SECOND_FACTOR),
        *(_P.STAFF_RULES, _P.SESSIONS_END, _P.TOKENS_CREATE, _P.TOKENS_REVOKE),
        *(_P.DATASETS_DELETE, _P.IMPORTS_DELETE, _P.TEAMS_SUSPEND, _P.USERS_ERASE, _P.AUDIT_REVERT),
    }
)
"""What is dangerous: it asks for the password or the second factor of the last ten minutes, and no token may do it."""


def granted(role: Role, *, limited: bool) -> frozenset[Permission]:
    """What somebody with this role may do, when they see all teams, or are ``limited`` to some."""
    return ROLE_PERMISSIONS[role] - ALL_TEAMS_ONLY if limited else ROLE_PERMISSIONS[role]


IN_PERSON = STEP_UP | {Permission.PROFILE_EDIT, Permission.PERSONAL_REVEAL}
"""What no token may do: what is dangerous, what belongs to a person's own account, and what only a person looks at."""


def delegated(role: Role, chosen: Collection[str], *, limited: bool) -> frozenset[Permission]:
    """What a token may do: of what was ``chosen`` for it, what its owner may do now and need not do in person."""
    return frozenset(permission for permission in granted(role, limited=limited) - IN_PERSON if permission in chosen)
