"""What one person may do, and why: each permission with yes or no, and the rule that says so, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.actor import Actor
from app.database import reading
from app.models import StaffMember, StaffState
from app.permissions import ALL_TEAMS_ONLY, ROLE_PERMISSIONS, STEP_UP, Permission, Role, granted
from app.repositories import permissions as rules_table
from app.repositories import staff as staff_table

ASKS_AGAIN = "asks for the password or code again"
_BELONGS = {
    Permission.TEAMS_CREATE: "a new team would be none of these",
    Permission.QUEUES_READ: "queues and workers serve all teams",
    Permission.QUEUES_MANAGE: "queues serve all teams",
    Permission.WORKERS_DRAIN: "workers serve all teams",
    Permission.SCHEDULES_READ: "schedules belong to no team",
    Permission.SCHEDULES_MANAGE: "schedules belong to no team",
    Permission.SCHEDULES_RUN: "schedules belong to no team",
}
"""Why somebody limited to some teams may not, where it is not about staff accounts."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody may do something now, and why."""

    permission: Permission
    may: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one person may do. ``hindrance`` is the sentence on what keeps them from everything, or empty."""

    member: StaffMember
    teams: Sequence[tuple[UUID, str]] | None
    hindrance: str
    verdicts: Sequence[Verdict]

    @property
    def role(self) -> Role:
        """What their rights come from."""
        return Role(self.member.role)


async def explain(actor: Actor, staff_id: UUID) -> Explanation:
    """What a staff member may do at this moment, and why."""
    async with reading(actor, Permission.STAFF_READ) as work:
        member = await work.get(StaffMember, staff_id)
        teams = await staff_table.teams_of(work, staff_id) if member.limited else None
        demanded = await rules_table.needs_second_factor(work, member)
    hindrance = _hindrance(member, second_factor_demanded=demanded)
    seen = None if teams is None else len(teams)
    return Explanation(member, teams, hindrance, _verdicts(Role(member.role), seen, hindrance))


def _verdicts(role: Role, teams: int | None, hindrance: str) -> list[Verdict]:
    """Every permission, for somebody with this role who sees so many teams (None: all)."""
    may = frozenset[Permission]() if hindrance else granted(role, limited=teams is not None)
    return [Verdict(one, one in may, _why(one, role, teams, hindrance)) for one in Permission]


def _why(permission: Permission, role: Role, teams: int | None, hindrance: str) -> str:
    if permission not in ROLE_PERMISSIONS[role]:
        others = [other.label for other in Role if permission in ROLE_PERMISSIONS[other]]
        lacks = f"{role.label} does not include it" if ROLE_PERMISSIONS[role] else "Has no role"
        return f"{lacks}; {_among(others)} would."
    if permission in ALL_TEAMS_ONLY and teams is not None:
        reason = _BELONGS.get(permission, "staff accounts belong to no team")
        return f"{_limited(teams)}: {reason}."
    if hindrance:
        return f"{role.label} includes it, but: {hindrance}"
    within = "" if teams is None else f", in {_teams(teams)}"
    again = f"; {ASKS_AGAIN}" if permission in STEP_UP else ""
    return f"{role.label} includes it{within}{again}."


def _hindrance(member: StaffMember, *, second_factor_demanded: bool) -> str:
    """What keeps somebody from everything, in the order in which they would meet it."""
    if member.state is StaffState.DEACTIVATED:
        return "The account is deactivated."
    if member.state is StaffState.INVITED:
        return "They have not chosen a password so far."
    if member.must_change_password:
        return "They must choose a new password first."
    if second_factor_demanded and member.totp_set_at is None:
        return "They must set up a second factor first: their role demands one."
    return ""


def _limited(teams: int) -> str:
    return f"Limited to {_teams(teams)}"


def _teams(teams: int) -> str:
    return "no team at all" if not teams else "1 team" if teams == 1 else f"{teams:,} teams"


def _among(roles: Sequence[str]) -> str:
    return roles[0] if len(roles) == 1 else f"{', '.join(roles[:-1])} or {roles[-1]}"
