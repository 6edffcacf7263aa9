"""One's own sessions: on which devices one is signed in, and ending what one does not know or need any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.actor import Actor
from app.database import reading, writing
from app.errors import Conflict, NotFound
from app.paging import Count, Page, PageRequest
from app.permissions import Permission
from app.repositories import own_sessions
from app.values import user_agents

METHODS = {"password": "Password", "totp": "code", "recovery": "recovery code"}


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session that lives, as people recognise it."""

    id: UUID
    device: str
    """Browser and system, in words."""
    ip: str
    method: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    here: bool
    """The session of whoever looks."""

    @classmethod
    def page(cls, rows: Sequence[Any], here: UUID | None) -> Page["SessionView"]:
        """All of them, on one page; ``here`` is the session of whoever looks."""
        return Page([cls._of(row, row.id == here) for row in rows], Count(len(rows)))

    @classmethod
    def _of(cls, row: Any, here: bool) -> "SessionView":  # noqa: ANN401 - a row of a list
        method = " and ".join(METHODS.get(method, method) for method in row.methods)
        device = user_agents.describe(row.user_agent)
        return cls(row.id, device, row.ip, method, row.created_at, row.last_seen_at, row.expires_at, here)


async def search(actor: Actor, request: PageRequest) -> Page[SessionView]:  # noqa: ARG001 - a list's question
    """All of one's own sessions that live, on one page."""
    async with reading(actor, Permission.PROFILE_EDIT) as work:
        return SessionView.page(await own_sessions.living(work), work.who.session_id)


async def end(actor: Actor, session_id: UUID) -> None:
    """End another session of one's own: its open pages leave for the sign-in."""
    async with writing(actor, Permission.PROFILE_EDIT) as work:
        if session_id == work.who.session_id:
            raise Conflict("This is the session that you use. Sign out to end it.")
        if not await own_sessions.end(work, session_id):
            raise NotFound("This session has ended already.")


async def end_others(actor: Actor) -> int:
    """End all sessions of one's own but the one that one uses. Returns how many ended."""
    async with writing(actor, Permission.PROFILE_EDIT) as work:
        return await own_sessions.end(work, None)
