"""One's own account: everybody with a role, also those limited to some teams, may look at it, and mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.actor import Actor, Staff
from app.authentication import passwords
from app.crypto.passwords import MIN_LENGTH
from app.database import reading, writing
from app.errors import Invalid, NotSignedIn
from app.permissions import Permission
from app.repositories import profile as profile_table
from app.repositories import teams as teams_table
from app.repositories.profile import Account
from app.values import names

PASSWORD_LENGTH = MIN_LENGTH
"""Characters that a new password has at least."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One's own account, and the teams that one sees; None: all."""

    account: Account
    teams: Sequence[tuple[UUID, str]] | None


async def get(actor: Actor) -> Profile:
    """One's own account."""
    async with reading(actor, Permission.PROFILE_EDIT) as work:
        account = await profile_table.account(work)
        if account is None:
            raise NotSignedIn
        return Profile(account, await teams_table.names(work) if account.limited else None)


async def rename(actor: Actor, name: str) -> str:
    """Change one's own name, which stands beside everything that one does from now on. Returns it as kept."""
    wanted = names.of_a_person(name)
    async with writing(actor, Permission.PROFILE_EDIT) as work:
        if not await profile_table.rename(work, wanted):
            raise NotSignedIn
    return wanted


async def change_password(actor: Actor, present: str, wanted: str) -> int:
    """Change one's own password. One's other sessions end, this one goes on. Returns how many ended.

    Raises:
        Invalid: ``present`` is not one's password (field of that name), or the new one may not become one.
        RateLimited: too many tries failed lately.
    """
    if not isinstance(actor, Staff):
        raise NotSignedIn
    async with reading(actor, Permission.PROFILE_EDIT):
        pass  # who may not is told so before anything is measured, and no connection waits meanwhile
    verified, hashed = await passwords.exchanged(actor, present, wanted)
    async with writing(actor, Permission.PROFILE_EDIT) as work:
        ended = await profile_table.change_password(work, verified, hashed)
    if ended is None:
        raise Invalid(present=passwords.CHANGED)
    return ended
