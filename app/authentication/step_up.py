"""Proving again that it is you: before what is dangerous, and after nobody did anything for hours."""

from app.actor import Actor, Staff
from app.authentication import second_factor, sessions
from app.authentication.queries import step_up
from app.authentication.transaction import asking
from app.crypto import totp
from app.errors import Invalid, NotSignedIn

WRONG = "This is not right. Check it and try again."


async def has_code(actor: Actor) -> bool:
    """Whether a code of the actor's second factor proves it as well as the password."""
    return (await second_factor.get(actor)).set_at is not None


async def prove(actor: Actor, secret: str) -> None:
    """Accept the actor's own password, or a code of their second factor, and write down that they are there: for ten
    minutes they may do what is dangerous, and a locked session is open again.

    Raises:
        Invalid: it is not theirs. Recorded, with their name.
        RateLimited: too many tries failed lately.
        NotSignedIn: the session has ended.
    """
    if not isinstance(actor, Staff):
        raise NotSignedIn
    by_code = totp.looks_like_code(secret) and await has_code(actor)
    verified = await (_use_code(actor, secret) if by_code else _measure(actor, secret))
    async with asking() as login:
        if not await step_up.prove(login, actor.session_id, verified, actor.ip):
            raise NotSignedIn


async def _use_code(actor: Staff, code: str) -> None:
    if not await second_factor.verify(actor, code):
        async with asking() as login:
            await step_up.refuse(login, actor.session_id, "code", actor.ip)
        raise Invalid(secret=WRONG)


async def _measure(actor: Staff, password: str) -> str:
    """The hash that the password was measured against."""
    try:
        return await sessions.measured(actor, password)
    except sessions.WrongPassword:
        raise Invalid(secret=WRONG) from None
