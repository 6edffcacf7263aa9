"""Questions about API tokens. One's own work for people limited to some teams too, who reach no table of staff."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database import Work
from app.models import ApiToken

MOST_LISTED = 100
"""Tokens of one person that a list shows, the newest of them."""

_OWN = text(
    "SELECT id, staff_id, name, hint, permissions, team_ids, created_at, expires_at, last_used_at, last_used_ip,"
    " revoked_at FROM own_tokens(:sid) ORDER BY created_at DESC, id DESC LIMIT :most"
)


async def own(work: Work) -> Sequence[ApiToken]:
    """One's own tokens, newest first."""
    question = select(ApiToken).from_statement(_OWN)
    return (await work.execute(question, {"sid": work.who.session_id, "most": MOST_LISTED})).scalars().all()


async def of_person(work: Work, staff_id: UUID) -> Sequence[ApiToken]:
    """A person's tokens, newest first."""
    query = select(ApiToken).where(ApiToken.staff_id == staff_id)
    query = query.order_by(ApiToken.created_at.desc(), ApiToken.id.desc()).limit(MOST_LISTED)
    return (await work.execute(query)).scalars().all()


async def create(work: Work, made: ApiToken, digest: bytes, *, most: int, told: dict[str, Any]) -> bool:
    """Keep a token of one's own and record it; False when ``most`` of one's tokens work already."""
    asked = func.own_token_create(
        work.who.session_id,
        made.id,
        made.name,
        made.hint,
        digest,
        literal(made.permissions, ARRAY(Text)),
        literal(made.team_ids, ARRAY(Uuid)),
        made.expires_at,
        most,
        work.who.ip,
        literal(told, JSONB),
    )
    return bool(await work.scalar(select(asked)))


async def revoke_own(work: Work, token_id: UUID) -> str | None:
    """Revoke a token of one's own and record it. Returns its name; None when one has no such token that works."""
    name: str | None = await work.scalar(select(func.own_token_revoke(work.who.session_id, token_id, work.who.ip)))
    return name


async def used(work: Work, token_id: UUID, now: datetime, ip: str, *, unless_since: datetime) -> None:
    """A token is used now, from this address; nothing is written when that is known from ``unless_since`` on."""
    stale = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < unless_since)
    values = {"last_used_at": now, "last_used_ip": ip}
    await work.execute(update(ApiToken).where(ApiToken.id == token_id, stale).values(values))
