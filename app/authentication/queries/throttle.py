"""What the bare login role asks about tries and known devices (see ``repositories.sessions``)."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_TAKE = text(
    "SELECT wait, began FROM throttle_take(CAST(:names AS text[]), CAST(:free AS integer[]),"
    " CAST(:longest AS double precision[]), CAST(:forgets AS double precision[]))"
)
_GIVE_BACK = text(
    "SELECT throttle_give_back(CAST(:names AS text[]), CAST(:free AS integer[]),"
    " CAST(:longest AS double precision[]), CAST(:right_for AS text[]))"
)
_RECORD = text("SELECT throttle_record(:email, :member, :ip, :what)")
_KNOWN = text("SELECT device_known(:digest, :email, :member)")
_REMEMBER = text("SELECT device_remember(:digest, :member)")


class Limit(NamedTuple):
    """How often something may fail: ``free`` times, then after waits that double up to ``longest`` seconds. Each
    ``forgets`` seconds one failure is forgotten.
    """

    free: int
    longest: float
    forgets: float


class Counted(NamedTuple):
    """What a try is counted for, and under which limit. Only a digest of ``name`` is kept."""

    name: str
    limit: Limit


class Taken(NamedTuple):
    """``wait``: seconds until a try counts; 0: this one did. ``began``: the names that have to wait from now on."""

    wait: float
    began: Sequence[str]


async def take(login: AsyncSession, tries: Sequence[Counted]) -> Taken:
    """Count one try for each of these, unless one of them has to wait."""
    row = (await login.execute(_TAKE, _limits(tries) | {"forgets": [one.limit.forgets for one in tries]})).one()
    return Taken(float(row.wait), row.began or ())


async def give_back(login: AsyncSession, tries: Sequence[Counted], right_for: Collection[str] = ()) -> None:
    """Count one try less for each of these; forget every failure of ``right_for``."""
    await login.execute(_GIVE_BACK, _limits(tries) | {"right_for": list(right_for)})


async def record(login: AsyncSession, what: str, *, email: str, member: UUID | None, ip: str) -> None:
    """Record that ``what`` (a person, an ``address``, ``everybody``) has to wait, unless it was told lately."""
    await login.execute(_RECORD, {"what": what, "email": email, "member": member, "ip": ip})


async def known(login: AsyncSession, digest: bytes, *, email: str = "", member: UUID | None = None) -> bool:
    """Whether this very person has signed in on this device before."""
    return bool((await login.execute(_KNOWN, {"digest": digest, "email": email, "member": member})).scalar_one())


async def remember(login: AsyncSession, digest: bytes, member: UUID) -> bool:
    """Know this device from now on; False when it is another person's."""
    return bool((await login.execute(_REMEMBER, {"digest": digest, "member": member})).scalar_one())


def _limits(tries: Sequence[Counted]) -> dict[str, object]:
    return {
        "names": [one.name for one in tries],
        "free": [one.limit.free for one in tries],
        "longest": [one.limit.longest for one in tries],
    }
