"""The questions about second factors that the bare login role may ask (see ``repositories.sessions``).

Nobody is signed in yet whom a sign-in asks for a code; and who must set one up comes through no door before they have.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


class Challenge(NamedTuple):
    """A sign-in that waits for a code, and the sealed secret to measure one against."""

    staff_id: UUID
    email: str
    secret: bytes
    remembered: bool


class Own(NamedTuple):
    """One's own second factor; ``secret`` and ``set_at`` are None when there is none."""

    staff_id: UUID
    set_at: datetime | None
    secret: bytes | None
    proved_at: datetime
    """When this session last proved with a password or a code who is there."""
    demanded: bool
    """Whether one's role needs one."""
    codes_left: int


class Used(NamedTuple):
    """A code that was found to be right, to be used up: of the app (``step`` of the secret ``seen``, which ``renewed``
    seals anew), or a recovery code by its digest.
    """

    seen: bytes | None = None
    step: int | None = None
    renewed: bytes | None = None
    recovery: bytes | None = None


class Fresh(NamedTuple):
    """A second factor to keep: its sealed secret, the step of the code that proved it, digests of recovery codes."""

    secret: bytes
    step: int
    digests: Sequence[bytes]


_LIVES = text("SELECT challenge_lives(:challenge)")
_TRY = text("SELECT staff_id, email, secret, remembered FROM challenge_try(:challenge)")
_FINISH = text(
    "SELECT challenge_finish(:challenge, :seen, :step, :renewed, :recovery, :session_id, :expires_at, :ip, :user_agent)"
)
_REFUSED = text("SELECT challenge_refused(:challenge, :ip)")
_OWN = text("SELECT staff_id, set_at, secret, proved_at, demanded, codes_left FROM own_second_factor(:sid)")
_USE = text("SELECT own_code_use(:sid, :seen, :step, :renewed)")
_SET_UP = text("SELECT own_second_factor_set_up(:sid, :seen, :step, :recovery, :fresh, :fresh_step, :digests, :ip)")
_CODES = text("SELECT own_recovery_codes(:sid, :seen, :step, :renewed, :recovery, :digests, :ip)")
_OFF = text("SELECT own_second_factor_off(:sid, :seen, :step, :recovery, :ip)")


async def lives(login: AsyncSession, challenge: UUID) -> bool:
    """Whether a sign-in still waits for its code."""
    return bool((await login.execute(_LIVES, {"challenge": challenge})).scalar_one())


async def attempt(login: AsyncSession, challenge: UUID) -> Challenge | None:
    """What to measure a code against; it counts as a try. None: no tries are left, or it waits no more."""
    row = (await login.execute(_TRY, {"challenge": challenge})).one_or_none()
    return None if row is None else Challenge(row.staff_id, row.email, row.secret, row.remembered)


async def finish(
    login: AsyncSession,
    challenge: UUID,
    used: Used,
    session_id: UUID,
    *,
    expires_at: datetime,
    ip: str,
    user_agent: str,
) -> bool:
    """Use the code up and begin the session; False, and no session: somebody used it before."""
    values = {"challenge": challenge, "session_id": session_id, "expires_at": expires_at, "ip": ip}
    return bool((await login.execute(_FINISH, {**values, "user_agent": user_agent, **used._asdict()})).scalar_one())


async def refuse(login: AsyncSession, challenge: UUID, ip: str) -> None:
    """Record that somebody who knew the password did not know the code."""
    await login.execute(_REFUSED, {"challenge": challenge, "ip": ip})


async def own(login: AsyncSession, session_id: UUID) -> Own | None:
    """The second factor of whoever is signed in here; None when the session has ended."""
    row = (await login.execute(_OWN, {"sid": session_id})).one_or_none()
    return None if row is None else Own(*row)


async def use(login: AsyncSession, session_id: UUID, used: Used) -> bool:
    """Use up a code of the app; False when somebody used it before."""
    values = {"sid": session_id, "seen": used.seen, "step": used.step, "renewed": used.renewed}
    return bool((await login.execute(_USE, values)).scalar_one())


async def set_up(login: AsyncSession, session_id: UUID, used: Used, fresh: Fresh, ip: str) -> bool:
    """Keep a second factor, end one's other sessions and record it; False when ``used`` does not replace the present
    one.
    """
    values = {"sid": session_id, "seen": used.seen, "step": used.step, "recovery": used.recovery, "ip": ip}
    new = {"fresh": fresh.secret, "fresh_step": fresh.step, "digests": list(fresh.digests)}
    return bool((await login.execute(_SET_UP, values | new)).scalar_one())


async def renew_codes(login: AsyncSession, session_id: UUID, used: Used, digests: Sequence[bytes], ip: str) -> bool:
    """Put other recovery codes in the place of the present ones; False when ``used`` was used before."""
    values = {"sid": session_id, "digests": list(digests), "ip": ip, **used._asdict()}
    return bool((await login.execute(_CODES, values)).scalar_one())


async def turn_off(login: AsyncSession, session_id: UUID, used: Used, ip: str) -> bool:
    """Forget the second factor and its codes; False when the role needs one, or ``used`` was used before."""
    values = {"sid": session_id, "seen": used.seen, "step": used.step, "recovery": used.recovery, "ip": ip}
    return bool((await login.execute(_OFF, values)).scalar_one())
