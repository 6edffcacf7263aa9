"""Anybody's sessions, for the people who administer staff: on which devices somebody is signed in, and ending that."""

from collections.abc import Sequence
from uuid import UUID

from app.actor import Actor
from app.database import Work, reading, writing
from app.errors import Forbidden, NotFound
from app.models import Action, StaffMember, StaffSession
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import staff as staff_table
from app.repositories import staff_sessions
from app.services.own_sessions import SessionView
from app.topics import sessions
from app.topics import staff as staff_topic
from app.values import reasons, user_agents

_REASON = "ended by an administrator"


async def search(actor: Actor, staff_id: UUID, request: PageRequest) -> Page[SessionView]:  # noqa: ARG001 - one page
    """All sessions of a person that live, on one page."""
    async with reading(actor, Permission.SESSIONS_READ) as work:
        await work.get(StaffMember, staff_id)
        return SessionView.page(await staff_sessions.living(work, staff_id), work.who.session_id)


async def end(actor: Actor, session_id: UUID, reason: str) -> None:
    """End one session of somebody else: its open pages leave for the sign-in."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.SESSIONS_END) as work:
        gone = NotFound("This session has ended already.")
        if (owner := await staff_sessions.owner(work, session_id)) is None:
            raise gone
        member = await _other(work, owner)
        session = await work.get(StaffSession, session_id)
        if not (ended := await staff_sessions.end(work, session_id, _REASON)):
            raise gone
        _record(work, member, ended, why, device=user_agents.describe(session.user_agent))


async def end_all(actor: Actor, staff_id: UUID, reason: str) -> int:
    """End all sessions of somebody else. Returns how many ended."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.SESSIONS_END) as work:
        member = await _other(work, staff_id)
        ended = await staff_table.end_sessions(work, staff_id, _REASON)
        _record(work, member, ended, why)
        return len(ended)


async def _other(work: Work, staff_id: UUID) -> StaffMember:
    """Somebody else, held so that two who act on the same person do so one after the other."""
    if staff_id == work.who.id:
        raise Forbidden("End your own sessions in your profile.")
    return await work.get(StaffMember, staff_id, lock=True)


def _record(work: Work, member: StaffMember, ended: Sequence[UUID], why: str, **detail: str) -> None:
    work.implied(StaffSession)
    work.record(Action.SESSION_REVOKED, member, reason=why, detail={"sessions_ended": len(ended), **detail})
    for session_id in ended:
        work.notify(sessions, session_id, "revoked")
    work.notify(staff_topic, member.id)
