"""The question about API tokens that the bare login role may ask (see ``repositories.sessions``)."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.permissions import Role


class TokenRow(NamedTuple):
    """A token that works, whose it is, and what both see. ``teams`` counts only when ``limited``."""

    token_id: UUID
    token_name: str
    permissions: tuple[str, ...]
    expires_at: datetime
    staff_id: UUID
    name: str
    email: str
    role: Role
    limited: bool
    teams: tuple[UUID, ...]


_DOOR_TOKEN = text(
    "SELECT token_id, token_name, permissions, expires_at, staff_id, name, email, role, limited, teams"
    " FROM door_token(:digest)"
)


async def working(login: AsyncSession, digest: bytes) -> TokenRow | None:
    """The token, unless it was revoked, has expired, or its owner may not act now."""
    row = (await login.execute(_DOOR_TOKEN, {"digest": digest})).one_or_none()
    if row is None:
        return None
    made = {"permissions": tuple(row.permissions), "role": Role(row.role), "teams": tuple(row.teams)}
    return TokenRow(**row._asdict() | made)
