"""API tokens: made by people for programs of theirs, seen and revoked by them and by whoever administers staff.

A token never may more than its owner: the door takes what both may, at every block (``entrance``, ``permissions``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app import clock
from app.actor import Actor
from app.crypto import api_tokens
from app.database import Work, reading, writing
from app.errors import Conflict, Invalid, NotFound, NotSignedIn
from app.ids import uuid7
from app.models import Action, ApiToken, StaffMember, TokenState
from app.paging import Count, Page, PageRequest
from app.permissions import IN_PERSON, Permission, Role, delegated
from app.repositories import staff as staff_table
from app.repositories import teams as teams_table
from app.repositories import tokens as tokens_table
from app.topics import staff as staff_topic
from app.values import names, reasons

DAYS = (7, 30, 90, 365)
"""How long a token may work. None works for ever."""
MOST = 20
"""Tokens of one person that work at the same time."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as lists show it: what it may now, and the teams that it sees; None: all of them."""

    token: ApiToken
    permissions: Sequence[Permission]
    teams: Sequence[str] | None

    @property
    def id(self) -> UUID:
        """The token's id."""
        return self.token.id


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that is shown once."""

    id: UUID
    name: str
    secret: str
    expires_at: datetime


async def search_own(actor: Actor, _: PageRequest) -> Page[TokenView]:
    """One's own tokens, newest first: a single page."""
    async with reading(actor, Permission.PROFILE_EDIT) as work:
        seen = dict(await teams_table.names(work))
        limits = None if work.who.team_ids is None else frozenset(work.who.team_ids)
        views = [_view(token, work.who.permissions - IN_PERSON, limits, seen) for token in await tokens_table.own(work)]
    return Page(views, Count(len(views)))


async def search(actor: Actor, staff_id: UUID, _: PageRequest) -> Page[TokenView]:
    """The tokens of one person, newest first: a single page."""
    async with reading(actor, Permission.TOKENS_READ) as work:
        member = await work.get(StaffMember, staff_id)
        seen = dict(await teams_table.names(work))
        limits = frozenset(id_ for id_, _ in await staff_table.teams_of(work, staff_id)) if member.limited else None
        allowed = delegated(Role(member.role), list(Permission), limited=member.limited)
        views = [_view(token, allowed, limits, seen) for token in await tokens_table.of_person(work, staff_id)]
    return Page(views, Count(len(views)))


async def create(
    actor: Actor, *, name: str, permissions: Collection[str], team_ids: Collection[UUID] | None, days: int
) -> NewToken:
    """Make a token for a program of one's own. ``team_ids`` None: whatever its owner sees. The secret is not kept.

    Raises:
        Invalid: it would have no name, may nothing, may or see more than its owner, or work for another time.
        Conflict: one has as many tokens as one may have.
        NotSignedIn: the actor is no person.
    """
    async with writing(actor, Permission.TOKENS_CREATE) as work:
        if work.who.session_id is None:
            raise NotSignedIn("Only a person who is signed in creates tokens, for themselves.")
        seen = dict(await teams_table.names(work))
        secret, made = api_tokens.new_secret(), _checked(work, seen, name, permissions, team_ids, days)
        made.hint = api_tokens.hint(secret)
        told = {
            "may": made.permissions,
            "sees": "Whatever its owner sees" if made.team_ids is None else [seen[id_] for id_ in made.team_ids],
            "expires_at": made.expires_at.isoformat(),
        }
        kept = await tokens_table.create(work, made, api_tokens.digest(secret) or b"", most=MOST, told=told)
        if not kept:
            raise Conflict(f"You have {MOST} tokens that work. Revoke one that you do not need.")
    return NewToken(made.id, made.name, secret, made.expires_at)


async def revoke_own(actor: Actor, token_id: UUID) -> str:
    """Revoke a token of one's own at once. Returns its name."""
    async with writing(actor, Permission.PROFILE_EDIT) as work:
        name = await tokens_table.revoke_own(work, token_id)
        if name is None:
            raise NotFound("You have no such token that still works.")
    return name


async def revoke(actor: Actor, token_id: UUID, reason: str) -> None:
    """Revoke anybody's token at once."""
    why = reasons.checked(reason)
    async with writing(actor, Permission.TOKENS_REVOKE) as work:
        token = await work.get(ApiToken, token_id, lock=True)
        if token.state is not TokenState.ACTIVE:
            raise Conflict("This token does not work any more.")
        token.revoked_at = clock.now()
        owner = await staff_table.name(work, token.staff_id)
        work.record(Action.TOKEN_REVOKED, token, reason=why, detail={"owner": owner})
        work.notify(staff_topic, token.staff_id)


def _checked(
    work: Work,
    seen: Mapping[UUID, str],
    name: str,
    permissions: Collection[str],
    team_ids: Collection[UUID] | None,
    days: int,
) -> ApiToken:
    """The token to keep, within what its owner may and sees."""
    wrong: dict[str, str] = {}
    chosen = sorted(set(permissions))
    if not chosen:
        wrong["permissions"] = "Choose what the token may do."
    elif not set(chosen) <= work.who.permissions - IN_PERSON:
        wrong["permissions"] = "A token may only do what you may do, and nothing that asks for your password."
    if team_ids is not None and not team_ids:
        wrong["teams"] = "Choose at least one team."
    elif not set(team_ids or ()) <= seen.keys():
        wrong["teams"] = "One of these teams does not exist, or you may not see it."
    if days not in DAYS:
        wrong["days"] = "Choose how long the token works."
    if wrong:
        raise Invalid(**wrong)
    only = None if team_ids is None else sorted(set(team_ids))
    ends = clock.now() + timedelta(days=days)
    return ApiToken(id=uuid7(), name=names.of_a_person(name), permissions=chosen, team_ids=only, expires_at=ends)


def _view(
    token: ApiToken, allowed: Collection[str], limits: frozenset[UUID] | None, seen: Mapping[UUID, str]
) -> TokenView:
    """What a token may and sees now: what was chosen for it, within what its owner may and sees now."""
    may = [permission for permission in Permission if permission in allowed and permission in token.permissions]
    only = limits if token.team_ids is None else frozenset(token.team_ids)
    if only is None:
        return TokenView(token, may, None)
    inside = only if limits is None else only & limits
    return TokenView(token, may, sorted(seen[id_] for id_ in inside if id_ in seen))
