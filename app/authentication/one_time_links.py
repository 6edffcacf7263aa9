"""One-time links, for whoever holds one: choose a password, then sign in with it. Made by ``services.staff``."""

from uuid import UUID

from app.actor import Nobody
from app.authentication import throttle
from app.authentication.queries import one_time_links as links_table
from app.authentication.queries.one_time_links import Holder
from app.authentication.transaction import asking
from app.crypto import links, passwords
from app.errors import NotFound


class DeadLink(NotFound):
    """Never made, used, taken back or expired: which of these is never said."""

    def __init__(self) -> None:
        super().__init__("This link does not work any more. Ask whoever sent it to you for a new one.")


async def find(token: str) -> Holder:
    """Whom a link is for. Looking never uses it up.

    Raises:
        DeadLink: it does not work, or not any more.
    """
    async with asking() as login:
        holder = await links_table.find(login, links.digest(token))
    if holder is None:
        raise DeadLink
    return holder


async def use(nobody: Nobody, token: str, password: str) -> UUID:
    """Choose a password, once: all sessions of the person end, and they sign in with it. Returns who they are.

    Raises:
        Invalid: the password may not become one; the link still works.
        DeadLink: it does not work, or not any more. Nothing is hashed for it.
        RateLimited: too many dead links were tried lately.
    """
    async with throttle.trying(nobody):
        holder = await find(token)
    hashed = await passwords.hash_password(password, (holder.name, holder.email))
    async with asking() as login:
        member = await links_table.use(login, links.digest(token), hashed, nobody.ip)
    if member is None:
        raise DeadLink
    return member
