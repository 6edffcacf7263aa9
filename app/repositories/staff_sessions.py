"""Questions about anybody's sessions, for the people who administer staff."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.sql import functions

from app import clock
from app.database import Work
from app.models import StaffSession

MOST = 200


async def living(work: Work, staff_id: UUID) -> Sequence[Any]:
    """A person's sessions that live, the one last used first; at most :data:`MOST`."""
    query = (
        select(
            StaffSession.id,
            StaffSession.created_at,
            StaffSession.last_seen_at,
            StaffSession.expires_at,
            StaffSession.methods,
            StaffSession.ip,
            StaffSession.user_agent,
        )
        .where(StaffSession.staff_id == staff_id, *_lives())
        .order_by(StaffSession.last_seen_at.desc(), StaffSession.id.desc())
        .limit(MOST)
    )
    return (await work.execute(query)).all()


async def owner(work: Work, session_id: UUID) -> UUID | None:
    """Whose session this is, while it lives."""
    found: UUID | None = await work.scalar(
        select(StaffSession.staff_id).where(StaffSession.id == session_id, *_lives())
    )
    return found


async def end(work: Work, session_id: UUID, reason: str) -> Sequence[UUID]:
    """Revoke a session; returns it, or nothing when it had ended."""
    ended = update(StaffSession).where(StaffSession.id == session_id, *_lives())
    ended = ended.values(revoked_at=clock.now(), revoke_reason=reason)
    return (await work.execute(ended.returning(StaffSession.id))).scalars().all()


def _lives() -> list[ColumnElement[bool]]:
    return [StaffSession.revoked_at.is_(None), StaffSession.expires_at > functions.now()]
