"""What decides about a person's rights beside their role and their teams."""

from sqlalchemy import select

from app.database import Work
from app.models import RoleRule, StaffMember


async def needs_second_factor(work: Work, member: StaffMember) -> bool:
    """Whether this person's role demands a second factor of whoever has it."""
    query = select(RoleRule.id).where(RoleRule.role == member.role, RoleRule.second_factor)
    return await work.scalar(query) is not None
