"""Questions about what roles demand."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select

from app.database import Work
from app.models import RoleRule, StaffMember, StaffStatus
from app.permissions import ROLE_PERMISSIONS, Role


class Demand(NamedTuple):
    """What a role demands. ``people`` have it and may sign in, ``lacking`` of them without a second factor.
    ``version`` is 0 while nothing was ever demanded.
    """

    role: Role
    second_factor: bool
    version: int
    people: int
    lacking: int


async def demands(work: Work) -> Sequence[Demand]:
    """Every role that may do something, in the order of the matrix."""
    rules = {rule.role: rule for rule in (await work.execute(select(RoleRule))).scalars()}
    without = func.count().filter(StaffMember.totp_set_at.is_(None))
    counted = (
        select(StaffMember.role, func.count().label("people"), without.label("lacking"))
        .where(StaffMember.status == StaffStatus.ACTIVE)
        .group_by(StaffMember.role)
    )
    people = {row.role: (row.people, row.lacking) for row in await work.execute(counted)}
    return [
        Demand(
            role,
            rules[role].second_factor if role in rules else False,
            rules[role].version if role in rules else 0,
            *people.get(role, (0, 0)),
        )
        for role in Role
        if ROLE_PERMISSIONS[role]
    ]


async def lock(work: Work, role: Role) -> RoleRule | None:
    """What this role demands, locked until the end of the block; None while nothing was ever demanded."""
    found: RoleRule | None = await work.scalar(select(RoleRule).where(RoleRule.role == role).with_for_update())
    return found
