"""A second factor: codes of an authenticator app at the sign-in, set up by everybody for themselves.

A code is good once, whoever sees it typed; a recovery code stands in for a lost app, each once. The secret is kept
sealed, and shown to nobody once it is set up. Others only take a second factor away (``services.staff``).
"""

import base64
import binascii
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app import clock
from app.actor import Actor, Nobody, Staff
from app.authentication import sessions, throttle
from app.authentication.queries import second_factor
from app.authentication.queries.second_factor import Fresh, Own, Used
from app.authentication.sessions import SignedIn
from app.authentication.transaction import asking
from app.crypto import sealed, totp
from app.database import RECENT
from app.errors import Conflict, Invalid, NotSignedIn, Unavailable

log = logging.getLogger(__name__)

WRONG = "This code does not work. It may be an old one, or used already: wait for the next one and type that."


class Lapsed(NotSignedIn):
    """A sign-in that waits for no code any more: too late, too many wrong ones, or something changed."""

    def __init__(self) -> None:
        super().__init__("This sign-in took too long, or too many codes were wrong. Begin again.")


@dataclass(frozen=True, slots=True)
class Sealing:
    """How secrets are kept: the present key first, then older ones. ``issuer`` is how apps call this installation."""

    keys: tuple[str, ...]
    issuer: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A second factor to set up. ``ticket`` goes through the form and back: the secret, sealed for this session."""

    secret: str
    address: str
    ticket: str


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """One's own, as its owner may see it; ``set_at`` is None when there is none."""

    set_at: datetime | None
    demanded: bool
    """Whether one's role needs one."""
    codes_left: int
    password_needed: bool
    """Whether this session proved so long ago who is there that setting one up takes the password."""


class _Bound:
    """Filled once by :func:`bind`."""

    sealing: Sealing | None = None


_bound = _Bound()


def bind(sealing: Sealing) -> None:
    """Set once at start-up how secrets are kept."""
    _bound.sealing = sealing


async def waits(token: str) -> bool:
    """Whether the sign-in that this token points at still waits for its code."""
    claims = sessions.challenged(token)
    if claims is None:
        return False
    async with asking() as login:
        return await second_factor.lives(login, claims.session_id)


async def sign_in(nobody: Nobody, token: str, code: str, user_agent: str, *, device: str = "") -> SignedIn:
    """The second half of a sign-in: a code of the app, or a recovery code, begins the session. ``device`` is the token
    by which this browser is known, if it is.

    Raises:
        Invalid: the code is wrong, or was used before; there are few tries.
        Lapsed: the sign-in waits no more.
        RateLimited: too many codes of this person were wrong lately.
    """
    claims = sessions.challenged(token)
    if claims is None:
        raise Lapsed
    async with throttle.trying(nobody, code_of=claims.staff_id, device=device):
        async with asking() as login:
            challenge = await second_factor.attempt(login, claims.session_id)
        if challenge is None or challenge.staff_id != claims.staff_id:
            raise Lapsed
        used = _read(challenge.secret, challenge.staff_id, code)
        session = sessions.new_claims(challenge.staff_id, keep=challenge.remembered)
        async with asking() as login:
            begun = used is not None and await second_factor.finish(
                login,
                claims.session_id,
                used,
                session.session_id,
                expires_at=session.expires_at,
                ip=nobody.ip,
                user_agent=user_agent[: sessions.USER_AGENT_LENGTH],
            )
            if not begun:
                await second_factor.refuse(login, claims.session_id, nobody.ip)
        if not begun:
            raise Invalid(code=WRONG)
    return sessions.signed(session)


async def get(actor: Actor) -> SecondFactor:
    """One's own second factor, if there is one, and whether one's role needs one."""
    own = await _own(actor)
    return SecondFactor(own.set_at, own.demanded, own.codes_left, not _is_recent(own))


async def begin(actor: Staff, ticket: str = "") -> Pending:
    """A secret to put into an app; nothing is kept so far. With the ``ticket`` of a form that had something wrong in
    it, the same one again: the app has it already.
    """
    await _own(actor)
    try:
        secret = _secret_of(actor, ticket)
    except Conflict:
        secret = totp.new_secret()
    kept = base64.urlsafe_b64encode(sealed.seal(secret, _how().keys, _ticket_context(actor))).decode()
    return Pending(secret, totp.address(secret, actor.email, _how().issuer), kept)


async def set_up(actor: Staff, ticket: str, code: str, *, password: str = "", present: str = "") -> Sequence[str]:
    """Turn the second factor on, or put this one in the place of the present one. Other sessions end.
    Returns the recovery codes, to be shown once.

    ``password`` is one's own, unless it was proved a moment ago; ``present`` a code of the second factor that there is.

    Raises:
        Invalid: one of the three is wrong; the fields are named like these parameters.
    """
    own, secret = await _own(actor), _secret_of(actor, ticket)
    step = totp.accepted_step(secret, code, clock.now())
    if step is None:
        raise Invalid(
            code="This is not what your app shows now. Check that your phone has the right time, then try again."
        )
    if not _is_recent(own):
        await _check_password(actor, password)
    codes = totp.new_recovery_codes()
    kept = sealed.seal(secret, _how().keys, _context(own.staff_id))
    fresh = Fresh(kept, step, [totp.recovery_digest(one) for one in codes])
    if own.secret is None:
        async with asking() as login:
            if not await second_factor.set_up(login, actor.session_id, Used(), fresh, actor.ip):
                raise Conflict("Your second factor changed a moment ago. Open your profile to see it.")
        return codes
    async with throttle.trying(actor, code_of=actor.staff_id):
        used = _read(own.secret, own.staff_id, present)
        async with asking() as login:
            if used is None or not await second_factor.set_up(login, actor.session_id, used, fresh, actor.ip):
                raise Invalid(present=WRONG)
    return codes


async def renew_codes(actor: Staff, code: str) -> Sequence[str]:
    """Other recovery codes in the place of the present ones. Returns them, to be shown once."""
    own, codes = await _own(actor), totp.new_recovery_codes()
    digests = [totp.recovery_digest(one) for one in codes]
    async with throttle.trying(actor, code_of=actor.staff_id):
        used = _right(own, code)
        async with asking() as login:
            if not await second_factor.renew_codes(login, actor.session_id, used, digests, actor.ip):
                raise Invalid(code=WRONG)
    return codes


async def turn_off(actor: Staff, code: str) -> None:
    """Sign in by the password alone from now on.

    Raises:
        Conflict: one's role needs a second factor, or there is none.
    """
    own = await _own(actor)
    if own.demanded:
        raise Conflict("Your role needs a second factor. You can put another one in its place.")
    async with throttle.trying(actor, code_of=actor.staff_id):
        used = _right(own, code)
        async with asking() as login:
            if not await second_factor.turn_off(login, actor.session_id, used, actor.ip):
                raise Invalid(code=WRONG)


async def verify(actor: Staff, code: str) -> bool:
    """Whether this is a code of the actor's app; it is used up. Without a second factor, no code is right.

    Raises:
        RateLimited: too many codes of theirs were wrong lately.
    """
    own = await _own(actor)
    if own.secret is None or not totp.looks_like_code(code):
        return False
    try:
        async with throttle.trying(actor, code_of=actor.staff_id):
            used = _right(own, code)
            async with asking() as login:
                if not await second_factor.use(login, actor.session_id, used):
                    raise Invalid(code=WRONG)
    except Invalid:
        return False
    return True


async def _own(actor: Actor) -> Own:
    if not isinstance(actor, Staff):
        raise NotSignedIn
    async with asking() as login:
        own = await second_factor.own(login, actor.session_id)
    if own is None:
        raise NotSignedIn
    return own


def _read(secret: bytes, staff_id: UUID, code: str) -> Used | None:
    """What to use up for this code; None when it is wrong. A recovery code only the database knows."""
    if not totp.looks_like_code(code):
        return Used(recovery=totp.recovery_digest(code))
    try:
        plain = sealed.unseal(secret, _how().keys, _context(staff_id))
    except sealed.Unreadable as problem:
        log.error("The second factor of %s cannot be read: the key that sealed it is missing.", staff_id)  # noqa: TRY400 - no traceback tells more
        raise Unavailable("Your second factor cannot be read at this moment. Use a recovery code.") from problem
    step = totp.accepted_step(plain, code, clock.now())
    if step is None:
        return None
    newest = sealed.is_newest(secret, _how().keys)
    return Used(secret, step, None if newest else sealed.seal(plain, _how().keys, _context(staff_id)))


def _right(own: Own, code: str) -> Used:
    """What to use up for a code of the second factor that there is."""
    if own.secret is None:
        raise Conflict("You have no second factor. Set one up first.")
    used = _read(own.secret, own.staff_id, code)
    if used is None:
        raise Invalid(code=WRONG)
    return used


def _is_recent(own: Own) -> bool:
    return clock.now() - own.proved_at <= RECENT


async def _check_password(actor: Staff, password: str) -> None:
    try:
        await sessions.measured(actor, password)
    except sessions.WrongPassword:
        raise Invalid(password="This is not your password.") from None  # noqa: S106 - a sentence


def _secret_of(actor: Staff, ticket: str) -> str:
    try:
        return sealed.unseal(base64.urlsafe_b64decode(ticket), _how().keys, _ticket_context(actor))
    except (sealed.Unreadable, binascii.Error, ValueError):
        raise Conflict("This form is not the one that you were shown. Begin again.") from None


def _ticket_context(actor: Staff) -> str:
    return f"second factor to set up in session {actor.session_id}"


def _context(staff_id: UUID) -> str:
    return f"second factor of {staff_id}"


def _how() -> Sealing:
    if _bound.sealing is None:
        raise RuntimeError("second_factor.bind() was not called at start-up")
    return _bound.sealing
