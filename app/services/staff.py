"""Staff accounts. Screens for them come with the company; the command line makes and mends them."""

import secrets
from dataclasses import dataclass

from app import clock
from app.actor import Actor
from app.crypto import passwords
from app.errors import Invalid, NotFound
from app.ids import uuid7
from app.models import Action, StaffMember, StaffSession
from app.permissions import Permission, Role
from app.repositories import staff as staff_table
from app.topics import sessions
from app.work import writing

_FIRST_NAME = "First administrator"


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """What is printed once. The password is None when a setting chose it."""

    email: str
    password: str | None


async def create(actor: Actor, email: str, name: str, role: Role, password: str) -> StaffMember:
    """Create a staff account that can sign in at once."""
    address = _address(email)
    hashed = await passwords.hash_password(password)
    async with writing(actor, Permission.STAFF_CREATE) as work:
        member = StaffMember(
            id=uuid7(),
            email=address,
            name=name.strip() or address,
            role=role,
            password_hash=hashed,
            password_set_at=clock.now(),
        )
        work.add(member)
        work.record(Action.STAFF_CREATED, member)
    return member


async def set_password(actor: Actor, email: str, password: str) -> None:
    """Give somebody a new password and end all of their sessions."""
    hashed = await passwords.hash_password(password)
    async with writing(actor, Permission.STAFF_PASSWORD) as work:
        member = await staff_table.by_email(work, _address(email))
        if member is None:
            raise NotFound(f"There is no staff account with the e-mail {email}.")
        member.password_hash, member.password_set_at = hashed, clock.now()
        ended = await staff_table.end_sessions(work, member.id, "password changed")
        work.record_bulk(
            Action.STAFF_PASSWORD_CHANGED, member, StaffSession, len(ended), detail={"sessions_ended": len(ended)}
        )
        for session_id in ended:
            work.notify(sessions, session_id, "revoked")


async def ensure_first_administrator(actor: Actor, email: str, password: str | None) -> FirstAdministrator | None:
    """Create the first super admin when nobody exists; None when somebody does."""
    async with writing(actor, Permission.STAFF_CREATE) as work:
        if not await staff_table.nobody_yet(work):
            return None
    chosen = password or secrets.token_urlsafe(15)
    await create(actor, email, _FIRST_NAME, Role.SUPER_ADMIN, chosen)
    return FirstAdministrator(email, None if password else chosen)


def _address(email: str) -> str:
    address = email.strip()
    user, _, host = address.rpartition("@")
    if not user or not host or any(character.isspace() for character in address) or len(address) > 254:
        raise Invalid(email="This is not an e-mail address.")
    return address
