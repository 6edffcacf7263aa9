"""One's own account: everybody with a role, also those limited to some teams, may look at it, and mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.actor import Actor, Staff
from app.authentication import sessions
from app.authentication.queries import sessions as sessions_table
from app.authentication.transaction import asking
from app.crypto import passwords
from app.database.work import reading, writing
from app.errors import Invalid, NotSignedIn
from app.permissions import Permission
from app.repositories import profile as profile_table
from app.repositories import teams as teams_table
from app.repositories.profile import Account
from app.values import names

PASSWORD_LENGTH = passwords.MIN_LENGTH
"""Characters that a new password has at least."""
_CHANGED = "This is not your present password any more. Somebody changed it a moment ago."


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
    verified, hashed = await _exchanged(actor, present, wanted)
    async with writing(actor, Permission.PROFILE_EDIT) as work:
        ended = await profile_table.change_password(work, verified, hashed)
    if ended is None:
        raise Invalid(present=_CHANGED)
    return ended


async def choose_due_password(actor: Actor, present: str, wanted: str) -> None:
    """Choose another password because one has to, before any door opens; whatever one's role. Other sessions end.

    Raises:
        Invalid: as :func:`change_password`.
        RateLimited: too many tries failed lately.
    """
    if not isinstance(actor, Staff):
        raise NotSignedIn
    verified, hashed = await _exchanged(actor, present, wanted)
    async with asking() as login:
        ended = await sessions_table.change_due_password(login, actor.session_id, verified, hashed, actor.ip)
    if ended is None:
        raise Invalid(present=_CHANGED)


async def _exchanged(actor: Staff, present: str, wanted: str) -> tuple[str, str]:
    """The hash that the present password was measured against, and that of the wanted one."""
    about = (actor.name, actor.email)
    passwords.check_policy(wanted, about)
    if wanted == present:
        raise Invalid(password="Choose another password than the present one.")  # noqa: S106 - a sentence
    try:
        verified = await sessions.measured(actor, present)
    except sessions.WrongPassword:
        raise Invalid(present="This is not your present password.") from None
    return verified, await passwords.hash_password(wanted, about)
