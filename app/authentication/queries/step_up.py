"""What the bare login role asks when somebody proves again who they are: a locked session passes no door."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_PROVE = text("SELECT session_prove(:sid, :verified, :ip)")
_NOT_PROVED = text("SELECT session_not_proved(:sid, :method, :ip)")


async def prove(login: AsyncSession, session_id: UUID, verified: str | None, ip: str) -> bool:
    """Write down and record that the owner of a session is there: their password is the one behind ``verified``, or
    (None) a code was used up. False: it is not their password any more, or the session has ended.
    """
    return bool((await login.execute(_PROVE, {"sid": session_id, "verified": verified, "ip": ip})).scalar_one())


async def refuse(login: AsyncSession, session_id: UUID, method: str, ip: str) -> None:
    """Record that the owner of a session, or whoever sits there, typed a wrong ``method``: "password" or "code"."""
    await login.execute(_NOT_PROVED, {"sid": session_id, "method": method, "ip": ip})
