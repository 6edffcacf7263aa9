"""Staff accounts, for the people who administer them: who is there, who may do what, and the way in for each.

Only people who see all teams come here (``permissions.ALL_TEAMS_ONLY``). Nobody acts on their own account, on somebody
who may do more than they, or gives a role that may do more. One who can administer everybody always remains.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app import clock
from app.actor import Actor
from app.crypto import links, passwords
from app.database import Work, reading, writing
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.ids import uuid7
from app.models import (
    Action,
    LinkPurpose,
    StaffLink,
    StaffMember,
    StaffRecoveryCode,
    StaffSession,
    StaffStatus,
    StaffTeam,
)
from app.paging import Page, PageRequest
from app.permissions import ROLE_PERMISSIONS, Permission, Role, granted
from app.repositories import audit as audit_table
from app.repositories import staff as staff_table
from app.repositories.staff import OpenLink
from app.topics import sessions
from app.topics import staff as staff_topic
from app.values import names, reasons

EMAIL_LENGTH = 254
LINK_LIFETIME = timedelta(hours=72)
ALL_TEAMS = "All teams"
_FIRST_NAME = "First administrator"


@dataclass(frozen=True, slots=True)
class StaffView:
    """An account with everything its screen shows. ``teams`` is None for people who see all of them."""

    member: StaffMember
    teams: Sequence[tuple[UUID, str]] | None
    sessions: int
    last_seen_at: datetime | None
    link: OpenLink | None
    acts: Sequence[Any] | None

    @property
    def role(self) -> Role:
        """What they may do."""
        return Role(self.member.role)

    @property
    def team_ids(self) -> frozenset[UUID] | None:
        """The teams that they are limited to."""
        return None if self.teams is None else frozenset(id_ for id_, _ in self.teams)


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """A link that is shown once. ``path`` begins with a slash; the browser knows the address before it."""

    staff_id: UUID
    name: str
    path: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """What is printed once. The password is None when a setting chose it."""

    email: str
    password: str | None


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """Everybody who has an account."""
    async with reading(actor, Permission.STAFF_READ) as work:
        return await staff_table.search(work, request)


async def get(actor: Actor, staff_id: UUID) -> StaffView:
    """One account."""
    async with reading(actor, Permission.STAFF_READ) as work:
        member = await work.get(StaffMember, staff_id)
        may_audit = Permission.AUDIT_READ in work.who.permissions
        return StaffView(
            member,
            await staff_table.teams_of(work, staff_id) if member.limited else None,
            await staff_table.living_sessions(work, staff_id),
            await staff_table.last_seen(work, staff_id),
            await staff_table.open_link(work, staff_id),
            await audit_table.of_record(work, "staff", str(staff_id)) if may_audit else None,
        )


async def invite(
    actor: Actor, *, name: str, email: str, role: str, team_ids: Collection[UUID] | None = None
) -> OneTimeLink:
    """Create an account without a password, and the link by which its owner chooses one.
    ``team_ids`` None: all teams.
    """
    given, address, wanted = names.of_a_person(name), _address(email), _role(role)
    hashed = await passwords.hash_password(links.new_token())  # of nothing that anybody knows
    async with writing(actor, Permission.STAFF_CREATE) as work:
        _check_may_give(work, wanted)
        member = StaffMember(id=uuid7(), email=address, name=given, role=wanted, password_hash=hashed)
        member.limited = team_ids is not None
        work.add(member)
        await work.flush()
        seen = await _write_teams(work, member, team_ids)
        link = await _make_link(work, member, LinkPurpose.INVITE)
        work.record(Action.STAFF_INVITED, member, detail={"teams": seen})
        work.notify(staff_topic, member.id, "created")
    return link


async def make_link(actor: Actor, staff_id: UUID, reason: str) -> OneTimeLink:
    """A new one-time link by which a person chooses a password; links before it stop working."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.STAFF_PASSWORD) as work:
        member = await _lock(work, staff_id)
        _check_active(member)
        return await _record_link(work, member, why)


async def make_link_for(actor: Actor, email: str, reason: str) -> OneTimeLink:
    """The same by e-mail address, for the command line."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.STAFF_PASSWORD) as work:
        member = await _by_email(work, email)
        _check_active(member)
        return await _record_link(work, member, why)


async def change_role(actor: Actor, staff_id: UUID, role: str, seen: str, reason: str) -> None:
    """Give another role. ``seen`` is the role that was on the screen. The person's sessions end.

    Raises:
        Conflict: somebody changed the role meanwhile, or nobody would remain who can administer everybody.
    """
    why, wanted = reasons.checked(reason), _role(role)
    async with writing(actor, Permission.STAFF_ROLE) as work:
        remaining = await staff_table.lock_super_admins(work)
        member = await _lock(work, staff_id)
        _check_may_give(work, wanted)
        if member.role != seen:
            message = f"Somebody gave {member.name} another role meanwhile."
            raise Conflict(message, original={"role": seen}, theirs={"role": member.role}, yours={"role": wanted.value})
        if wanted == seen:
            raise Invalid(role=f"{member.name} has this role already.")
        if wanted is not Role.SUPER_ADMIN:
            _check_somebody_remains(remaining, member)
        member.role = wanted
        ended = await _end_sessions(work, member, "role changed")
        work.record(Action.STAFF_ROLE_CHANGED, member, reason=why, detail={"sessions_ended": ended})


async def change_teams(
    actor: Actor, staff_id: UUID, team_ids: Collection[UUID] | None, seen: frozenset[UUID] | None, reason: str
) -> None:
    """Limit a person to some teams, or (None) let them see all. ``seen`` is what was on the screen. Their sessions end.

    Raises:
        Conflict: somebody changed it meanwhile, or nobody would remain who can administer everybody.
    """
    why, wanted = reasons.checked(reason), None if team_ids is None else frozenset(team_ids)
    async with writing(actor, Permission.STAFF_ROLE) as work:
        remaining = await staff_table.lock_super_admins(work)
        member = await _lock(work, staff_id)
        before = await staff_table.teams_of(work, staff_id) if member.limited else None
        now = None if before is None else frozenset(id_ for id_, _ in before)
        if now != seen:
            message = f"Somebody changed meanwhile which teams {member.name} sees."
            raise Conflict(message, original={"teams": seen}, theirs={"teams": now}, yours={"teams": wanted})
        if now == wanted:
            raise Invalid(teams=f"{member.name} sees exactly these already.")
        if team_ids is not None:
            _check_somebody_remains(remaining, member)
        member.limited, member.updated_at = team_ids is not None, clock.now()
        after = await _write_teams(work, member, team_ids)
        ended = await _end_sessions(work, member, "teams changed")
        told = {"teams_before": _listed(before), "teams_after": after, "sessions_ended": ended}
        work.record(Action.STAFF_TEAMS_CHANGED, member, reason=why, detail=told)


async def deactivate(actor: Actor, staff_id: UUID, reason: str) -> None:
    """Shut somebody out: their sessions end, their open pages leave, their links stop working."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.STAFF_DEACTIVATE) as work:
        remaining = await staff_table.lock_super_admins(work)
        member = await _lock(work, staff_id)
        _check_active(member)
        _check_somebody_remains(remaining, member)
        member.status = StaffStatus.DEACTIVATED
        await staff_table.revoke_links(work, member.id)
        work.implied(StaffLink)
        ended = await _end_sessions(work, member, "deactivated")
        work.record(Action.STAFF_DEACTIVATED, member, reason=why, detail={"sessions_ended": ended})


async def reactivate(actor: Actor, staff_id: UUID, reason: str) -> None:
    """Let somebody in again, with the password and the role that they had."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.STAFF_DEACTIVATE) as work:
        member = await _lock(work, staff_id)
        if member.status == StaffStatus.ACTIVE:
            raise Conflict(f"{member.name} is active already.")
        member.status = StaffStatus.ACTIVE
        work.record(Action.STAFF_REACTIVATED, member, reason=why)
        work.notify(staff_topic, member.id)


async def demand_password_change(actor: Actor, staff_id: UUID, reason: str) -> None:
    """Let somebody choose another password at their next sign-in, before anything else. Their sessions end."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.STAFF_PASSWORD) as work:
        member = await _lock(work, staff_id)
        _check_active(member)
        if member.must_change_password or member.password_set_at is None:
            raise Conflict(f"{member.name} has to choose a password already.")
        member.must_change_password = True
        ended = await _end_sessions(work, member, "password demanded")
        work.record(Action.STAFF_PASSWORD_DEMANDED, member, reason=why, detail={"sessions_ended": ended})


async def remove_second_factor(actor: Actor, whose: UUID | str, reason: str) -> None:
    """Take away the second factor of somebody (by id or e-mail) who lost it: the password alone signs them in. Their
    sessions end.
    """
    why = reasons.checked(reason)
    async with writing(actor, Permission.STAFF_SECOND_FACTOR) as work:
        member = await (_by_email(work, whose) if isinstance(whose, str) else _lock(work, whose))
        if member.totp_set_at is None:
            raise Conflict(f"{member.name} has no second factor.")
        member.totp_secret = member.totp_step = member.totp_set_at = None
        await staff_table.forget_recovery_codes(work, member.id)
        work.implied(StaffRecoveryCode)
        ended = await _end_sessions(work, member, "second factor removed")
        work.record(Action.STAFF_SECOND_FACTOR_REMOVED, member, reason=why, detail={"sessions_ended": ended})


async def create(actor: Actor, email: str, name: str, role: Role, password: str) -> StaffMember:
    """Create a staff account that can sign in at once."""
    address = _address(email)
    hashed = await passwords.hash_password(password, (address, name))
    async with writing(actor, Permission.STAFF_CREATE) as work:
        _check_may_give(work, role)
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
        work.notify(staff_topic, member.id, "created")
    return member


async def set_password(actor: Actor, email: str, password: str) -> None:
    """Give somebody a new password and end all of their sessions."""
    hashed = await passwords.hash_password(password, [email])
    async with writing(actor, Permission.STAFF_PASSWORD) as work:
        member = await _by_email(work, email)
        passwords.check_policy(password, (member.email, member.name))
        member.password_hash, member.password_set_at = hashed, clock.now()
        await staff_table.revoke_links(work, member.id)
        work.implied(StaffLink)
        ended = await _end_sessions(work, member, "password changed")
        work.record(Action.STAFF_PASSWORD_CHANGED, member, detail={"sessions_ended": ended})


async def ensure_first_administrator(actor: Actor, email: str, password: str | None) -> FirstAdministrator | None:
    """Create the first super admin when nobody exists; None when somebody does."""
    async with writing(actor, Permission.STAFF_CREATE) as work:
        if not await staff_table.nobody_yet(work):
            return None
    chosen = password or secrets.token_urlsafe(15)
    await create(actor, email, _FIRST_NAME, Role.SUPER_ADMIN, chosen)
    return FirstAdministrator(email, None if password else chosen)


async def _lock(work: Work, staff_id: UUID) -> StaffMember:
    """Somebody else's account, to change it; of nobody who may do more than the actor."""
    member = await work.get(StaffMember, staff_id, lock=True)
    if member.id == work.who.id:
        raise Forbidden("Nobody changes their own account here. Ask another super admin.")
    if not ROLE_PERMISSIONS[Role(member.role)] <= work.who.permissions:
        raise Forbidden(f"{member.name} may do more than you. Ask a super admin.")
    await _check_unchanged(work)
    return member


async def _check_unchanged(work: Work) -> None:
    """While this block waited for its locks, somebody may have taken away the very rights that it acts by."""
    if work.who.id is None:
        return
    me = await work.get(StaffMember, work.who.id)
    if me.status != StaffStatus.ACTIVE or not work.who.permissions <= granted(Role(me.role), limited=me.limited):
        raise Conflict("Somebody changed what you may do at this very moment. Open the page again.")


async def _by_email(work: Work, email: str) -> StaffMember:
    found = await staff_table.by_email(work, _address(email))
    if found is None:
        raise NotFound(f"There is no staff account with the e-mail {email}.")
    return await _lock(work, found.id)


def _check_may_give(work: Work, role: Role) -> None:
    if not ROLE_PERMISSIONS[role] <= work.who.permissions:
        raise Forbidden(f"The role {role.label} may do more than you. Ask a super admin to give it.")


def _check_active(member: StaffMember) -> None:
    if member.status != StaffStatus.ACTIVE:
        raise Conflict(f"{member.name} is deactivated. Reactivate the account first.")


def _check_somebody_remains(able: frozenset[UUID], member: StaffMember) -> None:
    if able <= {member.id} and member.role == Role.SUPER_ADMIN:
        raise Conflict(
            f"{member.name} is the last super admin who can sign in and sees all teams. Make somebody else one first."
        )


async def _end_sessions(work: Work, member: StaffMember, why: str) -> int:
    """End all sessions of a person; their open pages hear of it. Returns how many."""
    ended = await staff_table.end_sessions(work, member.id, why)
    work.implied(StaffSession)
    for session_id in ended:
        work.notify(sessions, session_id, "revoked")
    work.notify(staff_topic, member.id)
    return len(ended)


async def _record_link(work: Work, member: StaffMember, why: str) -> OneTimeLink:
    link = await _make_link(work, member, LinkPurpose.RESET if member.password_set_at else LinkPurpose.INVITE)
    work.record(Action.STAFF_LINK_MADE, member, reason=why, detail={"expires_at": link.expires_at})
    work.notify(staff_topic, member.id)
    return link


async def _make_link(work: Work, member: StaffMember, purpose: LinkPurpose) -> OneTimeLink:
    await staff_table.revoke_links(work, member.id)
    token, expires_at = links.new_token(), clock.now() + LINK_LIFETIME
    work.implied(
        StaffLink(
            id=uuid7(),
            staff_id=member.id,
            purpose=purpose,
            digest=links.digest(token),
            created_by=work.who.id,
            expires_at=expires_at,
        )
    )
    return OneTimeLink(member.id, member.name, f"/welcome/{token}", expires_at)


async def _write_teams(work: Work, member: StaffMember, team_ids: Collection[UUID] | None) -> str:
    """Keep which teams a person sees; returns them in words."""
    known = await staff_table.teams_named(work, team_ids or ())
    if team_ids is not None and (not team_ids or len(known) != len(set(team_ids))):
        raise Invalid(teams="Choose at least one team." if not team_ids else "One of these teams does not exist.")
    await staff_table.see_only(work, member.id, [id_ for id_, _ in known])
    work.implied(StaffTeam)
    return _listed(None if team_ids is None else known)


def _listed(teams: Sequence[tuple[UUID, str]] | None) -> str:
    return ALL_TEAMS if teams is None else ", ".join(name for _, name in teams) or "No team"


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise Invalid(role="Choose a role.") from None


def _address(email: str) -> str:
    address = email.strip()
    user, _, host = address.rpartition("@")
    if not user or not host or any(character.isspace() for character in address) or len(address) > EMAIL_LENGTH:
        raise Invalid(email="This is not an e-mail address.")
    return address
