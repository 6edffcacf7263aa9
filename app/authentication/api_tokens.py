"""Programs that act for somebody by an API token. The token only points; the door asks its row at every block."""

import logging
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from app import clock
from app.actor import Token
from app.authentication.queries import api_tokens as programs
from app.authentication.transaction import asking
from app.crypto import api_tokens
from app.database import keeping
from app.errors import AppError
from app.permissions import delegated
from app.repositories import tokens as tokens_table

log = logging.getLogger(__name__)

USED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a token was last used: that is written at most once in so long."""
REMEMBERED = 10_000


class _Lately:
    """When each token was last used, as far as this process knows: newest last."""

    used: ClassVar[dict[UUID, datetime]] = {}


async def find(secret: str, ip: str) -> Token | None:
    """Whom a token stands for, asked of the database at every request; None when it does not work, or not any more."""
    digest = api_tokens.digest(secret)
    if digest is None:
        return None
    async with asking(only_reads=True) as login:
        row = await programs.working(login, digest)
    if row is None:
        return None
    await _used(row.token_id, ip)
    return Token(
        digest,
        row.token_id,
        row.token_name,
        row.expires_at,
        row.staff_id,
        row.name,
        row.email,
        row.role,
        delegated(row.role, row.permissions, limited=row.limited),
        row.teams if row.limited else None,
        ip,
    )


async def _used(token_id: UUID, ip: str) -> None:
    """Write down that a token was used just now, and from where; nothing depends on it, so it never fails."""
    now, used = clock.now(), _Lately.used
    if (last := used.get(token_id)) is not None and now - last < USED_EVERY:
        return
    used.pop(token_id, None)
    used[token_id] = now
    while len(used) > REMEMBERED:
        del used[next(iter(used))]
    try:
        async with keeping("token used") as work:
            await tokens_table.used(work, token_id, now, ip, unless_since=now - USED_EVERY)
    except AppError as problem:
        log.info("When a token was last used could not be written: %s", problem)
