"""The frame of the door in plain asyncpg: what a question costs at least, to measure the product against."""

from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from app.actor import Staff

Question = Callable[[], Awaitable[Sequence[object]]]

_ENTER = """
    SELECT d.staff_id, d.name, d.role, d.limited, d.teams, set_config('app.team_ids', d.teams::text, true),
        set_config('app.actor', $2, true), set_config('app.request', '', true),
        set_config('statement_timeout', '10000', true), set_config('transaction_read_only', 'on', true),
        set_config('role', CASE WHEN d.limited THEN 'quarterdeck_team' ELSE 'quarterdeck_platform' END, true)
    FROM door_session($1) AS d
"""


def framed(
    login: asyncpg.Connection, ann: Staff, question: Callable[[asyncpg.Connection], Awaitable[Sequence[object]]]
) -> Question:
    """``question`` in a transaction that one statement opens for ann: session, role and settings."""

    async def asked() -> Sequence[object]:
        async with login.transaction():
            await login.fetchrow(_ENTER, ann.session_id, str(ann.staff_id))
            return await question(login)

    return asked
