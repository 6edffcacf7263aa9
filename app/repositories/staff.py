"""Questions about staff."""

from uuid import UUID

from sqlalchemy import func, select, update

from app import clock
from app.models import StaffMember, StaffSession
from app.work import Work


async def nobody_yet(work: Work) -> bool:
    """Whether there is no staff account at all."""
    return await work.scalar(select(StaffMember.id).limit(1)) is None


async def by_email(work: Work, email: str) -> StaffMember | None:
    """The account with this e-mail, in any case of letters."""
    found: StaffMember | None = await work.scalar(
        select(StaffMember).where(func.lower(StaffMember.email) == email.lower())
    )
    return found


async def end_sessions(work: Work, staff_id: UUID, reason: str) -> list[UUID]:
    """Revoke a person's living sessions; returns which."""
    ended = (
        update(StaffSession)
        .where(StaffSession.staff_id == staff_id, StaffSession.revoked_at.is_(None))
        .values(revoked_at=clock.now(), revoke_reason=reason)
        .returning(StaffSession.id)
    )
    return list((await work.execute(ended)).scalars())


async def name(work: Work, staff_id: UUID | None) -> str:
    """A person's name, also where the staff table is out of reach; "" when unknown."""
    if staff_id is None:
        return ""
    found = func.staff_names([staff_id]).table_valued("id", "name")
    return await work.scalar(select(found.c.name)) or ""
