"""Questions about one's own sessions. They work for people limited to some teams too, who reach no other's."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from app.database import Work

_OWN = text("SELECT id, created_at, last_seen_at, expires_at, methods, ip, user_agent FROM own_sessions(:sid)")


async def living(work: Work) -> Sequence[Any]:
    """One's sessions that live, the one last used first; at most 200."""
    return (await work.execute(_OWN, {"sid": work.who.session_id})).all()


async def end(work: Work, one: UUID | None) -> int:
    """End one of one's own sessions, or (None) all but the present one, and record it. Returns how many ended."""
    return int(await work.scalar(select(func.own_sessions_end(work.who.session_id, one, work.who.ip))))
