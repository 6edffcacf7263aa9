"""The two questions about one-time links that the bare login role may ask (see ``repositories.sessions``)."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_FIND = text("SELECT name, email, purpose FROM link_find(:digest)")
_USE = text("SELECT link_use(:digest, :new_hash, :ip)")


class Holder(NamedTuple):
    """Whom a living link is for, and why it was made."""

    name: str
    email: str
    purpose: str


async def find(login: AsyncSession, digest: bytes) -> Holder | None:
    """Whom a link is for; None when there is no such link, or it was used or taken back, or it has expired."""
    row = (await login.execute(_FIND, {"digest": digest})).one_or_none()
    return None if row is None else Holder(row.name, row.email, row.purpose)


async def use(login: AsyncSession, digest: bytes, new_hash: str, ip: str) -> UUID | None:
    """Keep the password, end the person's sessions, use the link up and record it. Returns whose it was; None when the
    link is dead.
    """
    used = await login.execute(_USE, {"digest": digest, "new_hash": new_hash, "ip": ip})
    member: UUID | None = used.scalar_one()
    return member
