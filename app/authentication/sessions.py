"""Sessions: signing in, staying known, signing out. The token in the cookie only points; the row decides."""

import dataclasses
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from app import clock
from app.actor import Nobody, Staff
from app.authentication import throttle
from app.authentication.queries import sessions, step_up
from app.authentication.queries.sessions import Outcome
from app.authentication.transaction import asking
from app.crypto import passwords, tokens
from app.database import keeping
from app.database.identity import awake_since
from app.errors import AppError, NotSignedIn
from app.ids import uuid7
from app.repositories import staff as staff_table

log = logging.getLogger(__name__)

EMAIL_LENGTH = 254
SEEN_EVERY = timedelta(minutes=1)
"""How exactly it is known when somebody was last seen: each session writes that at most once in so long."""
REMEMBERED = 10_000
KEPT = timedelta(days=7)
"""How long somebody stays signed in who asked for it."""
CODE_WITHIN = timedelta(minutes=10)
"""How long a right password waits for its code, here as in the database."""
USER_AGENT_LENGTH = 400


class WrongPassword(NotSignedIn):
    """E-mail and password do not belong together; which of the two is wrong is never said."""

    def __init__(self) -> None:
        super().__init__("The e-mail or the password is wrong. Check both and try again.")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a browser keeps: the cookie's value, and until when."""

    token: str
    expires_at: datetime
    staff_id: UUID


@dataclass(frozen=True, slots=True)
class Asked:
    """The password was right; a code is still missing. The token points at the sign-in that waits and opens nothing."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Signing:
    """How sessions are signed: the present key first, then older ones that still count, and how long they last."""

    keys: tuple[str, ...]
    lifetime: timedelta


class _Bound:
    """Filled once by :func:`bind`."""

    signing: Signing | None = None
    seen: ClassVar[dict[UUID, datetime]] = {}


_bound = _Bound()


def bind(signing: Signing) -> None:
    """Set once at start-up how sessions are signed."""
    _bound.signing = signing


async def find(token: str) -> Staff | None:
    """Who holds this token, asked of the database at every request; None when the session has ended."""
    claims = tokens.read(token, *_how().keys)
    if claims is None:
        return None
    async with asking(only_reads=True) as login:
        row = await sessions.living(login, claims.session_id)
    if row is None or row.staff_id != claims.staff_id:
        return None
    teams = row.teams if row.limited else None
    locked = row.last_seen_at < awake_since()
    return Staff(claims.session_id, row.staff_id, row.name, row.email, row.role, teams, duty=row.duty, locked=locked)


async def saw(session_id: UUID) -> None:
    """Write down that the owner of a session did something just now. It never fails, and it never wakes a session
    that is locked: only its owner's password or code does.
    """
    now = clock.now()
    seen = _bound.seen
    if (last := seen.get(session_id)) is not None and now - last < SEEN_EVERY:
        return
    seen.pop(session_id, None)
    seen[session_id] = now
    while len(seen) > REMEMBERED:
        del seen[next(iter(seen))]
    try:
        async with keeping("last seen") as work:
            await staff_table.saw(work, session_id, now, unless_since=now - SEEN_EVERY, locked_before=awake_since())
    except AppError as problem:
        log.info("When a session was last seen could not be written: %s", problem)


async def living(session_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Which of these sessions still live: asked for the pages that stand open."""
    async with asking(only_reads=True) as login:
        return frozenset([sid for sid in session_ids if await sessions.living(login, sid)])


async def sign_in(
    nobody: Nobody, email: str, password: str, user_agent: str, *, keep: bool = False, device: str = ""
) -> SignedIn | Asked:
    """Let somebody in, or ask who has a second factor for its code (``services.second_factor``). A new session every
    time, for a week with ``keep``; ``device`` is the token by which this browser is known, if it is.

    Raises:
        WrongPassword: it says the same for a wrong e-mail.
        RateLimited: too many tries failed lately.
    """
    email = email.replace("\0", "").strip()[:EMAIL_LENGTH]
    async with throttle.trying(nobody, email=email, device=device):
        async with asking() as login:
            found = await sessions.candidate(login, email)
        good, new_hash = await passwords.verify_and_update(password, found.password_hash if found else None)
        if found is None or not good:
            raise await _refused(nobody, email)
        claims = new_claims(found.staff_id, keep=keep)
        async with asking() as login:
            outcome = await sessions.start(
                login,
                found,
                claims.session_id,
                expires_at=claims.expires_at,
                ip=nobody.ip,
                user_agent=user_agent[:USER_AGENT_LENGTH],
                new_hash=new_hash,
                remembered=keep,
            )
        if outcome is None:
            raise await _refused(nobody, email)
    return signed(claims) if outcome is Outcome.STARTED else _asked(claims)


def new_claims(staff_id: UUID, *, keep: bool = False) -> tokens.Claims:
    """What the token of a session that begins now says."""
    now = clock.now().replace(microsecond=0)
    return tokens.Claims(staff_id, uuid7(), now, now + (max(KEPT, _how().lifetime) if keep else _how().lifetime))


def signed(claims: tokens.Claims) -> SignedIn:
    """What the browser of somebody keeps whose session has begun."""
    return SignedIn(tokens.sign(claims, _how().keys[0]), claims.expires_at, claims.staff_id)


def challenged(token: str) -> tokens.Claims | None:
    """Whose sign-in waits for a code, as this token says, and which (``session_id``); None: it is no such token."""
    return tokens.read(token, *_how().keys, audience=tokens.CHALLENGE)


def _asked(claims: tokens.Claims) -> Asked:
    ends = claims.issued_at + CODE_WITHIN
    waiting = dataclasses.replace(claims, expires_at=ends)
    return Asked(tokens.sign(waiting, _how().keys[0], audience=tokens.CHALLENGE), ends)


async def measured(actor: Staff, password: str) -> str:
    """The hash that the actor's own password was measured against: to give to whatever then changes it.

    Raises:
        WrongPassword: it is not theirs. Recorded, with their name.
        RateLimited: too many tries failed lately.
    """
    async with throttle.trying(actor):
        async with asking() as login:
            found = await sessions.candidate(login, actor.email)
        good, _ = await passwords.verify_and_update(password, found.password_hash if found else None)
        if found is None or not good or found.staff_id != actor.staff_id:
            async with asking() as login:
                await step_up.refuse(login, actor.session_id, "password", actor.ip)
            raise WrongPassword
    return found.password_hash


async def _refused(nobody: Nobody, email: str) -> WrongPassword:
    """Record the refusal; returns what to raise."""
    async with asking() as login:
        await sessions.refuse(login, email, nobody.ip)
    return WrongPassword()


async def sign_out(actor: Staff) -> None:
    """End the actor's session: its open pages leave, its cookie opens nothing any more."""
    async with asking() as login:
        await sessions.end(login, actor.session_id)


def _how() -> Signing:
    if _bound.signing is None:
        raise RuntimeError("sessions.bind() was not called at start-up")
    return _bound.signing
