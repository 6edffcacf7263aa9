"""Questions about one's own account. They work for people limited to some teams too, who reach no other account."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text

from app.database import Work
from app.permissions import Role


class Account(NamedTuple):
    """One's own account."""

    id: UUID
    name: str
    email: str
    role: Role
    limited: bool
    password_set_at: datetime | None
    created_at: datetime
    sessions: int


_OWN = text("SELECT id, name, email, role, limited, password_set_at, created_at, sessions FROM own_account(:sid)")


async def account(work: Work) -> Account | None:
    """The account whose session this is. Works for people limited to some teams, too."""
    row = (await work.execute(_OWN, {"sid": work.who.session_id})).one_or_none()
    return None if row is None else Account(**{**row._mapping, "role": Role(row.role)})  # noqa: SLF001 - public by design


async def rename(work: Work, wanted: str) -> bool:
    """Change one's own name and record it; False when the session has ended."""
    return bool(await work.scalar(select(func.own_name(work.who.session_id, wanted, work.who.ip))))


async def change_password(work: Work, verified: str, new_hash: str) -> int | None:
    """Change one's own password, end one's other sessions and record it. Returns how many ended; None when
    ``verified`` is not the hash of one's present password any more.
    """
    ended = await work.scalar(select(func.own_password(work.who.session_id, verified, new_hash, work.who.ip)))
    return None if ended is None else int(ended)
