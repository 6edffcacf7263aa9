"""Users, the customers' people: find, look at, create, and everything that staff do to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.actor import Actor
from app.database import Work, reading, writing
from app.errors import Conflict, Invalid
from app.ids import uuid7
from app.models import Action, Plan, Team, User, UserStatus
from app.paging import Page, PageRequest
from app.permissions import Permission
from app.repositories import history
from app.repositories import teams as teams_table
from app.repositories import users as users_table
from app.repositories.history import History
from app.topics import teams, users
from app.values import emails, options, reasons

NAME_LENGTH = 120
"""Characters that a name takes."""

# Signs that nobody sees, but that some scripts write names with.
_JOINERS = "\u200c\u200d"


__all__ = [
    "History",
    "UserView",
    "change_plan",
    "correct_email",
    "create",
    "deactivate",
    "edit_options",
    "get",
    "move",
    "reactivate",
    "search",
]


@dataclass(frozen=True, slots=True)
class UserView:
    """A user with everything the record page shows."""

    user: User
    team: Team
    last_active: date | None
    """The last day (UTC) on which they started a job or paid."""
    history: History


async def search(actor: Actor, request: PageRequest) -> Page[Any]:
    """The users that one may see."""
    async with reading(actor, Permission.USERS_READ) as work:
        return await users_table.search(work, request)


async def get(actor: Actor, user_id: UUID) -> UserView:
    """One user, with what happened to them lately."""
    async with reading(actor, Permission.USERS_READ) as work:
        user = await work.get(User, user_id)
        return UserView(
            user,
            await work.get(Team, user.team_id),
            await users_table.last_active(work, user.id),
            await history.of_user(work, user.id),
        )


async def create(actor: Actor, team_id: UUID, name: str, email: str, plan: str = Plan.FREE) -> User:
    """A new user of a team. The e-mail is unique, so doing it twice does it once and refuses the second."""
    wanted, address, chosen = _name(name), emails.checked(email), _plan(plan)
    async with writing(actor, Permission.USERS_CREATE) as work:
        team = await teams_table.room_for_a_user(work, team_id)
        user = User(id=uuid7(), team_id=team.id, name=wanted, email=address, plan=chosen, options={})
        work.add(user)
        work.record(Action.USER_CREATED, user)
        _tell(work, user, "created")
    return user


async def change_plan(actor: Actor, user_id: UUID, plan: str, reason: str) -> None:
    """Put a user on another plan."""
    why, chosen = reasons.checked(reason), _plan(plan)
    async with writing(actor, Permission.USERS_PLAN) as work:
        user = await _standing(work, user_id)
        if user.plan == chosen:
            raise Conflict(f"{user.name} is on the {chosen.value} plan already.")
        user.plan = chosen
        work.record(Action.USER_PLAN_CHANGED, user, reason=why)
        _tell(work, user)


async def deactivate(actor: Actor, user_id: UUID, reason: str) -> None:
    """Keep a user from signing in to the product. Everything of theirs stays."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.USERS_DEACTIVATE) as work:
        user = await _standing(work, user_id)
        if user.status == UserStatus.DEACTIVATED:
            raise Conflict(f"{user.name} is deactivated already.")
        user.status = UserStatus.DEACTIVATED
        work.record(Action.USER_DEACTIVATED, user, reason=why)
        _tell(work, user)


async def reactivate(actor: Actor, user_id: UUID, reason: str) -> None:
    """Let a deactivated user sign in again, if the team has room and works."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.USERS_DEACTIVATE) as work:
        # Always the team first, then its user: two verbs never wait for each other.
        team = await teams_table.room_for_a_user(work, await users_table.team_of(work, user_id))
        user = await _standing(work, user_id)
        if user.status == UserStatus.ACTIVE:
            raise Conflict(f"{user.name} is active already.")
        if user.team_id != team.id:
            raise Conflict(f"Somebody moved {user.name} to another team at this moment. Try again.")
        user.status = UserStatus.ACTIVE
        work.record(Action.USER_REACTIVATED, user, reason=why)
        _tell(work, user)


async def correct_email(actor: Actor, user_id: UUID, email: str, seen: str, reason: str) -> None:
    """Correct the address by which a user signs in. ``seen`` is the one that the person saw."""
    why, address = reasons.checked(reason), emails.checked(email)
    async with writing(actor, Permission.USERS_EDIT) as work:
        user = await _standing(work, user_id)
        if user.email == address:
            raise Invalid(email="This is the address that is there already.")
        if user.email != seen:
            message = f"Somebody changed the e-mail of {user.name} meanwhile."
            raise Conflict(message, original={"email": seen}, theirs={"email": user.email}, yours={"email": address})
        user.email = address
        work.record(Action.USER_EMAIL_CORRECTED, user, reason=why)
        _tell(work, user)


async def move(actor: Actor, user_id: UUID, team_id: UUID, reason: str) -> None:
    """Put a user into another team, among those that one sees. Jobs and payments stay with the team of that time."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.USERS_MOVE) as work:
        active = await users_table.is_active(work, user_id)
        team = await (teams_table.room_for_a_user if active else teams_table.working)(work, team_id)
        user = await _standing(work, user_id)
        if user.team_id == team.id:
            raise Conflict(f"{user.name} is in {team.name} already.")
        if (user.status == UserStatus.ACTIVE) != active:
            raise Conflict(f"Somebody changed {user.name} at this moment. Try again.")
        left, user.team_id = user.team_id, team.id
        work.record(Action.USER_MOVED, user, reason=why, detail={"team": team.name})
        _tell(work, user)
        work.notify(teams, left)


async def edit_options(
    actor: Actor, user_id: UUID, wanted: Mapping[str, Any], seen: Mapping[str, Any], reason: str
) -> None:
    """Replace a user's options, a JSON object of at most 16 KB. ``seen`` are the options that the person edited."""
    why, kept = reasons.checked(reason), options.checked(wanted)
    async with writing(actor, Permission.USERS_EDIT) as work:
        user = await _standing(work, user_id)
        if user.options == kept:
            raise Invalid(options="Nothing is different from what is there already.")
        if user.options != seen:
            message = f"Somebody edited the options of {user.name} meanwhile."
            raise Conflict(message, original=dict(seen), theirs=dict(user.options), yours=kept)
        user.options = kept
        work.record(Action.USER_OPTIONS_EDITED, user, reason=why)
        _tell(work, user)


async def _standing(work: Work, user_id: UUID) -> User:
    """A user that can be changed, locked."""
    user = await work.get(User, user_id, lock=True)
    if user.erased_at is not None:
        raise Conflict("The personal data of this user are erased. Nothing of them can be changed any more.")
    return user


def _tell(work: Work, user: User, kind: str = "changed") -> None:
    work.notify(users, user.id, kind)
    work.notify(teams, user.team_id)


def _name(name: str) -> str:
    wanted = " ".join(name.split())
    if not wanted or len(wanted) > NAME_LENGTH:
        raise Invalid(name=f"Give a name of at most {NAME_LENGTH} characters.")
    if not all(letter.isprintable() or letter in _JOINERS for letter in wanted):
        raise Invalid(name="This name holds a sign that nobody can see. Type it again.")
    return wanted


def _plan(plan: str) -> Plan:
    try:
        return Plan(plan)
    except ValueError:
        raise Invalid(plan="Choose a plan.") from None
