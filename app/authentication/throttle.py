"""How often secrets may be tried: counted in the database, for all processes together, before anything is measured.

::

    async with throttle.trying(nobody, email=typed, device=cookie):   # a password at the sign-in
    async with throttle.trying(nobody, code_of=staff_id, device=cookie):  # a second factor
    async with throttle.trying(nobody):                               # a one-time link
    async with throttle.trying(staff):                                # one's own password, signed in
    async with throttle.trying(staff, code_of=staff.staff_id):        # one's own code, signed in

A block that ends well was no failure; one that raises was, unless a part of ours did not answer. Passwords and codes
are counted apart: whoever knows a password must not get more tries at the code by it.
"""

import hashlib
import math
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from app import clock
from app.actor import Actor, Nobody, Staff
from app.authentication.queries import throttle as throttle_table
from app.authentication.queries.throttle import Counted, Limit
from app.authentication.transaction import asking, in_turn
from app.errors import NotSignedIn, RateLimited, TooSlow, Unavailable
from app.values.ip_addresses import holder

PERSON = Limit(free=4, longest=900, forgets=900)
"""For one e-mail, known device or signed-in person: four tries, then waits of 1, 2, 4 … seconds up to 15 minutes."""
ADDRESS = Limit(free=30, longest=900, forgets=30)
"""For an address, which a whole office may share."""
EVERYBODY = Limit(free=100, longest=1, forgets=0.2)
"""For all strangers together: five a second, so that hashing never takes the machine."""
DEVICE_KNOWN = timedelta(days=180)
"""How long a browser is known after its last sign-in, here as in the database."""
_DEVICE_BYTES = 32
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Device:
    """What a browser keeps by which it is known as one person's, and until when."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Tries:
    """What one try is counted for, and who that is in the audit log."""

    counted: Sequence[Counted]
    email: str = ""
    member: UUID | None = None
    ip: str = ""

    @property
    def right_for(self) -> list[str]:
        """What a right secret clears: only what is that one person's own."""
        return [one.name for one in self.counted if one.limit is PERSON]


@asynccontextmanager
async def trying(
    actor: Actor, *, email: str | None = None, code_of: UUID | None = None, device: str = ""
) -> AsyncIterator[None]:
    """Let a secret be tried inside this block, or refuse before it begins.

    Signed-in people have a count of their own. For Nobody it is the ``email`` (whether or not it exists) or the
    person whose second factor is asked (``code_of``), their address, and all strangers together; on a ``device`` where
    that person has signed in before, only their own there: nobody else can lock them out.

    Raises:
        RateLimited: too many failed lately; ``retry_after`` says when to come back.
    """
    async with in_turn() if isinstance(actor, Nobody) else nullcontext():
        tries = await _counted(actor, email, code_of, device)
        async with asking() as login:
            taken = await throttle_table.take(login, tries.counted)
            for name in taken.began:
                what = name.partition(":")[0]
                await throttle_table.record(login, what, email=tries.email, member=tries.member, ip=tries.ip)
    if taken.wait > 0:
        raise _slow_down(taken.wait)
    try:
        yield
    except (Unavailable, TooSlow):
        await _give_back(tries, [])
        raise
    await _give_back(tries, tries.right_for)


async def device(actor: Actor, member: UUID, presented: str) -> Device:
    """Know this browser as that of ``member``, who has just proved that it is them, for half a year from now: by the
    token that was ``presented`` if it is theirs, else by a new one, never by one that somebody else chose.
    """
    if not isinstance(actor, Nobody):
        raise NotSignedIn
    async with asking() as login:
        mine = bool(presented) and await throttle_table.known(login, _digest(presented), member=member)
        token = presented if mine else secrets.token_urlsafe(_DEVICE_BYTES)
        await throttle_table.remember(login, _digest(token), member)
    return Device(token, clock.now() + DEVICE_KNOWN)


async def _counted(actor: Actor, email: str | None, code_of: UUID | None, device: str) -> _Tries:
    match actor:
        case Staff():
            own = Counted(f"{'staff' if code_of is None else 'staff code'}:{actor.staff_id}", PERSON)
            return _Tries([own], actor.email, actor.staff_id, actor.ip)
        case Nobody():
            strangers = _Tries(_strange(actor.ip, email, code_of), email or "", code_of, actor.ip)
            if not device or not await _is_known(device, email or "", code_of):
                return strangers
            name = f"{'device' if code_of is None else 'device code'}:{_digest(device).hex()}"
            return replace(strangers, counted=[Counted(name, PERSON)])
        case _:
            raise NotSignedIn


def _strange(ip: str, email: str | None, code_of: UUID | None) -> list[Counted]:
    counted = [Counted(f"address:{holder(ip)}", ADDRESS), Counted("everybody:", EVERYBODY)]
    if email is not None:
        counted.append(Counted(f"email:{email}", PERSON))
    if code_of is not None:
        counted.append(Counted(f"code:{code_of}", PERSON))
    return counted


async def _is_known(device: str, email: str, member: UUID | None) -> bool:
    async with asking() as login:
        return await throttle_table.known(login, _digest(device), email=email, member=member)


async def _give_back(tries: _Tries, right_for: Sequence[str]) -> None:
    async with asking() as login:
        await throttle_table.give_back(login, tries.counted, right_for)


def _digest(device: str) -> bytes:
    return hashlib.sha256(device.encode("utf-8", "replace")).digest()


def _slow_down(wait: float) -> RateLimited:
    seconds = math.ceil(wait)
    count, unit = (seconds, "second") if seconds < _MINUTE else (math.ceil(seconds / _MINUTE), "minute")
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return RateLimited(f"Too many tries that failed. Wait {words}, then try again.", seconds)
