"""The questions that the bare login role may ask: SECURITY DEFINER functions about sessions, and nothing else.

``login`` is the login role's own transaction (``engine.login()``): nobody's door has been opened yet.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.permissions import Role


class SessionRow(NamedTuple):
    """A session that lives, and what its owner may see now. ``teams`` counts only when ``limited``."""

    staff_id: UUID
    name: str
    email: str
    role: Role
    limited: bool
    teams: tuple[UUID, ...]
    authenticated_at: datetime
    last_seen_at: datetime
    duty: str
    """What its owner must do before anything else: ``password``, ``second_factor`` or nothing."""


class Candidate(NamedTuple):
    """An active staff member whose e-mail was given, and the hash to measure the password against."""

    staff_id: UUID
    password_hash: str


class Outcome(StrEnum):
    """What a right password opened: a session, or nothing so far but the question for a code."""

    STARTED = "started"
    CHALLENGED = "challenged"


_DOOR_SESSION = text(
    "SELECT staff_id, name, email, role, limited, teams, authenticated_at, last_seen_at, duty FROM door_session(:sid)"
)
_SIGN_IN_BEGIN = text("SELECT staff_id, password_hash FROM sign_in_begin(:email)")
_SIGN_IN_FINISH = text(
    "SELECT sign_in_finish(:staff_id, :verified, :session_id, :expires_at, :remembered, :ip, :user_agent, :new_hash)"
)
_SIGN_IN_REFUSED = text("SELECT sign_in_refused(:email, :ip)")
_SIGN_OUT = text("SELECT sign_out(:sid)")
_PASSWORD_DUE = text("SELECT own_password_due(:sid, :verified, :new_hash, :ip)")


async def living(login: AsyncSession, session_id: UUID) -> SessionRow | None:
    """The session, unless it was revoked, has expired, or its owner was deactivated."""
    row = (await login.execute(_DOOR_SESSION, {"sid": session_id})).one_or_none()
    if row is None:
        return None
    seen = row._asdict()
    return SessionRow(**seen | {"role": Role(row.role), "teams": tuple(row.teams or ())})


async def candidate(login: AsyncSession, email: str) -> Candidate | None:
    """The active staff member with this e-mail (upper and lower case are the same)."""
    row = (await login.execute(_SIGN_IN_BEGIN, {"email": email})).one_or_none()
    return None if row is None else Candidate(row.staff_id, row.password_hash)


async def start(
    login: AsyncSession,
    member: Candidate,
    session_id: UUID,
    *,
    expires_at: datetime,
    ip: str,
    user_agent: str,
    new_hash: str | None,
    remembered: bool = False,
) -> Outcome | None:
    """Begin a session and record it, or ask for a second factor; keep ``new_hash`` when the old one became too weak.
    None, and no session: the password against which ``member`` was measured is not theirs any more, or they may not
    sign in any more.
    """
    values = {
        "staff_id": member.staff_id,
        "verified": member.password_hash,
        "session_id": session_id,
        "expires_at": expires_at,
        "remembered": remembered,
        "ip": ip,
        "user_agent": user_agent,
        "new_hash": new_hash,
    }
    outcome = (await login.execute(_SIGN_IN_FINISH, values)).scalar_one()
    return None if outcome is None else Outcome(outcome)


async def refuse(login: AsyncSession, email: str, ip: str) -> None:
    """Record that somebody was not let in: who, if ``email`` is one, and no more than 60 times a minute."""
    await login.execute(_SIGN_IN_REFUSED, {"email": email, "ip": ip})


async def end(login: AsyncSession, session_id: UUID) -> None:
    """Revoke a session, record it and tell every process."""
    await login.execute(_SIGN_OUT, {"sid": session_id})


async def change_due_password(
    login: AsyncSession, session_id: UUID, verified: str, new_hash: str, ip: str
) -> int | None:
    """Change the password of somebody who has to, end their other sessions and record it. Returns how many ended; None
    when they have not to any more, or ``verified`` is not the hash of their present password.
    """
    values = {"sid": session_id, "verified": verified, "new_hash": new_hash, "ip": ip}
    ended = (await login.execute(_PASSWORD_DUE, values)).scalar_one_or_none()
    return None if ended is None else int(ended)
