"""One's password, exchanged for another against the present one: because one wants to, or because one has to."""

from app.actor import Actor, Staff
from app.authentication import sessions
from app.authentication.queries import sessions as sessions_table
from app.authentication.transaction import asking
from app.crypto import passwords
from app.errors import Invalid, NotSignedIn

CHANGED = "This is not your present password any more. Somebody changed it a moment ago."


async def choose_due(actor: Actor, present: str, wanted: str) -> None:
    """Choose another password because one has to, before any door opens; whatever one's role. Other sessions end.

    Raises:
        Invalid: ``present`` is not one's password (field of that name), or the new one may not become one.
        RateLimited: too many tries failed lately.
    """
    if not isinstance(actor, Staff):
        raise NotSignedIn
    verified, hashed = await exchanged(actor, present, wanted)
    async with asking() as login:
        ended = await sessions_table.change_due_password(login, actor.session_id, verified, hashed, actor.ip)
    if ended is None:
        raise Invalid(present=CHANGED)


async def exchanged(actor: Staff, present: str, wanted: str) -> tuple[str, str]:
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
